-- Who may call: one row per system or person; its keys are in the snapshot, as hashes.

create table principals (
    principal_id uuid primary key,
    version bigint not null,
    snapshot bytea not null,
    name text not null unique,
    key_ids text[] not null
);
create index principals_keys on principals using gin (key_ids);
