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
-- acts: the length of its history, so that webhooks are told what is new in it; null: stored before there were webhooks.
create table alerts (
    alert_id uuid primary key,
    version bigint not null,
    customer_id uuid not null,
    cause_version bigint not null,
    succeeds uuid,
    cause bytea not null,
    correlation_id text not null,
    wait_until timestamptz,
    acts integer
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

-- Who subscribed to what. sealed: URL and signing secrets under EBBTIDE_SECRET; host: of the URL, for people.
-- created_at: business time, what was known before is not told; the other instants are real time.
-- strained: its last attempt failed or was slow. notice_due_at: when the default owner is told that it was disabled.
create table webhooks (
    webhook_id uuid primary key,
    principal_id text not null,
    host text not null,
    sealed bytea not null,
    description text,
    types text[] not null,
    filters bytea not null,
    created_at timestamptz not null,
    disabled_at timestamptz,
    disabled_reason text,
    last_success_at timestamptz,
    strained boolean not null default false,
    notice_due_at timestamptz,
    notice_attempts integer not null default 0
);
create index webhooks_of_principal on webhooks (principal_id);
create index webhooks_notices on webhooks (notice_due_at) where (notice_due_at is not null);

-- An event for a webhook; without a foreign key, so that deleting a webhook cannot fail a batch of alerts.
-- body: as sent. results: the last attempts (domain.deliveries.Result) as JSON. attempts: since it was told first, or
-- redelivered. due_at (real time): the next attempt, of one under way the end of its lease; null: settled. token: whose.
create table webhook_deliveries (
    webhook_id uuid not null,
    event_id uuid not null,
    type text not null,
    body bytea not null,
    status text not null default 'pending'::text,
    attempts integer not null default 0,
    results bytea not null default '\x5b5d'::bytea,
    created_at timestamptz not null default clock_timestamp(),
    first_attempt_at timestamptz,
    due_at timestamptz,
    token uuid,
    primary key (webhook_id, event_id)
);
create index webhook_deliveries_due on webhook_deliveries (webhook_id, due_at) where (due_at is not null);
create index webhook_deliveries_in_flight on webhook_deliveries (webhook_id) where (token is not null);
create index webhook_deliveries_newest on webhook_deliveries (webhook_id, created_at, event_id);
create index webhook_deliveries_old on webhook_deliveries (created_at);

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
