-- name: profiles
-- A customer whose first interaction is still in a batch that has not been stored has no version yet.
select customer_id::text as id, version, snapshot from customers where version > 0;

-- name: scoring
select customer_id::text as id, version, snapshot from scores;

-- name: alerts
select alert_id::text as id, version, case when tombstoned then null else snapshot end as snapshot from alerts;

-- name: notify
select notification_id::text as id, version, snapshot from notifications;
