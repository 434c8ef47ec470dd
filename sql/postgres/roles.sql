-- name: select_roles :many
-- Which of these roles the cluster has.
-- $1 names
SELECT rolname::text AS role FROM pg_roles WHERE rolname = ANY ($1::text[]);

-- name: may_create_schemas :value
-- Whether a role may create schemas in this database.
-- $1 role
SELECT has_database_privilege($1::text, current_database(), 'CREATE');

-- name: is_member :value
-- Whether one role is a member of another; false when either is missing.
-- $1 the member, $2 the other
SELECT coalesce((
    SELECT pg_has_role(m.oid, r.oid, 'MEMBER') FROM pg_roles AS m, pg_roles AS r
    WHERE m.rolname = $1::text AND r.rolname = $2::text
), false) AS is_member;

-- name: select_session :one
-- Who is connected to what.
-- no parameters
SELECT session_user::text AS login, current_database()::text AS database;
