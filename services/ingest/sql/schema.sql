-- The whole store of ingest. Made by `python -m deploy.schema` from the migrations; a test holds them
-- equal. Comments above a table or an index are kept: write them here.

-- Who may call: one row per system or person. snapshot: as published on access.v1, with the hashes of the keys.
-- name: asked for by people. key_ids: asked for when a key is revoked.
create table principals (
    principal_id uuid primary key,
    version bigint not null,
    snapshot bytea not null,
    name text not null,
    key_ids text[] not null,
    unique (name)
);
create index principals_keys on principals using gin (key_ids);

-- Records of the inbound topic that were refused, as they came. headers: msgpack, as in dead_letters.
-- status: open, resubmitted, discarded. quarantine_id: made of the primary key; asked for by people.
create table quarantine (
    topic text not null,
    partition integer not null,
    "offset" bigint not null,
    fingerprint bigint not null,
    quarantine_id uuid not null,
    key bytea,
    value bytea,
    headers bytea not null,
    code text not null,
    field text not null,
    reason text not null,
    received_at timestamptz not null default now(),
    status text not null default 'open'::text,
    settled_at timestamptz,
    settled_by text,
    unique (quarantine_id),
    primary key (topic, partition, "offset", fingerprint)
);
create index quarantine_by_receipt on quarantine (received_at, quarantine_id);
create index quarantine_by_settlement on quarantine (settled_at) where (settled_at is not null);
create index quarantine_open_by_receipt on quarantine (received_at) where (settled_at is null);

-- Interactions that were accepted while the broker was silent, owed to interactions.v1; gone once they are there.
create table spool (
    spool_id uuid primary key default gen_random_uuid(),
    reference bytea not null,
    interaction bytea not null,
    spooled_at timestamptz not null default clock_timestamp()
);
create index spool_by_age on spool (spooled_at);

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
