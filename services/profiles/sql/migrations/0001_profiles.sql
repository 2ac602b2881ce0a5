-- The archive: what happened (interactions), whose it is (customer_references), who the customer is now (customers).
set local lock_timeout = '5s';

-- snapshot is byte for byte what profiles.v1 carries. membership_version rises when references come or go.
-- Snapshots stay in their row up to a page: compressing them away at 2 kB doubled the time of an update.
create table customers (
    customer_id uuid primary key,
    version bigint not null default 0,
    membership_version integer not null default 0,
    next_transition_at timestamptz,
    snapshot bytea not null default ''
) with (fillfactor = 70, toast_tuple_target = 8160);
create index customers_next_transition_at on customers (next_transition_at) where next_transition_at is not null;

create table customer_references (
    reference text collate "C" primary key,
    customer_id uuid not null
);
create index customer_references_customer_id on customer_references (customer_id);

-- The primary key is the deduplication. An interaction stays with its reference for good, so merging moves nothing.
create table interactions (
    reference text collate "C" not null,
    source text collate "C" not null,
    id text collate "C" not null,
    occurred_at timestamptz not null,
    body bytea not null,
    primary key (reference, source, id)
) partition by hash (reference);

do $$
begin
    for remainder in 0..15 loop
        execute format(
            'create table interactions_%s partition of interactions for values with (modulus 16, remainder %s)',
            lpad(remainder::text, 2, '0'), remainder
        );
    end loop;
end $$;

-- A second body under a known identity: the first stays, the other is kept here for people to look at.
create table conflicts (
    reference text collate "C" not null,
    source text collate "C" not null,
    id text collate "C" not null,
    body_md5 bytea not null,
    body bytea not null,
    recorded_at timestamptz not null default now(),
    primary key (reference, source, id, body_md5)
);
