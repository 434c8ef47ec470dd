SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '10min';
-- The rules of the write side that no statement gets round: who may, along which edges, within which totals; and the
-- audit trail. A rule that says no raises PW4xx (the HTTP status) with the rule's name as constraint.
-- Functions that act before anybody is known, or for everybody, are SECURITY DEFINER and belong to pend_definer,
-- the one role that row-level security lets through (0015).

CREATE FUNCTION account.refuse(status integer, rule text, why text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'PW' || status, CONSTRAINT = rule, MESSAGE = why;
END
$$;

-- Whether the administrator who acts has a permission: by role, plus what was granted, minus what was denied.
CREATE FUNCTION account.admin_may(wanted text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce((
        SELECT (
            EXISTS (SELECT FROM account.admin_permissions AS p
                    WHERE p.permission = wanted AND p.effect = 'grant' AND (p.role = a.role OR p.admin_id = a.id))
            AND NOT EXISTS (SELECT FROM account.admin_permissions AS p
                            WHERE p.permission = wanted AND p.effect = 'deny' AND p.admin_id = a.id)
        )
        FROM account.admin_users AS a
        WHERE a.id = account.current_admin_id() AND a.is_active
    ), false)
$$;

CREATE FUNCTION account.permissions_of(admin uuid) RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(DISTINCT p.permission ORDER BY p.permission), '{}')
    FROM account.admin_users AS a
    JOIN account.admin_permissions AS p ON p.effect = 'grant' AND (p.role = a.role OR p.admin_id = a.id)
    WHERE a.id = admin AND a.is_active
      AND NOT EXISTS (SELECT FROM account.admin_permissions AS d
                      WHERE d.admin_id = a.id AND d.permission = p.permission AND d.effect = 'deny')
$$;

-- Each request begins with one of these three: they say who acts until the transaction ends.

CREATE FUNCTION account.enter(kind text, principal uuid, session uuid, request_id text, address inet) RETURNS void
LANGUAGE sql
AS $$
    SELECT set_config('app.current_user_id', CASE kind WHEN 'user' THEN principal::text ELSE '' END, true),
           set_config('app.current_admin_id', CASE kind WHEN 'admin' THEN principal::text ELSE '' END, true),
           set_config('app.session_id', coalesce(session::text, ''), true),
           set_config('app.request_id', coalesce(request_id, ''), true),
           set_config('app.client_address', coalesce(host(address), ''), true),
           set_config('app.justification', '', true),
           set_config('app.approval_id', '', true),
           set_config('app.approved_by', '', true)
$$;

CREATE FUNCTION account.enter_anyone(request_id text, address inet) RETURNS void
LANGUAGE sql
AS $$ SELECT account.enter('anyone', NULL, NULL, request_id, address) $$;

-- No row: the session has ended, has another version, or its user may not act.
CREATE FUNCTION account.enter_user(session uuid, wanted_version integer, request_id text, address inet)
RETURNS TABLE (user_id uuid, tier smallint, blockchain_address bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT u.id, u.tier, u.blockchain_address INTO user_id, tier, blockchain_address
    FROM account.user_sessions AS s
    JOIN account.users AS u ON u.id = s.user_id
    WHERE s.id = session AND s.version = wanted_version AND s.ended_at IS NULL AND s.expires_at > now()
      AND u.status = 'active';
    IF FOUND THEN
        PERFORM account.enter('user', user_id, session, request_id, address);
        RETURN NEXT;
    END IF;
END
$$;

CREATE FUNCTION account.enter_admin(session uuid, wanted_version integer, request_id text, address inet)
RETURNS TABLE (admin_id uuid, role text, permissions text[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT a.id, a.role, account.permissions_of(a.id) INTO admin_id, role, permissions
    FROM account.admin_sessions AS s
    JOIN account.admin_users AS a ON a.id = s.admin_id
    WHERE s.id = session AND s.version = wanted_version AND s.ended_at IS NULL AND s.expires_at > now()
      AND a.is_active;
    IF FOUND THEN
        PERFORM account.enter('admin', admin_id, session, request_id, address);
        RETURN NEXT;
    END IF;
END
$$;

-- Versions for optimistic concurrency.

CREATE FUNCTION account.touch() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.version := OLD.version + 1;
    RETURN NEW;
END
$$;

CREATE FUNCTION account.touch_dated() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

CREATE FUNCTION account.guard_sessions() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF (OLD.ended_at IS NOT NULL AND NEW.ended_at IS NULL) OR NEW.version < OLD.version THEN
        PERFORM account.refuse(409, 'sessions_ended', 'a session that was ended or revoked stays so; sign in again');
    END IF;
    RETURN NEW;
END
$$;

-- Users.

CREATE FUNCTION account.guard_users() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF account.current_user_id() IS NOT NULL
        AND (NEW.tier, NEW.status, NEW.kyc_verified_at, NEW.erased_at)
            IS DISTINCT FROM (OLD.tier, OLD.status, OLD.kyc_verified_at, OLD.erased_at) THEN
        PERFORM account.refuse(403, 'users_own_standing', 'a user does not change their own tier or status');
    END IF;
    IF NEW.blockchain_address <> OLD.blockchain_address THEN
        PERFORM account.refuse(409, 'users_address', 'the wallet of a user does not change');
    END IF;
    -- One policy lets in who may change either; each has its own permission, and an erasure its own decision.
    IF account.current_admin_id() IS NOT NULL AND NEW.erased_at IS NOT DISTINCT FROM OLD.erased_at AND (
        ((NEW.status, NEW.status_reason, NEW.phone_hash, NEW.metadata)
            IS DISTINCT FROM (OLD.status, OLD.status_reason, OLD.phone_hash, OLD.metadata)
            AND NOT account.admin_may('users.write'))
        OR (NEW.tier <> OLD.tier AND NOT account.admin_may('users.tier'))
    ) THEN
        PERFORM account.refuse(403, 'users_permission', 'the status of a user needs the permission users.write, the tier users.tier');
    END IF;
    IF NEW.status <> OLD.status AND NOT (OLD.status, NEW.status) IN (
        ('active', 'suspended'), ('suspended', 'active'), ('active', 'closed'), ('suspended', 'closed')
    ) THEN
        PERFORM account.refuse(409, 'users_status', format('a user who is %s does not become %s', OLD.status, NEW.status));
    END IF;
    IF NEW.tier > OLD.tier AND NOT account.is_approved('tier_raise', NEW.id, jsonb_build_object('tier', NEW.tier)) THEN
        PERFORM account.refuse(403, 'users_tier_raise', 'a tier is raised only by what a second administrator approves');
    END IF;
    IF NEW.erased_at IS NOT NULL AND OLD.erased_at IS NULL AND NOT account.is_approved('erasure', NEW.id, '{}') THEN
        PERFORM account.refuse(403, 'users_erasure', 'a user is erased only by what a second administrator approves');
    END IF;
    IF NEW.status <> 'active' AND OLD.status = 'active' THEN
        UPDATE account.user_sessions AS s SET ended_at = now(), ended_because = 'account_changed'
        WHERE s.user_id = NEW.id AND s.ended_at IS NULL;
    END IF;
    RETURN NEW;
END
$$;

-- What was decided in this very transaction: an approval serves once.
CREATE FUNCTION account.is_approved(wanted text, resource uuid, wanted_change jsonb) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM account.approvals AS a
        WHERE a.kind = wanted AND a.resource_id = resource AND a.change = wanted_change
          AND a.status = 'approved' AND a.decided_at = now()
    )
$$;

CREATE FUNCTION account.guard_approvals() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    needed text := CASE NEW.kind WHEN 'tier_raise' THEN 'users.tier' WHEN 'role_change' THEN 'admins.write'
                   WHEN 'erasure' THEN 'users.erase' ELSE 'assets.write' END;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'pending' OR NEW.requested_by IS DISTINCT FROM account.current_admin_id() THEN
            PERFORM account.refuse(403, 'approvals_requested', 'an approval is asked for by the administrator who acts');
        END IF;
        IF NOT account.admin_may(needed) THEN
            PERFORM account.refuse(403, 'approvals_permission', format('to ask for this needs the permission %s', needed));
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.status <> 'pending' THEN
        PERFORM account.refuse(409, 'approvals_decided', format('this was %s already', OLD.status));
    END IF;
    IF (NEW.kind, NEW.resource_id, NEW.change, NEW.requested_by, NEW.justification)
        IS DISTINCT FROM (OLD.kind, OLD.resource_id, OLD.change, OLD.requested_by, OLD.justification) THEN
        PERFORM account.refuse(409, 'approvals_change', 'what was asked does not change; cancel it and ask anew');
    END IF;
    IF NEW.status IN ('approved', 'rejected') THEN
        IF NEW.decided_by IS DISTINCT FROM account.current_admin_id() OR NEW.decided_at IS DISTINCT FROM now() THEN
            PERFORM account.refuse(403, 'approvals_decided_by', 'a decision is signed by who takes it, when it is taken');
        END IF;
        IF NEW.decided_by = OLD.requested_by THEN
            PERFORM account.refuse(403, 'approvals_four_eyes', 'who asked does not decide: it takes a second administrator');
        END IF;
        IF NOT (account.admin_may('approvals.decide') AND account.admin_may(needed)) THEN
            PERFORM account.refuse(403, 'approvals_permission', format('to decide this needs approvals.decide and %s', needed));
        END IF;
        IF NEW.status = 'approved' AND OLD.kind = 'role_change' AND OLD.resource_id = NEW.decided_by THEN
            PERFORM account.refuse(403, 'approvals_own_role', 'nobody approves what they themselves may do');
        END IF;
        IF NEW.status = 'approved' AND OLD.expires_at <= now() THEN
            PERFORM account.refuse(409, 'approvals_expired', 'this waited for too long; ask anew');
        END IF;
        PERFORM set_config('app.approval_id', NEW.id::text, true),
                set_config('app.approved_by', NEW.decided_by::text, true);
    ELSIF NEW.status = 'cancelled' AND (NEW.decided_by IS DISTINCT FROM OLD.requested_by
        OR (account.current_admin_id() IS DISTINCT FROM OLD.requested_by AND OLD.expires_at > now())) THEN
        PERFORM account.refuse(403, 'approvals_cancelled', 'who asked may cancel; others reject');
    END IF;
    NEW.version := OLD.version + 1;
    RETURN NEW;
END
$$;

CREATE FUNCTION account.guard_admin_users() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    me uuid := account.current_admin_id();
    -- Who chooses another password stays signed in where that was done.
    kept uuid;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.role = 'super_admin' AND me IS NOT NULL THEN
            PERFORM account.refuse(403, 'admin_users_super_admin',
                'a super_admin is made on the command line, or out of another role by four eyes');
        END IF;
        IF me IS NOT NULL AND num_nonnulls(NEW.password_hash, NEW.totp_secret, NEW.totp_confirmed_at) > 0 THEN
            PERFORM account.refuse(403, 'admin_users_password', 'a password is chosen by its owner, with the setup token');
        END IF;
        RETURN NEW;
    END IF;
    IF me <> OLD.id AND NEW.password_hash IS NOT NULL AND NEW.password_hash IS DISTINCT FROM OLD.password_hash THEN
        PERFORM account.refuse(403, 'admin_users_password', 'a password is chosen by its owner, with the setup token');
    END IF;
    -- Else one super_admin could sign in as the second one, and be both pairs of eyes; and whoever has a session could
    -- make password and second factor of it.
    IF (me = OLD.id OR (me IS NOT NULL AND OLD.role = 'super_admin')) AND NEW.setup_hash IS NOT NULL AND NEW.setup_hash IS DISTINCT FROM OLD.setup_hash THEN
        PERFORM account.refuse(403, 'admin_users_super_admin', 'another administrator resets a second factor, and that of a super_admin is reset on the command line');
    END IF;
    IF me <> OLD.id AND OLD.role = 'super_admin'
        AND NOT EXISTS (SELECT FROM account.admin_users AS s WHERE s.id = me AND s.role = 'super_admin' AND s.is_active) THEN
        PERFORM account.refuse(403, 'admin_users_super_admin', 'a super_admin is changed by a super_admin alone');
    END IF;
    IF NEW.role <> OLD.role AND NOT account.is_approved('role_change', NEW.id, jsonb_build_object('role', NEW.role)) THEN
        PERFORM account.refuse(403, 'admin_users_role', 'a role changes only by what a second administrator approves');
    END IF;
    IF OLD.role = 'super_admin' AND OLD.is_active AND (NEW.role <> 'super_admin' OR NOT NEW.is_active) THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('pend super_admin', 0));
        IF NOT EXISTS (SELECT FROM account.admin_users AS o
                       WHERE o.id <> OLD.id AND o.role = 'super_admin' AND o.is_active) THEN
            PERFORM account.refuse(409, 'admin_users_last', 'this is the last super_admin; make another one first');
        END IF;
    END IF;
    IF NOT NEW.is_active OR NEW.role <> OLD.role OR NEW.password_hash IS DISTINCT FROM OLD.password_hash
        OR (OLD.totp_confirmed_at IS NOT NULL AND NEW.totp_secret IS DISTINCT FROM OLD.totp_secret) THEN
        IF me = NEW.id AND NEW.is_active AND NEW.role = OLD.role THEN
            kept := nullif(current_setting('app.session_id', true), '')::uuid;
        END IF;
        UPDATE account.admin_sessions AS s SET ended_at = now(), ended_because = 'account_changed'
        WHERE s.admin_id = NEW.id AND s.ended_at IS NULL AND s.id IS DISTINCT FROM kept;
    END IF;
    NEW.version := OLD.version + 1;
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

-- Know your customer.

CREATE FUNCTION account.guard_kyc_applications() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF (NEW.status, NEW.assigned_to, NEW.verified_by, NEW.review_notes)
            IS DISTINCT FROM ('pending_review', NULL::uuid, NULL::uuid, NULL::bytea) THEN
            PERFORM account.refuse(409, 'kyc_applications_begin', 'an application begins pending_review');
        END IF;
        IF EXISTS (SELECT FROM account.kyc_applications AS k WHERE k.user_id = NEW.user_id AND k.status = 'verified') THEN
            PERFORM account.refuse(409, 'kyc_applications_verified', 'this user is verified already');
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.user_id, NEW.details, NEW.submitted_at) IS DISTINCT FROM (OLD.user_id, OLD.details, OLD.submitted_at) THEN
        PERFORM account.refuse(409, 'kyc_applications_details', 'what was submitted does not change; it is rejected and submitted anew');
    END IF;
    IF NEW.status <> OLD.status AND NOT (OLD.status, NEW.status) IN (
        ('pending_review', 'under_review'), ('under_review', 'verified'), ('under_review', 'rejected')
    ) THEN
        PERFORM account.refuse(409, 'kyc_applications_status',
            format('an application that is %s does not become %s', OLD.status, NEW.status));
    END IF;
    IF OLD.status IN ('verified', 'rejected') AND NOT (
        NEW.status = OLD.status AND NEW.assigned_to IS NOT DISTINCT FROM OLD.assigned_to
        AND NEW.rejection_reason IS NOT DISTINCT FROM OLD.rejection_reason
        AND NEW.verified_by IS NOT DISTINCT FROM OLD.verified_by
    ) THEN
        PERFORM account.refuse(409, 'kyc_applications_decided', format('this application was %s; its decision stands', OLD.status));
    END IF;
    IF NEW.status IN ('verified', 'rejected') AND OLD.status = 'under_review' THEN
        IF NEW.verified_by IS DISTINCT FROM account.current_admin_id() OR OLD.assigned_to IS DISTINCT FROM NEW.verified_by THEN
            PERFORM account.refuse(403, 'kyc_applications_assigned', 'the reviewer whom it is assigned to decides, nobody else');
        END IF;
        IF NEW.status = 'verified' THEN
            UPDATE account.users AS u SET kyc_verified_at = now() WHERE u.id = NEW.user_id;
        END IF;
    END IF;
    IF NEW.assigned_to IS DISTINCT FROM OLD.assigned_to AND NEW.assigned_to IS NOT NULL
        AND NOT 'kyc.review' = ANY (account.permissions_of(NEW.assigned_to)) THEN
        PERFORM account.refuse(409, 'kyc_applications_reviewer', 'who is assigned must be allowed to review (kyc.review)');
    END IF;
    NEW.version := OLD.version + 1;
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

CREATE FUNCTION account.guard_kyc_documents() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most constant integer := 10;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.user_id, NEW.document_type, NEW.stored_filename, NEW.file_size, NEW.mime_type, NEW.data_key_id, NEW.uploaded_at)
            IS DISTINCT FROM (OLD.user_id, OLD.document_type, OLD.stored_filename, OLD.file_size, OLD.mime_type, OLD.data_key_id, OLD.uploaded_at)
            OR (NEW.file_hash IS DISTINCT FROM OLD.file_hash AND NEW.erased_at IS NULL) THEN
            PERFORM account.refuse(409, 'kyc_documents_content', 'a document does not change; upload another one');
        END IF;
        IF OLD.application_id IS NOT NULL AND NEW.application_id IS DISTINCT FROM OLD.application_id THEN
            PERFORM account.refuse(409, 'kyc_documents_used', 'this document belongs to an application already');
        END IF;
    ELSE
        -- One after the other for one user, so that the count holds.
        PERFORM FROM account.users AS u WHERE u.id = NEW.user_id FOR NO KEY UPDATE;
        IF (SELECT count(*) FROM account.kyc_documents AS d
            WHERE d.user_id = NEW.user_id AND d.application_id IS NULL AND d.erased_at IS NULL) >= most THEN
            PERFORM account.refuse(409, 'kyc_documents_count',
                format('%s documents wait to be submitted, and no more may; submit or delete some', most));
        END IF;
    END IF;
    IF NEW.application_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM account.kyc_applications AS k WHERE k.id = NEW.application_id AND k.user_id = NEW.user_id
    ) THEN
        PERFORM account.refuse(409, 'kyc_documents_application', 'a document goes with an application of the same user');
    END IF;
    RETURN NEW;
