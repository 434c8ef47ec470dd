SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '10min';
-- The write side: who uses Pend, what they were asked, what they own, who decides. Tables and their keys;
-- 0014 holds the rules that no statement can get round, 0015 who sees which rows.
-- Columns of type bytea that are called sealed in their comment are AES-256-GCM, opened by the API alone.

-- Who acts, set for one transaction by account.enter_user() and account.enter_admin(). After SET LOCAL a pooled
-- connection holds '' (DESIGN.md 8.10).
CREATE FUNCTION account.current_user_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('app.current_user_id', true), '')::uuid $$;

CREATE FUNCTION account.current_admin_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('app.current_admin_id', true), '')::uuid $$;

-- Privileges are given table by table in 0015: nothing comes by default.
ALTER DEFAULT PRIVILEGES IN SCHEMA account REVOKE ALL ON TABLES FROM pend_writer;
ALTER DEFAULT PRIVILEGES IN SCHEMA account REVOKE ALL ON SEQUENCES FROM pend_writer;

-- Users.

CREATE TABLE account.user_tiers (
    tier smallint PRIMARY KEY CHECK (tier BETWEEN 0 AND 5),
    name text NOT NULL UNIQUE,
    -- What all investments of one user may come to, open ones included; null has no limit.
    invested_max numeric(38, 18) CHECK (invested_max >= 0),
    requires_kyc boolean NOT NULL,
    description text NOT NULL DEFAULT ''
);

INSERT INTO account.user_tiers (tier, name, invested_max, requires_kyc, description) VALUES
    (0, 'visitor', 0, false, 'Signed in; may look and show interest'),
    (1, 'basic', 10000, true, 'Identity verified'),
    (2, 'standard', 100000, true, 'Identity and residence verified'),
    (3, 'advanced', 1000000, true, 'Source of funds verified'),
    (4, 'professional', 10000000, true, 'Professional investor'),
    (5, 'institutional', NULL, true, 'Institution');

CREATE TABLE account.users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    blockchain_address bytea NOT NULL UNIQUE CHECK (octet_length(blockchain_address) = 20),
    -- HMAC-SHA-256 of the E.164 number; null until a phone is registered and after erasure.
    phone_hash bytea UNIQUE CHECK (octet_length(phone_hash) = 32),
    tier smallint NOT NULL DEFAULT 0 REFERENCES account.user_tiers,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'closed')),
    status_reason text,
    kyc_verified_at timestamptz,
    erased_at timestamptz,
    metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK (erased_at IS NULL OR status = 'closed')
);

CREATE INDEX users_created ON account.users (created_at, id);
CREATE INDEX users_status ON account.users (status, created_at, id) WHERE status <> 'active';
CREATE INDEX users_tier ON account.users (tier, created_at, id);

CREATE TABLE account.user_profiles (
    user_id uuid PRIMARY KEY REFERENCES account.users ON DELETE CASCADE,
    phone_number_masked text CHECK (phone_number_masked ~ '^\+[0-9]{1,3}\*{3}[0-9]{2}([0-9]{2})?$'),
    country_code text CHECK (country_code ~ '^[A-Z]{2}$'),
    full_name bytea,
    email bytea,
    registration_ip bytea,
    device_fingerprints bytea,
    preferences jsonb NOT NULL DEFAULT '{}'
        CHECK (jsonb_typeof(preferences) = 'object' AND octet_length(preferences::text) <= 8192),
    metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    login_count bigint NOT NULL DEFAULT 0,
    last_login_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON COLUMN account.user_profiles.full_name IS 'Sealed';
COMMENT ON COLUMN account.user_profiles.email IS 'Sealed';
COMMENT ON COLUMN account.user_profiles.registration_ip IS 'Sealed';
COMMENT ON COLUMN account.user_profiles.device_fingerprints IS 'Sealed JSON array';

-- Administrators.

CREATE TABLE account.admin_users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email text NOT NULL UNIQUE CHECK (email = lower(email) AND email ~ '^[!-~]+@[!-~]+$'),
    name text NOT NULL CHECK (name <> ''),
    role text NOT NULL CHECK (role IN ('super_admin', 'asset_manager', 'kyc_verifier', 'auditor', 'viewer')),
    blockchain_address bytea CHECK (octet_length(blockchain_address) = 20),
    -- argon2id; null until the administrator has chosen one.
    password_hash text CHECK (password_hash LIKE '$argon2id$%'),
    -- Sealed; null without TOTP. Accepted steps rise, so that no code is accepted twice.
    totp_secret bytea,
    totp_confirmed_at timestamptz,
    totp_last_step bigint,
    is_active boolean NOT NULL DEFAULT true,
    -- SHA-256 of the token with which password and second factor are set, once.
    setup_hash bytea UNIQUE CHECK (octet_length(setup_hash) = 32),
    setup_expires_at timestamptz,
    last_login_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((setup_hash IS NULL) = (setup_expires_at IS NULL))
);

