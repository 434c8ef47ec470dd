SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '10min';
-- Functions below name derived tables as the session that calls them finds them, which is not this one.
SET LOCAL check_function_bodies = off;
-- Transfers of ERC-20 (EIP-20), ERC-721 (EIP-721) and ERC-1155 (EIP-1155) tokens and what follows from them.
-- `standard` is the number of the EIP. A contract may follow two standards: each is counted for itself.

CREATE TABLE chain.token_transfers (
    block_number bigint NOT NULL,
    log_index integer NOT NULL,
    -- Place within a TransferBatch; 0 elsewhere.
    batch_index integer NOT NULL,
    transaction_index integer NOT NULL,
    token bytea NOT NULL,
    standard smallint NOT NULL CHECK (standard IN (20, 721, 1155)),
    operator bytea,
    -- The zero address mints and burns.
    from_address bytea NOT NULL,
    to_address bytea NOT NULL,
    token_id numeric(78, 0),
    amount numeric(78, 0) NOT NULL,
    PRIMARY KEY (block_number, log_index, batch_index)
);

INSERT INTO chain.facts (fact, block_column) VALUES ('chain.token_transfers', 'block_number');

CREATE TABLE chain.address_token_transfers (
    address bytea NOT NULL,
    block_number bigint NOT NULL,
    log_index integer NOT NULL,
    batch_index integer NOT NULL,
    token bytea NOT NULL,
    -- 1 sender, 2 recipient, 3 both.
    roles smallint NOT NULL,
    PRIMARY KEY (address, block_number, log_index, batch_index)
);

-- Sums of transfers: what the contract itself says may differ where it moves tokens without an event.
CREATE TABLE chain.token_balances (
    token bytea NOT NULL,
    standard smallint NOT NULL,
    holder bytea NOT NULL,
    -- 0 for ERC-20.
    token_id numeric(78, 0) NOT NULL,
    balance numeric NOT NULL,
    transfer_count bigint NOT NULL,
    first_block bigint NOT NULL,
    PRIMARY KEY (token, standard, holder, token_id)
);

CREATE TABLE chain.tokens (
    token bytea NOT NULL,
    standard smallint NOT NULL,
    transfer_count bigint NOT NULL,
    holder_count bigint NOT NULL,
    minted numeric NOT NULL,
    burned numeric NOT NULL,
    first_block bigint NOT NULL,
    PRIMARY KEY (token, standard)
);

COMMENT ON TABLE chain.token_transfers IS 'Every token that moved, by its event';
COMMENT ON TABLE chain.address_token_transfers IS 'Who took part in which transfer; the zero address is nobody';
COMMENT ON TABLE chain.token_balances IS 'What each holder has by the transfers of the derived blocks';
COMMENT ON TABLE chain.tokens IS 'Each contract that has moved tokens, by standard';

-- What one range of blocks adds to each holder; token_transfers is found by search_path, so that the same
-- derivation fills the tables in use and those made anew beside them.
CREATE FUNCTION chain.token_deltas(first bigint, last bigint)
RETURNS TABLE (
    token bytea, standard smallint, holder bytea, token_id numeric, balance numeric, transfer_count bigint,
    first_block bigint
)
LANGUAGE sql STABLE
AS $$
    SELECT t.token, t.standard, p.holder, coalesce(t.token_id, 0), sum(p.amount), count(*), min(t.block_number)
    FROM token_transfers AS t
    CROSS JOIN LATERAL (VALUES
        (t.from_address, CASE WHEN t.from_address = t.to_address THEN 0 ELSE -t.amount END),
        (CASE WHEN t.from_address <> t.to_address THEN t.to_address END, t.amount)
    ) AS p (holder, amount)
    WHERE t.block_number BETWEEN first AND last
      AND p.holder <> '\x0000000000000000000000000000000000000000'::bytea
    GROUP BY t.token, t.standard, p.holder, coalesce(t.token_id, 0)
$$;

COMMENT ON FUNCTION chain.token_deltas(bigint, bigint) IS
    'What the transfers of a range of blocks change in token_balances';

CREATE VIEW chain_text.token_transfers AS
SELECT
    block_number,
    log_index,
    batch_index,
    transaction_index,
    '0x' || encode(token, 'hex') AS token,
    standard,
    '0x' || encode(operator, 'hex') AS operator,
    '0x' || encode(from_address, 'hex') AS from_address,
    '0x' || encode(to_address, 'hex') AS to_address,
    token_id,
    amount
FROM chain.token_transfers;

CREATE VIEW chain_text.address_token_transfers AS
SELECT
    '0x' || encode(address, 'hex') AS address,
    block_number,
    log_index,
    batch_index,
    '0x' || encode(token, 'hex') AS token,
    roles
FROM chain.address_token_transfers;

CREATE VIEW chain_text.token_balances AS
SELECT
    '0x' || encode(token, 'hex') AS token,
    standard,
    '0x' || encode(holder, 'hex') AS holder,
    token_id,
    balance,
    transfer_count,
    first_block
FROM chain.token_balances;

CREATE VIEW chain_text.tokens AS
SELECT
    '0x' || encode(token, 'hex') AS token,
    standard,
    transfer_count,
    holder_count,
    minted,
    burned,
    first_block
FROM chain.tokens;