END
$$;

-- A document that is deleted takes its key with it: a file that stays in the storage cannot be read any more. Its own
-- key alone: the row says which that is, and whoever wrote it may have named another's.
CREATE FUNCTION account.destroy_document_key() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE account.data_keys AS k SET wrapped = NULL, destroyed_at = now() WHERE k.id = OLD.data_key_id AND k.user_id = OLD.user_id
      AND k.purpose = 'document' AND k.wrapped IS NOT NULL;
    RETURN NULL;
END
$$;

-- Assets.

CREATE FUNCTION account.guard_assets() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'draft' AND account.current_admin_id() IS NOT NULL THEN
            PERFORM account.refuse(409, 'assets_begin', 'an asset begins as a draft');
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.status <> OLD.status AND NOT (OLD.status, NEW.status) IN (
        ('draft', 'active'), ('active', 'paused'), ('paused', 'active'), ('active', 'closed'), ('paused', 'closed')
    ) THEN
        PERFORM account.refuse(409, 'assets_status', format('an asset that is %s does not become %s', OLD.status, NEW.status));
    END IF;
    IF OLD.status = 'draft' AND NEW.status = 'active' AND NOT account.is_approved('asset_activation', NEW.id, '{}') THEN
        PERFORM account.refuse(403, 'assets_activation', 'an asset is activated only by what a second administrator approves');
    END IF;
    IF OLD.status <> 'draft' AND (NEW.type, NEW.contract_address) IS DISTINCT FROM (OLD.type, OLD.contract_address) THEN
        PERFORM account.refuse(409, 'assets_contract', 'type and contract of an asset change while it is a draft, not later');
    END IF;
    IF NEW.type <> OLD.type AND EXISTS (SELECT FROM account.asset_details AS d WHERE d.asset_id = NEW.id) THEN
        PERFORM account.refuse(409, 'assets_type', 'the type of an asset changes before it has details, not later');
    END IF;
    IF NEW.status = 'draft' AND account.awaits_activation(NEW.id) THEN
        PERFORM account.refuse(409, 'assets_awaits_activation', 'a draft that waits for its activation does not change; cancel that first');
    END IF;
    NEW.version := OLD.version + 1;
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

