-- name: count_owed
select count(*) from to_publish where due_at <= now();

-- name: list_alerts
-- The valid alerts of some rules: the interaction each is anchored at, and from when to when its condition held.
select rule_id, reference, s.body -> 'evidence' -> 'anchor' ->> 'id' as id, fired_at, resolved_at
from alerts
cross join lateral (select (convert_from(snapshot, 'UTF8')::jsonb) -> 'data' as body) as s
where rule_id = any ($1::text[]) and condition <> 'retracted';
