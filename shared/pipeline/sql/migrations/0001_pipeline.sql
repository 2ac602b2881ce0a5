-- What every service needs to move batches from topic to topic: how far it got, what it still owes, what it set aside.

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