-- What a second administrator decides about is what the first one asked for.
CREATE FUNCTION account.awaits_activation(asset uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM account.approvals AS a
        WHERE a.kind = 'asset_activation' AND a.resource_id = asset AND a.status = 'pending' AND a.expires_at > now()
    )
$$;

CREATE FUNCTION account.begin_asset() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO account.asset_metrics (asset_id) VALUES (NEW.id);
    RETURN NULL;
END
$$;

CREATE FUNCTION account.guard_asset_details() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    of_asset account.assets%ROWTYPE;
    wanted_cap numeric := NEW.max_supply * NEW.token_price;
BEGIN
    SELECT * INTO of_asset FROM account.assets AS a WHERE a.id = NEW.asset_id;
    IF of_asset.type = 'interest' AND num_nonnulls(NEW.token_price, NEW.max_supply, NEW.minimum_investment, NEW.lockup_period) > 0 THEN
        PERFORM account.refuse(422, 'asset_details_interest',
            'an interest-only asset has no token price, supply, minimum or lockup');
    END IF;
    IF of_asset.type = 'investment' AND num_nonnulls(NEW.soft_cap, NEW.contact_format) > 0 THEN
        PERFORM account.refuse(422, 'asset_details_investment', 'soft cap and contact are of interest-only assets');
    END IF;
    IF of_asset.status = 'draft' AND account.awaits_activation(NEW.asset_id) THEN
        PERFORM account.refuse(409, 'assets_awaits_activation', 'a draft that waits for its activation does not change; cancel that first');
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF of_asset.status <> 'draft' AND (NEW.currency, NEW.token_decimals) IS DISTINCT FROM (OLD.currency, OLD.token_decimals) THEN
            PERFORM account.refuse(409, 'asset_details_currency', 'currency and decimals change while the asset is a draft, not later');
        END IF;
        NEW.version := OLD.version + 1;
    END IF;
    UPDATE account.asset_metrics AS m SET cap = wanted_cap, last_updated = now()
    WHERE m.asset_id = NEW.asset_id AND m.cap IS DISTINCT FROM wanted_cap
      AND (wanted_cap IS NULL OR m.total_invested + m.total_reserved <= wanted_cap);
    IF NOT FOUND AND EXISTS (SELECT FROM account.asset_metrics AS m WHERE m.asset_id = NEW.asset_id AND m.cap IS DISTINCT FROM wanted_cap) THEN
        PERFORM account.refuse(409, 'asset_metrics_within_cap', 'more is invested already than this supply and price allow');
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION account.guard_asset_documents() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF account.awaits_activation(coalesce(NEW.asset_id, OLD.asset_id)) THEN
        PERFORM account.refuse(409, 'assets_awaits_activation', 'a draft that waits for its activation does not change; cancel that first');
    END IF;
    RETURN coalesce(NEW, OLD);
END
$$;

CREATE FUNCTION account.count_interest() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asset uuid := coalesce(NEW.asset_id, OLD.asset_id);
BEGIN
    IF TG_OP = 'INSERT' AND NOT EXISTS (
        SELECT FROM account.assets AS a LEFT JOIN account.asset_details AS d ON d.asset_id = a.id
        WHERE a.id = asset AND a.type = 'interest' AND a.status = 'active' AND (d.deadline IS NULL OR d.deadline > now())
    ) THEN
        PERFORM account.refuse(409, 'asset_interests_open', 'interest is shown in active interest-only assets before their deadline');
    END IF;
    UPDATE account.asset_metrics AS m
    SET interested_count = m.interested_count + CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END, last_updated = now()
    WHERE m.asset_id = asset;
    RETURN NULL;
END
$$;

-- Investments. Locks are taken in one order: user, asset, totals.

CREATE FUNCTION account.guard_investments() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    investor record;
    offer record;
    has numeric;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.user_id, NEW.asset_id, NEW.amount, NEW.currency, NEW.invested_at)
            IS DISTINCT FROM (OLD.user_id, OLD.asset_id, OLD.amount, OLD.currency, OLD.invested_at) THEN
            PERFORM account.refuse(409, 'investments_terms', 'the terms of an investment do not change');
        END IF;
        NEW.version := OLD.version + 1;
        RETURN NEW;
    END IF;
    IF NEW.status <> 'pending' THEN
        PERFORM account.refuse(409, 'investments_begin', 'an investment begins pending');
    END IF;
    SELECT u.status, u.tier, u.kyc_verified_at, t.invested_max, t.requires_kyc INTO investor
    FROM account.users AS u JOIN account.user_tiers AS t ON t.tier = u.tier
    WHERE u.id = NEW.user_id FOR NO KEY UPDATE OF u;
    SELECT a.type, a.status, d.* INTO offer
    FROM account.assets AS a JOIN account.asset_details AS d ON d.asset_id = a.id
    WHERE a.id = NEW.asset_id FOR SHARE OF a;
    IF NOT FOUND OR offer.type <> 'investment' OR offer.status <> 'active' THEN
        PERFORM account.refuse(409, 'investments_open', 'this asset does not take investments now');
    END IF;
    IF offer.deadline <= now() THEN
        PERFORM account.refuse(409, 'investments_deadline', format('the deadline was %s', offer.deadline));
    END IF;
    IF investor.status <> 'active' THEN
        PERFORM account.refuse(403, 'investments_user', 'this account does not invest now');
    END IF;
    IF investor.tier < offer.min_tier_required THEN
        PERFORM account.refuse(403, 'investments_tier',
            format('this asset asks for tier %s, yours is %s', offer.min_tier_required, investor.tier));
    END IF;
    IF investor.requires_kyc AND investor.kyc_verified_at IS NULL THEN
        PERFORM account.refuse(403, 'investments_kyc', 'investing needs a verified identity; submit an application');
    END IF;
    IF NEW.currency <> offer.currency THEN
        PERFORM account.refuse(422, 'investments_currency', format('this asset is in %s, not %s', offer.currency, NEW.currency));
    END IF;
    IF NEW.amount <> trunc(NEW.amount, offer.token_decimals) THEN
        PERFORM account.refuse(422, 'investments_decimals', format('this asset has %s decimals at most', offer.token_decimals));
    END IF;
    IF NEW.amount < offer.minimum_investment THEN
        PERFORM account.refuse(422, 'investments_minimum', format('at least %s %s', trim_scale(offer.minimum_investment), offer.currency));
    END IF;
    IF offer.agreement_hash IS NOT NULL AND NOT EXISTS (
        SELECT FROM account.investment_agreements AS g
        WHERE g.user_id = NEW.user_id AND g.asset_id = NEW.asset_id AND g.agreement_hash = offer.agreement_hash
    ) THEN
        PERFORM account.refuse(409, 'investments_agreement', 'sign the agreement of this asset first');
    END IF;
    IF investor.invested_max IS NOT NULL THEN
        SELECT coalesce(sum(i.amount - i.withdrawn), 0) INTO has
        FROM account.investments AS i WHERE i.user_id = NEW.user_id AND i.status IN ('pending', 'confirmed');
        IF has + NEW.amount > investor.invested_max THEN
            PERFORM account.refuse(403, 'investments_tier_limit', format('tier %s invests %s at most, %s is invested or asked for',
                investor.tier, trim_scale(investor.invested_max), trim_scale(has)));
        END IF;
    END IF;
    UPDATE account.asset_metrics AS m
    SET total_reserved = m.total_reserved + NEW.amount, last_updated = now()
    WHERE m.asset_id = NEW.asset_id AND (m.cap IS NULL OR m.total_invested + m.total_reserved + NEW.amount <= m.cap);
    IF NOT FOUND THEN
        PERFORM account.refuse(409, 'asset_metrics_within_cap', 'less than this amount is left of the asset');
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION account.begin_investment() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO account.transactions (user_id, asset_id, investment_id, kind, amount, currency, asked_at_block, expires_at)
    VALUES (NEW.user_id, NEW.asset_id, NEW.id, 'investment', NEW.amount, NEW.currency,
            coalesce((SELECT t.head_number FROM chain.tip AS t), -1), NEW.expires_at);
    RETURN NULL;
END
$$;

