-- name: get_progress
-- How far each partition of a topic is stored.
select partition, next_offset, anchor
from progress
where topic = $1 and partition = any ($2::int[]);

-- name: upsert_progress
-- Stored up to here. May go back: a topic that was recreated is read again from its start.
insert into progress (topic, partition, next_offset, anchor)
select $1, p.partition, p.next_offset, p.anchor
from unnest($2::int[], $3::bigint[], $4::bigint[]) as p (partition, next_offset, anchor)
order by p.partition
on conflict (topic, partition) do update
set next_offset = excluded.next_offset, anchor = excluded.anchor, updated_at = now();

-- name: get_settled
-- How far in time topics are complete.
select topic, settled_at
from settled
where topic = any ($1::text[]);

-- name: upsert_settled
-- Complete up to here. Never goes back, whichever replica is behind.
insert into settled (topic, settled_at)
values ($1, $2)
on conflict (topic) do update
set settled_at = greatest(settled.settled_at, excluded.settled_at);

-- name: get_oldest_owed
-- Since when something has been owed, and when that was asked.
select now() as asked_at, (select min(due_at) from to_publish) as due_at;

-- name: append_to_publish
-- These entities changed outside the records of a batch, or may have been overtaken: the relay publishes them.
insert into to_publish (entity_id, version, due_at)
select e.entity_id, e.version, now() + make_interval(secs => $3)
from unnest($1::uuid[], $2::bigint[]) as e (entity_id, version)
order by e.entity_id, e.version
on conflict (entity_id, version, due_at) do nothing;

-- name: list_due_to_publish
-- What is owed by now, and when now is: what comes to be owed later is not paid by publishing these.
select distinct entity_id, now() as listed_at
from (select entity_id from to_publish where due_at <= now() order by due_at limit $1) as due;

-- name: delete_published
-- Everything owed up to the version that is now published, of what was owed when it was listed.
delete from to_publish as owed
using unnest($1::uuid[], $2::bigint[]) as p (entity_id, version)
where owed.entity_id = p.entity_id and owed.version <= p.version and owed.due_at <= $3;

-- name: count_to_publish
select count(*) from to_publish where due_at <= now();

-- name: count_dead_letters
select count(*) from (select 1 from dead_letters limit 10000) as counted;

-- name: append_dead_letters
-- Complete enough to be replayed; met again it only counts another attempt.
insert into dead_letters (topic, partition, "offset", fingerprint, key, value, headers, recorded_at, reason, detail)
select $1, d.*
from unnest(
    $2::int[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bytea[], $7::bytea[], $8::timestamptz[], $9::text[], $10::text[]
) as d
on conflict (topic, partition, "offset", fingerprint) do update
set attempts = dead_letters.attempts + 1, last_failed_at = now();

-- name: update_dead_letters
-- Met again on a re-run: another attempt of those that are still there. What was dropped or replayed stays gone.
update dead_letters as letter
set attempts = attempts + 1, last_failed_at = now()
from unnest($2::int[], $3::bigint[], $4::bigint[]) as d (partition, "offset", fingerprint)
where letter.topic = $1
    and letter.partition = d.partition
    and letter."offset" = d."offset"
    and letter.fingerprint = d.fingerprint;
