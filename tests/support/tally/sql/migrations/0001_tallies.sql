-- One row per reference. snapshot: byte for byte what is published; its ids are the deduplication.
create table tallies (
    tally_id uuid primary key,
    version bigint not null,
    snapshot bytea not null
);
