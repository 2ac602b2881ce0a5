-- name: count_owed
select count(*) from to_publish where due_at <= now();

-- name: list_alerts
-- The valid alerts of some rules: the interaction each is anchored at, and from when to when its condition held.
select rule_id, reference, s.body -> 'evidence' -> 'anchor' ->> 'id' as id, fired_at, resolved_at
from alerts
cross join lateral (select (convert_from(snapshot, 'UTF8')::jsonb) -> 'data' as body) as s
where rule_id = any ($1::text[]) and condition <> 'retracted';

-- name: list_table_sizes
-- Every table with its indexes, the parts of a partitioned one together; bytes, the largest first.
select coalesce(parent.relname, own.relname) as name, sum(pg_total_relation_size(own.oid))::bigint as bytes
from pg_class as own
left join pg_inherits as part on part.inhrelid = own.oid
left join pg_class as parent on parent.oid = part.inhparent
where own.relkind = 'r' and own.relnamespace = 'public'::regnamespace
group by 1
order by 2 desc;
