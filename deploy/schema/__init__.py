"""The whole store of a service on a page: services/<name>/sql/schema.sql, made from what its migrations made."""
