-- What the live page asks besides queries.sql.

-- name: get_horizon
-- Whoever reads after this sees every alert of a version below it: a version is taken from the clock inside the
-- transaction that writes it, so none is lower than the beginning of the oldest transaction still under way. $1 is kept
-- besides, should the clock be set back.
select (extract(epoch from least(clock_timestamp() - $1::interval, min(xact_start))) * 1000000)::bigint
from pg_stat_activity
where datname = current_database() and usename = current_user and pid <> pg_backend_pid();

-- name: list_changes
-- The alerts of this version and later.
select alert_id, version from alerts where version >= $1 order by version, alert_id limit $2;

-- name: get_rows
-- These alerts with what is known of their customers.
select a.version, a.snapshot, s.body
from alerts a left join subjects s on s.customer_id = a.customer_id and s.topic = 'profile'
where a.alert_id = any ($1::uuid[]);

-- name: list_rows
-- Most severe first, then newest firing, behind the cursor ($7 rank, $8, $9). $2: a handling, or active: not closed.
-- $6: part of a reference of the customer, or the id of an alert or a customer; $11: besides, all of these customers.
select a.version, a.snapshot, s.body
from alerts a left join subjects s on s.customer_id = a.customer_id and s.topic = 'profile'
where a.condition = $1
    and ($2::text is null or a.handling = $2 or ($2 = 'active' and a.handling <> 'closed'))
    and ($3::text is null or a.severity = $3)
    and ($4::text is null or a.owner = $4)
    and ($5::text is null or a.rule_id = $5)
    and ($6::text is null
        or strpos(a.reference, $6) > 0
        or strpos(coalesce(s."references", ''), $6) > 0
        or a.alert_id::text = $6
        or a.customer_id::text = $6
        or a.customer_id = any ($11::uuid[]))
    and ($7::int is null
        or (case a.severity when 'critical' then 0 when 'warning' then 1 else 2 end) > $7
        or ((case a.severity when 'critical' then 0 when 'warning' then 1 else 2 end) = $7
            and (a.fired_at, a.alert_id) < ($8, $9::uuid)))
order by case a.severity when 'critical' then 0 when 'warning' then 1 else 2 end, a.fired_at desc, a.alert_id desc
limit $10;

-- name: list_rows_of_customer
-- Newest firing first.
select a.version, a.snapshot, s.body
from alerts a left join subjects s on s.customer_id = a.customer_id and s.topic = 'profile'
where a.customer_id = $1
order by a.fired_at desc, a.alert_id desc
limit $2;

-- name: count_days
-- How many alerts fired and ended on each day, without those that were withdrawn. Day n begins at the nth of $1, the last
-- one ends at $2. Each half reads an index alone.
select day, sum(fired)::bigint as fired, sum(ended)::bigint as ended
from (
    select width_bucket(fired_at, $1::timestamptz[]) as day, count(*) as fired, 0 as ended
    from alerts
    where condition <> 'retracted' and fired_at >= ($1::timestamptz[])[1] and fired_at <= $2
    group by 1
    union all
    select width_bucket(resolved_at, $1::timestamptz[]), 0, count(*)
    from alerts
    where condition = 'resolved' and resolved_at >= ($1::timestamptz[])[1] and resolved_at <= $2
    group by 1
) as days
group by day;

-- name: count_open
-- What needs somebody, by severity.
select severity, count(*) as alerts from alerts where condition = 'firing' and handling <> 'closed' group by severity;

-- name: append_session
insert into sessions (token_hash, principal_id, key_id, sealed_key, created_at, seen_at) values ($1, $2, $3, $4, $5, $5);

-- name: get_session
-- Unless it was last used before $2.
select principal_id, key_id, sealed_key, seen_at from sessions where token_hash = $1 and seen_at > $2;

-- name: touch_session
update sessions set seen_at = $2 where token_hash = $1;

-- name: delete_session
delete from sessions where token_hash = $1;

-- name: prune_sessions
delete from sessions where seen_at <= $1;
