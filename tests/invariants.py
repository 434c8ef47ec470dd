"""Invariants 1, 2, 3, 7 and 10 checked by the database itself at the end of every transaction that commits.

Every commit of the indexer writes the outbox, and a deferred trigger there looks at the whole chain as it
will be seen. A violation fails the commit, so that no test can miss it, whichever process it happens in.
"""

import asyncpg

_INSTALL = """
CREATE SCHEMA held;
GRANT USAGE ON SCHEMA held TO PUBLIC;

CREATE FUNCTION held.violation() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    SELECT format('invariant 2: block %s is not the child of block %s', above.number, below.number) INTO found
    FROM chain.blocks AS above JOIN chain.blocks AS below ON below.number = above.number - 1
    WHERE above.parent_hash <> below.hash LIMIT 1;
    IF found IS NOT NULL THEN RETURN found; END IF;

    -- Islands of consecutive blocks are exactly the covered ranges, with their outer hashes.
    WITH numbered AS (
        SELECT number, hash, parent_hash, number - row_number() OVER (ORDER BY number) AS island
        FROM chain.blocks
    ), islands AS (
        SELECT int8range(min(number), max(number), '[]') AS blocks,
               (array_agg(parent_hash ORDER BY number))[1] AS first_parent_hash,
               (array_agg(hash ORDER BY number DESC))[1] AS last_hash
        FROM numbered GROUP BY island
    )
    SELECT format('invariant 1: coverage and blocks differ: %s and %s', c.blocks, i.blocks) INTO found
    FROM islands AS i
    FULL JOIN chain.coverage AS c
        ON (c.blocks, c.first_parent_hash, c.last_hash) = (i.blocks, i.first_parent_hash, i.last_hash)
    WHERE i.blocks IS NULL OR c.blocks IS NULL LIMIT 1;
    IF found IS NOT NULL THEN RETURN found; END IF;

    SELECT format('invariant 1: block %s and its parts differ in number', coalesce(b.number, t.block_number))
    INTO found
    FROM chain.blocks AS b
    FULL JOIN (SELECT block_number, count(*) AS transactions, sum(log_count) AS logs
               FROM chain.transactions GROUP BY block_number) AS t ON t.block_number = b.number
    WHERE b.number IS NULL OR b.transaction_count <> coalesce(t.transactions, 0)
       OR b.log_count <> coalesce(t.logs, 0) LIMIT 1;
    IF found IS NOT NULL THEN RETURN found; END IF;

    SELECT format('invariant 1: logs of block %s', coalesce(b.number, l.block_number)) INTO found
    FROM chain.blocks AS b
    FULL JOIN (SELECT block_number, count(*) AS logs, max(log_index) + 1 AS next
               FROM chain.logs GROUP BY block_number) AS l ON l.block_number = b.number
    WHERE b.number IS NULL OR b.log_count <> coalesce(l.logs, 0) OR b.log_count <> coalesce(l.next, 0)
    LIMIT 1;
    IF found IS NOT NULL THEN RETURN found; END IF;

    SELECT format('invariant 1: location of block %s', coalesce(b.number, l.number)) INTO found
    FROM chain.blocks AS b
    FULL JOIN chain.block_locations AS l ON (l.hash, l.number) = (b.hash, b.number)
    WHERE b.number IS NULL OR l.number IS NULL LIMIT 1;
    IF found IS NOT NULL THEN RETURN found; END IF;

    SELECT format('invariant 1: location of a transaction of block %s', coalesce(t.block_number, l.block_number))
    INTO found
    FROM chain.transactions AS t
    FULL JOIN chain.transaction_locations AS l
        ON (l.hash, l.block_number, l.transaction_index) = (t.hash, t.block_number, t.transaction_index)
    WHERE t.hash IS NULL OR l.hash IS NULL LIMIT 1;
    IF found IS NOT NULL THEN RETURN found; END IF;

    SELECT format('invariant 10: %s outbox rows up to %s, the state says %s', count(*), max(o.sequence),
                  max(s.outbox_sequence)) INTO found
    FROM chain.chain_state AS s LEFT JOIN chain.outbox AS o ON true
    HAVING count(o.sequence) <> max(s.outbox_sequence)
        OR coalesce(max(o.sequence), 0) <> max(s.outbox_sequence);
    IF found IS NOT NULL THEN RETURN found; END IF;

    SELECT format('invariant 7: %s is derived for blocks %s to %s, which are not all stored',
                  d.derivation, d.first_block, d.derived_to) INTO found
    FROM chain.derivations AS d
    WHERE d.derived_to >= d.first_block AND NOT EXISTS (
        SELECT FROM chain.coverage AS c WHERE c.blocks @> int8range(d.first_block, d.derived_to, '[]')
    ) LIMIT 1;
    IF found IS NOT NULL THEN RETURN found; END IF;

    SELECT format('invariant 7: token transfers of block %s, which is not derived', max(t.block_number)) INTO found
    FROM chain.token_transfers AS t
    WHERE t.block_number > (SELECT d.derived_to FROM chain.derivations AS d WHERE d.derivation = 'token_transfers')
    HAVING count(*) > 0;
    IF found IS NOT NULL THEN RETURN found; END IF;

    SELECT format('reorg %s of depth %s keeps %s orphaned blocks', r.id, r.depth, count(b.hash)) INTO found
    FROM chain.reorgs AS r LEFT JOIN chain.orphaned_blocks AS b ON b.reorg_id = r.id
    GROUP BY r.id HAVING count(b.hash) <> r.depth LIMIT 1;
    RETURN found;
END
$$;

CREATE FUNCTION held.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    found text := held.violation();
BEGIN
    IF found IS NOT NULL THEN
        RAISE EXCEPTION '%', found USING ERRCODE = 'P0001';
    END IF;
    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER every_commit_holds AFTER INSERT ON chain.outbox
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION held.refuse();
"""


async def hold_at_every_commit(dsn: str) -> None:
    """From now on no transaction of the indexer can commit a state that violates an invariant."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(_INSTALL)
        await connection.execute("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA held TO PUBLIC")
    finally:
        await connection.close()


async def assert_held(dsn: str) -> None:
    """The invariants hold as things stand."""
    connection = await asyncpg.connect(dsn)
    try:
        assert await connection.fetchval("SELECT held.violation()") is None
    finally:
        await connection.close()
