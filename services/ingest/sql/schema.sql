-- The whole store of ingest, besides the pipeline's own tables (shared/pipeline/sql). Kept equal to the migrations by a test.

-- Who may call: one row per system or person. snapshot: as published on access.v1, with the hashes of the keys.
-- name: asked for by people. key_ids: asked for when a key is revoked.
create table principals (
    principal_id uuid primary key,
    version bigint not null,
    snapshot bytea not null,
    name text not null unique,
    key_ids text[] not null
);
create index principals_keys on principals using gin (key_ids);
