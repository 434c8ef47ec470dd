SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '10min';
-- How far the stored chain was recomputed from its own rows. A table of its own: the row of chain_state
-- is locked by every commit, and a check in the background must never wait there, nor be waited for.

CREATE TABLE chain.verification (
    first_block bigint NOT NULL CHECK (first_block >= 0),
    verified_to bigint NOT NULL,
    -- Raised by every reorg: a check that read the branch before it may not move the watermark after it.
    resets bigint NOT NULL DEFAULT 0,
    difference text,
    checked_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT verification_is_a_range CHECK (verified_to >= first_block - 1)
);

CREATE UNIQUE INDEX verification_is_one_row ON chain.verification ((true));

INSERT INTO chain.verification (first_block, verified_to) VALUES (0, -1);

COMMENT ON TABLE chain.verification IS
    'Blocks first_block to verified_to are what their hashes, roots, blooms and counts say; difference stopped it';

REVOKE INSERT, DELETE ON chain.verification FROM pend_indexer;

CREATE VIEW chain_text.verification AS
SELECT first_block, verified_to, resets, difference, checked_at FROM chain.verification;
