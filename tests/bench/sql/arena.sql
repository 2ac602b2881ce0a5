-- name: create_database
create database {name};

-- name: drop_database
drop database if exists {name} with (force);

-- name: settle
-- What the run before left to be written is written now, not during the next measurement.
checkpoint;

-- name: get_server_version
select current_setting('server_version');