CREATE TABLE account.admin_recovery_codes (
    admin_id uuid NOT NULL REFERENCES account.admin_users ON DELETE CASCADE,
    code_hash bytea NOT NULL CHECK (octet_length(code_hash) = 32),
    used_at timestamptz,
    PRIMARY KEY (admin_id, code_hash)
);

CREATE TABLE account.admin_security_keys (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    admin_id uuid NOT NULL REFERENCES account.admin_users ON DELETE CASCADE,
    name text NOT NULL CHECK (name <> ''),
    credential_id bytea NOT NULL UNIQUE,
    public_key bytea NOT NULL,
    sign_count bigint NOT NULL DEFAULT 0 CHECK (sign_count >= 0),
    transports text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz
);

CREATE INDEX admin_security_keys_admin ON account.admin_security_keys (admin_id);

-- What a role may do, and what one administrator may do more or less than the role.
CREATE TABLE account.admin_permissions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    role text CHECK (role IN ('super_admin', 'asset_manager', 'kyc_verifier', 'auditor', 'viewer')),
    admin_id uuid REFERENCES account.admin_users ON DELETE CASCADE,
    permission text NOT NULL CHECK (permission ~ '^[a-z_]+\.[a-z_]+$'),
    effect text NOT NULL DEFAULT 'grant' CHECK (effect IN ('grant', 'deny')),
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(role, admin_id) = 1),
    CHECK (role IS NULL OR effect = 'grant'),
    UNIQUE NULLS NOT DISTINCT (role, admin_id, permission)
);

INSERT INTO account.admin_permissions (role, permission)
SELECT r.role, p.permission
FROM (VALUES
    ('users.read', '{super_admin,kyc_verifier,auditor}'::text[]),
    ('users.personal', '{super_admin,kyc_verifier}'),
    ('users.write', '{super_admin}'),
    ('users.tier', '{super_admin,kyc_verifier}'),
    ('users.erase', '{super_admin}'),
    ('kyc.read', '{super_admin,kyc_verifier,auditor}'),
    ('kyc.review', '{super_admin,kyc_verifier}'),
    ('kyc.documents', '{super_admin,kyc_verifier}'),
    ('assets.read', '{super_admin,asset_manager,kyc_verifier,auditor,viewer}'),
    ('assets.write', '{super_admin,asset_manager}'),
    ('investments.read', '{super_admin,asset_manager,auditor}'),
    ('audit.read', '{super_admin,auditor}'),
    ('audit.export', '{super_admin,auditor}'),
    ('security.read', '{super_admin,auditor}'),
    ('security.investigate', '{super_admin,auditor}'),
    ('admins.read', '{super_admin,auditor}'),
    ('admins.write', '{super_admin}'),
    ('approvals.read', '{super_admin,asset_manager,kyc_verifier,auditor}'),
    ('approvals.decide', '{super_admin,asset_manager,kyc_verifier}'),
    ('messages.write', '{super_admin,kyc_verifier}'),
    ('notices.write', '{super_admin}'),
    ('analytics.read', '{super_admin,asset_manager,auditor,viewer}'),
    ('system.read', '{super_admin,auditor,viewer}')
) AS p (permission, roles)
CROSS JOIN LATERAL unnest(p.roles) AS r (role);

-- Sessions: one row for each sign-in. `version` is in every access token; raising or ending it revokes at once.

CREATE TABLE account.user_sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES account.users ON DELETE CASCADE,
    version integer NOT NULL DEFAULT 1,
    token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    client text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    refreshed_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    ended_because text CHECK (ended_because IN ('signed_out', 'revoked', 'refresh_token_reused', 'account_changed')),
    CHECK ((ended_at IS NULL) = (ended_because IS NULL))
);

