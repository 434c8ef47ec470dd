SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '10min';
-- What must know about partitions: finding them, making them, reverting through them.
-- The bodies name TimescaleDB's functions only on paths that run where it is installed.

CREATE FUNCTION chain.head_number() RETURNS bigint
LANGUAGE sql STABLE
AS $$ SELECT coalesce(max(upper(blocks)) - 1, 0) FROM chain.coverage $$;

COMMENT ON FUNCTION chain.head_number() IS 'Highest covered block; what "now" is for block-numbered hypertables';

CREATE FUNCTION chain.is_hypertable(fact regclass) RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF to_regclass('timescaledb_information.hypertables') IS NULL THEN
        RETURN false;
    END IF;
    RETURN EXISTS (
        SELECT FROM timescaledb_information.hypertables AS h
        JOIN pg_catalog.pg_class AS t ON t.relname = h.hypertable_name
        JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace AND n.nspname = h.hypertable_schema
        WHERE t.oid = fact
    );
END
$$;

CREATE FUNCTION chain.fact_partitions(fact regclass, above bigint) RETURNS SETOF regclass
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF NOT chain.is_hypertable(fact) THEN
        RETURN NEXT fact;
        RETURN;
    END IF;
    -- Not show_chunks(newer_than): that omits the chunk in whose middle `above` lies.
    RETURN QUERY
        SELECT format('%I.%I', c.chunk_schema, c.chunk_name)::regclass
        FROM timescaledb_information.chunks AS c
        JOIN pg_catalog.pg_class AS t ON t.relname = c.hypertable_name
        JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace AND n.nspname = c.hypertable_schema
        WHERE t.oid = fact AND c.range_end_integer > above + 1
        ORDER BY c.range_start_integer;
END
$$;

COMMENT ON FUNCTION chain.fact_partitions(regclass, bigint) IS
    'The tables that can hold rows of a fact above a block: its chunks, or the plain table itself';

CREATE FUNCTION chain.revert_above(ancestor bigint, reorg bigint) RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
    partition regclass;
    removed bigint;
    transactions_removed bigint := 0;
BEGIN
    -- Chunk by chunk: a DELETE on the hypertable locks every chunk there is (before TimescaleDB 2.29).
    FOR partition IN SELECT chain.fact_partitions('chain.logs', ancestor) LOOP
        EXECUTE format('DELETE FROM %s WHERE block_number > $1', partition) USING ancestor;
    END LOOP;

    FOR partition IN SELECT chain.fact_partitions('chain.transactions', ancestor) LOOP
        EXECUTE format($sql$
            WITH removed AS (
                DELETE FROM %s WHERE block_number > $1 RETURNING hash
            ), unlocated AS (
                DELETE FROM chain.transaction_locations AS l USING removed AS r
                WHERE l.hash = r.hash AND l.block_number > $1
            )
            SELECT count(*) FROM removed
        $sql$, partition) INTO removed USING ancestor;
        transactions_removed := transactions_removed + removed;
    END LOOP;

    FOR partition IN SELECT chain.fact_partitions('chain.blocks', ancestor) LOOP
        EXECUTE format($sql$
            WITH removed AS (
                DELETE FROM %s WHERE number > $1 RETURNING *
            ), unlocated AS (
                DELETE FROM chain.block_locations AS l USING removed AS r
                WHERE l.hash = r.hash AND l.number > $1
            )
            INSERT INTO chain.orphaned_blocks
                (reorg_id, number, hash, parent_hash, timestamp, miner, transaction_count, header)
            SELECT $2, number, hash, parent_hash, timestamp, miner, transaction_count, to_jsonb(removed)
            FROM removed
        $sql$, partition) USING ancestor, reorg;
    END LOOP;

    RETURN transactions_removed;
END
$$;

COMMENT ON FUNCTION chain.revert_above(bigint, bigint) IS
    'Remove every fact above a block, keep its headers under a reorg; returns the transactions removed';

CREATE FUNCTION chain.partition_facts(chunk_blocks bigint) RETURNS SETOF text
LANGUAGE plpgsql
AS $$
DECLARE
    f chain.facts;
BEGIN
    FOR f IN SELECT * FROM chain.facts ORDER BY fact LOOP
        CONTINUE WHEN chain.is_hypertable(f.fact::regclass);
        PERFORM create_hypertable(
            f.fact::regclass, by_range(f.block_column::name, chunk_blocks),
            create_default_indexes => false, migrate_data => true
        );
        PERFORM set_integer_now_func(f.fact::regclass, 'chain.head_number'::regproc);
        RETURN NEXT f.fact;
    END LOOP;
END
$$;

COMMENT ON FUNCTION chain.partition_facts(bigint) IS
    'Make hypertables of the facts that are not yet; rows move into chunks under an exclusive lock';

CREATE FUNCTION chain.resize_chunks(chunk_blocks bigint) RETURNS SETOF text
LANGUAGE plpgsql
AS $$
DECLARE
    f chain.facts;
BEGIN
    FOR f IN SELECT * FROM chain.facts ORDER BY fact LOOP
        CONTINUE WHEN NOT chain.is_hypertable(f.fact::regclass);
        PERFORM set_chunk_time_interval(f.fact::regclass, chunk_blocks);
        RETURN NEXT f.fact;
    END LOOP;
END
$$;

COMMENT ON FUNCTION chain.resize_chunks(bigint) IS 'Chunks made from now on span this many blocks';
REVOKE EXECUTE ON FUNCTION chain.partition_facts(bigint), chain.resize_chunks(bigint) FROM pend_indexer;
