-- name: forget_progress
-- What an operator does to have every topic read again from its first record.
delete from progress;

-- name: forget_partition
-- Word for word what docs/operations.md has under EbbtidePartitionHalted.
delete from progress where topic = $1 and partition = $2;
