SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '10min';
-- Who sees and changes which rows of the write side. Row-level security is forced on every table; pend_definer alone is
-- let through: it owns the functions of 0014, the summaries and the views below. Nobody logs in as it, and its one member
-- is the owner, who migrates and serves no request. Without app.current_user_id or app.current_admin_id no row is visible.

GRANT USAGE ON SCHEMA account TO pend_definer, pend_worker;
GRANT USAGE ON SCHEMA chain TO pend_definer, pend_worker;
GRANT SELECT ON ALL TABLES IN SCHEMA chain TO pend_definer, pend_worker;
ALTER DEFAULT PRIVILEGES IN SCHEMA chain GRANT SELECT ON TABLES TO pend_definer, pend_worker;
GRANT EXECUTE ON FUNCTION chain.address_argument(jsonb, text), chain.number_argument(jsonb, text) TO pend_definer, pend_worker;
GRANT SELECT ON ops.migrations TO pend_writer, pend_worker;
GRANT USAGE ON SCHEMA ops TO pend_worker;
GRANT ALL ON ALL TABLES IN SCHEMA account TO pend_definer;
GRANT ALL ON ALL SEQUENCES IN SCHEMA account TO pend_definer;

-- The trail is appended to and read; a seal's one change is that it was anchored.
REVOKE UPDATE, DELETE, TRUNCATE ON account.admin_audit_logs, account.audit_seals FROM pend_definer;
GRANT UPDATE (anchored_at) ON account.audit_seals TO pend_definer;

DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'account'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname LOOP
        EXECUTE format('ALTER TABLE account.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE account.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('REVOKE ALL ON account.%I FROM pend_writer', name);
        EXECUTE format('CREATE POLICY definer ON account.%I TO pend_definer USING (true) WITH CHECK (true)', name);
    END LOOP;
END
$$;

-- What pend_writer may do at all, columns included: secrets are read by functions alone.
GRANT SELECT ON account.user_tiers, account.users, account.user_profiles, account.erasure_requests, account.data_keys,
    account.user_analytics, account.kyc_applications, account.kyc_documents, account.messages,
    account.notices, account.assets, account.asset_details, account.asset_metrics, account.asset_documents,
    account.asset_interests, account.investments, account.transactions, account.investment_agreements,
    account.admin_permissions, account.approvals, account.admin_audit_logs, account.audit_seals, account.security_events
    TO pend_writer;
GRANT SELECT (id, user_id, version, client, created_at, refreshed_at, expires_at, ended_at, ended_because)
    ON account.user_sessions TO pend_writer;
GRANT SELECT (id, admin_id, version, ip_address, user_agent, second_factor, created_at, refreshed_at, expires_at, ended_at, ended_because)
    ON account.admin_sessions TO pend_writer;
GRANT SELECT (id, email, name, role, blockchain_address, totp_confirmed_at, is_active, setup_expires_at, last_login_at, version, created_at, updated_at)
    ON account.admin_users TO pend_writer;
GRANT SELECT (admin_id, used_at) ON account.admin_recovery_codes TO pend_writer;
GRANT SELECT (id, admin_id, name, credential_id, transports, created_at, last_used_at) ON account.admin_security_keys TO pend_writer;

GRANT INSERT ON account.erasure_requests, account.data_keys, account.user_analytics,
    account.kyc_applications, account.kyc_documents, account.messages, account.notices, account.assets, account.asset_details,
    account.asset_documents, account.asset_interests, account.investment_agreements,
    account.admin_users, account.admin_recovery_codes, account.admin_security_keys, account.admin_permissions
    TO pend_writer;
-- What is asked for; when it expires, where the chain was and all that follows is not the asker's to say.
GRANT INSERT (id, kind, resource_id, change, justification, requested_by) ON account.approvals TO pend_writer;
GRANT INSERT (id, user_id, asset_id, amount, currency) ON account.investments TO pend_writer;
GRANT INSERT (id, user_id, asset_id, investment_id, kind, amount, currency) ON account.transactions TO pend_writer;

-- The id of a message is taken before its body is sealed for it.
GRANT USAGE ON SEQUENCE account.messages_id_seq TO pend_writer;

-- By columns: TimescaleDB gives each chunk the rights on the whole hypertable, and no chunk has policies.
GRANT SELECT (time, event_type, visitor, event_data, session_id), INSERT (time, event_type, visitor, event_data, session_id)
    ON account.analytics_events TO pend_writer;

GRANT UPDATE (phone_hash, tier, status, status_reason, metadata) ON account.users TO pend_writer;
GRANT UPDATE (phone_number_masked, country_code, full_name, email, registration_ip, device_fingerprints, preferences, metadata)
    ON account.user_profiles TO pend_writer;
GRANT UPDATE (version, ended_at, ended_because) ON account.user_sessions, account.admin_sessions TO pend_writer;
GRANT UPDATE (status, assigned_to, verified_by, rejection_reason, review_notes, reviewed_at) ON account.kyc_applications TO pend_writer;
GRANT UPDATE (application_id) ON account.kyc_documents TO pend_writer;
GRANT UPDATE (contract_address, type, title, description, category, location, image_url, status, metadata) ON account.assets TO pend_writer;
GRANT UPDATE (currency, token_symbol, token_price, token_decimals, max_supply, expected_roi, lockup_period, minimum_investment,
    soft_cap, deadline, contact_format, contact_value, jurisdiction, spv_name, custody_type, min_tier_required, legal_documents,
    agreement_url, agreement_hash) ON account.asset_details TO pend_writer;
GRANT UPDATE (performance_data, last_updated) ON account.asset_metrics TO pend_writer;
GRANT UPDATE (transaction_hash) ON account.transactions TO pend_writer;
GRANT UPDATE (name, role, blockchain_address, password_hash, is_active, setup_hash, setup_expires_at) ON account.admin_users TO pend_writer;
GRANT UPDATE (effect) ON account.admin_permissions TO pend_writer;
GRANT UPDATE (status, decided_by, decided_at, decision_note) ON account.approvals TO pend_writer;
GRANT UPDATE (investigated, investigated_by, investigated_at, investigation_notes, false_positive) ON account.security_events TO pend_writer;
GRANT DELETE ON account.kyc_documents, account.asset_documents, account.asset_interests, account.admin_recovery_codes,
    account.admin_security_keys, account.admin_permissions TO pend_writer;

-- Users: their own row; administrators by permission.
CREATE POLICY anyone_reads ON account.user_tiers FOR SELECT TO pend_writer
    USING (account.current_user_id() IS NOT NULL OR account.current_admin_id() IS NOT NULL);
CREATE POLICY own_read ON account.users FOR SELECT TO pend_writer
    USING (id = account.current_user_id());
-- The standing is asked again, for a request that waited while its user was closed or erased.
CREATE POLICY own_update ON account.users FOR UPDATE TO pend_writer
    USING (id = account.current_user_id() AND status = 'active')
    WITH CHECK (id = account.current_user_id());
CREATE POLICY admin_read ON account.users FOR SELECT TO pend_writer
    USING ((SELECT account.admin_may('users.read')));
CREATE POLICY admin_update ON account.users FOR UPDATE TO pend_writer
    USING ((SELECT account.admin_may('users.write')) OR (SELECT account.admin_may('users.tier')))
    WITH CHECK ((SELECT account.admin_may('users.write')) OR (SELECT account.admin_may('users.tier')));
CREATE POLICY own_read ON account.user_profiles FOR SELECT TO pend_writer
    USING (user_id = account.current_user_id());
CREATE POLICY own_update ON account.user_profiles FOR UPDATE TO pend_writer
    USING (user_id = account.current_user_id())
    WITH CHECK (user_id = account.current_user_id());
CREATE POLICY admin_read ON account.user_profiles FOR SELECT TO pend_writer
    USING ((SELECT account.admin_may('users.read')));
CREATE POLICY own_read ON account.user_sessions FOR SELECT TO pend_writer
    USING (user_id = account.current_user_id());
CREATE POLICY own_update ON account.user_sessions FOR UPDATE TO pend_writer
    USING (user_id = account.current_user_id())
    WITH CHECK (user_id = account.current_user_id());
CREATE POLICY admin_read ON account.user_sessions FOR SELECT TO pend_writer
    USING ((SELECT account.admin_may('users.read')));
CREATE POLICY admin_update ON account.user_sessions FOR UPDATE TO pend_writer
    USING ((SELECT account.admin_may('users.write')))
    WITH CHECK ((SELECT account.admin_may('users.write')));
CREATE POLICY own_read ON account.erasure_requests FOR SELECT TO pend_writer
    USING (user_id = account.current_user_id());
CREATE POLICY own_insert ON account.erasure_requests FOR INSERT TO pend_writer
    WITH CHECK (user_id = account.current_user_id() AND erased_at IS NULL AND files_left = '{}');
CREATE POLICY admin_read ON account.erasure_requests FOR SELECT TO pend_writer
    USING ((SELECT account.admin_may('users.read')));
CREATE POLICY own_read ON account.data_keys FOR SELECT TO pend_writer
    USING (user_id = account.current_user_id() OR admin_id = account.current_admin_id());
CREATE POLICY own_insert ON account.data_keys FOR INSERT TO pend_writer
    WITH CHECK (user_id = account.current_user_id() AND purpose IN ('user', 'document'));
CREATE POLICY admin_read ON account.data_keys FOR SELECT TO pend_writer
    USING ((purpose = 'user' AND ((SELECT account.admin_may('users.personal')) OR (SELECT account.admin_may('kyc.read')))) OR (purpose = 'document' AND (SELECT account.admin_may('kyc.documents'))));
CREATE POLICY own_read ON account.user_analytics FOR SELECT TO pend_writer
    USING (user_id = account.current_user_id());
CREATE POLICY own_insert ON account.user_analytics FOR INSERT TO pend_writer
    WITH CHECK (user_id = account.current_user_id());
CREATE POLICY admin_read ON account.user_analytics FOR SELECT TO pend_writer
    USING ((SELECT account.admin_may('users.read')));
CREATE POLICY anyone_inserts ON account.analytics_events FOR INSERT TO pend_writer
    WITH CHECK (account.current_user_id() IS NOT NULL OR account.current_admin_id() IS NOT NULL);
CREATE POLICY admin_read ON account.analytics_events FOR SELECT TO pend_writer
    USING ((SELECT account.admin_may('analytics.read')));

-- Know your customer: the applicant's own; reviewers by permission.
CREATE POLICY own_read ON account.kyc_applications FOR SELECT TO pend_writer
    USING (user_id = account.current_user_id());
CREATE POLICY own_insert ON account.kyc_applications FOR INSERT TO pend_writer
    WITH CHECK (user_id = account.current_user_id());
CREATE POLICY admin_read ON account.kyc_applications FOR SELECT TO pend_writer
    USING ((SELECT account.admin_may('kyc.read')));
CREATE POLICY admin_update ON account.kyc_applications FOR UPDATE TO pend_writer
    USING ((SELECT account.admin_may('kyc.review')))
    WITH CHECK ((SELECT account.admin_may('kyc.review')));
CREATE POLICY own_read ON account.kyc_documents FOR SELECT TO pend_writer
    USING (user_id = account.current_user_id());
CREATE POLICY own_insert ON account.kyc_documents FOR INSERT TO pend_writer
    WITH CHECK (user_id = account.current_user_id());
CREATE POLICY own_update ON account.kyc_documents FOR UPDATE TO pend_writer
    USING (user_id = account.current_user_id())
    WITH CHECK (user_id = account.current_user_id());
CREATE POLICY own_delete ON account.kyc_documents FOR DELETE TO pend_writer
    USING (user_id = account.current_user_id() AND application_id IS NULL);
CREATE POLICY admin_read ON account.kyc_documents FOR SELECT TO pend_writer
    USING ((SELECT account.admin_may('kyc.read')));
CREATE POLICY own_read ON account.messages FOR SELECT TO pend_writer
    USING (user_id = account.current_user_id() AND audience = 'applicant');
CREATE POLICY own_insert ON account.messages FOR INSERT TO pend_writer
    WITH CHECK (user_id = account.current_user_id() AND audience = 'applicant' AND author_admin_id IS NULL AND EXISTS (
        SELECT FROM account.kyc_applications AS k WHERE k.id = application_id AND k.user_id = account.current_user_id()));
CREATE POLICY admin_read ON account.messages FOR SELECT TO pend_writer
    USING ((SELECT account.admin_may('kyc.read')));
CREATE POLICY admin_insert ON account.messages FOR INSERT TO pend_writer
    WITH CHECK (author_admin_id = account.current_admin_id() AND (SELECT account.admin_may('messages.write')) AND EXISTS (
        SELECT FROM account.kyc_applications AS k WHERE k.id = application_id AND k.user_id = messages.user_id));
CREATE POLICY anyone_reads ON account.notices FOR SELECT TO pend_writer
    USING (account.current_user_id() IS NOT NULL OR account.current_admin_id() IS NOT NULL);
CREATE POLICY admin_insert ON account.notices FOR INSERT TO pend_writer
    WITH CHECK (created_by = account.current_admin_id() AND (SELECT account.admin_may('notices.write')));

-- Assets: what is offered is there for everybody who is signed in; drafts for those who make them.
CREATE POLICY anyone_reads ON account.assets FOR SELECT TO pend_writer
    USING (status <> 'draft' AND (account.current_user_id() IS NOT NULL OR account.current_admin_id() IS NOT NULL));
CREATE POLICY admin_read ON account.assets FOR SELECT TO pend_writer
    USING ((SELECT account.admin_may('assets.read')));
CREATE POLICY admin_insert ON account.assets FOR INSERT TO pend_writer
    WITH CHECK (created_by = account.current_admin_id() AND (SELECT account.admin_may('assets.write')));
CREATE POLICY admin_update ON account.assets FOR UPDATE TO pend_writer
    USING ((SELECT account.admin_may('assets.write')))
    WITH CHECK ((SELECT account.admin_may('assets.write')));
CREATE POLICY with_asset ON account.asset_details FOR SELECT TO pend_writer
    USING (EXISTS (SELECT FROM account.assets AS a WHERE a.id = asset_id));
CREATE POLICY with_asset ON account.asset_metrics FOR SELECT TO pend_writer
    USING (EXISTS (SELECT FROM account.assets AS a WHERE a.id = asset_id));
CREATE POLICY with_asset ON account.asset_documents FOR SELECT TO pend_writer
    USING (EXISTS (SELECT FROM account.assets AS a WHERE a.id = asset_id));
CREATE POLICY admin_insert ON account.asset_details FOR INSERT TO pend_writer
    WITH CHECK ((SELECT account.admin_may('assets.write')));
CREATE POLICY admin_update ON account.asset_details FOR UPDATE TO pend_writer
    USING ((SELECT account.admin_may('assets.write')))
    WITH CHECK ((SELECT account.admin_may('assets.write')));
CREATE POLICY admin_update ON account.asset_metrics FOR UPDATE TO pend_writer
    USING ((SELECT account.admin_may('assets.write')))
    WITH CHECK ((SELECT account.admin_may('assets.write')));
CREATE POLICY admin_insert ON account.asset_documents FOR INSERT TO pend_writer
    WITH CHECK (uploaded_by = account.current_admin_id() AND (SELECT account.admin_may('assets.write')));
CREATE POLICY admin_delete ON account.asset_documents FOR DELETE TO pend_writer
    USING ((SELECT account.admin_may('assets.write')));
CREATE POLICY own_read ON account.asset_interests FOR SELECT TO pend_writer
    USING (user_id = account.current_user_id());
CREATE POLICY own_insert ON account.asset_interests FOR INSERT TO pend_writer
    WITH CHECK (user_id = account.current_user_id());
CREATE POLICY own_delete ON account.asset_interests FOR DELETE TO pend_writer
    USING (user_id = account.current_user_id());
CREATE POLICY admin_read ON account.asset_interests FOR SELECT TO pend_writer
    USING ((SELECT account.admin_may('investments.read')));

-- Investments: one's own, begun by oneself, settled by the chain alone.
CREATE POLICY own_read ON account.investments FOR SELECT TO pend_writer
    USING (user_id = account.current_user_id());
CREATE POLICY own_insert ON account.investments FOR INSERT TO pend_writer
    WITH CHECK (user_id = account.current_user_id() AND status = 'pending');
CREATE POLICY admin_read ON account.investments FOR SELECT TO pend_writer
    USING ((SELECT account.admin_may('investments.read')));
CREATE POLICY own_read ON account.transactions FOR SELECT TO pend_writer
    USING (user_id = account.current_user_id());
CREATE POLICY own_insert ON account.transactions FOR INSERT TO pend_writer
    WITH CHECK (user_id = account.current_user_id() AND kind = 'withdrawal' AND status = 'pending');
CREATE POLICY own_update ON account.transactions FOR UPDATE TO pend_writer
    USING (user_id = account.current_user_id() AND status = 'pending')
    WITH CHECK (user_id = account.current_user_id() AND status = 'pending');
CREATE POLICY admin_read ON account.transactions FOR SELECT TO pend_writer
    USING ((SELECT account.admin_may('investments.read')));
CREATE POLICY own_read ON account.investment_agreements FOR SELECT TO pend_writer
    USING (user_id = account.current_user_id());
CREATE POLICY own_insert ON account.investment_agreements FOR INSERT TO pend_writer
    WITH CHECK (user_id = account.current_user_id());
CREATE POLICY admin_read ON account.investment_agreements FOR SELECT TO pend_writer
    USING ((SELECT account.admin_may('investments.read')));

-- Administration.
CREATE POLICY own_read ON account.admin_users FOR SELECT TO pend_writer
    USING (id = account.current_admin_id());
CREATE POLICY own_update ON account.admin_users FOR UPDATE TO pend_writer
    USING (id = account.current_admin_id())
    WITH CHECK (id = account.current_admin_id());
CREATE POLICY admin_read ON account.admin_users FOR SELECT TO pend_writer
    USING ((SELECT account.admin_may('admins.read')));
CREATE POLICY admin_insert ON account.admin_users FOR INSERT TO pend_writer
    WITH CHECK ((SELECT account.admin_may('admins.write')));
CREATE POLICY admin_update ON account.admin_users FOR UPDATE TO pend_writer
    USING ((SELECT account.admin_may('admins.write')))
    WITH CHECK ((SELECT account.admin_may('admins.write')));
CREATE POLICY own_read ON account.admin_sessions FOR SELECT TO pend_writer
    USING (admin_id = account.current_admin_id());
CREATE POLICY own_update ON account.admin_sessions FOR UPDATE TO pend_writer
    USING (admin_id = account.current_admin_id())
    WITH CHECK (admin_id = account.current_admin_id());
CREATE POLICY admin_read ON account.admin_sessions FOR SELECT TO pend_writer
    USING ((SELECT account.admin_may('admins.read')));
CREATE POLICY admin_update ON account.admin_sessions FOR UPDATE TO pend_writer
    USING ((SELECT account.admin_may('admins.write')))
    WITH CHECK ((SELECT account.admin_may('admins.write')));
CREATE POLICY own_read ON account.admin_recovery_codes FOR SELECT TO pend_writer
    USING (admin_id = account.current_admin_id());
CREATE POLICY own_insert ON account.admin_recovery_codes FOR INSERT TO pend_writer
    WITH CHECK (admin_id = account.current_admin_id());
CREATE POLICY own_delete ON account.admin_recovery_codes FOR DELETE TO pend_writer
    USING (admin_id = account.current_admin_id());
CREATE POLICY own_read ON account.admin_security_keys FOR SELECT TO pend_writer
    USING (admin_id = account.current_admin_id());
CREATE POLICY own_insert ON account.admin_security_keys FOR INSERT TO pend_writer
    WITH CHECK (admin_id = account.current_admin_id());
CREATE POLICY own_delete ON account.admin_security_keys FOR DELETE TO pend_writer
    USING (admin_id = account.current_admin_id());
CREATE POLICY admins_read ON account.admin_permissions FOR SELECT TO pend_writer
    USING (account.current_admin_id() IS NOT NULL);
CREATE POLICY admin_insert ON account.admin_permissions FOR INSERT TO pend_writer
    WITH CHECK ((SELECT account.admin_may('admins.write')));
CREATE POLICY admin_update ON account.admin_permissions FOR UPDATE TO pend_writer
    USING ((SELECT account.admin_may('admins.write')))
    WITH CHECK ((SELECT account.admin_may('admins.write')));
CREATE POLICY admin_delete ON account.admin_permissions FOR DELETE TO pend_writer
    USING ((SELECT account.admin_may('admins.write')));
CREATE POLICY admin_read ON account.approvals FOR SELECT TO pend_writer
    USING ((SELECT account.admin_may('approvals.read')) OR requested_by = account.current_admin_id());
CREATE POLICY admin_insert ON account.approvals FOR INSERT TO pend_writer
    WITH CHECK (requested_by = account.current_admin_id());
CREATE POLICY admin_update ON account.approvals FOR UPDATE TO pend_writer
    USING ((SELECT account.admin_may('approvals.decide')) OR requested_by = account.current_admin_id())
    WITH CHECK ((SELECT account.admin_may('approvals.decide')) OR requested_by = account.current_admin_id());
CREATE POLICY admin_read ON account.admin_audit_logs FOR SELECT TO pend_writer
    USING ((SELECT account.admin_may('audit.read')));
CREATE POLICY admin_read ON account.audit_seals FOR SELECT TO pend_writer
    USING ((SELECT account.admin_may('audit.read')));
CREATE POLICY admin_read ON account.security_events FOR SELECT TO pend_writer
    USING ((SELECT account.admin_may('security.read')));
CREATE POLICY admin_update ON account.security_events FOR UPDATE TO pend_writer
    USING ((SELECT account.admin_may('security.investigate')))
    WITH CHECK ((SELECT account.admin_may('security.investigate')));

-- Summaries, made anew every ten minutes. A materialised view knows no row-level security, so nobody reads one but
-- through the views below.

CREATE MATERIALIZED VIEW account.asset_performance_summary AS
SELECT
    a.id,
    a.title,
    a.category,
    m.total_invested,
    m.investor_count,
    coalesce(m.total_invested / m.cap * 100, 0) AS funding_percentage,
    coalesce(i.total_investments, 0) AS total_investments,
    i.avg_investment_size
FROM account.assets AS a
JOIN account.asset_metrics AS m ON m.asset_id = a.id
LEFT JOIN (
    SELECT asset_id, count(*) AS total_investments, avg(amount) AS avg_investment_size
    FROM account.investments WHERE status = 'confirmed' GROUP BY asset_id
) AS i ON i.asset_id = a.id
WHERE a.status = 'active';

CREATE UNIQUE INDEX asset_performance_summary_id ON account.asset_performance_summary (id);
CREATE INDEX asset_performance_summary_category ON account.asset_performance_summary (category, funding_percentage DESC);

CREATE MATERIALIZED VIEW account.user_portfolio_summary AS
SELECT
    u.id AS user_id,
    u.tier,
    count(DISTINCT i.asset_id) AS total_assets,
    coalesce(sum(i.amount - i.withdrawn), 0) AS total_invested,
    count(i.id) AS total_investments,
    max(i.invested_at) AS last_investment_date
FROM account.users AS u
LEFT JOIN account.investments AS i ON i.user_id = u.id AND i.status = 'confirmed'
GROUP BY u.id, u.tier;

CREATE UNIQUE INDEX user_portfolio_summary_user ON account.user_portfolio_summary (user_id);

-- What the dashboard counts.
CREATE MATERIALIZED VIEW account.platform_summary AS
SELECT
    1 AS id,
    now() AS counted_at,
    (SELECT coalesce(jsonb_object_agg(status, n), '{}') FROM (SELECT status, count(*) AS n FROM account.users GROUP BY status) AS g) AS users_by_status,
    (SELECT coalesce(jsonb_object_agg(tier, n), '{}') FROM (SELECT tier, count(*) AS n FROM account.users GROUP BY tier) AS g) AS users_by_tier,
    (SELECT coalesce(jsonb_object_agg(status, n), '{}') FROM (SELECT status, count(*) AS n FROM account.kyc_applications GROUP BY status) AS g) AS kyc_by_status,
    (SELECT coalesce(jsonb_object_agg(status, n), '{}') FROM (SELECT status, count(*) AS n FROM account.assets GROUP BY status) AS g) AS assets_by_status,
    (SELECT coalesce(jsonb_object_agg(status, jsonb_build_object('count', n, 'amount', amount::text)), '{}')
     FROM (SELECT status, count(*) AS n, sum(amount) AS amount FROM account.investments GROUP BY status) AS g) AS investments_by_status;

CREATE UNIQUE INDEX platform_summary_id ON account.platform_summary (id);

CREATE VIEW account.asset_performance WITH (security_barrier) AS
SELECT s.* FROM account.asset_performance_summary AS s
WHERE account.current_user_id() IS NOT NULL OR account.current_admin_id() IS NOT NULL;

CREATE VIEW account.user_portfolio WITH (security_barrier) AS
SELECT s.* FROM account.user_portfolio_summary AS s
WHERE s.user_id = account.current_user_id() OR (SELECT account.admin_may('investments.read'));

CREATE VIEW account.platform WITH (security_barrier) AS
SELECT s.* FROM account.platform_summary AS s WHERE (SELECT account.admin_may('analytics.read'));

-- Whose names stand beside what was decided: name and role of any administrator, nothing else.
CREATE VIEW account.admin_names WITH (security_barrier) AS
SELECT a.id, a.name, a.role, a.is_active FROM account.admin_users AS a WHERE account.current_admin_id() IS NOT NULL;

CREATE FUNCTION account.refresh_summaries() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    summary text;
BEGIN
    FOREACH summary IN ARRAY ARRAY['asset_performance_summary', 'user_portfolio_summary', 'platform_summary'] LOOP
        IF (SELECT m.ispopulated FROM pg_matviews AS m WHERE m.schemaname = 'account' AND m.matviewname = summary) THEN
            EXECUTE format('REFRESH MATERIALIZED VIEW CONCURRENTLY account.%I', summary);
        ELSE
            EXECUTE format('REFRESH MATERIALIZED VIEW account.%I', summary);
        END IF;
    END LOOP;
END
$$;

-- The search in words: under row-level security an index on words would not be used, for its operator is not leakproof.
-- A page at a time, the best first; before_rank and before_id are those of the last row of the page before.
CREATE FUNCTION account.assets_matching(
    words text, wanted_type text, wanted_status text, wanted_category text, before_rank real, before_id uuid, most integer
) RETURNS TABLE (asset_id uuid, rank real)
LANGUAGE sql STABLE ROWS 25 SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT found.id, found.rank
    FROM (
        SELECT a.id, ts_rank(a.searched, websearch_to_tsquery('simple', words)) AS rank
        FROM account.assets AS a
        WHERE a.searched @@ websearch_to_tsquery('simple', words)
          AND (wanted_type IS NULL OR a.type = wanted_type)
          AND (wanted_status IS NULL OR a.status = wanted_status)
          AND (wanted_category IS NULL OR a.category = wanted_category)
          AND ((SELECT account.current_user_id()) IS NOT NULL OR (SELECT account.current_admin_id()) IS NOT NULL)
          AND (a.status <> 'draft' OR (SELECT account.admin_may('assets.read')))
    ) AS found
    WHERE before_rank IS NULL OR (found.rank, found.id) < (before_rank, before_id)
    ORDER BY found.rank DESC, found.id DESC LIMIT most
$$;

-- A user takes back an intent that nothing was sent for.
CREATE FUNCTION account.cancel_transaction(transaction uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE account.transactions AS t SET status = 'failed', settled_at = now(), failure_reason = 'cancelled'
    WHERE t.id = transaction AND t.user_id = account.current_user_id() AND t.status = 'pending'
      AND t.transaction_hash IS NULL AND NOT t.hash_is_found;
    RETURN FOUND;
END
$$;

CREATE FUNCTION account.guard_admin_permissions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    of_row account.admin_permissions%ROWTYPE := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    wanted text := CASE TG_OP WHEN 'DELETE' THEN 'default' ELSE of_row.effect END;
BEGIN
    IF account.current_admin_id() IS NOT NULL AND (of_row.admin_id IS NULL OR NOT account.is_approved(
        'role_change', of_row.admin_id, jsonb_build_object('permission', of_row.permission, 'effect', wanted)
    )) THEN
        PERFORM account.refuse(403, 'admin_permissions_four_eyes', 'a permission changes only by what a second administrator approves');
    END IF;
    RETURN of_row;
END
$$;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON account.admin_permissions
    FOR EACH ROW EXECUTE FUNCTION account.guard_admin_permissions();

-- What dashboards count beyond the rows that who asks may see: numbers alone, and only with the permission.

-- Most is the bound of each count: what there is more of is shown as that many.
CREATE FUNCTION account.open_work(most integer)
RETURNS TABLE (applications_pending bigint, applications_under_review bigint, approvals_pending bigint,
               security_events_open bigint, security_events_severe bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (SELECT count(*) FROM (SELECT FROM account.kyc_applications AS k WHERE k.status = 'pending_review' LIMIT most) AS c),
           (SELECT count(*) FROM (SELECT FROM account.kyc_applications AS k WHERE k.status = 'under_review' LIMIT most) AS c),
           (SELECT count(*) FROM (SELECT FROM account.approvals AS a WHERE a.status = 'pending' AND a.expires_at > now() LIMIT most) AS c),
           (SELECT count(*) FROM (SELECT FROM account.security_events AS e WHERE NOT e.investigated LIMIT most) AS c),
           (SELECT count(*) FROM (SELECT FROM account.security_events AS e
                                  WHERE NOT e.investigated AND e.severity IN ('high', 'critical') LIMIT most) AS c)
    WHERE account.admin_may('analytics.read')
$$;

CREATE FUNCTION account.asset_totals() RETURNS TABLE (currency text, assets bigint, total_invested numeric, total_reserved numeric)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d.currency, count(*), sum(m.total_invested), sum(m.total_reserved)
    FROM account.asset_metrics AS m JOIN account.asset_details AS d ON d.asset_id = m.asset_id
    WHERE account.admin_may('analytics.read') GROUP BY d.currency ORDER BY d.currency
$$;

-- The server as far as its statistics are for everybody: of other logins' sessions the beginnings are known only
-- where pend_definer is granted pg_read_all_stats.
CREATE FUNCTION account.database_health()
RETURNS TABLE (server_version text, started_at timestamptz, is_standby boolean, connections integer, connections_max integer,
               database_bytes bigint, commits bigint, rollbacks bigint, deadlocks bigint, blocks_read bigint, blocks_hit bigint,
               oldest_transaction_at timestamptz, transaction_ids_used bigint, standbys integer, slots_inactive integer,
               slot_bytes_held bigint, audit_rows_unsealed bigint, sealed_at timestamptz, seals_unanchored bigint,
               summaries_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT current_setting('server_version'), pg_postmaster_start_time(), pg_is_in_recovery(), d.numbackends,
           current_setting('max_connections')::integer, pg_database_size(d.datid), d.xact_commit, d.xact_rollback, d.deadlocks,
           d.blks_read, d.blks_hit,
           (SELECT min(a.xact_start) FROM pg_stat_activity AS a WHERE a.datid = d.datid AND a.pid <> pg_backend_pid()),
           (SELECT age(b.datfrozenxid)::bigint FROM pg_database AS b WHERE b.oid = d.datid),
           (SELECT count(*)::integer FROM pg_stat_replication),
           (SELECT count(*)::integer FROM pg_replication_slots AS s WHERE NOT s.active),
           (SELECT max(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END,
                                       s.restart_lsn))::bigint FROM pg_replication_slots AS s),
           (SELECT count(*) FROM (SELECT FROM account.admin_audit_logs AS l
                                  WHERE l.id > coalesce((SELECT max(s.last_id) FROM account.audit_seals AS s), 0) LIMIT 100000) AS c),
           (SELECT s.sealed_at FROM account.audit_seals AS s ORDER BY s.number DESC LIMIT 1),
           (SELECT count(*) FROM account.audit_seals AS s WHERE s.anchored_at IS NULL),
           (SELECT s.counted_at FROM account.platform_summary AS s)
    FROM pg_stat_database AS d
    WHERE d.datname = current_database() AND account.admin_may('system.read')
$$;

-- The largest tables of the write side, with their indexes.
CREATE FUNCTION account.table_sizes(most integer) RETURNS TABLE (name text, bytes bigint, rows_estimated bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.relname, pg_total_relation_size(c.oid), greatest(c.reltuples, 0)::bigint
    FROM pg_class AS c
    WHERE c.relnamespace = 'account'::regnamespace AND c.relkind IN ('r', 'm') AND account.admin_may('system.read')
    ORDER BY 2 DESC, 1 LIMIT most
$$;

-- What was done since then, by hour: of the newest rows alone, and how many of them were looked at.
CREATE FUNCTION account.activity(since timestamptz, most integer)
RETURNS TABLE (hour timestamptz, resource_type text, action text, actor text, changes bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT date_trunc('hour', l.timestamp, 'UTC'), l.resource_type, l.action, l.actor, count(*)
    FROM (SELECT r.timestamp, r.resource_type, r.action, r.actor FROM account.admin_audit_logs AS r
          WHERE r.timestamp >= since ORDER BY r.timestamp DESC LIMIT most) AS l
    WHERE account.admin_may('system.read')
    GROUP BY 1, 2, 3, 4 ORDER BY 1 DESC, 5 DESC, 2, 3, 4
$$;

-- What the explorer may know: offers, and the tier of a wallet. No person.

CREATE SCHEMA account_public;
COMMENT ON SCHEMA account_public IS 'What pend_explorer may read of the write side: no personal data';

CREATE VIEW account_public.pools AS
SELECT a.contract_address AS pool, a.title, a.category, a.status, a.image_url
FROM account.assets AS a
WHERE a.contract_address IS NOT NULL AND a.status <> 'draft';

-- Who only signed in, and was verified for nothing, is not named.
CREATE VIEW account_public.wallets AS
SELECT u.blockchain_address AS wallet, t.name AS tier
FROM account.users AS u
JOIN account.user_tiers AS t ON t.tier = u.tier
WHERE u.status = 'active' AND u.tier > 0;

GRANT USAGE ON SCHEMA account_public TO pend_explorer, pend_definer;
GRANT SELECT ON account_public.pools, account_public.wallets TO pend_explorer;

-- A change of what the explorer shows is announced as the indexer's are, once for each transaction, when it commits
-- and under the same lock: answers that were kept are made anew.
ALTER TABLE chain.outbox DROP CONSTRAINT outbox_kind_check;
ALTER TABLE chain.outbox ADD CONSTRAINT outbox_kind_check
    CHECK (kind IN ('blocks', 'reorg', 'derived', 'decoded', 'token', 'fetched', 'account'));

CREATE FUNCTION account.announce_public() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    head bigint := coalesce((SELECT t.head_number FROM chain.tip AS t), 0);
    claimed bigint;
BEGIN
    IF current_setting('app.announced_public', true) = pg_current_xact_id()::text THEN
        RETURN NULL;
    END IF;
    UPDATE chain.chain_state AS s SET outbox_sequence = s.outbox_sequence + 1 RETURNING s.outbox_sequence INTO claimed;
    IF claimed IS NOT NULL THEN
        INSERT INTO chain.outbox (sequence, kind, from_block, to_block, payload) VALUES (claimed, 'account', head, head, '{}');
        PERFORM pg_notify('pend_outbox', claimed::text);
    END IF;
    PERFORM set_config('app.announced_public', pg_current_xact_id()::text, true);
    RETURN NULL;
END
$$;

GRANT UPDATE (outbox_sequence) ON chain.chain_state TO pend_definer;
GRANT INSERT ON chain.outbox TO pend_definer;

CREATE CONSTRAINT TRIGGER announce_made AFTER INSERT ON account.assets DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.status <> 'draft' AND NEW.contract_address IS NOT NULL) EXECUTE FUNCTION account.announce_public();
CREATE CONSTRAINT TRIGGER announce AFTER UPDATE ON account.assets DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.status <> 'draft' AND NEW.contract_address IS NOT NULL
          AND (OLD.title, OLD.category, OLD.status, OLD.image_url) IS DISTINCT FROM (NEW.title, NEW.category, NEW.status, NEW.image_url))
    EXECUTE FUNCTION account.announce_public();
CREATE CONSTRAINT TRIGGER announce AFTER UPDATE ON account.users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (greatest(OLD.tier, NEW.tier) > 0 AND (OLD.tier, OLD.status) IS DISTINCT FROM (NEW.tier, NEW.status))
    EXECUTE FUNCTION account.announce_public();

-- Ownership and the right to call.

GRANT CREATE ON SCHEMA account, account_public TO pend_definer;

DO $$
DECLARE
    made record;
BEGIN
    FOR made IN SELECT p.oid::regprocedure AS name FROM pg_proc AS p
        WHERE p.pronamespace = 'account'::regnamespace AND p.prosecdef AND p.proname <> 'audit_horizon' LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO pend_definer', made.name);
    END LOOP;
    FOR made IN SELECT c.oid::regclass AS name, CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END AS kind FROM pg_class AS c
        WHERE c.relnamespace IN ('account'::regnamespace, 'account_public'::regnamespace) AND c.relkind IN ('v', 'm') LOOP
        EXECUTE format('ALTER %s %s OWNER TO pend_definer', made.kind, made.name);
    END LOOP;
END
$$;

REVOKE CREATE ON SCHEMA account, account_public FROM pend_definer;

GRANT SELECT ON account.asset_performance, account.user_portfolio, account.platform, account.admin_names TO pend_writer;

GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA account TO pend_definer;
GRANT EXECUTE ON FUNCTION
    account.current_user_id(), account.current_admin_id(), account.admin_may(text), account.permissions_of(uuid),
    account.refuse(integer, text, text), account.enter(text, uuid, uuid, text, inet), account.enter_anyone(text, inet),
    account.enter_user(uuid, integer, text, inet), account.enter_admin(uuid, integer, text, inet),
    account.audit_access(text, text, text, jsonb),
    account.issue_challenge(text, uuid, uuid, bytea, jsonb, integer, interval), account.answer_challenge(text, bytea),
    account.attempt_challenge(text, uuid, bytea), account.sign_in_lock(bytea), account.sign_in_failed(bytea),
    account.sign_in_succeeded(bytea), account.open_user_session(uuid, bytea, bytea, text, interval),
    account.admin_for_sign_in(text), account.admin_for_second_factor(uuid), account.admin_security_key(uuid, bytea),
    account.use_totp_step(uuid, bigint), account.use_recovery_code(uuid, bytea), account.use_security_key(uuid, bigint),
    account.open_admin_session(uuid, uuid, text, bytea, inet, text, interval),
    account.rotate_session(uuid, bytea, bytea, interval), account.admin_for_setup(bytea),
    account.add_admin_key(bytea, uuid, bytea, text), account.begin_setup(bytea, text, bytea), account.setup_secret(bytea),
    account.finish_setup(bytea, bigint, bytea[]), account.reset_second_factor(uuid, bytea, interval),
    account.record_security_event(text, text, uuid, uuid, inet, text, text, text, jsonb, text),
    account.system_key(), account.add_system_key(uuid, bytea, text), account.master_keys(),
    account.claim_idempotency_key(text, text, bytea), account.keep_idempotent_answer(text, text, integer, bytea, bytea),
    account.erase_user(uuid), account.assets_matching(text, text, text, text, real, uuid, integer), account.cancel_transaction(uuid),
    account.own_trail(bigint, integer), account.user_growth(date, date)
    TO pend_writer;
GRANT EXECUTE ON FUNCTION
    account.open_transactions(timestamptz, uuid, integer), account.not_final_transactions(bigint, integer, integer),
    account.finalize_transactions(bigint, integer), account.unnamed_files(text[]),
    account.confirm_transaction(uuid, bigint, integer), account.fail_transaction(uuid, text),
    account.unconfirm_transaction(uuid), account.audit_horizon(), account.seal_audit(bigint, integer),
    account.unanchored_seals(integer), account.seal_anchored(bigint), account.files_to_delete(integer),
    account.file_deleted(uuid, text), account.forget_expired(), account.refresh_summaries(), account.master_keys()
    TO pend_worker;
GRANT EXECUTE ON FUNCTION
    account.create_admin(text, text, text, bytea, interval), account.reset_admin(text, bytea, interval), account.disable_admin(text),
    account.list_admins()
    TO pend_owner;
GRANT EXECUTE ON FUNCTION
    account.open_work(integer), account.asset_totals(), account.database_health(), account.table_sizes(integer),
    account.activity(timestamptz, integer)
    TO pend_writer;

-- Readable from the first request on.
DO $$ BEGIN PERFORM account.refresh_summaries(); END $$;
