-- The whole store of notify. Made by `python -m deploy.schema` from the migrations; a test holds them
-- equal. Comments above a table or an index are kept: write them here.

-- Read model of profiles.v1: the newest version of whom we may have to reach. Personal data stays sealed in pii.
-- merged_into: follow it. asked for by customer_id; locked while a win-back to that customer is claimed.
create table contacts (
    customer_id uuid primary key,
    version bigint not null,
    status text not null,
    merged_into uuid,
    owner_id text,
    locale text,
    zone text,
    consent boolean,
    consent_at timestamptz,
    reference text,
    pii bytea
);
create index contacts_merged_into on contacts (merged_into) where (merged_into is not null);

-- Read model of alerts.v1. cause: domain.entities.Cause as JSON.
-- wait_until (real time): its steps are not planned yet, until the contact is as new as cause_version, at the latest then.
create table alerts (
    alert_id uuid primary key,
    version bigint not null,
    customer_id uuid not null,
    cause_version bigint not null,
    succeeds uuid,
    cause bytea not null,
    correlation_id text not null,
    wait_until timestamptz
);
create index alerts_waiting on alerts (wait_until) where (wait_until is not null);

-- One decision per (alert, transition, step); the recipient is fixed when it is planned. snapshot: as published.
-- due_at (real time): when a planned or held one is looked at next, when the lease of a sending one ends; null: settled.
-- token: whose attempt it is. uncertain: an attempt may have arrived. contact_id: the customer a win-back was claimed for.
create table notifications (
    notification_id uuid primary key,
    version bigint not null,
    snapshot bytea not null,
    alert_id uuid not null,
    customer_id uuid not null,
    transition text not null,
    step text not null,
    recipient text not null,
    status text not null,
    reason text,
    cause_at timestamptz not null,
    decided_at timestamptz not null,
    held_until timestamptz,
    planned_at timestamptz not null default clock_timestamp(),
    due_at timestamptz,
    token uuid,
    uncertain boolean not null default false,
    contact_id uuid,
    unique (alert_id, transition, step)
);
create index notifications_due on notifications (due_at) where (due_at is not null);
create index notifications_by_cause on notifications (cause_at, notification_id);
create index notifications_of_customer on notifications (customer_id, cause_at, notification_id);
create index notifications_win_backs on notifications (contact_id, decided_at) where ((step = 'win_back'::text) and (status = any (array['sending'::text, 'sent'::text, 'unknown'::text])));

-- Who asked for no more mail of a purpose, by their own click. Never deleted; a later consent outweighs it.
create table suppressions (
    customer_id uuid not null,
    purpose text not null,
    unsubscribed_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    primary key (customer_id, purpose)
);

-- Interactions that customers made on our own pages, owed to the inbound topic until published_at. event: as it goes there.
-- event_id follows from the act; rows stay, so that an act repeated is nothing new.
create table outbox (
    event_id uuid primary key,
    reference text not null,
    event bytea not null,
    recorded_at timestamptz not null default clock_timestamp(),
    published_at timestamptz
);
create index outbox_owed on outbox (recorded_at) where (published_at is null);

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
