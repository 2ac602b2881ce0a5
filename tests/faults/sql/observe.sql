-- name: identities
select reference, source, id from interactions;

-- name: known
-- $1: references. Those that have a record that was published.
select reference, customer_id from customer_references join customers using (customer_id)
where reference = any($1::text[]) and version > 0;

-- name: scored
select count(*) from scores where customer_id = any($1::uuid[]);

-- name: told
-- $1: customers. Those somebody got a message about; without $2 it may still be on its way.
select count(distinct customer_id) from notifications where customer_id = any($1::uuid[]) and (status = 'sent' or not $2);

-- name: read_by_scoring
-- What of each snapshot of another service is in this one's store: writer, id, version.
select 'profiles' as writer, customer_id::text as id, profile_version as version from scores;

-- name: read_by_alerts
select case topic when 'profile' then 'profiles' else 'scoring' end as writer, customer_id::text as id, version
from subjects;

-- name: read_by_notify
select 'profiles' as writer, customer_id::text as id, version from contacts
union all
select 'alerts', alert_id::text, version from alerts;

-- name: undelivered
select count(*) from webhook_deliveries where due_at is not null or token is not null;