CREATE INDEX user_sessions_user ON account.user_sessions (user_id, created_at, id);
CREATE INDEX user_sessions_expires ON account.user_sessions (expires_at);

CREATE TABLE account.admin_sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    admin_id uuid NOT NULL REFERENCES account.admin_users ON DELETE CASCADE,
    version integer NOT NULL DEFAULT 1,
    token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    ip_address inet,
    user_agent text NOT NULL DEFAULT '',
    second_factor text NOT NULL CHECK (second_factor IN ('totp', 'security_key', 'recovery_code')),
    created_at timestamptz NOT NULL DEFAULT now(),
    refreshed_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    ended_because text CHECK (ended_because IN ('signed_out', 'revoked', 'refresh_token_reused', 'account_changed')),
    CHECK ((ended_at IS NULL) = (ended_because IS NULL))
);

CREATE INDEX admin_sessions_admin ON account.admin_sessions (admin_id, created_at) WHERE ended_at IS NULL;
CREATE INDEX admin_sessions_expires ON account.admin_sessions (expires_at);

-- Refresh tokens that were exchanged: one that comes again was stolen, and ends its session.
CREATE TABLE account.used_refresh_tokens (
    token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    session_id uuid NOT NULL,
    used_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX used_refresh_tokens_used ON account.used_refresh_tokens (used_at);

-- What was asked of somebody who is not signed in yet: nonces of wallets, codes sent to phones, challenges of
-- second factors. Each is answered once.
CREATE TABLE account.challenges (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind text NOT NULL CHECK (kind IN ('wallet', 'phone', 'second_factor', 'security_key')),
    user_id uuid REFERENCES account.users ON DELETE CASCADE,
    admin_id uuid REFERENCES account.admin_users ON DELETE CASCADE,
    -- The nonce, or the keyed hash of a code.
    secret bytea NOT NULL,
    -- What the answer is about: the wallet's address, the phone's hash and masked form.
    subject jsonb NOT NULL DEFAULT '{}',
    attempts_left smallint NOT NULL DEFAULT 1 CHECK (attempts_left >= 0),
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX challenges_expires ON account.challenges (expires_at);
CREATE INDEX challenges_user ON account.challenges (user_id) WHERE user_id IS NOT NULL;

-- Failed sign-ins by whom they were about (keyed hash of e-mail, wallet or phone), whether or not there is such
-- an account: both lock alike.
CREATE TABLE account.sign_in_failures (
    subject_hash bytea PRIMARY KEY CHECK (octet_length(subject_hash) = 32),
    failures integer NOT NULL CHECK (failures > 0),
    locked_until timestamptz,
    last_failed_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX sign_in_failures_last ON account.sign_in_failures (last_failed_at);

-- Keys. Each data key is wrapped by a master key that is kept elsewhere; destroying one erases what it sealed.

CREATE TABLE account.data_keys (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    purpose text NOT NULL CHECK (purpose IN ('user', 'document', 'admin', 'system')),
    user_id uuid REFERENCES account.users,
    admin_id uuid REFERENCES account.admin_users,
    wrapped bytea,
    master_key_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    destroyed_at timestamptz,
    CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL)),
    CHECK ((user_id IS NOT NULL) = (purpose IN ('user', 'document'))),
    CHECK ((admin_id IS NOT NULL) = (purpose = 'admin'))
);

CREATE UNIQUE INDEX data_keys_user ON account.data_keys (user_id) WHERE purpose = 'user';
CREATE UNIQUE INDEX data_keys_admin ON account.data_keys (admin_id) WHERE purpose = 'admin';
CREATE UNIQUE INDEX data_keys_system ON account.data_keys (purpose) WHERE purpose = 'system';
CREATE INDEX data_keys_documents ON account.data_keys (user_id) WHERE purpose = 'document';
CREATE INDEX data_keys_master ON account.data_keys (master_key_id) WHERE wrapped IS NOT NULL;

-- Know your customer.

CREATE TABLE account.kyc_applications (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES account.users,
    status text NOT NULL DEFAULT 'pending_review'
        CHECK (status IN ('pending_review', 'under_review', 'verified', 'rejected')),
    details bytea NOT NULL,
    assigned_to uuid REFERENCES account.admin_users,
    verified_by uuid REFERENCES account.admin_users,
    rejection_reason bytea,
    review_notes bytea,
    metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    version integer NOT NULL DEFAULT 1,
    submitted_at timestamptz NOT NULL DEFAULT now(),
    reviewed_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((status IN ('verified', 'rejected')) = (reviewed_at IS NOT NULL)),
    CHECK ((status IN ('verified', 'rejected')) = (verified_by IS NOT NULL)),
    CHECK ((status = 'rejected') = (rejection_reason IS NOT NULL)),
    CHECK (status = 'pending_review' OR assigned_to IS NOT NULL)
);

COMMENT ON COLUMN account.kyc_applications.details IS 'Sealed JSON: name, date of birth, nationality, address';
COMMENT ON COLUMN account.kyc_applications.rejection_reason IS 'Sealed';
COMMENT ON COLUMN account.kyc_applications.review_notes IS 'Sealed; never shown to the applicant';

CREATE UNIQUE INDEX kyc_applications_open ON account.kyc_applications (user_id)
    WHERE status IN ('pending_review', 'under_review');
CREATE INDEX kyc_applications_user ON account.kyc_applications (user_id, submitted_at);
CREATE INDEX kyc_applications_queue ON account.kyc_applications (status, submitted_at, id);
CREATE INDEX kyc_applications_submitted ON account.kyc_applications (submitted_at, id);
CREATE INDEX kyc_applications_assigned ON account.kyc_applications (assigned_to, submitted_at)
    WHERE status = 'under_review';

CREATE TABLE account.kyc_documents (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES account.users,
    -- Null until an application is made of it.
    application_id uuid REFERENCES account.kyc_applications,
    document_type text NOT NULL CHECK (document_type IN ('id', 'passport', 'utility', 'driver_license')),
    original_filename bytea NOT NULL,
    stored_filename text NOT NULL UNIQUE,
    file_size bigint NOT NULL CHECK (file_size > 0),
    mime_type text NOT NULL CHECK (mime_type IN ('image/jpeg', 'image/png', 'image/webp', 'application/pdf')),
    -- SHA-256 of what was uploaded, compared at every read; null once erased.
    file_hash bytea CHECK (octet_length(file_hash) = 32),
    data_key_id uuid NOT NULL REFERENCES account.data_keys,
    uploaded_at timestamptz NOT NULL DEFAULT now(),
    erased_at timestamptz,
    CHECK (erased_at IS NOT NULL OR file_hash IS NOT NULL)
);

COMMENT ON COLUMN account.kyc_documents.original_filename IS 'Sealed';
COMMENT ON COLUMN account.kyc_documents.stored_filename IS 'Key in the document storage: encrypted with data_key_id';

CREATE INDEX kyc_documents_application ON account.kyc_documents (application_id);
CREATE INDEX kyc_documents_user ON account.kyc_documents (user_id, uploaded_at);
CREATE INDEX kyc_documents_unused ON account.kyc_documents (uploaded_at) WHERE application_id IS NULL;

-- Between reviewers, and between them and the applicant; kept, so that whoever reconnects reads on.
CREATE TABLE account.messages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    application_id uuid NOT NULL REFERENCES account.kyc_applications,
    user_id uuid NOT NULL REFERENCES account.users,
    audience text NOT NULL CHECK (audience IN ('reviewers', 'applicant')),
    author_admin_id uuid REFERENCES account.admin_users,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON COLUMN account.messages.body IS 'Sealed with the key of user_id, the applicant';
COMMENT ON COLUMN account.messages.author_admin_id IS 'Null: the applicant wrote it';

CREATE INDEX messages_application ON account.messages (application_id, id);

CREATE TABLE account.notices (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    severity text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    body text NOT NULL CHECK (body <> ''),
    created_by uuid NOT NULL REFERENCES account.admin_users,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz
);

-- Assets. Amounts are in units of the asset's currency, exact; on the chain they are integers, scaled by
-- token_decimals.

CREATE TABLE account.assets (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    contract_address bytea UNIQUE CHECK (octet_length(contract_address) = 20),
    type text NOT NULL CHECK (type IN ('investment', 'interest')),
    title text NOT NULL CHECK (title <> '' AND length(title) <= 255),
    description text NOT NULL DEFAULT '',
    category text NOT NULL DEFAULT '',
    location text NOT NULL DEFAULT '',
    image_url text,
    status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'active', 'paused', 'closed')),
    metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    created_by uuid REFERENCES account.admin_users,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    searched tsvector GENERATED ALWAYS AS (
        setweight(to_tsvector('simple', title), 'A')
        || setweight(to_tsvector('simple', category || ' ' || location), 'B')
        || setweight(to_tsvector('simple', description), 'C')
    ) STORED,
    CHECK (type = 'investment' OR contract_address IS NULL),
    CHECK (status = 'draft' OR type = 'interest' OR contract_address IS NOT NULL)
);

