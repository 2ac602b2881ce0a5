-- name: upsert_contacts
-- Keeps the newest version; returns the customers whose row it changed.
insert into contacts (customer_id, version, status, merged_into, owner_id, locale, zone, consent, consent_at, reference, pii)
select *
from unnest(
    $1::uuid[], $2::bigint[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::boolean[],
    $9::timestamptz[], $10::text[], $11::bytea[]
) as c (customer_id, version, status, merged_into, owner_id, locale, zone, consent, consent_at, reference, pii)
order by c.customer_id
on conflict (customer_id) do update
set version = excluded.version, status = excluded.status, merged_into = excluded.merged_into,
    owner_id = excluded.owner_id, locale = excluded.locale, zone = excluded.zone, consent = excluded.consent,
    consent_at = excluded.consent_at, reference = excluded.reference, pii = excluded.pii
where contacts.version < excluded.version
returning customer_id;

-- name: get_contact_versions
select customer_id, version from contacts where customer_id = any ($1::uuid[]);

-- name: get_contacts
-- Each customer asked for, followed to whom they were merged into (at most 16 steps). Row by row through the key: as a
-- plain join the planner, who cannot know how few there are, reads the whole table.
with recursive followed as (
    select c.customer_id as asked_id, c.version as asked_version, c.customer_id, c.merged_into, 0 as depth
    from contacts c
    where c.customer_id = any ($1::uuid[])
    union all
    select f.asked_id, f.asked_version, c.customer_id, c.merged_into, f.depth + 1
    from followed f
    cross join lateral (select * from contacts one where one.customer_id = f.merged_into limit 1) as c
    where f.depth < 16
)
select distinct on (f.asked_id)
    f.asked_id, f.asked_version, c.customer_id, c.status, c.owner_id, c.locale, c.zone, c.consent, c.consent_at,
    c.reference, c.pii
from followed f
cross join lateral (select * from contacts one where one.customer_id = f.customer_id limit 1) as c
order by f.asked_id, f.depth desc;

-- name: lock_contacts
-- One win-back at a time is claimed for a customer.
select customer_id from contacts where customer_id = any ($1::uuid[]) order by customer_id for update;

-- name: get_known_alerts
select alert_id, version, acts from alerts where alert_id = any ($1::uuid[]);

-- name: upsert_alerts
-- Keeps the newest version and locks the rows; returns the alerts whose row it changed.
insert into alerts (alert_id, version, customer_id, cause_version, succeeds, cause, correlation_id, acts)
select *
from unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::bigint[], $5::uuid[], $6::bytea[], $7::text[], $8::integer[])
    as a (alert_id, version, customer_id, cause_version, succeeds, cause, correlation_id, acts)
order by a.alert_id
on conflict (alert_id) do update
set version = excluded.version, customer_id = excluded.customer_id, cause_version = excluded.cause_version,
    succeeds = excluded.succeeds, cause = excluded.cause, correlation_id = excluded.correlation_id,
    acts = excluded.acts
where alerts.version < excluded.version
returning alert_id;

-- name: claim_waiting_alerts
-- Alerts whose contact has caught up, or that have waited long enough.
select a.alert_id, a.cause, a.correlation_id
from alerts a
left join contacts c on c.customer_id = a.customer_id
where a.wait_until is not null and (a.wait_until <= clock_timestamp() or c.version >= a.cause_version)
order by a.wait_until
limit $1
for update of a skip locked;

-- name: set_alert_waits
-- Wait at most so many seconds, counted from the first time; null: nothing to wait for any more.
update alerts a
set wait_until = case
    when w.seconds is not null then coalesce(a.wait_until, clock_timestamp() + make_interval(secs => w.seconds))
end
from unnest($1::uuid[], $2::float8[]) as w (alert_id, seconds)
where a.alert_id = w.alert_id and (w.seconds is not null or a.wait_until is not null);

-- name: get_causes
select alert_id, cause from alerts where alert_id = any ($1::uuid[]);

