-- Records of the inbound topic that were refused, as they came, until somebody repairs or discards them.

create table quarantine (
    topic text not null,
    partition integer not null,
    "offset" bigint not null,
    fingerprint bigint not null,
    quarantine_id uuid not null unique,
    key bytea,
    value bytea,
    headers bytea not null,
    code text not null,
    field text not null,
    reason text not null,
    received_at timestamptz not null default now(),
    status text not null default 'open',
    settled_at timestamptz,
    settled_by text,
    primary key (topic, partition, "offset", fingerprint)
);
create index quarantine_by_receipt on quarantine (received_at, quarantine_id);