CREATE INDEX assets_searched ON account.assets USING gin (searched);
CREATE INDEX assets_created ON account.assets (created_at, id);
CREATE INDEX assets_status ON account.assets (status, created_at, id);
CREATE INDEX assets_category ON account.assets (category, created_at, id);

CREATE TABLE account.asset_details (
    asset_id uuid PRIMARY KEY REFERENCES account.assets ON DELETE CASCADE,
    currency text NOT NULL DEFAULT 'PEND' CHECK (currency ~ '^[A-Z0-9]{2,10}$'),
    token_symbol text CHECK (token_symbol ~ '^[A-Za-z0-9]{1,10}$'),
    token_price numeric(38, 18) CHECK (token_price > 0),
    token_decimals smallint NOT NULL DEFAULT 18 CHECK (token_decimals BETWEEN 0 AND 18),
    max_supply bigint CHECK (max_supply > 0),
    expected_roi numeric(5, 2),
    lockup_period integer CHECK (lockup_period >= 0),
    minimum_investment numeric(38, 18) CHECK (minimum_investment > 0),
    soft_cap numeric(38, 18) CHECK (soft_cap > 0),
    deadline timestamptz,
    contact_format text CHECK (contact_format IN ('whatsapp', 'email')),
    contact_value text,
    jurisdiction text,
    spv_name text,
    custody_type text,
    min_tier_required smallint NOT NULL DEFAULT 1 REFERENCES account.user_tiers,
    legal_documents jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(legal_documents) = 'array'),
    agreement_url text,
    agreement_hash bytea CHECK (octet_length(agreement_hash) = 32),
    version integer NOT NULL DEFAULT 1,
    CHECK ((contact_format IS NULL) = (contact_value IS NULL))
);

