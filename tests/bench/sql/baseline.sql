-- name: create_tables
create table interactions (
    reference text not null,
    source text not null,
    id text not null,
    type text not null,
    occurred_at timestamptz not null,
    amount numeric not null,
    currency text not null,
    primary key (reference, source, id)
);
create table customers (
    reference text primary key,
    interactions bigint not null,
    spend numeric not null,
    last_at timestamptz not null
);

-- name: append_interactions
-- Answers with what was new, so that a repeat is counted nowhere.
insert into interactions (reference, source, id, type, occurred_at, amount, currency)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::numeric[], $7::text[])
on conflict do nothing
returning reference, amount, occurred_at;

-- name: upsert_customers
-- Answers for every touched customer, also those that only repeated themselves: their record may not have been published.
insert into customers as c (reference, interactions, spend, last_at)
select * from unnest($1::text[], $2::bigint[], $3::numeric[], $4::timestamptz[])
on conflict (reference) do update
set interactions = c.interactions + excluded.interactions,
    spend = c.spend + excluded.spend,
    last_at = greatest(c.last_at, excluded.last_at)
returning reference, interactions, spend, last_at;