-- name: get_firings
-- Who was to be told of the firing of each alert and of those it succeeds, and what came of it; own first.
with recursive chain as (
    select a.alert_id as asked_id, a.alert_id, a.succeeds, 0 as depth
    from alerts a
    where a.alert_id = any ($1::uuid[])
    union all
    select c.asked_id, a.alert_id, a.succeeds, c.depth + 1
    from chain c
    join alerts a on a.alert_id = c.succeeds
    where c.depth < 16
)
select c.asked_id, n.notification_id, n.step, n.recipient, n.status
from chain c
join notifications n on n.alert_id = c.alert_id and n.transition = 'fired'
order by c.asked_id, c.depth;

-- name: list_planned_steps
select alert_id, transition, step from notifications where alert_id = any ($1::uuid[]);

-- name: list_notifications_of_alerts
select notification_id, version, snapshot
from notifications
where alert_id = any ($1::uuid[])
order by notification_id;

-- name: list_due
-- Candidates only: claim_due locks them once their customers are locked. Of one read back from the topic the alert may
-- be still to come.
select notification_id, customer_id, step
from notifications as n
where due_at <= clock_timestamp() and (held_until is null or held_until <= $1)
    and exists (select 1 from alerts as a where a.alert_id = n.alert_id)
order by due_at
limit $2;

-- name: claim_due
-- What is still due and nobody else is claiming. age_seconds: real time since it was planned.
select notification_id, version, snapshot, token, uncertain, contact_id,
    extract(epoch from clock_timestamp() - planned_at)::float8 as age_seconds
from notifications
where notification_id = any ($1::uuid[]) and due_at <= clock_timestamp()
order by notification_id
for update skip locked;

-- name: claim_attempts
-- The rows of attempts, of those that are still ours to close.
select notification_id, version, snapshot, token, uncertain, contact_id,
    extract(epoch from clock_timestamp() - planned_at)::float8 as age_seconds
from notifications
where notification_id = any ($1::uuid[]) and token = any ($2::uuid[]) and status = 'sending'
order by notification_id
for update;

-- name: get_database_micros
select (extract(epoch from clock_timestamp()) * 1000000)::bigint;

-- name: upsert_notifications
-- due_in: real seconds from now; null: settled.
insert into notifications (
    notification_id, version, snapshot, alert_id, customer_id, transition, step, recipient, status, reason, cause_at,
    decided_at, held_until, due_at, token, uncertain, contact_id
)
select n.notification_id, n.version, n.snapshot, n.alert_id, n.customer_id, n.transition, n.step, n.recipient, n.status, n.reason,
    n.cause_at, n.decided_at, n.held_until, clock_timestamp() + make_interval(secs => n.due_in), n.token, n.uncertain,
    n.contact_id
