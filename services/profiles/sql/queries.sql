-- name: get_references
-- Whose the references are, as of now and unlocked.
select r.reference, r.customer_id, c.membership_version
from customer_references as r
join customers as c on c.customer_id = r.customer_id
where r.reference = any ($1::text[]);

-- name: insert_customers
-- Empty rows, so that there is something to lock.
insert into customers (customer_id)
select n.customer_id from unnest($1::uuid[]) as n (customer_id)
order by n.customer_id
on conflict (customer_id) do nothing;

-- name: insert_references
insert into customer_references (reference, customer_id)
select n.reference, n.customer_id
from unnest($1::text[], $2::uuid[]) as n (reference, customer_id)
order by n.reference
on conflict (reference) do nothing
returning reference;

-- name: lock_customers
-- Locks first, in key order, everywhere; the clock is read under the locks.
select customer_id, version, membership_version, snapshot
from customers
where customer_id = any ($1::uuid[])
order by customer_id
for update;

-- name: get_database_micros
select (extract(epoch from clock_timestamp()) * 1000000)::bigint;

-- name: create_staging
create temporary table if not exists staged_interactions (
    ordinal integer not null,
    reference text collate "C" not null,
    source text collate "C" not null,
    id text collate "C" not null,
    occurred_at timestamptz not null,
    body bytea not null
) on commit delete rows;

-- name: append_staged
-- Takes over what is new; returns the ordinals of what was known already.
with appended as (
    insert into interactions (reference, source, id, occurred_at, body)
    select reference, source, id, occurred_at, body from staged_interactions
    on conflict (reference, source, id) do nothing
    returning reference, source, id
)
select s.ordinal
from staged_interactions as s
where not exists (
    select 1 from appended as a where a.reference = s.reference and a.source = s.source and a.id = s.id
);

-- name: list_bodies
-- What is stored under these identities.
select i.reference, i.source, i.id, i.body
from unnest($1::text[], $2::text[], $3::text[]) as k (reference, source, id)
join interactions as i on i.reference = k.reference and i.source = k.source and i.id = k.id;

-- name: append_conflicts
insert into conflicts (reference, source, id, body_md5, body)
select k.reference, k.source, k.id, decode(md5(k.body), 'hex'), k.body
from unnest($1::text[], $2::text[], $3::text[], $4::bytea[]) as k (reference, source, id, body)
on conflict do nothing;

-- name: list_timelines
-- Everything that ever happened under these references, or what comes behind a place in their order.
select body
from interactions
where reference = any ($1::text[])
    and ($2::timestamptz is null or (occurred_at, source, id) > ($2, $3::text collate "C", $4::text collate "C"));

-- name: append_checkpoints
insert into checkpoints (customer_id, interactions, occurred_at, source, id, snapshot)
select c.*
from unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::bytea[])
    as c (customer_id, interactions, occurred_at, source, id, snapshot)
order by c.customer_id, c.interactions
on conflict (customer_id, interactions) do update
set occurred_at = excluded.occurred_at, source = excluded.source, id = excluded.id, snapshot = excluded.snapshot;

-- name: delete_checkpoints_from
-- Those that lack what comes at this place.
delete from checkpoints
where customer_id = $1 and (occurred_at, source, id) >= ($2::timestamptz, $3::text collate "C", $4::text collate "C");

-- name: get_last_checkpoint
select customer_id, interactions, occurred_at, source, id, snapshot
from checkpoints
where customer_id = $1
order by interactions desc
limit 1;

-- name: delete_checkpoints
delete from checkpoints where customer_id = any ($1::uuid[]);

-- name: list_checkpoint_sizes
select customer_id, interactions from checkpoints where customer_id = any ($1::uuid[]) order by customer_id, interactions;

-- name: prune_checkpoints
delete from checkpoints as c
using unnest($1::uuid[], $2::bigint[]) as p (customer_id, interactions)
where c.customer_id = p.customer_id and c.interactions = p.interactions;

