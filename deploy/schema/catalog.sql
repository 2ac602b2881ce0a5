-- name: list_tables
-- Tables in order of their making; a partition with its parent and its bounds.
select c.relname::text as name,
       pg_get_partkeydef(c.oid) as partitioned_by,
       c.reloptions as options,
       parent.relname::text as parent,
       pg_get_expr(c.relpartbound, c.oid) as bounds,
       c.relpersistence::text as persistence
from pg_class c
left join pg_inherits i on i.inhrelid = c.oid
left join pg_class parent on parent.oid = i.inhparent
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
order by c.oid;

-- name: list_columns
select a.attrelid::regclass::text as table_name,
       quote_ident(a.attname) as name,
       format_type(a.atttypid, a.atttypmod) as type,
       case when a.attcollation <> t.typcollation then (select quote_ident(collname) from pg_collation where oid = a.attcollation) end as collation,
       a.attnotnull as required,
       pg_get_expr(d.adbin, d.adrelid) as default_value,
       a.attidentity::text as identity,
       a.attgenerated::text as generated,
       case when a.attstorage <> t.typstorage then a.attstorage::text end as storage,
       nullif(a.attcompression::text, '') as compression
from pg_attribute a
join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p')
join pg_type t on t.oid = a.atttypid
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where c.relnamespace = 'public'::regnamespace and a.attnum > 0 and not a.attisdropped
order by c.oid, a.attnum;

-- name: list_constraints
-- Without those that say that a column is required, which the column itself says.
select conrelid::regclass::text as table_name, conname::text as name, contype::text as kind,
       pg_get_constraintdef(oid) as definition,
       (select array_agg(quote_ident(attname) order by n) from unnest(conkey) with ordinality as k (attnum, n)
        join pg_attribute a on a.attrelid = conrelid and a.attnum = k.attnum) as columns
from pg_constraint
where connamespace = 'public'::regnamespace and contype <> 'n' and conparentid = 0 and conrelid <> 0
order by conrelid, contype desc, conname;

-- name: list_indexes
-- Those that are not a constraint's and not a partition's part of its parent's.
select i.indrelid::regclass::text as table_name, c.relname::text as name, pg_get_indexdef(i.indexrelid) as definition
from pg_index i
join pg_class c on c.oid = i.indexrelid
where c.relnamespace = 'public'::regnamespace and not c.relispartition
  and not exists (select from pg_constraint where conindid = i.indexrelid)
order by c.oid;

-- name: list_others
-- Whatever else a store could hold. The page does not know how to show it.
select 'function ' || proname as what from pg_proc where pronamespace = 'public'::regnamespace
union all
select 'trigger ' || tgname from pg_trigger where not tgisinternal
union all
select 'relation ' || relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('v', 'm', 'S', 'f')
union all
select 'type ' || typname from pg_type where typnamespace = 'public'::regnamespace and typtype in ('e', 'd', 'r')
union all
select 'extension ' || extname from pg_extension where extname <> 'plpgsql'
union all
select 'policy ' || polname from pg_policy
union all
select 'statistics ' || stxname from pg_statistic_ext
union all
select 'schema ' || nspname from pg_namespace where nspname <> 'public' and nspname not like 'pg\_%' and nspname <> 'information_schema'
order by 1;