CREATE FUNCTION account.guard_transactions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held record;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.user_id, NEW.asset_id, NEW.investment_id, NEW.kind, NEW.amount, NEW.currency, NEW.asked_at_block)
            IS DISTINCT FROM (OLD.user_id, OLD.asset_id, OLD.investment_id, OLD.kind, OLD.amount, OLD.currency, OLD.asked_at_block) THEN
            PERFORM account.refuse(409, 'transactions_terms', 'what was asked for does not change');
        END IF;
        IF OLD.status = 'failed' AND NEW.status <> 'failed' THEN
            PERFORM account.refuse(409, 'transactions_status', 'what has failed stays so; ask anew');
        END IF;
        IF account.current_user_id() IS NOT NULL AND (OLD.status <> 'pending' OR NOT (
            NEW.status = 'pending' OR (NEW.failure_reason IS NOT DISTINCT FROM 'cancelled' AND OLD.transaction_hash IS NULL)
        )) THEN
            PERFORM account.refuse(403, 'transactions_settled', 'the chain settles transactions, nobody else');
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.status <> 'pending' THEN
        PERFORM account.refuse(409, 'transactions_begin', 'a transaction begins pending');
    END IF;
    IF NEW.kind = 'withdrawal' THEN
        SELECT i.user_id, i.asset_id, i.status, i.currency, i.confirmed_at, i.amount - i.withdrawn - i.withdrawing AS free,
               d.lockup_period, d.token_decimals
        INTO held
        FROM account.investments AS i JOIN account.asset_details AS d ON d.asset_id = i.asset_id
        WHERE i.id = NEW.investment_id FOR NO KEY UPDATE OF i;
        IF NOT FOUND OR (held.user_id, held.asset_id, held.currency) <> (NEW.user_id, NEW.asset_id, NEW.currency) THEN
            PERFORM account.refuse(404, 'transactions_investment', 'there is no such investment');
        END IF;
        IF held.status <> 'confirmed' THEN
            PERFORM account.refuse(409, 'transactions_confirmed', format('this investment is %s; a confirmed one is withdrawn', held.status));
        END IF;
        IF held.confirmed_at + make_interval(days => coalesce(held.lockup_period, 0)) > now() THEN
            PERFORM account.refuse(409, 'transactions_lockup', format('locked until %s',
                to_char(held.confirmed_at + make_interval(days => held.lockup_period), 'YYYY-MM-DD"T"HH24:MI:SSOF')));
        END IF;
        IF NEW.amount <> trunc(NEW.amount, held.token_decimals) THEN
            PERFORM account.refuse(422, 'investments_decimals', format('this asset has %s decimals at most', held.token_decimals));
        END IF;
        IF NEW.amount > held.free THEN
            PERFORM account.refuse(409, 'investments_not_overdrawn', format('%s %s can be withdrawn', trim_scale(held.free), held.currency));
        END IF;
        UPDATE account.investments AS i SET withdrawing = i.withdrawing + NEW.amount WHERE i.id = NEW.investment_id;
        NEW.asked_at_block := coalesce((SELECT t.head_number FROM chain.tip AS t), -1);
    END IF;
    RETURN NEW;
END
$$;

-- What a settled leg means for the investment and for the totals of the asset; a leg that a reorg took back is
-- pending again, and everything with it.
CREATE FUNCTION account.settle_leg() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moved numeric := NEW.amount;
    invested numeric := 0;
    reserved numeric := 0;
    held_before boolean;
    holds boolean;
BEGIN
    held_before := EXISTS (SELECT FROM account.investments AS i WHERE i.user_id = NEW.user_id AND i.asset_id = NEW.asset_id AND i.status = 'confirmed');
    IF NEW.kind = 'investment' THEN
        IF NEW.status = 'confirmed' THEN
            UPDATE account.investments AS i SET status = 'confirmed', confirmed_at = now(),
                transaction_hash = NEW.transaction_hash, block_number = NEW.block_number WHERE i.id = NEW.investment_id;
            reserved := -moved; invested := moved;
        ELSIF NEW.status = 'failed' THEN
            -- After a reorg that took the investment back: nothing is left to withdraw.
            UPDATE account.transactions AS t SET status = 'failed', settled_at = now(), failure_reason = 'investment_failed'
            WHERE t.investment_id = NEW.investment_id AND t.kind = 'withdrawal' AND t.status = 'pending';
            UPDATE account.investments AS i SET status = 'failed', failure_reason = NEW.failure_reason,
                transaction_hash = NEW.transaction_hash WHERE i.id = NEW.investment_id;
            reserved := -moved;
        ELSE
            UPDATE account.investments AS i SET status = 'pending', confirmed_at = NULL, block_number = NULL WHERE i.id = NEW.investment_id;
            reserved := moved; invested := -moved;
        END IF;
    ELSIF NEW.status = 'confirmed' THEN
        UPDATE account.investments AS i SET withdrawing = i.withdrawing - moved, withdrawn = i.withdrawn + moved,
            status = CASE WHEN i.withdrawn + moved = i.amount THEN 'refunded' ELSE i.status END WHERE i.id = NEW.investment_id;
        invested := -moved;
    ELSIF NEW.status = 'failed' THEN
        UPDATE account.investments AS i SET withdrawing = i.withdrawing - moved WHERE i.id = NEW.investment_id;
    ELSE
        UPDATE account.investments AS i SET withdrawing = i.withdrawing + moved, withdrawn = i.withdrawn - moved, status = 'confirmed'
        WHERE i.id = NEW.investment_id;
        invested := moved;
    END IF;
    holds := EXISTS (SELECT FROM account.investments AS i WHERE i.user_id = NEW.user_id AND i.asset_id = NEW.asset_id AND i.status = 'confirmed');
    IF invested <> 0 OR reserved <> 0 THEN
        UPDATE account.asset_metrics AS m
        SET total_invested = m.total_invested + invested, total_reserved = m.total_reserved + reserved,
            investor_count = m.investor_count + holds::integer - held_before::integer, last_updated = now()
        WHERE m.asset_id = NEW.asset_id;
    END IF;
    RETURN NULL;
END
$$;

-- The worker that compares intents with the chain. It says which event; whether that event is what was asked for is
-- decided here, so that a mistaken or captured worker confirms nothing that the chain does not say.