from unnest(
    $1::uuid[], $2::bigint[], $3::bytea[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::float8[], $15::uuid[],
    $16::boolean[], $17::uuid[]
) as n (
    notification_id, version, snapshot, alert_id, customer_id, transition, step, recipient, status, reason, cause_at, decided_at,
    held_until, due_in, token, uncertain, contact_id
)
order by n.notification_id
on conflict (notification_id) do update
set version = excluded.version, snapshot = excluded.snapshot, status = excluded.status, reason = excluded.reason,
    decided_at = excluded.decided_at, held_until = excluded.held_until, due_at = excluded.due_at,
    token = excluded.token, uncertain = excluded.uncertain, contact_id = excluded.contact_id;

-- name: get_customer_limits
-- Last win-back and unsubscription of each customer together with everybody merged into them.
with recursive members as (
    select r.root_id, r.root_id as customer_id
    from unnest($1::uuid[]) as r (root_id)
    union
    select m.root_id, c.customer_id
    from members m
    join contacts c on c.merged_into = m.customer_id
)
select m.root_id, max(s.unsubscribed_at) as unsubscribed_at, max(w.last_win_back_at) as last_win_back_at
from members m
left join suppressions s on s.customer_id = m.customer_id and s.purpose = $2
left join lateral (
    select max(n.decided_at) as last_win_back_at
    from notifications n
    where n.contact_id = m.customer_id and n.step = 'win_back' and n.status in ('sending', 'sent', 'unknown')
) w on true
group by m.root_id;

-- name: append_suppression
-- The last click counts; true when it was newer than what is known.
insert into suppressions (customer_id, purpose, unsubscribed_at)
values ($1, $2, $3)
on conflict (customer_id, purpose) do update
set unsubscribed_at = excluded.unsubscribed_at, recorded_at = clock_timestamp()
where suppressions.unsubscribed_at < excluded.unsubscribed_at
returning true;

-- name: append_outbox
-- An act that was told before is told once.
insert into outbox (event_id, reference, event) values ($1, $2, $3) on conflict (event_id) do nothing;

-- name: list_outbox
-- What is still owed, oldest first.
select event_id, reference, event from outbox where published_at is null order by recorded_at limit $1;

-- name: settle_outbox
update outbox set published_at = clock_timestamp() where event_id = any ($1::uuid[]);

-- name: restore_notifications
-- As published, where that is newer than what is stored or not stored; returns what was taken over. $14: seconds until
-- those that are not settled are looked at. Whom a win-back was claimed for is not published: its customer, mostly.
-- A step is decided once: of two decisions about it the one that is known stays, else the newest.
insert into notifications as known (
    notification_id, version, snapshot, alert_id, customer_id, transition, step, recipient, status, reason, cause_at,
    decided_at, held_until, due_at, contact_id
)
select distinct on (n.alert_id, n.transition, n.step) n.*,
    case when n.status in ('planned', 'held', 'sending') then clock_timestamp() + make_interval(secs => $14::float8) end,
    case when n.step = 'win_back' then n.customer_id end
from unnest(
    $1::uuid[], $2::bigint[], $3::bytea[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[]
) as n (
    notification_id, version, snapshot, alert_id, customer_id, transition, step, recipient, status, reason, cause_at,
    decided_at, held_until
)
where not exists (
    select 1 from notifications as other
    where other.alert_id = n.alert_id and other.transition = n.transition and other.step = n.step
        and other.notification_id <> n.notification_id
)
order by n.alert_id, n.transition, n.step, n.version desc
on conflict (notification_id) do update
set version = excluded.version, snapshot = excluded.snapshot, status = excluded.status, reason = excluded.reason,
    decided_at = excluded.decided_at, held_until = excluded.held_until, due_at = excluded.due_at, token = null,
    contact_id = coalesce(known.contact_id, excluded.contact_id)
where known.version < excluded.version
returning notification_id;

-- name: wake_closings
-- The firing of these alerts is settled: a closing that waits for that is due. Whoever holds its row looks itself.
update notifications
set due_at = clock_timestamp()
where notification_id in (
    select notification_id
    from notifications
    where alert_id = any ($1::uuid[]) and transition = 'closed' and status = 'held'
    for update skip locked
);

-- name: get_versions
select notification_id, version from notifications where notification_id = any ($1::uuid[]);

-- name: get_snapshots
select notification_id, version, snapshot from notifications where notification_id = any ($1::uuid[]);

-- name: get_notification
select snapshot from notifications where notification_id = $1;

-- name: list_notifications
-- Newest cause first; $6 and $7 are the cause and id of the last one seen.
select snapshot
from notifications
where ($1::uuid is null or alert_id = $1)
    and ($2::uuid is null or customer_id = $2)
    and ($3::text is null or status = $3)
    and ($4::text is null or reason = $4)
    and ($5::timestamptz is null or cause_at >= $5)
    and ($6::timestamptz is null or (cause_at, notification_id) < ($6, $7::uuid))
order by cause_at desc, notification_id desc
limit $8;

-- name: count_notifications
select count(*)
from notifications
where ($1::uuid is null or alert_id = $1)
    and ($2::uuid is null or customer_id = $2)
    and ($3::text is null or status = $3)
    and ($4::text is null or reason = $4)
    and ($5::timestamptz is null or cause_at >= $5);

-- name: append_owed
-- Owe the topic the next $2 behind $1, whether they changed or not; returns the last of them.
with part as (
    select notification_id, version from notifications where notification_id > $1 order by notification_id limit $2
), owed as (
    insert into to_publish (entity_id, version) select notification_id, version from part on conflict do nothing
)
select notification_id from part order by notification_id desc limit 1;
