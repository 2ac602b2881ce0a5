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

-- name: append_interaction
insert into interactions (reference, source, id, type, occurred_at, amount, currency)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict do nothing
returning id;

-- name: get_customer
select interactions, spend, last_at from customers where reference = $1 for update;

-- name: append_customer
insert into customers (reference, interactions, spend, last_at) values ($1, $2, $3, $4);

-- name: update_customer
update customers set interactions = $2, spend = $3, last_at = $4 where reference = $1;
