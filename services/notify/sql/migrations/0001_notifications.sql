-- Contacts and alerts as notify reads them, its own decisions, and who does not want to hear from us.

create table contacts (
    customer_id uuid primary key,
    version bigint not null,
    status text not null,
    merged_into uuid,
    owner_id text,
    locale text,
    zone text,
    consent boolean,
    consent_at timestamptz,
    reference text,
    pii bytea
);
create index contacts_merged_into on contacts (merged_into) where merged_into is not null;

create table alerts (
    alert_id uuid primary key,
    version bigint not null,
    customer_id uuid not null,
    cause_version bigint not null,
    succeeds uuid,
    cause bytea not null,
    correlation_id text not null,
    wait_until timestamptz
);
create index alerts_waiting on alerts (wait_until) where wait_until is not null;

create table notifications (
    notification_id uuid primary key,
    version bigint not null,
    snapshot bytea not null,
    alert_id uuid not null,
    customer_id uuid not null,
    transition text not null,
    step text not null,
    recipient text not null,
    status text not null,
    reason text,
    cause_at timestamptz not null,
    decided_at timestamptz not null,
    held_until timestamptz,
    planned_at timestamptz not null default clock_timestamp(),
    due_at timestamptz,
    token uuid,
    uncertain boolean not null default false,
    contact_id uuid,
    unique (alert_id, transition, step)
);
create index notifications_due on notifications (due_at) where due_at is not null;
create index notifications_by_cause on notifications (cause_at, notification_id);
create index notifications_of_customer on notifications (customer_id, cause_at, notification_id);
create index notifications_win_backs on notifications (contact_id, decided_at)
    where step = 'win_back' and status in ('sending', 'sent', 'unknown');

create table suppressions (
    customer_id uuid not null,
    purpose text not null,
    unsubscribed_at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    primary key (customer_id, purpose)
);
