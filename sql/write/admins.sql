-- name: list_admins :many
-- Administrators, the newest first.
-- $1 rows, $2 created before, $3 id before, $4 role, $5 whether active; null takes all
SELECT id, email, name, role, is_active, totp_confirmed_at IS NOT NULL AS is_set_up, setup_expires_at, last_login_at,
       created_at, updated_at, version
FROM account.admin_users
WHERE ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3::uuid))
  AND ($4::text IS NULL OR role = $4)
  AND ($5::boolean IS NULL OR is_active = $5)
ORDER BY created_at DESC, id DESC
LIMIT $1::integer;

-- name: select_admin :one
-- One administrator.
-- $1 administrator
SELECT id, email, name, role, is_active, totp_confirmed_at IS NOT NULL AS is_set_up, setup_expires_at, last_login_at,
       created_at, updated_at, version
FROM account.admin_users
WHERE id = $1::uuid;

-- name: insert_admin :value
-- Invite an administrator; null when the e-mail is taken.
-- $1 e-mail, $2 name, $3 role, $4 hash of the setup token, $5 hours it holds
INSERT INTO account.admin_users (email, name, role, setup_hash, setup_expires_at)
VALUES ($1::text, $2::text, $3::text, $4::bytea, now() + make_interval(hours => $5::integer))
ON CONFLICT (email) DO NOTHING
RETURNING id;

-- name: update_admin_name :value
-- Rename; the new version, null when the version is another.
-- $1 administrator, $2 version, $3 name
UPDATE account.admin_users SET name = $3::text WHERE id = $1::uuid AND version = $2::integer RETURNING version;

-- name: update_admin_active :value
-- Disable or enable; null when that is so already.
-- $1 administrator, $2 whether active
UPDATE account.admin_users SET is_active = $2::boolean WHERE id = $1::uuid AND is_active <> $2 RETURNING version;

-- name: reset_second_factor :value
-- Take password and second factors away, and accept a setup token; false when there is no such administrator.
-- $1 administrator, $2 hash of the setup token, $3 hours it holds
SELECT account.reset_second_factor($1::uuid, $2::bytea, make_interval(hours => $3::integer));

-- name: update_admin_role :value
-- Give the role that was approved; null when it is had already.
-- $1 administrator, $2 role
UPDATE account.admin_users SET role = $2::text WHERE id = $1::uuid AND role <> $2 RETURNING version;

-- name: list_role_permissions :many
-- Each permission with the roles that bring it.
-- no parameters
SELECT permission, array_agg(role ORDER BY role) AS roles
FROM account.admin_permissions
WHERE role IS NOT NULL
GROUP BY permission
ORDER BY permission;

-- name: select_permissions_of_admin :one
-- What an administrator may do, and what of it differs from the role.
-- $1 administrator
SELECT a.id AS admin_id, a.role, account.permissions_of(a.id) AS permissions,
       ARRAY(SELECT p.permission FROM account.admin_permissions AS p
             WHERE p.admin_id = a.id AND p.effect = 'grant' ORDER BY p.permission) AS granted,
       ARRAY(SELECT p.permission FROM account.admin_permissions AS p
             WHERE p.admin_id = a.id AND p.effect = 'deny' ORDER BY p.permission) AS denied
FROM account.admin_users AS a
WHERE a.id = $1::uuid;

-- name: upsert_admin_permission :exec
-- Grant or deny what was approved.
-- $1 administrator, $2 permission, $3 effect
INSERT INTO account.admin_permissions (admin_id, permission, effect) VALUES ($1::uuid, $2::text, $3::text)
ON CONFLICT (role, admin_id, permission) DO UPDATE SET effect = excluded.effect;

-- name: delete_admin_permission :exec
-- Leave it to the role, as was approved.
-- $1 administrator, $2 permission
DELETE FROM account.admin_permissions WHERE admin_id = $1::uuid AND permission = $2::text;
