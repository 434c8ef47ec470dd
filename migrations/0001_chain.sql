SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '10min';
-- The chain as facts: blocks, transactions with their receipts, logs, where each hash is,
-- what is covered, and what was announced. Runs as pend_owner on PostgreSQL 15+ with or without TimescaleDB.

CREATE SCHEMA IF NOT EXISTS chain;
CREATE SCHEMA IF NOT EXISTS chain_text;
CREATE SCHEMA IF NOT EXISTS account;
CREATE SCHEMA IF NOT EXISTS ops;

COMMENT ON SCHEMA chain IS 'What the nodes say, written by pend_indexer';
COMMENT ON SCHEMA chain_text IS 'The same with hashes and addresses as 0x text, for people at a prompt';
COMMENT ON SCHEMA account IS 'Users, KYC, assets, investments: written by pend_writer, closed to pend_explorer';
COMMENT ON SCHEMA ops IS 'Migrations, logs, metrics, audit: every service may append';

-- Privileges come first, as defaults, so that no table can be made without them.
GRANT USAGE ON SCHEMA chain, chain_text, ops TO pend_indexer, pend_writer, pend_explorer;
GRANT USAGE ON SCHEMA account TO pend_writer;

ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA chain GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO pend_indexer;
ALTER DEFAULT PRIVILEGES IN SCHEMA chain GRANT USAGE ON SEQUENCES TO pend_indexer;
ALTER DEFAULT PRIVILEGES IN SCHEMA chain GRANT EXECUTE ON FUNCTIONS TO pend_indexer;
ALTER DEFAULT PRIVILEGES IN SCHEMA chain GRANT SELECT ON TABLES TO pend_writer, pend_explorer;
ALTER DEFAULT PRIVILEGES IN SCHEMA chain_text GRANT SELECT ON TABLES TO pend_indexer, pend_writer, pend_explorer;
ALTER DEFAULT PRIVILEGES IN SCHEMA account GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO pend_writer;
ALTER DEFAULT PRIVILEGES IN SCHEMA account GRANT USAGE ON SEQUENCES TO pend_writer;
ALTER DEFAULT PRIVILEGES IN SCHEMA ops GRANT INSERT ON TABLES TO pend_indexer, pend_writer, pend_explorer;
ALTER DEFAULT PRIVILEGES IN SCHEMA ops GRANT USAGE ON SEQUENCES TO pend_indexer, pend_writer, pend_explorer;

-- Facts. Keyed by block number alone, so that they can be hypertables by block number.
-- No foreign keys between them (hypertables refuse those) and no secondary index: a hash is
-- found through its location table, which costs the same however many chunks there are.

CREATE TABLE chain.blocks (
    number bigint PRIMARY KEY CHECK (number >= 0),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    parent_hash bytea NOT NULL CHECK (octet_length(parent_hash) = 32),
    timestamp timestamptz NOT NULL,
    miner bytea NOT NULL,
    gas_limit bigint NOT NULL,
    gas_used bigint NOT NULL,
    base_fee_per_gas numeric(78, 0),
    difficulty numeric(78, 0) NOT NULL,
    total_difficulty numeric(78, 0),
    size integer NOT NULL,
    nonce bytea NOT NULL,
    mix_hash bytea NOT NULL,
    sha3_uncles bytea NOT NULL,
    state_root bytea NOT NULL,
    transactions_root bytea NOT NULL,
    receipts_root bytea NOT NULL,
    logs_bloom bytea NOT NULL,
    extra_data bytea NOT NULL,
    withdrawals_root bytea,
    blob_gas_used bigint,
    excess_blob_gas bigint,
    parent_beacon_block_root bytea,
    requests_hash bytea,
    block_access_list_hash bytea,
    slot_number bigint,
    uncles bytea[] NOT NULL DEFAULT '{}',
    withdrawals jsonb,
    transaction_count integer NOT NULL,
    log_count integer NOT NULL
);

