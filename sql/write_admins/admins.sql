-- name: create_admin :value
-- Invite an administrator of any role; the id.
-- $1 e-mail, $2 name, $3 role, $4 hash of the setup token, $5 hours it holds
SELECT account.create_admin($1::text, $2::text, $3::text, $4::bytea, make_interval(hours => $5::integer));

-- name: reset_admin :value
-- Take password and second factors away, end the sessions, and accept a setup token; null for an unknown e-mail.
-- $1 e-mail, $2 hash of the setup token, $3 hours it holds
SELECT account.reset_admin($1::text, $2::bytea, make_interval(hours => $3::integer));

-- name: disable_admin :value
-- Disable; null for an unknown e-mail.
-- $1 e-mail
SELECT account.disable_admin($1::text);

-- name: list_admins :many
-- Every administrator.
-- no parameters
SELECT email, name, role, is_active, is_set_up, last_login_at FROM account.list_admins();
