-- name: get_versions
-- For the pipeline's check after publishing.
select alert_id, version from alerts where alert_id = any ($1::uuid[]);

-- name: get_snapshots
-- For the relay: byte for byte what is published; null is a tombstone.
select alert_id, version, case when tombstoned then null else snapshot end as snapshot
from alerts where alert_id = any ($1::uuid[]);

-- name: get_database_micros
-- The database's clock, asked under the row locks; versions follow it.
select (extract(epoch from clock_timestamp()) * 1000000)::bigint;

-- name: lock_subjects
-- What was known of these customers, locked in key order until the transaction ends.
select customer_id, version, "references"
from subjects
where topic = $1 and customer_id = any ($2::uuid[])
order by customer_id
for update;

-- name: upsert_subjects
-- The newest snapshots; rows come in key order. Of what another process has overtaken nothing is written.
insert into subjects (customer_id, topic, version, "references", references_version, rules_version, body, next_at)
select s.customer_id, $1, s.version, s."references", s.version, $7, s.body, s.next_at
from unnest($2::uuid[], $3::bigint[], $4::text[], $5::bytea[], $6::timestamptz[])
    as s (customer_id, version, "references", body, next_at)
on conflict (customer_id, topic) do update
set version = excluded.version, "references" = excluded."references", rules_version = excluded.rules_version,
    body = excluded.body, next_at = excluded.next_at,
    references_version = case
        when subjects."references" = excluded."references" then subjects.references_version else excluded.version
    end
where subjects.version < excluded.version;

-- name: update_next
-- Subjects decided again without a newer snapshot.
update subjects
set next_at = s.next_at, rules_version = $4
from unnest($2::uuid[], $3::timestamptz[]) as s (customer_id, next_at)
where subjects.topic = $1 and subjects.customer_id = s.customer_id;

-- name: wake_subjects
-- Have these decided again soon: what they look at besides their own snapshot has changed.
update subjects set next_at = $3
where topic = $1 and customer_id = any ($2::uuid[]) and (next_at is null or next_at > $3);

-- name: list_references
-- Which references each customer holds, since which version of the profile, and up to which that is known.
select customer_id, references_version, version, "references"
from subjects
where topic = 'profile' and customer_id = any ($1::uuid[]);

-- name: claim_due_subjects
-- Customers whose answer changes by the passing of time. Rows in other hands are left to them.
select customer_id, body, next_at
from subjects
where topic = $1 and next_at <= $2
order by next_at
limit $3
for update skip locked;

-- name: claim_outdated_subjects
-- Customers last decided under other rules, in key order behind $2.
select customer_id, body
from subjects
where topic = $1 and customer_id > $2 and rules_version <> $3
order by customer_id
limit $4
for update;

-- name: lock_alerts
-- The alerts of these rules that belong to these references (or are known under these customers), locked in key order.
select alert_id, version, snapshot
from alerts
where (reference = any ($1::text[]) or customer_id = any ($2::uuid[])) and rule_id = any ($3::text[])
order by alert_id
for update;

-- name: list_alerts_of_references
-- As stored; for customers whose records were stored before and perhaps never published.
select alert_id, version, snapshot
from alerts
where (reference = any ($1::text[]) or customer_id = any ($2::uuid[])) and rule_id = any ($3::text[]) and not tombstoned;

-- name: insert_alerts
-- New alerts. Returns the ids written: one that is missing was raised by another process at the same moment.
insert into alerts (
    alert_id, version, customer_id, reference, rule_id, condition, handling, severity, owner, fired_at, resolved_at,
    handled_until, snapshot
)
select a.*
from unnest(
    $1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::bytea[]
) as a (
    alert_id, version, customer_id, reference, rule_id, condition, handling, severity, owner, fired_at, resolved_at,
    handled_until, snapshot
)
order by a.alert_id
on conflict (alert_id) do nothing
returning alert_id;

-- name: update_alerts
-- Alerts that are locked already.
update alerts
set version = a.version, customer_id = a.customer_id, condition = a.condition, handling = a.handling,
    severity = a.severity, owner = a.owner, fired_at = a.fired_at, resolved_at = a.resolved_at,
    handled_until = a.handled_until, snapshot = a.snapshot, tombstoned = false