CREATE FUNCTION account.open_transactions(after_created timestamptz, after_id uuid, most integer)
RETURNS TABLE (id uuid, kind text, wallet bytea, pool bytea, chain_amount numeric, transaction_hash bytea,
               asked_at_block bigint, created_at timestamptz, expires_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.id, t.kind, u.blockchain_address, a.contract_address, trunc(t.amount * 10::numeric ^ d.token_decimals),
           t.transaction_hash, t.asked_at_block, t.created_at, t.expires_at
    FROM account.transactions AS t
    JOIN account.users AS u ON u.id = t.user_id
    JOIN account.assets AS a ON a.id = t.asset_id
    JOIN account.asset_details AS d ON d.asset_id = t.asset_id
    WHERE t.status = 'pending' AND (t.created_at, t.id) > (after_created, after_id)
    ORDER BY t.created_at, t.id
    LIMIT most
$$;

-- Legs that a reorg may still take back, the newest first.
CREATE FUNCTION account.not_final_transactions(before_block bigint, before_log integer, most integer)
RETURNS TABLE (id uuid, block_number bigint, block_hash bytea, log_index integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.id, t.block_number, t.block_hash, t.log_index
    FROM account.transactions AS t
    WHERE t.status = 'confirmed' AND NOT t.is_final AND (t.block_number, t.log_index) < (before_block, before_log)
    ORDER BY t.block_number DESC, t.log_index DESC
    LIMIT most
$$;

-- Up to this block the chain is final: legs whose block is still the same one stay. How many they were.
CREATE FUNCTION account.finalize_transactions(up_to bigint, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    leg record;
    now_there bytea;
    done integer := 0;
BEGIN
    FOR leg IN
        SELECT t.id, t.block_number, t.block_hash FROM account.transactions AS t
        WHERE t.status = 'confirmed' AND NOT t.is_final AND t.block_number <= up_to
        ORDER BY t.block_number, t.log_index LIMIT most FOR NO KEY UPDATE
    LOOP
        EXECUTE format('SELECT b.hash FROM chain.blocks AS b WHERE b.number = %s', leg.block_number) INTO now_there;
        IF now_there = leg.block_hash THEN
            UPDATE account.transactions AS t SET is_final = true WHERE t.id = leg.id;
            done := done + 1;
        END IF;
    END LOOP;
    RETURN done;
END
$$;

CREATE FUNCTION account.confirm_transaction(transaction uuid, block bigint, log integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked record;
    seen record;
BEGIN
    SELECT t.kind, t.status, t.amount, t.transaction_hash, t.asked_at_block, u.blockchain_address, a.contract_address, d.token_decimals,
           i.status AS investment_status
    INTO asked
    FROM account.transactions AS t
    JOIN account.investments AS i ON i.id = t.investment_id
    JOIN account.users AS u ON u.id = t.user_id
    JOIN account.assets AS a ON a.id = t.asset_id
    JOIN account.asset_details AS d ON d.asset_id = t.asset_id
    WHERE t.id = transaction FOR NO KEY UPDATE OF t;
    IF NOT FOUND OR asked.status <> 'pending' OR block <= asked.asked_at_block
        OR (asked.kind = 'withdrawal' AND asked.investment_status <> 'confirmed') THEN
        RETURN false;
    END IF;
    -- Block numbers as constants: a hypertable opens one chunk for each.
    EXECUTE format(
        'SELECT e.address, e.signature, chain.address_argument(e.arguments, ''investor'') AS wallet,
                chain.number_argument(e.arguments, ''amount'') AS amount, x.hash AS transaction_hash, b.hash AS block_hash
         FROM chain.decoded_events AS e, chain.transactions AS x, chain.blocks AS b
         WHERE e.block_number = %1$s AND e.log_index = %2$s AND x.block_number = %1$s
           AND x.transaction_index = e.transaction_index AND b.number = %1$s', block, log)
    INTO seen;
    IF seen.address IS DISTINCT FROM asked.contract_address OR seen.wallet IS DISTINCT FROM asked.blockchain_address
        OR seen.signature IS DISTINCT FROM (
            CASE asked.kind WHEN 'investment' THEN 'Invested(address,uint256)' ELSE 'Withdrawn(address,uint256)' END)
        OR seen.amount IS DISTINCT FROM asked.amount * 10::numeric ^ asked.token_decimals
        OR (asked.transaction_hash IS NOT NULL AND seen.transaction_hash <> asked.transaction_hash)
        OR EXISTS (SELECT FROM account.transactions AS o WHERE o.status = 'confirmed' AND o.block_number = block AND o.log_index = log) THEN
        RETURN false;
    END IF;
    UPDATE account.transactions AS t
    SET status = 'confirmed', settled_at = now(), block_number = block, log_index = log, block_hash = seen.block_hash,
        transaction_hash = seen.transaction_hash, hash_is_found = t.hash_is_found OR t.transaction_hash IS NULL
    WHERE t.id = transaction;
    RETURN true;
END
$$;

CREATE FUNCTION account.fail_transaction(transaction uuid, reason text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE account.transactions AS t SET status = 'failed', settled_at = now(), failure_reason = reason
    WHERE t.id = transaction AND t.status = 'pending';
    RETURN FOUND;
END
$$;

-- Nothing unless the block that confirmed it is really another one now, or gone; nor while something stands on it:
-- a withdrawal that is confirmed, or another investment in the place that a withdrawal had freed.
CREATE FUNCTION account.unconfirm_transaction(transaction uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    settled record;
    now_there bytea;
BEGIN
    SELECT t.block_number, t.block_hash INTO settled
    FROM account.transactions AS t WHERE t.id = transaction AND t.status = 'confirmed' AND NOT t.is_final FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    EXECUTE format('SELECT b.hash FROM chain.blocks AS b WHERE b.number = %s', settled.block_number) INTO now_there;
    IF now_there = settled.block_hash THEN
        RETURN false;
    END IF;
    UPDATE account.transactions AS t
    SET status = 'pending', settled_at = NULL, block_number = NULL, block_hash = NULL, log_index = NULL,
        transaction_hash = CASE WHEN NOT t.hash_is_found THEN t.transaction_hash END
    WHERE t.id = transaction;
    RETURN true;
EXCEPTION WHEN check_violation THEN
    RETURN false;
END
$$;

-- The audit trail.

-- Arguments: the columns that are secret or sealed. They appear as a fingerprint, which tells that one changed.
CREATE FUNCTION account.audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key bytea := CASE WHEN TG_NARGS > 0 THEN account.fingerprint_key(TG_TABLE_NAME, coalesce(to_jsonb(NEW), to_jsonb(OLD))) END;
    was jsonb := CASE WHEN TG_OP <> 'INSERT' THEN account.audited(to_jsonb(OLD), TG_ARGV, key) END;
    is_now jsonb := CASE WHEN TG_OP <> 'DELETE' THEN account.audited(to_jsonb(NEW), TG_ARGV, key) END;
    whole jsonb := coalesce(is_now, was);
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, is_now -> o.key) INTO was, is_now
        FROM jsonb_each(was) AS o
        WHERE o.value IS DISTINCT FROM is_now -> o.key AND o.key NOT IN ('updated_at', 'last_updated', 'is_final')
            -- The version of a session is in its tokens: raising it revokes them.
            AND (o.key <> 'version' OR TG_TABLE_NAME IN ('user_sessions', 'admin_sessions'));
        IF was IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO account.admin_audit_logs (
        actor, admin_id, user_id, action, resource_type, resource_id, old_values, new_values, ip_address, session_id,
        request_id, justification, approval_id, approved_by
    ) VALUES (
        CASE WHEN account.current_admin_id() IS NOT NULL THEN 'admin'
             WHEN account.current_user_id() IS NOT NULL THEN 'user' ELSE 'system' END,
        account.current_admin_id(), account.current_user_id(), lower(TG_OP), TG_TABLE_NAME,
        coalesce(whole ->> 'id', whole ->> 'asset_id', whole ->> 'user_id', whole ->> 'admin_id', whole ->> 'tier'), was, is_now,
        nullif(current_setting('app.client_address', true), '')::inet,
        nullif(current_setting('app.session_id', true), '')::uuid,
        nullif(current_setting('app.request_id', true), ''),
        nullif(current_setting('app.justification', true), ''),
        nullif(current_setting('app.approval_id', true), '')::uuid,
        nullif(current_setting('app.approved_by', true), '')::uuid
    );
    RETURN NULL;
END
$$;

CREATE FUNCTION account.audited(whole jsonb, secret text[], fingerprint_key bytea) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_object_agg(key, CASE
        WHEN key = ANY (secret) AND jsonb_typeof(value) <> 'null'
        THEN to_jsonb('sha256:' || left(encode(sha256(fingerprint_key || convert_to(value #>> '{}', 'UTF8')), 'hex'), 16))
        ELSE value END)
    FROM jsonb_each(whole)
$$;

-- What the fingerprints of a person's row are keyed by: the wrapped data key of that person, which an erasure destroys,
-- so that nobody finds what was masked or chosen by trying. Without one, bytes that are thrown away.
CREATE FUNCTION account.fingerprint_key(of_table text, whole jsonb) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(
        (SELECT k.wrapped FROM account.data_keys AS k
         WHERE k.purpose = 'user' AND k.user_id = coalesce(whole ->> 'user_id', CASE of_table WHEN 'users' THEN whole ->> 'id' END)::uuid),
        (SELECT k.wrapped FROM account.data_keys AS k
         WHERE k.purpose = 'admin' AND k.admin_id = coalesce(whole ->> 'admin_id', CASE of_table WHEN 'admin_users' THEN whole ->> 'id' END)::uuid),
        uuid_send(gen_random_uuid())
    )
$$;

-- What no row shows: a download, an export, a decryption of personal data.
CREATE FUNCTION account.audit_access(action text, resource_type text, resource_id text, details jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO account.admin_audit_logs (
        actor, admin_id, user_id, action, resource_type, resource_id, new_values, ip_address, session_id, request_id, justification
    )
    SELECT CASE WHEN account.current_admin_id() IS NOT NULL THEN 'admin'
                WHEN account.current_user_id() IS NOT NULL THEN 'user' ELSE 'system' END,
           account.current_admin_id(), account.current_user_id(),
           -- Null, which is refused, for what the triggers alone may say.
           CASE WHEN lower(action) NOT IN ('insert', 'update', 'delete') THEN action END, resource_type, resource_id, details,
           nullif(current_setting('app.client_address', true), '')::inet,
           nullif(current_setting('app.session_id', true), '')::uuid,
           nullif(current_setting('app.request_id', true), ''),
           nullif(current_setting('app.justification', true), '')
$$;

-- What the user who acts has done: their own rows of the trail, oldest first.
CREATE FUNCTION account.own_trail(after_id bigint, most integer)
RETURNS TABLE (id bigint, at timestamptz, action text, resource_type text, resource_id text, old_values jsonb,
               new_values jsonb, ip_address inet, session_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT l.id, l.timestamp, l.action, l.resource_type, l.resource_id, l.old_values, l.new_values, l.ip_address, l.session_id
    FROM account.admin_audit_logs AS l
    WHERE l.user_id = account.current_user_id() AND l.actor = 'user' AND l.id > coalesce(after_id, 0)
    ORDER BY l.id LIMIT most
$$;

-- How many users joined by day (UTC) and by the tier that they have now; counts alone, for analytics.read.
CREATE FUNCTION account.user_growth(first_day date, last_day date)
RETURNS TABLE (day date, tier smallint, joined bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (u.created_at AT TIME ZONE 'UTC')::date AS day, u.tier, count(*) AS joined
    FROM account.users AS u
    WHERE u.created_at >= first_day::timestamp AT TIME ZONE 'UTC'
      AND u.created_at < (last_day + 1)::timestamp AT TIME ZONE 'UTC'
      AND account.admin_may('analytics.read')
    GROUP BY 1, 2 ORDER BY 1, 2
$$;

CREATE FUNCTION account.append_only() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    -- Through jsonb: the other tables have no such column.
    IF TG_TABLE_NAME = 'audit_seals' AND TG_OP = 'UPDATE' AND to_jsonb(OLD) ->> 'anchored_at' IS NULL
        AND to_jsonb(NEW) - 'anchored_at' = to_jsonb(OLD) - 'anchored_at' THEN
        RETURN NEW;
    END IF;
    PERFORM account.refuse(403, TG_TABLE_NAME || '_append_only', format('%s is appended to, never changed', TG_TABLE_NAME));
END
$$;

-- Every row up to this one is committed or never will be: nobody is writing while the lock is held. The caller
-- commits at once.
CREATE FUNCTION account.audit_horizon() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    LOCK TABLE account.admin_audit_logs IN SHARE MODE;
    RETURN coalesce(pg_sequence_last_value(pg_get_serial_sequence('account.admin_audit_logs', 'id')::regclass), 0);
END
$$;

-- The text that is hashed, the same for ever: a column that is added later is none of it.
CREATE FUNCTION account.audit_text(log account.admin_audit_logs) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
AS $$
    SELECT jsonb_build_array(log.id, log.timestamp, log.actor, log.admin_id, log.user_id, log.action, log.resource_type,
        log.resource_id, log.old_values, log.new_values, log.ip_address, log.session_id, log.request_id, log.justification,
        log.approval_id, log.approved_by)::text
$$;

-- Seals the oldest unsealed rows up to the horizon; no row when there are none.
CREATE FUNCTION account.seal_audit(horizon bigint, most integer)
RETURNS TABLE (number bigint, first_id bigint, last_id bigint, row_count integer, hash bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before account.audit_seals%ROWTYPE;
    ids bigint[];
    hashes bytea[];
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('pend audit seal', 0));
    SELECT * INTO before FROM account.audit_seals AS s ORDER BY s.number DESC LIMIT 1;
    SELECT array_agg(r.id ORDER BY r.id), array_agg(sha256(convert_to(account.audit_text(r.whole), 'UTF8')) ORDER BY r.id)
    INTO ids, hashes
    FROM (SELECT l.id, l AS whole FROM account.admin_audit_logs AS l
          WHERE l.id > coalesce(before.last_id, 0) AND l.id <= horizon ORDER BY l.id LIMIT most) AS r;
    IF ids IS NULL THEN
        RETURN;
    END IF;
    number := coalesce(before.number, 0) + 1;
    first_id := ids[1];
    last_id := ids[cardinality(ids)];
    row_count := cardinality(ids);
    hash := account.seal_hash(coalesce(before.hash, sha256('')), number, ids, hashes);
    INSERT INTO account.audit_seals (number, first_id, last_id, row_ids, row_hashes, previous_hash, hash)
    VALUES (number, first_id, last_id, ids, hashes, coalesce(before.hash, sha256('')), hash);
    RETURN NEXT;
END
$$;

-- SHA-256 over the hash before it, then number, and id and hash of every row, big-endian.
CREATE FUNCTION account.seal_hash(previous bytea, number bigint, ids bigint[], hashes bytea[]) RETURNS bytea
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT sha256(previous || int8send(number) || string_agg(int8send(r.id) || r.hash, ''::bytea ORDER BY r.place))
    FROM unnest(ids, hashes) WITH ORDINALITY AS r (id, hash, place)
$$;

CREATE FUNCTION account.unanchored_seals(most integer)
RETURNS TABLE (number bigint, last_id bigint, hash bytea, sealed_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.number, s.last_id, s.hash, s.sealed_at FROM account.audit_seals AS s
    WHERE s.anchored_at IS NULL ORDER BY s.number LIMIT most
$$;

CREATE FUNCTION account.seal_anchored(seal bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ UPDATE account.audit_seals AS s SET anchored_at = now() WHERE s.number = seal AND s.anchored_at IS NULL $$;

-- Before anybody is signed in.

CREATE FUNCTION account.issue_challenge(
    kind text, about_user uuid, about_admin uuid, secret bytea, subject jsonb, attempts integer, lives interval
) RETURNS uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO account.challenges (kind, user_id, admin_id, secret, subject, attempts_left, expires_at)
    VALUES (kind, about_user, about_admin, secret, subject, attempts, now() + lives)
    RETURNING id
$$;

-- The challenge with this secret, which is answered by that; no row: unknown, expired or answered before.
CREATE FUNCTION account.answer_challenge(wanted text, answer bytea)
RETURNS TABLE (id uuid, user_id uuid, admin_id uuid, subject jsonb)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM account.challenges AS c
    WHERE c.kind = wanted AND c.secret = answer AND c.expires_at > now()
    RETURNING c.id, c.user_id, c.admin_id, c.subject
$$;

-- One attempt at a challenge that is known by its id; the right answer and the last wrong one end it.
CREATE FUNCTION account.attempt_challenge(wanted text, challenge uuid, answer bytea)
RETURNS TABLE (is_right boolean, attempts_left smallint, user_id uuid, admin_id uuid, subject jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_one account.challenges%ROWTYPE;
BEGIN
    SELECT * INTO found_one FROM account.challenges AS c
    WHERE c.id = challenge AND c.kind = wanted AND c.expires_at > now() FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    is_right := found_one.secret = answer;
    attempts_left := found_one.attempts_left - 1;
    user_id := found_one.user_id;
    admin_id := found_one.admin_id;
    subject := found_one.subject;
    IF is_right OR attempts_left <= 0 THEN
        DELETE FROM account.challenges AS c WHERE c.id = challenge;
    ELSE
        UPDATE account.challenges AS c SET attempts_left = attempt_challenge.attempts_left WHERE c.id = challenge;
    END IF;
    RETURN NEXT;
END
$$;

CREATE FUNCTION account.sign_in_lock(subject bytea) RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT f.locked_until FROM account.sign_in_failures AS f WHERE f.subject_hash = subject AND f.locked_until > now()
$$;

-- The fifth failure in a row locks for a minute, each one after it for twice as long, for a day at most. A day
-- without a failure forgets them.
CREATE FUNCTION account.sign_in_failed(subject bytea) RETURNS TABLE (failures integer, locked_until timestamptz)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO account.sign_in_failures AS f (subject_hash, failures) VALUES (subject, 1)
    ON CONFLICT (subject_hash) DO UPDATE SET
        failures = CASE WHEN f.last_failed_at < now() - interval '1 day' THEN 1 ELSE f.failures + 1 END,
        last_failed_at = now(),
        locked_until = CASE
            WHEN f.last_failed_at < now() - interval '1 day' OR f.failures + 1 < 5 THEN NULL
            ELSE now() + least(interval '1 day', interval '1 minute' * 2 ^ least(f.failures - 4, 20)) END
    RETURNING f.failures, f.locked_until
$$;

CREATE FUNCTION account.sign_in_succeeded(subject bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ DELETE FROM account.sign_in_failures AS f WHERE f.subject_hash = subject $$;

-- Signs a wallet in whose signature was checked; the first time makes the user. No session for one who may not act.
CREATE FUNCTION account.open_user_session(session uuid, wallet bytea, token_hash bytea, client text, lives interval)
RETURNS TABLE (user_id uuid, status text, session_version integer, is_new boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO account.users AS u (blockchain_address) VALUES (wallet)
    ON CONFLICT (blockchain_address) DO NOTHING RETURNING u.id, u.status INTO user_id, status;
    is_new := FOUND;
    IF is_new THEN
        INSERT INTO account.user_profiles (user_id) VALUES (open_user_session.user_id);
    ELSE
        SELECT u.id, u.status INTO user_id, status FROM account.users AS u WHERE u.blockchain_address = wallet;
    END IF;
    IF status = 'active' THEN
        UPDATE account.user_profiles AS p SET login_count = p.login_count + 1, last_login_at = now()
        WHERE p.user_id = open_user_session.user_id;
        INSERT INTO account.user_sessions AS s (id, user_id, token_hash, client, expires_at)
        VALUES (session, open_user_session.user_id, open_user_session.token_hash, open_user_session.client, now() + lives)
        RETURNING s.version INTO session_version;
    END IF;
    RETURN NEXT;
END
$$;

CREATE FUNCTION account.admin_for_sign_in(wanted_email text)
RETURNS TABLE (id uuid, name text, role text, password_hash text, totp_secret bytea, totp_last_step bigint, is_active boolean,
               has_totp boolean, security_keys integer, data_key_id uuid, wrapped bytea, master_key_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.id, a.name, a.role, a.password_hash, a.totp_secret, a.totp_last_step, a.is_active, a.totp_confirmed_at IS NOT NULL,
           (SELECT count(*)::integer FROM account.admin_security_keys AS s WHERE s.admin_id = a.id), k.id, k.wrapped, k.master_key_id
    FROM account.admin_users AS a
    LEFT JOIN account.data_keys AS k ON k.admin_id = a.id AND k.purpose = 'admin'
    WHERE a.email = wanted_email
$$;

CREATE FUNCTION account.admin_for_second_factor(admin uuid)
RETURNS TABLE (id uuid, email text, name text, role text, totp_secret bytea, totp_last_step bigint, has_totp boolean,
               credential_ids bytea[], data_key_id uuid, wrapped bytea, master_key_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.id, a.email, a.name, a.role, a.totp_secret, a.totp_last_step, a.totp_confirmed_at IS NOT NULL,
           (SELECT coalesce(array_agg(s.credential_id), '{}') FROM account.admin_security_keys AS s WHERE s.admin_id = a.id),
           k.id, k.wrapped, k.master_key_id
    FROM account.admin_users AS a
    LEFT JOIN account.data_keys AS k ON k.admin_id = a.id AND k.purpose = 'admin'
    WHERE a.id = admin AND a.is_active
$$;

CREATE FUNCTION account.admin_security_key(admin uuid, credential bytea)
RETURNS TABLE (id uuid, public_key bytea, sign_count bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.id, s.public_key, s.sign_count FROM account.admin_security_keys AS s
    WHERE s.admin_id = admin AND s.credential_id = credential
$$;

-- Each of these three accepts a second factor once; false: it was used before.
CREATE FUNCTION account.use_totp_step(admin uuid, step bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE account.admin_users AS a SET totp_last_step = step
    WHERE a.id = admin AND (a.totp_last_step IS NULL OR a.totp_last_step < step);
    RETURN FOUND;
END
$$;

CREATE FUNCTION account.use_recovery_code(admin uuid, code bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE account.admin_recovery_codes AS c SET used_at = now()
    WHERE c.admin_id = admin AND c.code_hash = code AND c.used_at IS NULL;
    RETURN FOUND;
END
$$;

CREATE FUNCTION account.use_security_key(key uuid, count bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE account.admin_security_keys AS s SET sign_count = count, last_used_at = now()
    WHERE s.id = key AND (s.sign_count < count OR (s.sign_count = 0 AND count = 0));
    RETURN FOUND;
END
$$;

-- Its version; null for one who may not act.
CREATE FUNCTION account.open_admin_session(
    session uuid, admin uuid, factor text, token_hash bytea, address inet, agent text, lives interval
) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE account.admin_users AS a SET last_login_at = now() WHERE a.id = admin AND a.is_active;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    INSERT INTO account.admin_sessions (id, admin_id, second_factor, token_hash, ip_address, user_agent, expires_at)
    VALUES (session, admin, factor, token_hash, address, left(agent, 400), now() + lives);
    RETURN 1;
END
$$;

-- Exchanges a refresh token. `outcome`: rotated, reused (the session is ended: the token was stolen or copied), unknown.
CREATE FUNCTION account.rotate_session(session uuid, presented bytea, replacement bytea, lives interval)
RETURNS TABLE (outcome text, kind text, principal uuid, session_version integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE account.user_sessions AS s SET token_hash = replacement, refreshed_at = now(), expires_at = now() + lives
    FROM account.users AS u
    WHERE s.id = session AND s.token_hash = presented AND s.ended_at IS NULL AND s.expires_at > now()
      AND u.id = s.user_id AND u.status = 'active'
    RETURNING 'user', s.user_id, s.version INTO kind, principal, session_version;
    IF NOT FOUND THEN
        UPDATE account.admin_sessions AS s SET token_hash = replacement, refreshed_at = now(), expires_at = now() + lives
        FROM account.admin_users AS a
        WHERE s.id = session AND s.token_hash = presented AND s.ended_at IS NULL AND s.expires_at > now()
          AND a.id = s.admin_id AND a.is_active
        RETURNING 'admin', s.admin_id, s.version INTO kind, principal, session_version;
    END IF;
    IF kind IS NOT NULL THEN
        INSERT INTO account.used_refresh_tokens (token_hash, session_id) VALUES (presented, session);
        outcome := 'rotated';
        RETURN NEXT;
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM account.used_refresh_tokens AS t WHERE t.token_hash = presented AND t.session_id = session) THEN
        UPDATE account.user_sessions AS s SET ended_at = now(), ended_because = 'refresh_token_reused'
        WHERE s.id = session AND s.ended_at IS NULL RETURNING 'user', s.user_id INTO kind, principal;
        IF NOT FOUND THEN
            UPDATE account.admin_sessions AS s SET ended_at = now(), ended_because = 'refresh_token_reused'
            WHERE s.id = session AND s.ended_at IS NULL RETURNING 'admin', s.admin_id INTO kind, principal;
        END IF;
        outcome := 'reused';
    ELSE
        outcome := 'unknown';
    END IF;
    RETURN NEXT;
END
$$;

-- An administrator who was invited, or whose second factor was reset, by the token that was handed over.
CREATE FUNCTION account.admin_for_setup(token_hash bytea)
RETURNS TABLE (id uuid, email text, name text, role text, data_key_id uuid, wrapped bytea, master_key_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.id, a.email, a.name, a.role, k.id, k.wrapped, k.master_key_id
    FROM account.admin_users AS a
    LEFT JOIN account.data_keys AS k ON k.admin_id = a.id AND k.purpose = 'admin'
    WHERE a.setup_hash = token_hash AND a.setup_expires_at > now() AND a.is_active
$$;

CREATE FUNCTION account.add_admin_key(token_hash bytea, key uuid, wrapped_key bytea, master text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO account.data_keys (id, purpose, admin_id, wrapped, master_key_id)
    SELECT key, 'admin', a.id, wrapped_key, master FROM account.admin_users AS a
    WHERE a.setup_hash = token_hash AND a.setup_expires_at > now() AND a.is_active
    ON CONFLICT (admin_id) WHERE purpose = 'admin' DO NOTHING
$$;

CREATE FUNCTION account.begin_setup(token_hash bytea, new_password_hash text, new_totp_secret bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE account.admin_users AS a
    SET password_hash = new_password_hash, totp_secret = new_totp_secret, totp_confirmed_at = NULL, totp_last_step = NULL
    WHERE a.setup_hash = token_hash AND a.setup_expires_at > now() AND a.is_active;
    RETURN FOUND;
END
$$;

CREATE FUNCTION account.setup_secret(token_hash bytea) RETURNS TABLE (admin_id uuid, totp_secret bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.id, a.totp_secret FROM account.admin_users AS a
    WHERE a.setup_hash = token_hash AND a.setup_expires_at > now() AND a.is_active AND a.totp_secret IS NOT NULL
$$;

CREATE FUNCTION account.finish_setup(token_hash bytea, step bigint, codes bytea[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    admin uuid;
BEGIN
    UPDATE account.admin_users AS a
    SET totp_confirmed_at = now(), totp_last_step = step, setup_hash = NULL, setup_expires_at = NULL
    WHERE a.setup_hash = token_hash AND a.setup_expires_at > now() AND a.is_active AND a.totp_secret IS NOT NULL
    RETURNING a.id INTO admin;
    IF admin IS NULL THEN
        RETURN false;
    END IF;
    DELETE FROM account.admin_recovery_codes AS c WHERE c.admin_id = admin;
    INSERT INTO account.admin_recovery_codes (admin_id, code_hash) SELECT admin, unnest(codes);
    RETURN true;
END
$$;

CREATE FUNCTION account.record_security_event(
    event_type text, severity text, about_user uuid, about_admin uuid, address inet, agent text, endpoint text,
    request_id text, indicators jsonb, action_taken text
) RETURNS uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO account.security_events (
        event_type, severity, user_id, admin_id, ip_address, user_agent, endpoint, request_id, threat_indicators, automatic_action_taken
    ) VALUES (event_type, severity, about_user, about_admin, address, left(agent, 400), endpoint, request_id, indicators, action_taken)
    RETURNING id
$$;

-- The key of what belongs to nobody: kept answers of requests.
CREATE FUNCTION account.system_key() RETURNS TABLE (id uuid, wrapped bytea, master_key_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT k.id, k.wrapped, k.master_key_id FROM account.data_keys AS k WHERE k.purpose = 'system' $$;

CREATE FUNCTION account.add_system_key(key uuid, wrapped_key bytea, master text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO account.data_keys (id, purpose, wrapped, master_key_id) VALUES (key, 'system', wrapped_key, master)
    ON CONFLICT (purpose) WHERE purpose = 'system' DO NOTHING
$$;

-- How many keys each master key wraps: what is lost when one is not there.
CREATE FUNCTION account.master_keys() RETURNS TABLE (master_key_id text, data_keys bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT k.master_key_id, count(*) FROM account.data_keys AS k WHERE k.wrapped IS NOT NULL GROUP BY k.master_key_id
$$;

-- A request's key is claimed in its own transaction: who comes second waits for the first one's answer. Who acts claims
-- keys of their own alone, whatever the caller says; of_actor is heeded while nobody acts.
CREATE FUNCTION account.claim_idempotency_key(of_actor text, wanted text, hash bytea)
RETURNS TABLE (is_new boolean, request_hash bytea, status smallint, headers bytea, response bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    of_actor := coalesce(account.current_user_id()::text, account.current_admin_id()::text, of_actor);
    DELETE FROM account.idempotency_keys AS k
    WHERE k.actor = of_actor AND k.key = wanted AND k.created_at < now() - interval '24 hours';
    INSERT INTO account.idempotency_keys AS k (actor, key, request_hash) VALUES (of_actor, wanted, hash)
    ON CONFLICT (actor, key) DO NOTHING;
    is_new := FOUND;
    IF NOT is_new THEN
        SELECT k.request_hash, k.status, k.headers, k.response
        INTO claim_idempotency_key.request_hash, claim_idempotency_key.status, claim_idempotency_key.headers, claim_idempotency_key.response
        FROM account.idempotency_keys AS k WHERE k.actor = of_actor AND k.key = wanted;
    END IF;
    RETURN NEXT;
END
$$;

CREATE FUNCTION account.keep_idempotent_answer(of_actor text, wanted text, answer_status integer, answer_headers bytea, answer bytea)
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE account.idempotency_keys AS k SET status = answer_status, headers = answer_headers, response = answer
    WHERE k.actor = coalesce(account.current_user_id()::text, account.current_admin_id()::text, of_actor)
      AND k.key = wanted AND k.status IS NULL
$$;

-- Erasure: the keys go, and with them everything that they sealed; what could name the person goes too. Investments,
-- transactions, agreements, the decision about the identity and the audit trail stay, as law demands.
CREATE FUNCTION account.erase_user(erased uuid) RETURNS text[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    files text[];
BEGIN
    IF NOT account.is_approved('erasure', erased, '{}') THEN
        PERFORM account.refuse(403, 'users_erasure', 'a user is erased only by what a second administrator approves');
    END IF;
    UPDATE account.users AS u SET status = 'closed', erased_at = now(), phone_hash = NULL, metadata = '{}', status_reason = 'erased'
    WHERE u.id = erased;
    UPDATE account.user_profiles AS p
    SET phone_number_masked = NULL, country_code = NULL, full_name = NULL, email = NULL, registration_ip = NULL,
        device_fingerprints = NULL, preferences = '{}', metadata = '{}'
    WHERE p.user_id = erased;
    UPDATE account.data_keys AS k SET wrapped = NULL, destroyed_at = now() WHERE k.user_id = erased AND k.wrapped IS NOT NULL;
    WITH gone AS (
        UPDATE account.kyc_documents AS d SET file_hash = NULL, erased_at = now()
        WHERE d.user_id = erased AND d.erased_at IS NULL RETURNING d.stored_filename
    )
    SELECT coalesce(array_agg(g.stored_filename), '{}') INTO files FROM gone AS g;
    DELETE FROM account.user_analytics AS n WHERE n.user_id = erased;
    DELETE FROM account.challenges AS c WHERE c.user_id = erased;
    DELETE FROM account.idempotency_keys AS k WHERE k.actor = erased::text;
    UPDATE account.user_sessions AS s SET client = '' WHERE s.user_id = erased;
    INSERT INTO account.erasure_requests AS r (user_id, erased_at, files_left) VALUES (erased, now(), files)
    ON CONFLICT (user_id) DO UPDATE SET erased_at = now(), files_left = r.files_left || excluded.files_left;
    RETURN files;
END
$$;

-- Files of erased users that are still in the storage, and that they are gone.
CREATE FUNCTION account.files_to_delete(most integer) RETURNS TABLE (user_id uuid, stored_filename text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.user_id, f.file FROM account.erasure_requests AS r CROSS JOIN LATERAL unnest(r.files_left) AS f (file)
    WHERE cardinality(r.files_left) > 0 LIMIT most
$$;

CREATE FUNCTION account.file_deleted(of_user uuid, file text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ UPDATE account.erasure_requests AS r SET files_left = array_remove(r.files_left, file) WHERE r.user_id = of_user $$;

-- Which of these keys of the storage no row names: uploads that came to nothing.
CREATE FUNCTION account.unnamed_files(keys text[]) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT k.key FROM unnest(keys) AS k (key)
    WHERE NOT EXISTS (SELECT FROM account.kyc_documents AS d WHERE d.stored_filename = k.key)
      AND NOT EXISTS (SELECT FROM account.asset_documents AS d WHERE d.stored_filename = k.key)
$$;

-- Housekeeping: what is over. Returns the storage keys of documents that no application was made of within a day.
CREATE FUNCTION account.forget_expired() RETURNS text[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    files text[];
BEGIN
    DELETE FROM account.challenges AS c WHERE c.expires_at < now();
    DELETE FROM account.idempotency_keys AS k WHERE k.created_at < now() - interval '24 hours';
    DELETE FROM account.sign_in_failures AS f WHERE f.last_failed_at < now() - interval '1 day' AND (f.locked_until IS NULL OR f.locked_until < now());
    DELETE FROM account.used_refresh_tokens AS t WHERE t.used_at < now() - interval '30 days';
    DELETE FROM account.user_sessions AS s WHERE s.expires_at < now() - interval '30 days';
    DELETE FROM account.admin_sessions AS s WHERE s.expires_at < now() - interval '90 days';
    DELETE FROM account.security_events AS e WHERE e.timestamp < now() - interval '180 days' AND (e.investigated OR e.severity IN ('low', 'medium'));
    WITH gone AS (
        DELETE FROM account.kyc_documents AS d
        WHERE d.application_id IS NULL AND d.uploaded_at < now() - interval '1 day' RETURNING d.stored_filename
    )
    SELECT coalesce(array_agg(g.stored_filename), '{}') INTO files FROM gone AS g;
    RETURN files;
END
$$;

-- By another administrator: password and second factors go, and with the token they are set anew.
CREATE FUNCTION account.reset_second_factor(admin uuid, token_hash bytea, lives interval) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT account.admin_may('admins.write') THEN
        PERFORM account.refuse(403, 'admin_users_permission', 'this needs the permission admins.write');
    END IF;
    IF admin = account.current_admin_id() THEN
        PERFORM account.refuse(403, 'admin_users_own_reset', 'another administrator resets your second factor');
    END IF;
    UPDATE account.admin_users AS a
    SET password_hash = NULL, totp_secret = NULL, totp_confirmed_at = NULL, totp_last_step = NULL,
        setup_hash = token_hash, setup_expires_at = now() + lives
    WHERE a.id = admin;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM account.admin_security_keys AS s WHERE s.admin_id = admin;
    DELETE FROM account.admin_recovery_codes AS c WHERE c.admin_id = admin;
    DELETE FROM account.challenges AS c WHERE c.admin_id = admin;
    UPDATE account.admin_sessions AS s SET ended_at = now(), ended_because = 'account_changed' WHERE s.admin_id = admin AND s.ended_at IS NULL;
    RETURN true;
END
$$;

-- On the command line alone: by the owner's login, never by pend_writer.
CREATE FUNCTION account.create_admin(new_email text, new_name text, new_role text, token_hash bytea, lives interval) RETURNS uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO account.admin_users (email, name, role, setup_hash, setup_expires_at)
    VALUES (new_email, new_name, new_role, token_hash, now() + lives) RETURNING id
$$;

CREATE FUNCTION account.reset_admin(wanted_email text, token_hash bytea, lives interval) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    admin uuid;
BEGIN
    UPDATE account.admin_users AS a
    SET password_hash = NULL, totp_secret = NULL, totp_confirmed_at = NULL, totp_last_step = NULL,
        setup_hash = token_hash, setup_expires_at = now() + lives, is_active = true
    WHERE a.email = wanted_email RETURNING a.id INTO admin;
    DELETE FROM account.admin_security_keys AS s WHERE s.admin_id = admin;
    DELETE FROM account.admin_recovery_codes AS c WHERE c.admin_id = admin;
    UPDATE account.admin_sessions AS s SET ended_at = now(), ended_because = 'account_changed' WHERE s.admin_id = admin AND s.ended_at IS NULL;
    RETURN admin;
END
$$;

CREATE FUNCTION account.list_admins()
RETURNS TABLE (id uuid, email text, name text, role text, is_active boolean, is_set_up boolean, last_login_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.id, a.email, a.name, a.role, a.is_active, a.totp_confirmed_at IS NOT NULL, a.last_login_at
    FROM account.admin_users AS a ORDER BY a.email
$$;

CREATE FUNCTION account.disable_admin(wanted_email text) RETURNS uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ UPDATE account.admin_users AS a SET is_active = false WHERE a.email = wanted_email RETURNING a.id $$;

-- The rules, bound to their tables.

CREATE TRIGGER guard BEFORE UPDATE ON account.users FOR EACH ROW EXECUTE FUNCTION account.guard_users();
CREATE TRIGGER touch BEFORE UPDATE ON account.users FOR EACH ROW EXECUTE FUNCTION account.touch_dated();
CREATE TRIGGER guard BEFORE UPDATE OF version, ended_at ON account.user_sessions FOR EACH ROW EXECUTE FUNCTION account.guard_sessions();
CREATE TRIGGER guard BEFORE UPDATE OF version, ended_at ON account.admin_sessions FOR EACH ROW EXECUTE FUNCTION account.guard_sessions();
CREATE TRIGGER touch BEFORE UPDATE ON account.user_profiles FOR EACH ROW EXECUTE FUNCTION account.touch_dated();
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON account.approvals FOR EACH ROW EXECUTE FUNCTION account.guard_approvals();
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON account.admin_users FOR EACH ROW EXECUTE FUNCTION account.guard_admin_users();
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON account.kyc_applications FOR EACH ROW EXECUTE FUNCTION account.guard_kyc_applications();
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON account.kyc_documents FOR EACH ROW EXECUTE FUNCTION account.guard_kyc_documents();
CREATE TRIGGER destroy_key AFTER DELETE ON account.kyc_documents FOR EACH ROW EXECUTE FUNCTION account.destroy_document_key();
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON account.assets FOR EACH ROW EXECUTE FUNCTION account.guard_assets();
CREATE TRIGGER begin AFTER INSERT ON account.assets FOR EACH ROW EXECUTE FUNCTION account.begin_asset();
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON account.asset_details FOR EACH ROW EXECUTE FUNCTION account.guard_asset_details();
CREATE TRIGGER guard BEFORE INSERT OR DELETE ON account.asset_documents FOR EACH ROW EXECUTE FUNCTION account.guard_asset_documents();
CREATE TRIGGER count AFTER INSERT OR DELETE ON account.asset_interests FOR EACH ROW EXECUTE FUNCTION account.count_interest();
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON account.investments FOR EACH ROW EXECUTE FUNCTION account.guard_investments();
CREATE TRIGGER begin AFTER INSERT ON account.investments FOR EACH ROW EXECUTE FUNCTION account.begin_investment();
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON account.transactions FOR EACH ROW EXECUTE FUNCTION account.guard_transactions();
CREATE TRIGGER settle AFTER UPDATE OF status ON account.transactions FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION account.settle_leg();
CREATE TRIGGER touch BEFORE UPDATE ON account.security_events FOR EACH ROW EXECUTE FUNCTION account.touch();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON account.admin_audit_logs FOR EACH ROW EXECUTE FUNCTION account.append_only();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON account.admin_audit_logs FOR EACH STATEMENT EXECUTE FUNCTION account.append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON account.audit_seals FOR EACH ROW EXECUTE FUNCTION account.append_only();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON account.audit_seals FOR EACH STATEMENT EXECUTE FUNCTION account.append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON account.messages FOR EACH ROW EXECUTE FUNCTION account.append_only();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON account.users FOR EACH ROW EXECUTE FUNCTION account.audit('phone_hash');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON account.user_profiles FOR EACH ROW
    EXECUTE FUNCTION account.audit('full_name', 'email', 'registration_ip', 'device_fingerprints', 'phone_number_masked', 'preferences');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON account.user_tiers FOR EACH ROW EXECUTE FUNCTION account.audit();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON account.admin_users FOR EACH ROW
    EXECUTE FUNCTION account.audit('password_hash', 'totp_secret', 'setup_hash');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON account.admin_recovery_codes FOR EACH ROW EXECUTE FUNCTION account.audit('code_hash');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON account.admin_security_keys FOR EACH ROW EXECUTE FUNCTION account.audit('public_key');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON account.admin_permissions FOR EACH ROW EXECUTE FUNCTION account.audit();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OF version, ended_at, ended_because OR DELETE ON account.admin_sessions FOR EACH ROW
    EXECUTE FUNCTION account.audit('token_hash');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OF version, ended_at, ended_because OR DELETE ON account.user_sessions FOR EACH ROW
    EXECUTE FUNCTION account.audit('token_hash', 'client');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON account.data_keys FOR EACH ROW EXECUTE FUNCTION account.audit('wrapped');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON account.kyc_applications FOR EACH ROW
    EXECUTE FUNCTION account.audit('details', 'rejection_reason', 'review_notes');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON account.kyc_documents FOR EACH ROW
    EXECUTE FUNCTION account.audit('original_filename', 'file_hash');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON account.notices FOR EACH ROW EXECUTE FUNCTION account.audit();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON account.messages FOR EACH ROW EXECUTE FUNCTION account.audit('body');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON account.assets FOR EACH ROW EXECUTE FUNCTION account.audit('searched');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON account.asset_details FOR EACH ROW EXECUTE FUNCTION account.audit();
-- The totals follow from what is audited; what is told of the performance does not.
CREATE TRIGGER audit AFTER UPDATE OF performance_data ON account.asset_metrics FOR EACH ROW EXECUTE FUNCTION account.audit();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON account.asset_documents FOR EACH ROW EXECUTE FUNCTION account.audit();
CREATE TRIGGER audit AFTER INSERT OR DELETE ON account.asset_interests FOR EACH ROW EXECUTE FUNCTION account.audit();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON account.investments FOR EACH ROW EXECUTE FUNCTION account.audit();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON account.transactions FOR EACH ROW EXECUTE FUNCTION account.audit();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON account.investment_agreements FOR EACH ROW EXECUTE FUNCTION account.audit();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON account.approvals FOR EACH ROW EXECUTE FUNCTION account.audit();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON account.erasure_requests FOR EACH ROW EXECUTE FUNCTION account.audit();
CREATE TRIGGER audit AFTER UPDATE OR DELETE ON account.security_events FOR EACH ROW EXECUTE FUNCTION account.audit();