-- name: update_customers
update customers as c
set version = n.version, next_transition_at = n.next_transition_at, snapshot = n.snapshot
from unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::bytea[])
    as n (customer_id, version, next_transition_at, snapshot)
where c.customer_id = n.customer_id;

-- name: list_references
select reference, customer_id from customer_references where customer_id = any ($1::uuid[]) order by reference;

-- name: move_references
-- The references of merged customers go to where they merged.
update customer_references as r
set customer_id = m.into_id
from unnest($1::uuid[], $2::uuid[]) as m (from_id, into_id)
where r.customer_id = m.from_id;

-- name: raise_membership_versions
update customers set membership_version = membership_version + 1 where customer_id = any ($1::uuid[]);

-- name: claim_due_customers
-- Customers whose lifecycle changes by the passing of time alone; those another process has in hand are left to it.
select customer_id, version, membership_version, snapshot
from customers
where next_transition_at < $1
order by next_transition_at
limit $2
for update skip locked;

-- name: upsert_names
-- What customers are found by: pairs of a customer and a token.
insert into customer_names (customer_id, tokens)
select n.customer_id, array_agg(n.token order by n.token)
from unnest($1::uuid[], $2::bytea[]) as n (customer_id, token)
group by n.customer_id
order by n.customer_id
on conflict (customer_id) do update set tokens = excluded.tokens;

-- name: delete_names
delete from customer_names where customer_id = any ($1::uuid[]);

-- name: list_customers_named
-- Customers whose names have all of these tokens, in no order, so that a common name costs no more than the limit.
select c.version, c.snapshot
from customer_names as n
join customers as c on c.customer_id = n.customer_id
where n.tokens @> $1::bytea[] and c.version > 0
limit $2;

-- name: get_versions
select customer_id, version from customers where customer_id = any ($1::uuid[]);

-- name: get_snapshots
select customer_id, version, snapshot from customers where customer_id = any ($1::uuid[]);

-- name: get_customer
select version, snapshot from customers where customer_id = $1 and version > 0;

-- name: get_customer_id
select customer_id from customer_references where reference = $1;

-- name: list_timeline
-- One page of what happened to a customer, oldest first.
select body
from interactions
where reference = any ($1::text[])
    and ($2::timestamptz is null or (occurred_at, source, id, reference) > ($2, $3::text, $4::text, $5::text))
order by occurred_at, source, id, reference
limit $6;

-- name: list_timeline_backwards
-- One page of what happened to a customer, newest first.
select body
from interactions
where reference = any ($1::text[])
    and ($2::timestamptz is null or (occurred_at, source, id, reference) < ($2, $3::text, $4::text, $5::text))
order by occurred_at desc, source desc, id desc, reference desc
limit $6;

-- name: count_timeline
select count(*) from interactions where reference = any ($1::text[]);

-- name: get_interactions
-- Those of one reference with this id: one for each source that used it.
select i.body, r.customer_id
from interactions as i
join customer_references as r on r.reference = i.reference
where i.reference = $1 and i.id = $2 and ($3::text is null or i.source = $3)
order by i.source
limit 100;

-- name: find_interactions
-- As get_interactions for a caller who knows no reference. Reads the whole archive: for operators, and bounded in time.
select i.body, r.customer_id
from interactions as i
join customer_references as r on r.reference = i.reference
where i.id = $1 and ($2::text is null or i.source = $2)
order by i.reference, i.source
limit 100;

-- name: append_owed
-- Owe the topic the next $2 behind $1, whether they changed or not; returns the last of them.
with part as (
    select customer_id, version from customers where customer_id > $1 and version > 0 order by customer_id limit $2
), owed as (
    insert into to_publish (entity_id, version) select customer_id, version from part on conflict do nothing
)
select customer_id from part order by customer_id desc limit 1;
