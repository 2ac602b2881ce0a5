-- name: terminate_backends
-- Of the services' own roles.
select count(pg_terminate_backend(pid)) from pg_stat_activity
where usename like 'ebbtide\_%' and pid <> pg_backend_pid();

-- name: read_progress
-- $1: topic. Records of it that are stored.
select sum(next_offset) from progress where topic = $1;
