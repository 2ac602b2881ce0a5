-- Interactions that were accepted while the broker was silent, owed to interactions.v1; gone once they are there.
create table spool (
    spool_id uuid primary key default gen_random_uuid(),
    reference bytea not null,
    interaction bytea not null,
    spooled_at timestamptz not null default clock_timestamp()
);
create index spool_by_age on spool (spooled_at);
