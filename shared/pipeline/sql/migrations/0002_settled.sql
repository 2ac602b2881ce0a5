-- How far in time what a topic brings is complete: nothing accepted before settled_at is still under way.
create table settled (
    topic text primary key,
    settled_at timestamptz not null
);
