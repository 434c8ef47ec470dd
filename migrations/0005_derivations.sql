SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '10min';
-- What is derived from the facts: how far each derivation is, how its rows are taken back, and what
-- reading events in SQL needs (invariant 7).

CREATE TABLE chain.derivations (
    derivation text PRIMARY KEY,
    first_block bigint NOT NULL CHECK (first_block >= 0),
    derived_to bigint NOT NULL,
    CONSTRAINT derivation_is_a_range CHECK (derived_to >= first_block - 1)
);

COMMENT ON TABLE chain.derivations IS
    'What each derivation says is complete for blocks first_block to derived_to and for no others';

ALTER TABLE chain.outbox DROP CONSTRAINT outbox_kind_check;
ALTER TABLE chain.outbox ADD CONSTRAINT outbox_kind_check
    CHECK (kind IN ('blocks', 'reorg', 'derived', 'decoded', 'token'));

-- Tables made anew beside those in use (`pend-index rebuild`). A superuser's search_path never reaches here.
CREATE SCHEMA chain_rebuild;
COMMENT ON SCHEMA chain_rebuild IS 'Derived tables while pend-index rebuild makes them anew; empty otherwise';
GRANT USAGE, CREATE ON SCHEMA chain_rebuild TO pend_indexer;

-- PostgreSQL 16 reads a hexadecimal numeric by itself. Before, five pieces of at most 56 bits are put together.
DO $do$
BEGIN
    IF current_setting('server_version_num')::integer >= 160000 THEN
        CREATE FUNCTION chain.uint256(word bytea) RETURNS numeric
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        AS $$ SELECT ('0x' || encode(word, 'hex'))::numeric $$;
    ELSE
        CREATE FUNCTION chain.uint256(word bytea) RETURNS numeric
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        AS $$
            SELECT ('x' || encode(substring(word FROM 1 FOR 4), 'hex'))::bit(32)::bigint * 2::numeric ^ 224
                 + ('x' || encode(substring(word FROM 5 FOR 7), 'hex'))::bit(56)::bigint * 2::numeric ^ 168
                 + ('x' || encode(substring(word FROM 12 FOR 7), 'hex'))::bit(56)::bigint * 2::numeric ^ 112
                 + ('x' || encode(substring(word FROM 19 FOR 7), 'hex'))::bit(56)::bigint * 2::numeric ^ 56
                 + ('x' || encode(substring(word FROM 26 FOR 7), 'hex'))::bit(56)::bigint
        $$;
    END IF;
END
$do$;

COMMENT ON FUNCTION chain.uint256(bytea) IS 'A 32-byte word as an unsigned number; exact';

CREATE FUNCTION chain.is_address_word(word bytea) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT substring(word FROM 1 FOR 12) = '\x000000000000000000000000'::bytea AND octet_length(word) = 32 $$;

COMMENT ON FUNCTION chain.is_address_word(bytea) IS 'Whether a 32-byte word is an address with nothing before it';

