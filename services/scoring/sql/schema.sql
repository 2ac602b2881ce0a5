-- The whole store of scoring. Made by `python -m deploy.schema` from the migrations; a test holds them
-- equal. Comments above a table or an index are kept: write them here.

-- One row per customer. snapshot: byte for byte what is published. basis: the part of profile `profile_version` that the
-- scores follow from, as JSON (handlers.ProfilePart); they are computed from it again at any instant.
-- churn_band: the band of churn risk at `version`. next_transition_at (business time): when it changes by time alone.
-- A row is usually 2 to 3 kB: it stays in the page as it is, for compressing it makes a batch two to three times slower.
create table scores (
    customer_id uuid primary key,
    version bigint not null,
    snapshot bytea not null,
    profile_version bigint not null,
    basis bytea not null,
    status text not null,
    churn_band text,
    next_transition_at timestamptz,
    correlation_id text not null
) with (toast_tuple_target = 8160);
create index scores_due on scores (next_transition_at) where (next_transition_at is not null);
create index scores_in_band on scores (churn_band, customer_id) where (churn_band is not null);

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
