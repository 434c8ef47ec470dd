SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '10min';
-- The function below names derived tables as the session that calls it finds them, which is not this one.
SET LOCAL check_function_bodies = off;
-- How each block was agreed on, who may agree, and what each validator did per hour. QBFT, IBFT2 and Clique
-- only: on other networks the tables stay empty.

CREATE TABLE chain.consensus_rounds (
    block_number bigint PRIMARY KEY,
    -- On Clique the signer. Block 0 was proposed by nobody and has what its miner field says.
    proposer bytea NOT NULL,
    -- Null on Clique, which has no rounds.
    round bigint,
    -- Whoever sealed the block, in the order of the seals. A seal that is missing is no downtime: a block
    -- that three of four have sealed is a healthy one.
    committers bytea[] NOT NULL,
    vote_address bytea,
    vote_add boolean,
    -- Clique: whether it was the signer's turn.
    in_turn boolean,
    -- The expected proposers of the rounds that failed, in order. Null where they cannot be told: the
    -- validators are named by a contract, the parent is not derived, or no rule explains the proposer; and on Clique.
    missed bytea[],
    -- A quorum of the set that was trusted after the parent has sealed the block. Null where nobody can say:
    -- the validators are or were named by a contract, or the network has no finality (Clique).
    proven boolean,
    -- Its validators: the row of `validators` that begins at this block.
    set_from bigint NOT NULL,
    -- The set that is trusted from here on, likewise; false ones in `proven` leave it as it was.
    trusted_from bigint,
    CONSTRAINT vote_is_whole CHECK ((vote_address IS NULL) = (vote_add IS NULL))
);

-- Votes are counted when a set changes (Clique: when a block votes), the latest of each validator on somebody.
CREATE INDEX consensus_rounds_votes ON chain.consensus_rounds (vote_address, proposer, block_number)
    WHERE vote_address IS NOT NULL;

CREATE TABLE chain.validators (
    from_block bigint PRIMARY KEY,
    -- In order. Null where they are not known: a contract names them (ask the node:
    -- qbft_getValidatorsByBlockNumber), or a Clique chain is derived from amid an epoch, until the next begins.
    validators bytea[],
    -- Against the row before; null where either is not known.
    added bytea[],
    removed bytea[],
    -- Clique: an epoch begins, its block lists the signers and every open vote ends. Such a row may change nothing.
    epoch boolean NOT NULL DEFAULT false
);

-- Sums over blocks above 0, by what is known of each: where `validators` does not know the set, blocks_in_set
-- does not count. Share of blocks sealed = blocks_sealed / blocks_in_set.
CREATE TABLE chain.validator_hourly (
    hour timestamptz NOT NULL,
    validator bytea NOT NULL,
    blocks_proposed bigint NOT NULL,
    -- Rounds that failed under it, one for each.
    proposals_missed bigint NOT NULL,
    blocks_sealed bigint NOT NULL,
    blocks_in_set bigint NOT NULL,
    -- Blocks that it proposed after a round had failed.
    rounds_above_zero bigint NOT NULL,
    PRIMARY KEY (hour, validator)
);

COMMENT ON TABLE chain.consensus_rounds IS 'How each block was agreed on: proposer, round, seals, vote, proof';
COMMENT ON TABLE chain.validators IS 'Who may agree on blocks, from which block on, until the next row';
COMMENT ON TABLE chain.validator_hourly IS 'What each validator did per hour of block time (UTC)';
COMMENT ON COLUMN chain.consensus_rounds.proven IS
    'True: a quorum of validators that follow from the first derived block has sealed it; null: unknown';