CREATE TABLE chain.transactions (
    block_number bigint NOT NULL,
    transaction_index integer NOT NULL,
    hash bytea NOT NULL,
    timestamp timestamptz NOT NULL,
    type smallint NOT NULL,
    from_address bytea NOT NULL,
    to_address bytea,
    nonce numeric(20, 0) NOT NULL,
    value numeric(78, 0) NOT NULL,
    gas_limit bigint NOT NULL,
    gas_price numeric(78, 0),
    max_fee_per_gas numeric(78, 0),
    max_priority_fee_per_gas numeric(78, 0),
    max_fee_per_blob_gas numeric(78, 0),
    input bytea NOT NULL,
    chain_id numeric(78, 0),
    v numeric(78, 0),
    r bytea,
    s bytea,
    access_list jsonb,
    blob_versioned_hashes bytea[],
    authorization_list jsonb,
    extra jsonb,
    status smallint,
    root bytea,
    cumulative_gas_used bigint NOT NULL,
    gas_used bigint NOT NULL,
    effective_gas_price numeric(78, 0),
    contract_address bytea,
    blob_gas_used bigint,
    blob_gas_price numeric(78, 0),
    revert_reason bytea,
    log_count integer NOT NULL,
    PRIMARY KEY (block_number, transaction_index)
);

CREATE TABLE chain.logs (
    block_number bigint NOT NULL,
    log_index integer NOT NULL,
    transaction_index integer NOT NULL,
    address bytea NOT NULL,
    topic0 bytea,
    topic1 bytea,
    topic2 bytea,
    topic3 bytea,
    data bytea NOT NULL,
    PRIMARY KEY (block_number, log_index)
);

-- Where a hash is. Plain tables in every home: a hypertable cannot be unique by hash.

CREATE TABLE chain.block_locations (
    hash bytea PRIMARY KEY,
    number bigint NOT NULL
);

CREATE TABLE chain.transaction_locations (
    hash bytea PRIMARY KEY,
    block_number bigint NOT NULL,
    transaction_index integer NOT NULL
);

-- Which blocks are there (invariants 1 and 2). The parent hash of the first block and the hash of
-- the last one are kept beside the range, so that a seam is checked without touching the facts.

CREATE TABLE chain.coverage (
    blocks int8range NOT NULL,
    first_parent_hash bytea NOT NULL,
    last_hash bytea NOT NULL,
    CONSTRAINT coverage_is_bounded CHECK (lower(blocks) >= 0 AND upper(blocks) > lower(blocks)),
    CONSTRAINT coverage_never_overlaps EXCLUDE USING gist (blocks WITH &&)
);

CREATE TABLE chain.chain_state (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    chain_id numeric(78, 0) NOT NULL,
    genesis_hash bytea NOT NULL CHECK (octet_length(genesis_hash) = 32),
    consensus text NOT NULL,
    writer_epoch bigint NOT NULL DEFAULT 0,
    outbox_sequence bigint NOT NULL DEFAULT 0,
    finalized_number bigint,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE chain.outbox (
    sequence bigint PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('blocks', 'reorg')),
    from_block bigint NOT NULL,
    to_block bigint NOT NULL,
    head_hash bytea,
    payload jsonb,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE chain.reorgs (
    id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    detected_at timestamptz NOT NULL DEFAULT now(),
    ancestor_number bigint NOT NULL,
    ancestor_hash bytea NOT NULL,
    old_head_number bigint NOT NULL,
    old_head_hash bytea NOT NULL,
    new_head_number bigint NOT NULL,
    new_head_hash bytea NOT NULL,
    depth integer NOT NULL,
    transactions_removed bigint NOT NULL DEFAULT 0,
    sequence bigint
);

CREATE TABLE chain.orphaned_blocks (
    reorg_id bigint NOT NULL REFERENCES chain.reorgs (id),
    number bigint NOT NULL,
    hash bytea NOT NULL,
    parent_hash bytea NOT NULL,
    timestamp timestamptz NOT NULL,
    miner bytea NOT NULL,
    transaction_count integer NOT NULL,
    header jsonb NOT NULL,
    PRIMARY KEY (reorg_id, hash)
);

CREATE TABLE chain.quarantined_blocks (
    number bigint PRIMARY KEY,
    hash bytea,
    kind text NOT NULL,
    reason text NOT NULL,
    attempts integer NOT NULL DEFAULT 1,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now()
);

-- Which tables are partitioned by block number where TimescaleDB is at hand. A later migration that
-- adds a fact adds its row here; partitioning, resizing and reverting read it.

CREATE TABLE chain.facts (
    fact text PRIMARY KEY,
    block_column text NOT NULL
);

INSERT INTO chain.facts (fact, block_column) VALUES
    ('chain.blocks', 'number'),
    ('chain.transactions', 'block_number'),
    ('chain.logs', 'block_number');

REVOKE INSERT, UPDATE, DELETE ON chain.facts FROM pend_indexer;
