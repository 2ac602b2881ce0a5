-- Finding customers by name: keyed tokens of their names and of how these begin, never a name.
set local lock_timeout = '5s';

create table customer_names (
    customer_id uuid primary key,
    tokens bytea[] not null
);
create index customer_names_tokens on customer_names using gin (tokens);
