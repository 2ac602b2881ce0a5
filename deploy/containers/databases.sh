#!/bin/bash
# Run once by the postgres image, when its volume is new: one role and one database per service, each owner of its own.
set -euo pipefail
for service in ingest profiles scoring alerts notify; do
    variable="EBBTIDE_DB_PASSWORD_${service^^}"
    psql -v ON_ERROR_STOP=1 -v role="ebbtide_$service" -v password="${!variable}" \
        --username "$POSTGRES_USER" --dbname postgres <<'SQL'
create role :"role" login password :'password';
create database :"role" owner :"role";
revoke all on database :"role" from public;
SQL
done
