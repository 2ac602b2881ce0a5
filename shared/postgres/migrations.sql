-- name: lock_migrations
-- One migrating process at a time; the lock dies with its connection.
set lock_timeout = '60s';
select pg_advisory_lock(7310921);

-- name: unlock_migrations
select pg_advisory_unlock(7310921);
reset lock_timeout;

-- name: create_migrations
create table if not exists schema_migrations (
    name text primary key,
    applied_at timestamptz not null default now()
);

-- name: list_migrations
select name from schema_migrations;

-- name: set_migration_timeouts
-- A migration that cannot get its locks gives up instead of queueing everybody behind it.
set local lock_timeout = '5s';
set local statement_timeout = '10min';

-- name: append_migration
insert into schema_migrations (name) values ($1);