COMMENT ON COLUMN account.asset_details.lockup_period IS 'Days from the confirmed investment in which nothing is withdrawn';
COMMENT ON COLUMN account.asset_details.max_supply IS 'Tokens; with token_price it makes the cap of all investments';

CREATE TABLE account.asset_metrics (
    asset_id uuid PRIMARY KEY REFERENCES account.assets ON DELETE CASCADE,
    -- max_supply * token_price; null has no cap.
    cap numeric(38, 18) CHECK (cap > 0),
    total_invested numeric(38, 18) NOT NULL DEFAULT 0 CHECK (total_invested >= 0),
    total_reserved numeric(38, 18) NOT NULL DEFAULT 0 CHECK (total_reserved >= 0),
    investor_count integer NOT NULL DEFAULT 0 CHECK (investor_count >= 0),
    interested_count integer NOT NULL DEFAULT 0 CHECK (interested_count >= 0),
    performance_data jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(performance_data) = 'object'),
    last_updated timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT asset_metrics_within_cap CHECK (cap IS NULL OR total_invested + total_reserved <= cap)
);

COMMENT ON COLUMN account.asset_metrics.total_reserved IS 'Intents that the chain has not confirmed yet';

CREATE TABLE account.asset_documents (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    asset_id uuid NOT NULL REFERENCES account.assets,
    title text NOT NULL CHECK (title <> '' AND length(title) <= 255),
    stored_filename text NOT NULL UNIQUE,
    file_size bigint NOT NULL CHECK (file_size > 0),
    mime_type text NOT NULL CHECK (mime_type IN ('image/jpeg', 'image/png', 'image/webp', 'application/pdf')),
    file_hash bytea NOT NULL CHECK (octet_length(file_hash) = 32),
    uploaded_by uuid NOT NULL REFERENCES account.admin_users,
    uploaded_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX asset_documents_asset ON account.asset_documents (asset_id, uploaded_at);

CREATE TABLE account.asset_interests (
    asset_id uuid NOT NULL REFERENCES account.assets ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES account.users,
    shown_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (asset_id, user_id)
);

CREATE INDEX asset_interests_user ON account.asset_interests (user_id);

-- Investments: an intent first, then what the chain says of it.

CREATE TABLE account.investments (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES account.users,
    asset_id uuid NOT NULL REFERENCES account.assets,
    amount numeric(38, 18) NOT NULL CHECK (amount > 0),
    currency text NOT NULL,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'confirmed', 'failed', 'refunded')),
    -- Taken out again, and asked to be taken out but not confirmed.
    withdrawn numeric(38, 18) NOT NULL DEFAULT 0 CHECK (withdrawn >= 0),
    withdrawing numeric(38, 18) NOT NULL DEFAULT 0 CHECK (withdrawing >= 0),
    transaction_hash bytea CHECK (octet_length(transaction_hash) = 32),
    block_number bigint,
    failure_reason text,
    metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    version integer NOT NULL DEFAULT 1,
    invested_at timestamptz NOT NULL DEFAULT now(),
    confirmed_at timestamptz,
    expires_at timestamptz NOT NULL DEFAULT now() + interval '24 hours',
    CONSTRAINT investments_not_overdrawn CHECK (withdrawn + withdrawing <= amount),
    CHECK ((status IN ('confirmed', 'refunded')) = (confirmed_at IS NOT NULL)),
    CHECK ((status = 'failed') = (failure_reason IS NOT NULL)),
    CHECK (status IN ('confirmed', 'refunded') OR withdrawn = 0),
    -- Pending again after a reorg, it may have withdrawals that wait.
    CHECK (status <> 'failed' OR withdrawing = 0),
    CHECK ((status = 'refunded') = (withdrawn = amount))
);

