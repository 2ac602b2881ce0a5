-- name: get_versions
-- What the topic must not fall behind.
select principal_id, version from principals where principal_id = any($1::uuid[]);

-- name: get_snapshots
select principal_id, version, snapshot from principals where principal_id = any($1::uuid[]);

-- name: get_principal_by_name
-- Locks the row: whoever reads it this way is about to change it.
select version, snapshot from principals where name = $1 for update;

-- name: get_principal_by_key
-- Locks the row, as above.
select version, snapshot from principals where key_ids @> array[$1::text] for update;

-- name: list_principals
select snapshot from principals order by name;

-- name: append_principal
-- Nothing happens when the name is taken; the caller counts the rows.
insert into principals (principal_id, version, snapshot, name, key_ids)
values ($1, $2, $3, $4, $5)
on conflict do nothing
returning principal_id;

-- name: update_principal
update principals set version = $2, snapshot = $3, key_ids = $4 where principal_id = $1;

-- name: get_clock_micros
-- The database's clock: versions grow with it, also after a restore.
select (extract(epoch from clock_timestamp()) * 1000000)::bigint;

-- name: append_quarantine
-- A re-run finds its records here already, and leaves what people made of them alone.
insert into quarantine (quarantine_id, topic, partition, "offset", fingerprint, key, value, headers, code, field, reason)
select *
from unnest(
    $1::uuid[], $2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bytea[], $7::bytea[], $8::bytea[], $9::text[],
    $10::text[], $11::text[]
)
on conflict (topic, partition, "offset", fingerprint) do nothing
returning code;

-- name: get_quarantined
-- With the raw content.
select * from quarantine where quarantine_id = $1;

-- name: lock_quarantined
-- Locks the row: whoever reads it this way is about to settle it.
select * from quarantine where quarantine_id = $1 for update;

-- name: list_quarantine
-- Newest first, without the raw content; $4 and $5 are the instant and id of the last one seen.
select quarantine_id, topic, partition, "offset", code, field, reason, received_at, status, settled_at, settled_by
from quarantine
where ($1::text is null or code = $1)
    and ($2::text is null or topic = $2)
    and ($3::text is null or status = $3)
    and ($4::timestamptz is null or (received_at, quarantine_id) < ($4, $5::uuid))
order by received_at desc, quarantine_id desc
limit $6;

-- name: count_quarantine
select count(*)
from quarantine
where ($1::text is null or code = $1) and ($2::text is null or topic = $2) and ($3::text is null or status = $3);

-- name: prune_quarantine
-- At most $3 of what was settled more than $1 ago and of what nobody settled within $2, by the database's clock.
with old as (
    (select topic, partition, "offset", fingerprint from quarantine
    where settled_at < clock_timestamp() - $1::interval
    order by settled_at limit $3)
    union all
    (select topic, partition, "offset", fingerprint from quarantine
    where settled_at is null and received_at < clock_timestamp() - $2::interval
    order by received_at limit $3)
    limit $3
)
delete from quarantine as gone
using old
where gone.topic = old.topic
    and gone.partition = old.partition
    and gone."offset" = old."offset"
    and gone.fingerprint = old.fingerprint
returning gone.status;

-- name: settle_quarantined
-- Its row is locked. Gives the row as it is now.
update quarantine
set status = $2, settled_at = clock_timestamp(), settled_by = $3
where quarantine_id = $1
returning quarantine_id, topic, partition, "offset", code, field, reason, received_at, status, settled_at, settled_by;

-- name: append_spool
-- Accepted interactions that the broker has not acknowledged.
insert into spool (reference, interaction)
select *
from unnest($1::bytea[], $2::bytea[]);

-- name: claim_spool
-- The oldest, locked until they are sent. Those that another replica is sending are left to it.
select spool_id, reference, interaction
from spool
order by spooled_at
limit $1
for update skip locked;

-- name: delete_spool
-- They are on the topic.
delete from spool
where spool_id = any ($1::uuid[]);

-- name: count_spool
-- Up to $1 of them.
select count(*) from (select 1 from spool limit $1) as counted;

-- name: is_spool_empty
select not exists (select from spool);
