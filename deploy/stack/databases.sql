-- What is missing for one service: its role ($1, password $2) and the database of the same name, which nobody else may
-- enter. Answers with the statements to execute, in order; on a complete server they change nothing.
SELECT statement
FROM (
    SELECT 1 AS step, format('CREATE ROLE %I LOGIN', $1::text) AS statement
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)
    UNION ALL
    SELECT 2, format('ALTER ROLE %I LOGIN PASSWORD %L', $1, $2::text)
    UNION ALL
    -- A managed server's administrator is no superuser and must belong to the role to give it a database.
    SELECT 3, format('GRANT %I TO CURRENT_USER', $1)
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = current_user AND rolsuper)
    UNION ALL
    SELECT 4, format('CREATE DATABASE %I OWNER %I ENCODING ''UTF8''', $1, $1)
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = $1)
    UNION ALL
    SELECT 5, format('REVOKE ALL ON DATABASE %I FROM PUBLIC', $1)
) AS missing
ORDER BY step;
