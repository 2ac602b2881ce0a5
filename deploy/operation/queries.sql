-- name: list_dead_letters
-- Without the record itself; newest failure first. Every filter is optional.
select topic, partition, "offset", fingerprint, reason, detail, attempts, recorded_at, first_failed_at,
    last_failed_at, key, length(value) as bytes
from dead_letters
where ($1::text is null or topic = $1) and ($2::text is null or reason = $2)
order by last_failed_at desc, topic, partition, "offset", fingerprint
limit $3;

-- name: count_dead_letters
select count(*) from dead_letters where ($1::text is null or topic = $1) and ($2::text is null or reason = $2);

-- name: get_dead_letter
select topic, partition, "offset", fingerprint, reason, detail, attempts, recorded_at, first_failed_at,
    last_failed_at, key, value, headers
from dead_letters
where topic = $1 and partition = $2 and "offset" = $3 and fingerprint = $4;

-- name: delete_dead_letter
delete from dead_letters
where topic = $1 and partition = $2 and "offset" = $3 and fingerprint = $4
returning topic;

-- name: list_dead_letters_holding
-- Those whose record holds this text anywhere.
select topic, partition, "offset", fingerprint, reason, detail, attempts, recorded_at, first_failed_at,
    last_failed_at, key, length(value) as bytes
from dead_letters
where position($1::bytea in value) > 0
order by last_failed_at desc
limit $2;

-- name: list_quarantined_holding
-- Ingest only. In binary mode the id travels in the headers.
select quarantine_id, code, field, status, received_at
from quarantine
where position($1::bytea in value) > 0 or position($1::bytea in headers) > 0
order by received_at desc
limit $2;

-- name: list_migrations
select name from schema_migrations;

-- name: list_progress
select topic, partition, next_offset from progress;

-- name: get_state
-- The database's clock, what the relay owes by now and since when, and what was set aside.
select
    clock_timestamp() as now,
    (select count(*) from to_publish where due_at <= now()) as owed,
    (select min(due_at) from to_publish where due_at <= now()) as owed_since,
    (select count(*) from dead_letters) as dead_letters;
