-- What was settled leaves in the order in which it was settled, what nobody looked at in the order of its arrival.

create index quarantine_by_settlement on quarantine (settled_at) where settled_at is not null;
create index quarantine_open_by_receipt on quarantine (received_at) where settled_at is null;
