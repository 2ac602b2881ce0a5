-- name: lock_principal
-- Webhooks of one principal are created one after another, so that none is beyond the limit.
select pg_advisory_xact_lock(hashtextextended($1, 0));

-- name: count_webhooks
select count(*) from webhooks where $1::text is null or principal_id = $1;

-- name: insert_webhook
insert into webhooks (webhook_id, principal_id, host, sealed, description, types, filters, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: update_webhook
update webhooks
set host = $2, sealed = $3, description = $4, types = $5, filters = $6
where webhook_id = $1;

-- name: delete_webhook
delete from webhooks where webhook_id = $1;

-- name: delete_deliveries
delete from webhook_deliveries where webhook_id = $1;

-- name: get_webhook
select * from webhooks where webhook_id = $1;

-- name: lock_webhook
select * from webhooks where webhook_id = $1 for update;

-- name: list_webhooks
-- Newest first; $2 and $3 are instant and id of the last one seen.
select *
from webhooks
where ($1::text is null or principal_id = $1)
    and ($2::timestamptz is null or (created_at, webhook_id) < ($2, $3::uuid))
order by created_at desc, webhook_id desc
limit $4;

-- name: list_enabled_webhooks
-- Asked once for each batch of alerts and each decision about notifications; mostly there is none.
select * from webhooks where disabled_at is null;

-- name: disable_webhook
-- With a notice owed, unless somebody did it by hand. Nothing when it is disabled already.
update webhooks
set disabled_at = clock_timestamp(), disabled_reason = $2, notice_attempts = 0,
    notice_due_at = case when $3 then clock_timestamp() end
where webhook_id = $1 and disabled_at is null
returning webhook_id;

-- name: enable_webhook
update webhooks
set disabled_at = null, disabled_reason = null, strained = false, notice_due_at = null
where webhook_id = $1;

-- name: resume_deliveries
-- What waited is due, from the first attempt on; what waited for too long is dropped.
update webhook_deliveries
set status = case when created_at < clock_timestamp() - make_interval(secs => $2) then 'dropped' else 'pending' end,
    due_at = case when created_at < clock_timestamp() - make_interval(secs => $2) then null else clock_timestamp() end,
    attempts = 0, first_attempt_at = null, token = null
where webhook_id = $1 and status = 'pending';

-- name: append_deliveries
-- What a webhook was told before, it is not told again.
insert into webhook_deliveries (webhook_id, event_id, type, body, due_at)
select d.webhook_id, d.event_id, d.type, d.body, clock_timestamp()
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[]) as d (webhook_id, event_id, type, body)
order by d.webhook_id, d.event_id
on conflict (webhook_id, event_id) do nothing
returning event_id;

-- name: claim_deliveries
-- What is due, oldest first, at most $1 in all. Of each webhook only so many are in flight: $2, or $3 while it is
-- strained, so that a slow or dead one keeps nobody waiting. The lease is $4 real seconds.
with due as (
    select d.webhook_id, d.event_id
    from webhooks w
    cross join lateral (
        select o.webhook_id, o.event_id, o.due_at
        from webhook_deliveries o
        where o.webhook_id = w.webhook_id and o.due_at <= clock_timestamp()
        order by o.due_at
        limit greatest(
            case when w.strained then $3::integer else $2::integer end - (
                select count(*)
                from webhook_deliveries f
                where f.webhook_id = w.webhook_id and f.token is not null and f.due_at > clock_timestamp()
            ),
            0
        )
        for update skip locked
    ) d
    where w.disabled_at is null
    order by d.due_at
    limit $1
)
update webhook_deliveries d
set token = gen_random_uuid(), attempts = d.attempts + 1, due_at = clock_timestamp() + make_interval(secs => $4),
    first_attempt_at = coalesce(d.first_attempt_at, clock_timestamp())
from due
where d.webhook_id = due.webhook_id and d.event_id = due.event_id
returning d.*;

-- name: release_deliveries
-- Claimed and not attempted after all: as before, due when the webhook is enabled again.
update webhook_deliveries
set token = null, attempts = attempts - 1, due_at = clock_timestamp()
where webhook_id = $1 and token is not null and event_id = any ($2::uuid[]);

-- name: get_webhooks
select * from webhooks where webhook_id = any ($1::uuid[]);

-- name: lock_attempt
-- The row of an attempt, if it is still ours to close.
select * from webhook_deliveries where webhook_id = $1 and event_id = $2 and token = $3 for update;

-- name: settle_attempt
-- due_in: real seconds to the next attempt; null: none.
update webhook_deliveries
set status = $3, results = $4, token = null, due_at = clock_timestamp() + make_interval(secs => $5)
where webhook_id = $1 and event_id = $2;

-- name: note_success
update webhooks set last_success_at = clock_timestamp(), strained = $2 where webhook_id = $1;

-- name: note_strain
update webhooks set strained = true where webhook_id = $1 and not strained;

-- name: is_failing
-- Whether nothing has arrived since the first attempt at this delivery.
select w.last_success_at is null or w.last_success_at < d.first_attempt_at
from webhook_deliveries d
join webhooks w on w.webhook_id = d.webhook_id
where d.webhook_id = $1 and d.event_id = $2;

-- name: redeliver
-- From the first attempt on, whatever became of it. An attempt under way is somebody else's by then.
update webhook_deliveries
set status = 'pending', attempts = 0, first_attempt_at = null, due_at = clock_timestamp(), token = null
where webhook_id = $1 and event_id = $2
returning *;

-- name: get_delivery
select * from webhook_deliveries where webhook_id = $1 and event_id = $2;

-- name: list_deliveries
-- Newest first; $3 and $4 are instant and id of the last one seen.
select *
from webhook_deliveries
where webhook_id = $1
    and ($2::text is null or status = $2)
    and ($3::timestamptz is null or (created_at, event_id) < ($3, $4::uuid))
order by created_at desc, event_id desc
limit $5;

-- name: count_deliveries
select count(*) from webhook_deliveries where webhook_id = $1 and ($2::text is null or status = $2);

-- name: prune_deliveries
-- At most $2 of those older than $1 seconds.
delete from webhook_deliveries
where (webhook_id, event_id) in (
    select webhook_id, event_id
    from webhook_deliveries
    where created_at < clock_timestamp() - make_interval(secs => $1)
    order by created_at
    limit $2
    for update skip locked
)
returning event_id;

-- name: claim_notice
-- A webhook whose owner is not told yet that it was disabled; $1 real seconds until somebody else may try.
update webhooks
set notice_due_at = clock_timestamp() + make_interval(secs => $1), notice_attempts = notice_attempts + 1
where webhook_id = (
    select webhook_id
    from webhooks
    where notice_due_at <= clock_timestamp()
    order by notice_due_at
    limit 1
    for update skip locked
)
returning *;

-- name: settle_notice
-- Told (null), or to be tried again in so many real seconds; unless it was enabled meanwhile.
update webhooks
set notice_due_at = clock_timestamp() + make_interval(secs => $3)
where webhook_id = $1 and disabled_at = $2;