from unnest(
    $1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::bytea[]
) as a (
    alert_id, version, customer_id, reference, rule_id, condition, handling, severity, owner, fired_at, resolved_at,
    handled_until, snapshot
)
where alerts.alert_id = a.alert_id;

-- name: restore_alerts
-- As published, where that is newer than what is stored or not stored; returns what was taken over.
insert into alerts (
    alert_id, version, customer_id, reference, rule_id, condition, handling, severity, owner, fired_at, resolved_at,
    handled_until, snapshot
)
select a.*
from unnest(
    $1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::bytea[]
) as a (
    alert_id, version, customer_id, reference, rule_id, condition, handling, severity, owner, fired_at, resolved_at,
    handled_until, snapshot
)
order by a.alert_id
on conflict (alert_id) do update
set version = excluded.version, customer_id = excluded.customer_id, condition = excluded.condition,
    handling = excluded.handling, severity = excluded.severity, owner = excluded.owner, fired_at = excluded.fired_at,
    resolved_at = excluded.resolved_at, handled_until = excluded.handled_until, snapshot = excluded.snapshot,
    tombstoned = false
where alerts.version < excluded.version
returning alert_id;

-- name: lock_alert
select alert_id, version, snapshot from alerts where alert_id = $1 for update;

-- name: get_alert
select alert_id, version, snapshot from alerts where alert_id = $1;

-- name: claim_due_promises
-- Acknowledged and snoozed alerts whose time is up.
select alert_id, version, snapshot
from alerts
where handled_until <= $1
order by handled_until
limit $2
for update skip locked;

-- name: claim_alerts_of_removed_rules
-- Alerts still firing under rules that are not in force any more.
select alert_id, version, snapshot
from alerts
where condition = 'firing' and rule_id <> all ($1::text[])
order by alert_id
limit $2
for update;

-- name: tombstone_alerts
-- Alerts that ended and did not change for long leave the topic; the store keeps them. $1: version, microseconds.
with old as (
    select alert_id from alerts
    where condition <> 'firing' and not tombstoned and version < $1
    order by version
    limit $2
    for update skip locked
)
update alerts
set tombstoned = true, version = greatest(version + 1, (extract(epoch from clock_timestamp()) * 1000000)::bigint)
from old
where alerts.alert_id = old.alert_id
returning alerts.alert_id, version;

-- name: list_alerts
-- Newest firing first, behind the cursor ($8, $9). Every filter is optional. $6: open at that instant.
select alert_id, version, snapshot
from alerts
where ($1::text is null or rule_id = $1)
    and ($2::text is null or condition = $2)
    and ($3::text is null or handling = $3)
    and ($4::text is null or severity = $4)
    and ($5::text is null or owner = $5)
    and ($6::timestamptz is null
        or (condition <> 'retracted' and fired_at < $6 and (resolved_at is null or resolved_at > $6)))
    and ($7::uuid is null or customer_id = $7)
    and ($8::timestamptz is null or (fired_at, alert_id) < ($8, $9::uuid))
order by fired_at desc, alert_id desc
limit $10;

-- name: count_alerts
-- How many list_alerts would list without a cursor.
select count(*)
from alerts
where ($1::text is null or rule_id = $1)
    and ($2::text is null or condition = $2)
    and ($3::text is null or handling = $3)
    and ($4::text is null or severity = $4)
    and ($5::text is null or owner = $5)
    and ($6::timestamptz is null
        or (condition <> 'retracted' and fired_at < $6 and (resolved_at is null or resolved_at > $6)))
    and ($7::uuid is null or customer_id = $7);

-- name: lock_rule_versions
-- One process applies rules at a time.
lock table rule_versions in share row exclusive mode;

-- name: list_rule_versions
select version, body, applied_at, completed_at from rule_versions order by applied_at, version;

-- name: append_rule_version
insert into rule_versions (version, body, applied_at, completed_at) values ($1, $2, $3, $4);

-- name: complete_rule_version
-- Everybody has been decided under it.
update rule_versions set completed_at = $2 where version = $1 and completed_at is null;

-- name: append_owed
-- Owe the topic the next $2 behind $1, whether they changed or not; returns the last of them.
with part as (
    select alert_id, version from alerts where alert_id > $1 and not tombstoned order by alert_id limit $2
), owed as (
    insert into to_publish (entity_id, version) select alert_id, version from part on conflict do nothing
)
select alert_id from part order by alert_id desc limit 1;
