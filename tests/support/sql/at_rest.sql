-- name: ingest
-- $1: business time. What a store still has to do, how far it read, and when it is due next; one snapshot of it all.
-- The spool is what it has accepted and Kafka has not.
select
    (select count(*) from to_publish where due_at <= now()) as owed,
    (select count(*) from spool) as due,
    (select coalesce(jsonb_object_agg(topic || '/' || partition, next_offset), '{}') from progress)::text as progress,
    $1::timestamptz + interval '1000 years' as next_at;

-- name: profiles
select
    (select count(*) from to_publish where due_at <= now()) as owed,
    (select count(*) from customers where next_transition_at < $1) as due,
    (select coalesce(jsonb_object_agg(topic || '/' || partition, next_offset), '{}') from progress)::text as progress,
    (select min(next_transition_at) from customers) as next_at;

-- name: scoring
select
    (select count(*) from to_publish where due_at <= now()) as owed,
    (select count(*) from scores where next_transition_at <= $1) as due,
    (select coalesce(jsonb_object_agg(topic || '/' || partition, next_offset), '{}') from progress)::text as progress,
    (select min(next_transition_at) from scores) as next_at;

-- name: alerts
select
    (select count(*) from to_publish where due_at <= now()) as owed,
    (select count(*) from subjects where next_at <= $1)
    + (select count(*) from alerts where handled_until <= $1)
    + (select count(*) from rule_versions where completed_at is null) as due,
    (select coalesce(jsonb_object_agg(topic || '/' || partition, next_offset), '{}') from progress)::text as progress,
    least((select min(next_at) from subjects), (select min(handled_until) from alerts)) as next_at;

-- name: notify
-- Due is what will be tried now or when something else is settled; an attempt put off to a later instant is not.
select
    (select count(*) from to_publish where due_at <= now()) as owed,
    (select count(*) from alerts where wait_until is not null)
    + (select count(*) from notifications where due_at is not null and (held_until is null or held_until <= $1)) as due,
    (select coalesce(jsonb_object_agg(topic || '/' || partition, next_offset), '{}') from progress)::text as progress,
    (select min(held_until) from notifications where due_at is not null) as next_at;