CREATE FUNCTION chain.validator_deltas(first bigint, last bigint)
RETURNS TABLE (
    hour timestamptz, validator bytea, blocks_proposed bigint, proposals_missed bigint, blocks_sealed bigint,
    blocks_in_set bigint, rounds_above_zero bigint
)
LANGUAGE sql STABLE
AS $$
    WITH agreed AS MATERIALIZED (
        SELECT r.block_number, date_trunc('hour', b.timestamp, 'UTC') AS hour, r.proposer, r.round, r.committers,
               r.missed, r.set_from
        FROM consensus_rounds AS r
        JOIN chain.blocks AS b ON b.number = r.block_number
        WHERE r.block_number BETWEEN greatest(first, 1) AND last AND b.number BETWEEN greatest(first, 1) AND last
    )
    SELECT part.hour, part.validator, sum(part.proposed)::bigint, sum(part.missed)::bigint,
           sum(part.sealed)::bigint, sum(part.in_set)::bigint, sum(part.late)::bigint
    FROM (
        SELECT a.hour, a.proposer AS validator, count(*) AS proposed, 0 AS missed, 0 AS sealed, 0 AS in_set,
               count(*) FILTER (WHERE a.round > 0) AS late
        FROM agreed AS a
        GROUP BY 1, 2
        UNION ALL
        SELECT a.hour, m.validator, 0, count(*), 0, 0, 0
        FROM agreed AS a CROSS JOIN LATERAL unnest(a.missed) AS m (validator)
        GROUP BY 1, 2
        UNION ALL
        SELECT a.hour, c.validator, 0, 0, count(DISTINCT a.block_number), 0, 0
        FROM agreed AS a CROSS JOIN LATERAL unnest(a.committers) AS c (validator)
        GROUP BY 1, 2
        UNION ALL
        SELECT a.hour, s.validator, 0, 0, 0, a.blocks, 0
        FROM (SELECT x.hour, x.set_from, count(*) AS blocks FROM agreed AS x GROUP BY 1, 2) AS a
        JOIN validators AS v ON v.from_block = a.set_from
        CROSS JOIN LATERAL unnest(v.validators) AS s (validator)
    ) AS part
    GROUP BY 1, 2
$$;

COMMENT ON FUNCTION chain.validator_deltas(bigint, bigint) IS 'What a range of blocks adds to each validator''s hours';

CREATE VIEW chain_text.consensus_rounds AS
SELECT
    block_number,
    '0x' || encode(proposer, 'hex') AS proposer,
    round,
    ARRAY(SELECT '0x' || encode(c.address, 'hex') FROM unnest(committers) WITH ORDINALITY AS c (address, place) ORDER BY c.place) AS committers,
    '0x' || encode(vote_address, 'hex') AS vote_address,
    vote_add,
    in_turn,
    CASE WHEN missed IS NOT NULL THEN
        ARRAY(SELECT '0x' || encode(m.address, 'hex') FROM unnest(missed) WITH ORDINALITY AS m (address, place) ORDER BY m.place)
    END AS missed,
    proven,
    set_from,
    trusted_from
FROM chain.consensus_rounds;

CREATE VIEW chain_text.validators AS
SELECT
    from_block,
    CASE WHEN validators IS NOT NULL THEN
        ARRAY(SELECT '0x' || encode(v.address, 'hex') FROM unnest(validators) WITH ORDINALITY AS v (address, place) ORDER BY v.place)
    END AS validators,
    CASE WHEN added IS NOT NULL THEN
        ARRAY(SELECT '0x' || encode(v.address, 'hex') FROM unnest(added) WITH ORDINALITY AS v (address, place) ORDER BY v.place)
    END AS added,
    CASE WHEN removed IS NOT NULL THEN
        ARRAY(SELECT '0x' || encode(v.address, 'hex') FROM unnest(removed) WITH ORDINALITY AS v (address, place) ORDER BY v.place)
    END AS removed,
    epoch
FROM chain.validators;

CREATE VIEW chain_text.validator_hourly AS
SELECT
    hour,
    '0x' || encode(validator, 'hex') AS validator,
    blocks_proposed,
    proposals_missed,
    blocks_sealed,
    blocks_in_set,
    rounds_above_zero
FROM chain.validator_hourly;
