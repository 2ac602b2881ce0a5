-- Acts of customers on notify's own pages, on their way into the log of interactions.

create table outbox (
    event_id uuid primary key,
    reference text not null,
    event bytea not null,
    recorded_at timestamptz not null default clock_timestamp(),
    published_at timestamptz
);
create index outbox_owed on outbox (recorded_at) where published_at is null;
