-- What the live page asks other services with, and what its chart counts.
set local lock_timeout = '5s';

-- The key of whoever signed in, sealed under what only their cookie holds. Null: signed in before this column was.
alter table sessions add column sealed_key bytea;

create index alerts_by_start on alerts (fired_at) where condition <> 'retracted';
create index alerts_by_end on alerts (resolved_at) where condition = 'resolved';
