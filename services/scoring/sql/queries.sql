-- name: get_versions
-- What the topic must not fall behind.
select customer_id::text as customer_id, version from scores where scores.customer_id = any ($1::uuid[]);

-- name: get_snapshots
select customer_id::text as customer_id, version, snapshot from scores where scores.customer_id = any ($1::uuid[]);

-- name: get_for_update
-- Locks in key order; the columns are those of handlers.Kept.
select customer_id::text as customer_id, version, profile_version, basis, churn_band, next_transition_at, correlation_id
from scores
where scores.customer_id = any ($1::uuid[])
order by scores.customer_id
for update;

-- name: get_database_micros
select (extract(epoch from clock_timestamp()) * 1000000)::bigint;

-- name: append_scores
-- Rows come in key order. Who is there already is left alone; the caller counts.
insert into scores (
    customer_id, version, snapshot, profile_version, basis, status, churn_band, next_transition_at, correlation_id
)
select r.*
from unnest(
    $1::uuid[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bytea[], $6::text[], $7::text[], $8::timestamptz[], $9::text[]
) as r
on conflict (customer_id) do nothing;

-- name: update_scores
-- Rows that this transaction has locked.
update scores
set
    version = r.version,
    snapshot = r.snapshot,
    profile_version = r.profile_version,
    basis = r.basis,
    status = r.status,
    churn_band = r.churn_band,
    next_transition_at = r.next_transition_at,
    correlation_id = r.correlation_id
from unnest(
    $1::uuid[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bytea[], $6::text[], $7::text[], $8::timestamptz[], $9::text[]
) as r (
    customer_id, version, snapshot, profile_version, basis, status, churn_band, next_transition_at, correlation_id
)
where scores.customer_id = r.customer_id;

-- name: update_profile_versions
update scores
set profile_version = r.profile_version
from unnest($1::uuid[], $2::bigint[]) as r (customer_id, profile_version)
where scores.customer_id = r.customer_id;

-- name: claim_due
-- What somebody else is changing is left to them: it is still due afterwards, or no longer.
select customer_id::text as customer_id, version, profile_version, basis, churn_band, next_transition_at, correlation_id
from scores
where next_transition_at <= $1
order by next_transition_at
limit $2
for update skip locked;

-- name: get_kept
select customer_id::text as customer_id, version, profile_version, basis, churn_band, next_transition_at, correlation_id
from scores
where scores.customer_id = $1::uuid;

-- name: list_kept
select customer_id::text as customer_id, version, profile_version, basis, churn_band, next_transition_at, correlation_id
from scores
where scores.customer_id > $1::uuid and status = 'active'
order by scores.customer_id
limit $2;

-- name: list_kept_in_band
select customer_id::text as customer_id, version, profile_version, basis, churn_band, next_transition_at, correlation_id
from scores
where churn_band = $3 and scores.customer_id > $1::uuid
order by scores.customer_id
limit $2;

-- name: count_kept
select count(*) from scores where status = 'active';

-- name: count_kept_in_band
select count(*) from scores where churn_band = $1;

-- name: append_owed
-- Owe the topic the next $2 behind $1, whether they changed or not; returns the last of them.
with part as (
    select customer_id, version from scores where customer_id > $1 order by customer_id limit $2
), owed as (
    insert into to_publish (entity_id, version) select customer_id, version from part on conflict do nothing
)
select customer_id from part order by customer_id desc limit 1;
