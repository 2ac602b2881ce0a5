-- What the live page needs: sessions, and two more orders of alerts.

create table sessions (
    token_hash bytea primary key,
    principal_id text not null,
    key_id text not null,
    created_at timestamptz not null,
    seen_at timestamptz not null
);
create index sessions_seen on sessions (seen_at);

create index alerts_by_urgency on alerts (
    condition, (case severity when 'critical' then 0 when 'warning' then 1 else 2 end), fired_at desc, alert_id desc
);
create index alerts_by_version on alerts (version, alert_id);
