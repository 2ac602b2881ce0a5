-- The whole store of alerts. Made by `python -m deploy.schema` from the migrations; a test holds them
-- equal. Comments above a table or an index are kept: write them here.

-- The newest snapshot of each customer, as far as rules look at it (body). topic: profile or score.
-- references: which alerts are the customer's, sorted, 0x1f between; references_version: since which version they are these.
-- A body stays in the page as it is: compressing it costs more than writing it.
-- rules_version: the rules it was last decided under. next_at: when time alone changes the answer.
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
create index subjects_next on subjects (topic, next_at) where (next_at is not null);

-- One row per alert. snapshot: byte for byte what is published; the other columns are what is searched by.
-- reference: that of the anchor; whoever holds it owns the alert. tombstoned: gone from the topic, kept here.
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
create index alerts_firing on alerts (rule_id) where (condition = 'firing'::text);
create index alerts_promised on alerts (handled_until) where (handled_until is not null);
create index alerts_to_forget on alerts (version) where ((condition <> 'firing'::text) and (not tombstoned));
create index alerts_by_urgency on alerts (condition, (
case severity
    when 'critical'::text then 0
    when 'warning'::text then 1
    else 2
end), fired_at desc, alert_id desc);
create index alerts_by_version on alerts (version, alert_id);
create index alerts_by_start on alerts (fired_at) where (condition <> 'retracted'::text);
create index alerts_by_end on alerts (resolved_at) where (condition = 'resolved'::text);

-- Every rule set that came into force, never changed. completed_at: everybody has been decided under it.
create table rule_versions (
    version text not null,
    applied_at timestamptz not null,
    body text not null,
    completed_at timestamptz,
    primary key (version, applied_at)
);

-- Who is signed in to the live page: the SHA-256 of the cookie, and the key it was exchanged for.
create table sessions (
    token_hash bytea primary key,
    principal_id text not null,
    key_id text not null,
    created_at timestamptz not null,
    seen_at timestamptz not null,
    sealed_key bytea
);
create index sessions_seen on sessions (seen_at);

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
