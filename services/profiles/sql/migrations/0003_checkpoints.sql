-- How customers with very many interactions stood after some of them, so that what comes late is not folded from the start.
-- interactions: after how many. occurred_at, source, id: the last of them. snapshot: to be folded on; of that version.
create table checkpoints (
    customer_id uuid not null,
    interactions bigint not null,
    occurred_at timestamptz not null,
    source text collate "C" not null,
    id text collate "C" not null,
    snapshot bytea not null,
    primary key (customer_id, interactions)
);