CREATE INDEX investments_user ON account.investments (user_id, invested_at, id);
CREATE INDEX investments_asset ON account.investments (asset_id, invested_at, id);
CREATE INDEX investments_user_asset ON account.investments (user_id, asset_id) WHERE status IN ('pending', 'confirmed');
CREATE INDEX investments_invested ON account.investments (invested_at, id);
CREATE INDEX investments_status ON account.investments (status, invested_at, id);

-- Every movement of money that was asked for and its leg on the chain: an investment has one, a withdrawal has one.
CREATE TABLE account.transactions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES account.users,
    asset_id uuid NOT NULL REFERENCES account.assets,
    investment_id uuid NOT NULL REFERENCES account.investments,
    kind text NOT NULL CHECK (kind IN ('investment', 'withdrawal')),
    amount numeric(38, 18) NOT NULL CHECK (amount > 0),
    currency text NOT NULL,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'confirmed', 'failed')),
    -- What the user says was sent; null: the worker looks for it by wallet, pool and amount.
    transaction_hash bytea CHECK (octet_length(transaction_hash) = 32),
    -- Whether the worker found that, nobody told it: a reorg makes it unknown again.
    hash_is_found boolean NOT NULL DEFAULT false,
    block_number bigint,
    block_hash bytea CHECK (octet_length(block_hash) = 32),
    log_index integer,
    -- Whether that block is final: no reorg takes it back.
    is_final boolean NOT NULL DEFAULT false,
    failure_reason text,
    -- The block of the chain's head when the intent was made: nothing older can be its leg.
    asked_at_block bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL DEFAULT now() + interval '24 hours',
    settled_at timestamptz,
    CHECK ((status = 'pending') = (settled_at IS NULL)),
    CHECK ((status = 'confirmed') = (log_index IS NOT NULL AND block_number IS NOT NULL AND block_hash IS NOT NULL)),
    CHECK ((status = 'failed') = (failure_reason IS NOT NULL)),
    CHECK (status = 'confirmed' OR NOT is_final)
);

-- One event of the chain confirms one intent.
CREATE UNIQUE INDEX transactions_leg ON account.transactions (block_number, log_index) WHERE status = 'confirmed';
CREATE INDEX transactions_created ON account.transactions (user_id, created_at, id);
CREATE INDEX transactions_investment ON account.transactions (investment_id);
CREATE INDEX transactions_pending ON account.transactions (created_at, id) WHERE status = 'pending';
CREATE INDEX transactions_not_final ON account.transactions (block_number, log_index) WHERE status = 'confirmed' AND NOT is_final;

