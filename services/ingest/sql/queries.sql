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
