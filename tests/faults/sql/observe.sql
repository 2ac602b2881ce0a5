-- name: identities
select reference, source, id from interactions;