CREATE TABLE account.investment_agreements (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES account.users,
    asset_id uuid NOT NULL REFERENCES account.assets,
    agreement_hash bytea NOT NULL CHECK (octet_length(agreement_hash) = 32),
    agreement_url text,
    -- By the user's wallet over the text that names asset and hash (EIP-191, EIP-1271).
    signature bytea NOT NULL,
    signed_text text NOT NULL,
    signed_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (user_id, asset_id, agreement_hash)
);


-- Four eyes: what one administrator asks and another one decides.

CREATE TABLE account.approvals (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind text NOT NULL CHECK (kind IN ('tier_raise', 'role_change', 'erasure', 'asset_activation')),
    resource_id uuid NOT NULL,
    -- What shall be: {"tier": 2}, {"role": "auditor"}, {}.
    change jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(change) = 'object'),
    justification text NOT NULL CHECK (length(justification) >= 10),
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'approved', 'rejected', 'cancelled')),
    requested_by uuid NOT NULL REFERENCES account.admin_users,
    requested_at timestamptz NOT NULL DEFAULT now(),
    decided_by uuid REFERENCES account.admin_users,
    decided_at timestamptz,
    decision_note text,
    expires_at timestamptz NOT NULL DEFAULT now() + interval '7 days',
    version integer NOT NULL DEFAULT 1,
    CHECK ((status = 'pending') = (decided_at IS NULL)),
    CHECK ((status = 'pending') = (decided_by IS NULL)),
    CONSTRAINT approvals_four_eyes CHECK (status NOT IN ('approved', 'rejected') OR decided_by <> requested_by)
);

CREATE UNIQUE INDEX approvals_open ON account.approvals (kind, resource_id) WHERE status = 'pending';
CREATE INDEX approvals_resource ON account.approvals (resource_id, kind);
CREATE INDEX approvals_requested ON account.approvals (requested_at, id);

-- Requests for erasure: the user asks, two administrators agree, the keys are destroyed.
CREATE TABLE account.erasure_requests (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL UNIQUE REFERENCES account.users,
    requested_at timestamptz NOT NULL DEFAULT now(),
    erased_at timestamptz,
    -- Keys of documents whose encrypted files are to be deleted from the storage.
    files_left text[] NOT NULL DEFAULT '{}'
);

-- What was done by whom.

CREATE TABLE account.admin_audit_logs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    timestamp timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL CHECK (actor IN ('user', 'admin', 'system')),
    admin_id uuid,
    user_id uuid,
    action text NOT NULL,
    resource_type text NOT NULL,
    resource_id text,
    old_values jsonb,
    new_values jsonb,
    ip_address inet,
    session_id uuid,
    request_id text,
    justification text,
    approval_id uuid,
    approved_by uuid
);

CREATE INDEX admin_audit_logs_resource ON account.admin_audit_logs (resource_type, resource_id, id);
CREATE INDEX admin_audit_logs_admin ON account.admin_audit_logs (admin_id, id) WHERE admin_id IS NOT NULL;
CREATE INDEX admin_audit_logs_user ON account.admin_audit_logs (user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX admin_audit_logs_action ON account.admin_audit_logs (action, id);
CREATE INDEX admin_audit_logs_timestamp ON account.admin_audit_logs (timestamp);

-- Each seal covers the rows after the one before it, by their hashes, and names it: a chain whose end is also kept
-- outside the database.
CREATE TABLE account.audit_seals (
    number bigint PRIMARY KEY CHECK (number > 0),
    first_id bigint NOT NULL,
    last_id bigint NOT NULL,
    row_ids bigint[] NOT NULL,
    row_hashes bytea[] NOT NULL,
    previous_hash bytea NOT NULL CHECK (octet_length(previous_hash) = 32),
    hash bytea NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    sealed_at timestamptz NOT NULL DEFAULT now(),
    anchored_at timestamptz,
    CHECK (cardinality(row_ids) = cardinality(row_hashes) AND cardinality(row_ids) > 0)
);

CREATE UNIQUE INDEX audit_seals_last ON account.audit_seals (last_id);
CREATE INDEX audit_seals_unanchored ON account.audit_seals (number) WHERE anchored_at IS NULL;

CREATE TABLE account.security_events (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    timestamp timestamptz NOT NULL DEFAULT now(),
    event_type text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('low', 'medium', 'high', 'critical')),
    user_id uuid REFERENCES account.users,
    admin_id uuid REFERENCES account.admin_users,
    ip_address inet,
    user_agent text,
    endpoint text,
    request_id text,
    threat_indicators jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(threat_indicators) = 'object'),
    automatic_action_taken text,
    investigated boolean NOT NULL DEFAULT false,
    investigated_by uuid REFERENCES account.admin_users,
    investigated_at timestamptz,
    investigation_notes text,
    false_positive boolean NOT NULL DEFAULT false,
    version integer NOT NULL DEFAULT 1,
    CHECK (investigated = (investigated_by IS NOT NULL))
);

