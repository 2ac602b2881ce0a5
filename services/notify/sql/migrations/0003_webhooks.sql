-- Webhooks: who subscribed, and each event on its way to each of them.

alter table alerts add column acts integer;

create table webhooks (
    webhook_id uuid primary key,
    principal_id text not null,
    host text not null,
    sealed bytea not null,
    description text,
    types text[] not null,
    filters bytea not null,
    created_at timestamptz not null,
    disabled_at timestamptz,
    disabled_reason text,
    last_success_at timestamptz,
    strained boolean not null default false,
    notice_due_at timestamptz,
    notice_attempts integer not null default 0
);
create index webhooks_of_principal on webhooks (principal_id);
create index webhooks_notices on webhooks (notice_due_at) where notice_due_at is not null;

create table webhook_deliveries (
    webhook_id uuid not null,
    event_id uuid not null,
    type text not null,
    body bytea not null,
    status text not null default 'pending',
    attempts integer not null default 0,
    results bytea not null default '[]',
    created_at timestamptz not null default clock_timestamp(),
    first_attempt_at timestamptz,
    due_at timestamptz,
    token uuid,
    primary key (webhook_id, event_id)
);
create index webhook_deliveries_due on webhook_deliveries (webhook_id, due_at) where due_at is not null;
create index webhook_deliveries_in_flight on webhook_deliveries (webhook_id) where token is not null;
create index webhook_deliveries_newest on webhook_deliveries (webhook_id, created_at, event_id);
create index webhook_deliveries_old on webhook_deliveries (created_at);
