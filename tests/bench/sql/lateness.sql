-- name: analyze
analyze customers, customer_references;
