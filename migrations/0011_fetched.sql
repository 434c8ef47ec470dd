SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '10min';
-- What is asked of the node beside the facts, each row with the block whose state was read: names and
-- supplies of tokens, native balances, code, and transfers within transactions.

CREATE TABLE chain.token_metadata (
    token bytea PRIMARY KEY,
    name text,
    symbol text,
    decimals smallint CHECK (decimals BETWEEN 0 AND 255),
    total_supply numeric(78, 0),
    -- read: all that its standard has; partial: some of it; reverted: every call refused;
    -- unreadable: answers that mean nothing.
    state text NOT NULL CHECK (state IN ('read', 'partial', 'reverted', 'unreadable')),
    fault text,
    block_number bigint NOT NULL,
    block_hash bytea NOT NULL,
    attempts integer NOT NULL,
    next_try_at timestamptz NOT NULL,
    fetched_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE chain.native_balances (
    address bytea PRIMARY KEY,
    balance numeric(78, 0) NOT NULL,
    block_number bigint NOT NULL,
    block_hash bytea NOT NULL,
    fetched_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE chain.contract_codes (
    address bytea PRIMARY KEY,
    -- none: an account without code; clone: EIP-1167 and its kin; delegation: EIP-7702.
    kind text NOT NULL CHECK (kind IN ('none', 'contract', 'clone', 'delegation')),
    code_hash bytea NOT NULL,
    code_size integer NOT NULL,
    clone_of bytea,
    delegated_to bytea,
    -- What a beacon (EIP-1967) answered for its implementation.
    beacon_implementation bytea,
    block_number bigint NOT NULL,
    block_hash bytea NOT NULL,
    -- The version of chain.abi_state from which on the clone or the beacon is known; null elsewhere.
    version bigint,
    fetched_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT clone_names_its_original CHECK ((kind = 'clone') = (clone_of IS NOT NULL)),
    CONSTRAINT delegation_names_its_delegate CHECK ((kind = 'delegation') = (delegated_to IS NOT NULL))
);

-- Read by reverts, which have no other way to what was read above a block.
CREATE INDEX token_metadata_block_number ON chain.token_metadata (block_number);
CREATE INDEX native_balances_block_number ON chain.native_balances (block_number);
CREATE INDEX contract_codes_block_number ON chain.contract_codes (block_number);

-- What is still to be read, newest first: block_number is the block that asks for it.
CREATE TABLE chain.unread_balances (address bytea PRIMARY KEY, block_number bigint NOT NULL);
CREATE TABLE chain.unread_codes (
    address bytea PRIMARY KEY,
    block_number bigint NOT NULL,
    is_beacon boolean NOT NULL DEFAULT false
);
CREATE INDEX unread_balances_block_number ON chain.unread_balances (block_number);
CREATE INDEX unread_codes_block_number ON chain.unread_codes (block_number);

CREATE TABLE chain.fetch_progress (
    fetched text PRIMARY KEY,
    first_block bigint NOT NULL,
    last_block bigint NOT NULL,
    CONSTRAINT fetch_progress_is_a_range CHECK (last_block >= first_block - 1)
);

INSERT INTO chain.fetch_progress (fetched, first_block, last_block) VALUES
    ('native_balances', 0, -1),
    ('contract_codes', 0, -1),
    ('internal_transfers', 0, -1);

REVOKE INSERT, DELETE ON chain.fetch_progress FROM pend_indexer;

CREATE TABLE chain.internal_transfers (
    block_number bigint NOT NULL,
    transaction_index integer NOT NULL,
    -- The path from the transaction's own call down, as trace_block numbers it.
    trace_address integer[] NOT NULL,
    type text NOT NULL CHECK (type IN ('call', 'create', 'selfdestruct')),
    from_address bytea NOT NULL,
    -- Null where a creation failed.
    to_address bytea,
    value numeric(78, 0) NOT NULL,
    gas_used bigint,
    -- Null: it took effect.
    error text,
    PRIMARY KEY (block_number, transaction_index, trace_address)
);

INSERT INTO chain.facts (fact, block_column) VALUES ('chain.internal_transfers', 'block_number');

CREATE TABLE chain.traced_blocks (
    block_number bigint PRIMARY KEY,
    block_hash bytea NOT NULL,
    transfers integer NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'traced', 'state_missing', 'failed')),
    fault text,
    attempts integer NOT NULL,
    -- Null: never again.
    next_try_at timestamptz,
    fetched_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX traced_blocks_to_try ON chain.traced_blocks (block_number) WHERE next_try_at IS NOT NULL;

COMMENT ON TABLE chain.token_metadata IS 'What each token says of itself, and the block it was asked at';
COMMENT ON TABLE chain.native_balances IS 'Balances in wei as the node knew them after block_number';
COMMENT ON TABLE chain.contract_codes IS 'What stands at an address that behaved as a contract';
COMMENT ON TABLE chain.unread_balances IS 'Addresses touched since their balance was read';
COMMENT ON TABLE chain.unread_codes IS 'Addresses that behaved as contracts and whose code is not known';
COMMENT ON TABLE chain.fetch_progress IS 'Blocks first_block to last_block were looked through for what is to be read';
COMMENT ON TABLE chain.internal_transfers IS
    'Calls within transactions that moved value, created or destroyed; of the blocks that are traced only';
COMMENT ON TABLE chain.traced_blocks IS 'Blocks with transactions whose traces are wanted, and what came of it';

-- In the transaction of a reorg: nothing read above the ancestor stays, and what it was read for is asked again.
CREATE FUNCTION chain.revert_fetched(ancestor bigint) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    -- First: whoever looks through blocks holds these rows.
    UPDATE chain.fetch_progress
    SET first_block = least(first_block, ancestor + 1), last_block = ancestor
    WHERE last_block > ancestor;

    DELETE FROM chain.token_metadata WHERE block_number > ancestor;

    WITH removed AS (
        DELETE FROM chain.native_balances WHERE block_number > ancestor RETURNING address
    )
    INSERT INTO chain.unread_balances (address, block_number)
    SELECT address, ancestor FROM removed
    ON CONFLICT (address) DO NOTHING;

    WITH removed AS (
        DELETE FROM chain.contract_codes WHERE block_number > ancestor AND version IS NULL RETURNING address
    ), doubted AS (
        -- Logs were read by what these say, and are verified by it: it stands until the node says otherwise.
        SELECT address, beacon_implementation IS NOT NULL AS is_beacon FROM chain.contract_codes
        WHERE block_number > ancestor AND version IS NOT NULL
    )
    INSERT INTO chain.unread_codes (address, block_number, is_beacon)
    SELECT address, ancestor, false FROM removed
    UNION ALL
    SELECT address, ancestor, is_beacon FROM doubted
    ON CONFLICT (address) DO UPDATE SET is_beacon = chain.unread_codes.is_beacon OR excluded.is_beacon;

    -- Else no pin below the old head would ever take them off again.
    UPDATE chain.unread_balances SET block_number = ancestor WHERE block_number > ancestor;
    UPDATE chain.unread_codes SET block_number = ancestor WHERE block_number > ancestor;

    DELETE FROM chain.traced_blocks WHERE block_number > ancestor;
    IF FOUND THEN
        PERFORM chain.delete_blocks('chain.internal_transfers', ancestor + 1);
    END IF;
END
$$;

COMMENT ON FUNCTION chain.revert_fetched(bigint) IS
    'Remove what was read from the node above a block, and queue it to be read again';

CREATE VIEW chain_text.token_metadata AS
SELECT
    '0x' || encode(token, 'hex') AS token,
    name,
    symbol,
    decimals,
    total_supply,
    state,
    fault,
    block_number,
    '0x' || encode(block_hash, 'hex') AS block_hash,
    attempts,
    next_try_at,
    fetched_at
FROM chain.token_metadata;

CREATE VIEW chain_text.native_balances AS
SELECT
    '0x' || encode(address, 'hex') AS address,
    balance,
    block_number,
    '0x' || encode(block_hash, 'hex') AS block_hash,
    fetched_at
FROM chain.native_balances;

CREATE VIEW chain_text.contract_codes AS
SELECT
    '0x' || encode(address, 'hex') AS address,
    kind,
    '0x' || encode(code_hash, 'hex') AS code_hash,
    code_size,
    '0x' || encode(clone_of, 'hex') AS clone_of,
    '0x' || encode(delegated_to, 'hex') AS delegated_to,
    '0x' || encode(beacon_implementation, 'hex') AS beacon_implementation,
    block_number,
    '0x' || encode(block_hash, 'hex') AS block_hash,
    version,
    fetched_at
FROM chain.contract_codes;

CREATE VIEW chain_text.unread_balances AS
SELECT '0x' || encode(address, 'hex') AS address, block_number FROM chain.unread_balances;

CREATE VIEW chain_text.unread_codes AS
SELECT '0x' || encode(address, 'hex') AS address, block_number, is_beacon FROM chain.unread_codes;

CREATE VIEW chain_text.fetch_progress AS SELECT * FROM chain.fetch_progress;

CREATE VIEW chain_text.internal_transfers AS
SELECT
    block_number,
    transaction_index,
    trace_address,
    type,
    '0x' || encode(from_address, 'hex') AS from_address,
    '0x' || encode(to_address, 'hex') AS to_address,
    value,
    gas_used,
    error
FROM chain.internal_transfers;

CREATE VIEW chain_text.traced_blocks AS
SELECT
    block_number,
    '0x' || encode(block_hash, 'hex') AS block_hash,
    transfers,
    state,
    fault,
    attempts,
    next_try_at,
    fetched_at
FROM chain.traced_blocks;
