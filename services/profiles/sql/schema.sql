-- The whole store of profiles. Made by `python -m deploy.schema` from the migrations; a test holds them
-- equal. Comments above a table or an index are kept: write them here.

-- snapshot is byte for byte what profiles.v1 carries. membership_version rises when references come or go.
-- Snapshots stay in their row up to a page: compressing them away at 2 kB doubled the time of an update.
create table customers (
    customer_id uuid primary key,
    version bigint not null default 0,
    membership_version integer not null default 0,
    next_transition_at timestamptz,
    snapshot bytea not null default '\x'::bytea
) with (fillfactor = 70, toast_tuple_target = 8160);
create index customers_next_transition_at on customers (next_transition_at) where (next_transition_at is not null);

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

create table interactions_00 partition of interactions for values with (modulus 16, remainder 0);
create table interactions_01 partition of interactions for values with (modulus 16, remainder 1);
create table interactions_02 partition of interactions for values with (modulus 16, remainder 2);
create table interactions_03 partition of interactions for values with (modulus 16, remainder 3);
create table interactions_04 partition of interactions for values with (modulus 16, remainder 4);
create table interactions_05 partition of interactions for values with (modulus 16, remainder 5);
create table interactions_06 partition of interactions for values with (modulus 16, remainder 6);
create table interactions_07 partition of interactions for values with (modulus 16, remainder 7);
create table interactions_08 partition of interactions for values with (modulus 16, remainder 8);
create table interactions_09 partition of interactions for values with (modulus 16, remainder 9);
create table interactions_10 partition of interactions for values with (modulus 16, remainder 10);
create table interactions_11 partition of interactions for values with (modulus 16, remainder 11);
create table interactions_12 partition of interactions for values with (modulus 16, remainder 12);
create table interactions_13 partition of interactions for values with (modulus 16, remainder 13);
create table interactions_14 partition of interactions for values with (modulus 16, remainder 14);
create table interactions_15 partition of interactions for values with (modulus 16, remainder 15);

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

create table customer_names (
    customer_id uuid primary key,
    tokens bytea[] not null
);
create index customer_names_tokens on customer_names using gin (tokens);

-- How customers with very many interactions stood after some of them, so that what comes late is not folded from the start.
-- interactions: after how many. occurred_at, source, id: the last of them. snapshot: to be folded on; of that version.
create table checkpoints (
    customer_id uuid not null,
    interactions bigint not null,
    occurred_at timestamptz not null,
    source text collate "C" not null,
    id text collate "C" not null,
    snapshot bytea not null,
    primary key (customer_id, interactions)
);

-- What every service has: shared/pipeline/sql and shared/postgres.

create table schema_migrations (
    name text primary key,
    applied_at timestamptz not null default now()
);

-- How far each partition is stored. anchor: the fingerprint of the record before next_offset; tells one log from another.
create table progress (
    topic text not null,
    partition integer not null,
    next_offset bigint not null,
    anchor bigint not null,
    updated_at timestamptz not null default now(),
    primary key (topic, partition)
);

-- Entities whose current state the relay owes to the topic, from due_at on. version: at least this one.
create table to_publish (
    entity_id uuid not null,
    version bigint not null,
    due_at timestamptz not null default now(),
    primary key (entity_id, version, due_at)
);
create index to_publish_due on to_publish (due_at);

-- Records that can never be handled, complete enough to be replayed.
create table dead_letters (
    topic text not null,
    partition integer not null,
    "offset" bigint not null,
    fingerprint bigint not null,
    key bytea,
    value bytea,
    headers bytea not null,
    recorded_at timestamptz not null,
    reason text not null,
    detail text not null,
    attempts integer not null default 1,
    first_failed_at timestamptz not null default now(),
    last_failed_at timestamptz not null default now(),
    primary key (topic, partition, "offset", fingerprint)
);

-- How far in time what a topic brings is complete: nothing accepted before settled_at is still under way.
create table settled (
    topic text primary key,
    settled_at timestamptz not null
);