CREATE INDEX security_events_timestamp ON account.security_events (timestamp, id);
CREATE INDEX security_events_severity ON account.security_events (severity, timestamp, id);
CREATE INDEX security_events_open ON account.security_events (timestamp, id) WHERE NOT investigated;
CREATE INDEX security_events_ip ON account.security_events (ip_address, timestamp);

-- Analytics: every event without a person, and those of one person that the person may see and erase.

CREATE TABLE account.analytics_events (
    time timestamptz NOT NULL DEFAULT now(),
    event_type text NOT NULL CHECK (event_type ~ '^[a-z_]{1,50}$'),
    -- Keyed hash: the same person within one day, nobody afterwards.
    visitor bytea CHECK (octet_length(visitor) = 16),
    event_data jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(event_data) = 'object'),
    session_id text
);

CREATE INDEX analytics_events_type ON account.analytics_events (event_type, time);
CREATE INDEX analytics_events_time ON account.analytics_events (time);

CREATE TABLE account.user_analytics (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES account.users ON DELETE CASCADE,
    event_type text NOT NULL CHECK (event_type ~ '^[a-z_]{1,50}$'),
    event_data jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(event_data) = 'object'),
    session_id uuid,
    timestamp timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX user_analytics_user ON account.user_analytics (user_id, event_type, timestamp);
CREATE INDEX user_analytics_recent ON account.user_analytics (user_id, timestamp, id);

-- Answers to requests with an Idempotency-Key, for 24 hours. Sealed: they may hold personal data and tokens.
CREATE TABLE account.idempotency_keys (
    actor text NOT NULL,
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    request_hash bytea NOT NULL CHECK (octet_length(request_hash) = 32),
    status smallint,
    headers bytea,
    response bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (actor, key)
);

CREATE INDEX idempotency_keys_created ON account.idempotency_keys (created_at);

COMMENT ON TABLE account.users IS 'One row for each wallet that signed in';
COMMENT ON TABLE account.user_profiles IS 'What a user told about the person, sealed with the user''s own key';
COMMENT ON TABLE account.user_tiers IS 'What each tier may invest';
COMMENT ON TABLE account.kyc_applications IS 'Applications for verification and how they were decided';
COMMENT ON TABLE account.kyc_documents IS 'Encrypted files of applicants: where they are and what they must hash to';
COMMENT ON TABLE account.assets IS 'What can be invested in, or shown interest in';
COMMENT ON TABLE account.asset_metrics IS 'Totals of each asset, maintained with every investment';
COMMENT ON TABLE account.investments IS 'What users put into assets';
COMMENT ON TABLE account.transactions IS 'Movements that were asked for, and the events of the chain that confirmed them';
COMMENT ON TABLE account.approvals IS 'What one administrator asked and another one decided';
COMMENT ON TABLE account.admin_audit_logs IS 'Every change, by whom and why; appended by triggers alone';
COMMENT ON TABLE account.audit_seals IS 'The chain of hashes over the audit trail';
COMMENT ON TABLE account.security_events IS 'What looked like an attack, how bad it is, and what was found';
COMMENT ON TABLE account.data_keys IS 'Wrapped data keys; a destroyed one leaves its row';

-- Where TimescaleDB is, events are a hypertable by time. Called by the bare names of the extension, as
-- chain.partition_facts() is.
CREATE FUNCTION account.partition_events() RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    IF NOT chain.is_hypertable('account.analytics_events'::regclass) THEN
        PERFORM create_hypertable(
            'account.analytics_events'::regclass, by_range('time'::name, interval '7 days'),
            create_default_indexes => false, migrate_data => true
        );
    END IF;
END
$$;

COMMENT ON FUNCTION account.partition_events() IS 'Make a hypertable of the analytics events, if they are none';
