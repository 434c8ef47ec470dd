SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '60min';
-- What the explorer reads by: where an answer is true, the keys its pages go along, and who may ask how often.

-- One row: the highest stored block, and what the outbox had announced when a statement began. An answer that
-- reads it in its own statement says exactly which chain it is true of.
CREATE VIEW chain.tip AS
SELECT
    s.chain_id,
    s.consensus,
    s.outbox_sequence,
    s.finalized_number,
    h.number AS head_number,
    h.hash AS head_hash
FROM chain.chain_state AS s
LEFT JOIN LATERAL (
    SELECT upper(c.blocks) - 1 AS number, c.last_hash AS hash
    FROM chain.coverage AS c
    ORDER BY upper(c.blocks) DESC
    LIMIT 1
) AS h ON true;

COMMENT ON VIEW chain.tip IS 'The highest stored block and the outbox sequence of the same snapshot; one row once a network is recorded';

CREATE VIEW chain_text.tip AS
SELECT
    chain_id,
    consensus,
    outbox_sequence,
    finalized_number,
    head_number,
    '0x' || encode(head_hash, 'hex') AS head_hash
FROM chain.tip;

-- Logs of one contract, newest first; its token transfers and decoded events are found along the same way.
CREATE INDEX logs_address ON chain.logs (address, block_number, log_index);

-- Holders of an ERC-20 token by what they hold, what an address holds, and the items of a collection.
CREATE INDEX token_balances_largest ON chain.token_balances (token, balance DESC, holder)
    WHERE standard = 20 AND balance > 0;
CREATE INDEX token_balances_held ON chain.token_balances (holder, token, standard, token_id) WHERE balance > 0;
CREATE INDEX token_balances_items ON chain.token_balances (token, token_id, holder)
    WHERE standard <> 20 AND balance > 0;

-- Accounts and contracts, newest first.
CREATE INDEX addresses_wallets ON chain.addresses (first_block, address) WHERE contract_block IS NULL;
CREATE INDEX addresses_contracts ON chain.addresses (contract_block, address) WHERE contract_block IS NOT NULL;

-- Blocks of one proposer.
CREATE INDEX consensus_rounds_proposer ON chain.consensus_rounds (proposer, block_number);

-- Rounds in which a proposer was missed: few among very many.
CREATE INDEX consensus_rounds_late ON chain.consensus_rounds (block_number) WHERE round > 0;

-- The search box: what a name or symbol begins with.
CREATE INDEX token_metadata_symbol ON chain.token_metadata (lower(symbol) text_pattern_ops);
CREATE INDEX token_metadata_name ON chain.token_metadata (lower(name) text_pattern_ops);

-- What was read from the node beside the blocks changes answers too, so it is announced.
ALTER TABLE chain.outbox DROP CONSTRAINT outbox_kind_check;
ALTER TABLE chain.outbox ADD CONSTRAINT outbox_kind_check
    CHECK (kind IN ('blocks', 'reorg', 'derived', 'decoded', 'token', 'fetched'));

-- The explorer's role writes nothing at all.
ALTER DEFAULT PRIVILEGES IN SCHEMA ops REVOKE INSERT ON TABLES FROM pend_explorer;
ALTER DEFAULT PRIVILEGES IN SCHEMA ops REVOKE USAGE ON SEQUENCES FROM pend_explorer;
REVOKE ALL ON ALL TABLES IN SCHEMA ops FROM pend_explorer;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA ops FROM pend_explorer;
-- Which migrations there are, so that it can say that one is missing.
GRANT SELECT ON ops.migrations TO pend_explorer;

CREATE TABLE ops.api_keys (
    id text PRIMARY KEY CHECK (id ~ '^[a-z0-9]{8}$'),
    name text NOT NULL CHECK (name <> ''),
    -- SHA-256 of the whole key, which has 160 random bits and is shown once.
    key_hash bytea NOT NULL UNIQUE CHECK (octet_length(key_hash) = 32),
    tier text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);

COMMENT ON TABLE ops.api_keys IS 'Who may ask the explorer by key, in which tier; issued and revoked by `pend-explorer keys`';

REVOKE ALL ON ops.api_keys FROM pend_indexer, pend_writer, pend_explorer;
GRANT SELECT ON ops.api_keys TO pend_explorer;
