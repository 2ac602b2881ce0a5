-- name: insert_tallies
insert into tallies (tally_id, version, snapshot)
select t.tally_id, 0, '' from unnest($1::uuid[]) as t (tally_id)
order by t.tally_id
on conflict do nothing;

-- name: lock_tallies
select tally_id, version, snapshot, (extract(epoch from clock_timestamp()) * 1000000)::bigint as micros
from tallies where tally_id = any ($1::uuid[])
order by tally_id
for update;

-- name: update_tallies
update tallies
set version = t.version, snapshot = t.snapshot
from unnest($1::uuid[], $2::bigint[], $3::bytea[]) as t (tally_id, version, snapshot)
where tallies.tally_id = t.tally_id;

-- name: get_versions
select tally_id, version from tallies where tally_id = any ($1::uuid[]);

-- name: get_snapshots
select tally_id, version, snapshot from tallies where tally_id = any ($1::uuid[]);

-- name: list_snapshots
select tally_id, version, snapshot from tallies;

-- name: list_progress
select partition, next_offset from progress where topic = $1;

-- name: list_owed
select entity_id::text, version, extract(epoch from due_at - now())::float8 as seconds
from to_publish order by entity_id, version;

-- name: list_dead
select "offset", reason, detail, attempts, headers, key, value from dead_letters order by "offset";