CREATE FUNCTION chain.word_address(word bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT substring(word FROM 13 FOR 20) $$;

COMMENT ON FUNCTION chain.word_address(bytea) IS 'The address in the last 20 bytes of a 32-byte word';

CREATE FUNCTION chain.delete_blocks(derived regclass, first bigint) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    partition regclass;
BEGIN
    -- Chunk by chunk: a DELETE on the hypertable locks every chunk there is (before TimescaleDB 2.29).
    FOR partition IN SELECT chain.fact_partitions(derived, first - 1) LOOP
        EXECUTE format('DELETE FROM %s WHERE block_number >= $1', partition) USING first;
    END LOOP;
END
$$;

COMMENT ON FUNCTION chain.delete_blocks(regclass, bigint) IS
    'Remove the rows of a derived table from a block on, through the partitions that can hold them';

-- A derived table made anew stands beside the one in use with the same columns and keys. What differs is all
-- that is written, so that readers, views and privileges stay with the table they know.

CREATE FUNCTION chain.key_columns(of_table regclass) RETURNS text[]
LANGUAGE sql STABLE
AS $$
    SELECT array_agg(a.attname::text ORDER BY k.place)
    FROM pg_catalog.pg_index AS i
    CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE i.indrelid = of_table AND i.indisprimary
$$;

CREATE FUNCTION chain.stored_columns(of_table regclass) RETURNS text[]
LANGUAGE sql STABLE
AS $$
    SELECT array_agg(quote_ident(a.attname) ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = of_table AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
$$;

CREATE FUNCTION chain.differing_rows(stored regclass, anew regclass, first bigint, last bigint, most integer)
RETURNS TABLE (key jsonb, expected jsonb, found jsonb)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    keys text := array_to_string(chain.key_columns(stored), ', ');
    range text := CASE WHEN 'block_number' = ANY (chain.key_columns(stored))
        THEN format('WHERE block_number BETWEEN %s AND %s', first, last) ELSE '' END;
BEGIN
    RETURN QUERY EXECUTE format($sql$
        SELECT (SELECT jsonb_object_agg(k, coalesce(to_jsonb(e), to_jsonb(s)) -> k) FROM unnest($1) AS k),
               to_jsonb(e), to_jsonb(s)
        FROM (SELECT * FROM %1$s %4$s) AS e
        FULL JOIN (SELECT * FROM %2$s %4$s) AS s USING (%3$s)
        WHERE ROW(e.*) IS DISTINCT FROM ROW(s.*)
        ORDER BY %3$s
        LIMIT $2
    $sql$, anew, stored, keys, range) USING chain.key_columns(stored), most;
END
$$;

COMMENT ON FUNCTION chain.differing_rows(regclass, regclass, bigint, bigint, integer) IS
    'The lowest rows in which a derived table and one made anew differ; of tables by block, within a range';

CREATE FUNCTION chain.swap_derived(stored regclass, anew regclass, OUT removed bigint, OUT added bigint)
LANGUAGE plpgsql
AS $$
DECLARE
    keys text := array_to_string(chain.key_columns(stored), ', ');
    same text := (SELECT string_agg(format('s.%1$I = e.%1$I', k), ' AND ') FROM unnest(chain.key_columns(stored)) AS k);
    columns text := array_to_string(chain.stored_columns(stored), ', ');
BEGIN
    EXECUTE format(
        'DELETE FROM %s AS s WHERE NOT EXISTS (SELECT FROM %s AS e WHERE %s AND ROW(e.*) IS NOT DISTINCT FROM ROW(s.*))',
        stored, anew, same);
    GET DIAGNOSTICS removed = ROW_COUNT;
    EXECUTE format(
        'INSERT INTO %1$s (%4$s) SELECT %4$s FROM %2$s AS e WHERE NOT EXISTS (SELECT FROM %1$s AS s WHERE %3$s) ORDER BY %5$s',
        stored, anew, same, columns, keys);
    GET DIAGNOSTICS added = ROW_COUNT;
END
$$;

COMMENT ON FUNCTION chain.swap_derived(regclass, regclass) IS
    'Make a derived table what the one made anew is, in the transaction of the caller';

CREATE FUNCTION chain.begin_rebuild(derived text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS chain_rebuild.%I', derived);
    -- Not logged: what a crash leaves of it is of no use.
    EXECUTE format('CREATE UNLOGGED TABLE chain_rebuild.%1$I (LIKE chain.%1$I INCLUDING ALL)', derived);
END
$$;

CREATE FUNCTION chain.end_rebuild(derived text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS chain_rebuild.%I', derived);
END
$$;

CREATE FUNCTION chain.begin_recomputation(derived text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format(
        'CREATE TEMPORARY TABLE %1$I (LIKE chain.%1$I INCLUDING ALL) ON COMMIT DROP', derived);
END
$$;

COMMENT ON FUNCTION chain.begin_recomputation(text) IS
    'A temporary table of the same name, which a session finds first until its transaction ends';

CREATE VIEW chain_text.derivations AS SELECT derivation, first_block, derived_to FROM chain.derivations;
