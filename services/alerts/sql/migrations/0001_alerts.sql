-- What rules look at, what they found, and which rules were in force.

create table subjects (
    customer_id uuid not null,
    topic text not null,
    version bigint not null,
    "references" text not null,
    references_version bigint not null,
    rules_version text not null,
    body bytea not null,
    next_at timestamptz,
    primary key (customer_id, topic)
) with (fillfactor = 80, toast_tuple_target = 8160);
create index subjects_next on subjects (topic, next_at) where next_at is not null;

create table alerts (
    alert_id uuid primary key,
    version bigint not null,
    customer_id uuid not null,
    reference text collate "C" not null,
    rule_id text not null,
    condition text not null,
    handling text not null,
    severity text not null,
    owner text,
    fired_at timestamptz not null,
    resolved_at timestamptz,
    handled_until timestamptz,
    tombstoned boolean not null default false,
    snapshot bytea not null
);
create index alerts_by_reference on alerts (reference);
create index alerts_by_customer on alerts (customer_id, fired_at desc, alert_id desc);
create index alerts_by_firing on alerts (fired_at desc, alert_id desc);
create index alerts_by_rule on alerts (rule_id, fired_at desc, alert_id desc);
create index alerts_firing on alerts (rule_id) where condition = 'firing';
create index alerts_promised on alerts (handled_until) where handled_until is not null;
create index alerts_to_forget on alerts (version) where condition <> 'firing' and not tombstoned;

create table rule_versions (
    version text not null,
    applied_at timestamptz not null,
    body text not null,
    completed_at timestamptz,
    primary key (version, applied_at)
);
