-- name: list_customers
-- The baseline and the tutorial. Counted in the timeline, so that both it and the aggregates are held to the truth.
select reference, timeline.interactions, customers.spend, customers.last_at
from customers
join (select reference, count(*) as interactions from interactions group by reference) as timeline using (reference);

-- name: list_profiles
-- What the profiles service stored, counted in its timeline too.
select
    r.reference,
    timeline.interactions,
    coalesce((s.body -> 'aggregates' -> 'spend' ->> 'USD')::numeric, 0) as spend,
    (s.body -> 'watermark' ->> 'time')::timestamptz as last_at
from customers as c
cross join lateral (select (convert_from(c.snapshot, 'UTF8')::jsonb) -> 'data' as body) as s
join customer_references as r on r.customer_id = c.customer_id
join (select reference, count(*) as interactions from interactions group by reference) as timeline using (reference);
