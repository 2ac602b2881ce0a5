-- One row per customer. snapshot: byte for byte what is published. basis: the part of profile `profile_version` that the
-- scores follow from, as JSON (handlers.ProfilePart); they are computed from it again at any instant.
-- churn_band: the band of churn risk at `version`. next_transition_at (business time): when it changes by time alone.
-- A row is usually 2 to 3 kB: it stays in the page as it is, for compressing it makes a batch two to three times slower.
create table scores (
    customer_id uuid primary key,
    version bigint not null,
    snapshot bytea not null,
    profile_version bigint not null,
    basis bytea not null,
    status text not null,
    churn_band text,
    next_transition_at timestamptz,
    correlation_id text not null
) with (toast_tuple_target = 8160);
create index scores_due on scores (next_transition_at) where next_transition_at is not null;
create index scores_in_band on scores (churn_band, customer_id) where churn_band is not null;
