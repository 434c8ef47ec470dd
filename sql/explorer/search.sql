-- name: select_search :one
-- What a text may name: each kind of result at most $1 times.
-- $1 limit, $2 text, $3 block number or null, $4 lowest and $5 highest hash that begins so or null, $6 lowest and $7 highest address or null, $8 lowest and $9 highest name in lower case or null
WITH by_number AS (
    SELECT b.number, b.hash FROM chain.blocks AS b WHERE b.number = $3::bigint
), by_hash AS (
    SELECT l.number, l.hash FROM chain.block_locations AS l
    WHERE l.hash BETWEEN $4::bytea AND $5::bytea
    ORDER BY l.hash LIMIT $1::integer
), transactions AS (
    SELECT l.* FROM chain.transaction_locations AS l
    WHERE l.hash BETWEEN $4::bytea AND $5::bytea
    ORDER BY l.hash LIMIT $1::integer
), known AS (
    SELECT a.address, a.contract_block FROM chain.addresses AS a
    WHERE a.address BETWEEN $6::bytea AND $7::bytea
    ORDER BY a.address LIMIT $1::integer
), addresses AS (
    SELECT k.address, true AS seen, k.contract_block FROM known AS k
    UNION ALL
    SELECT $6::bytea, false, NULL WHERE $6::bytea = $7::bytea AND NOT EXISTS (SELECT FROM known)
), named AS (
    (
        SELECT m.token FROM chain.token_metadata AS m
        WHERE lower(m.symbol) ~>=~ lower($8::text) AND lower(m.symbol) ~<=~ $9::text
        ORDER BY lower(m.symbol) USING ~<~ LIMIT 200
    )
    UNION
    (
        SELECT m.token FROM chain.token_metadata AS m
        WHERE lower(m.name) ~>=~ lower($8::text) AND lower(m.name) ~<=~ $9::text
        ORDER BY lower(m.name) USING ~<~ LIMIT 200
    )
), tokens AS (
    SELECT m.token, m.name, m.symbol, s.standards, coalesce(s.holder_count, 0) AS holder_count,
           coalesce(lower(m.symbol) = lower($8::text), false) OR coalesce(lower(m.name) = lower($8::text), false)
               AS exact
    FROM named AS n
    JOIN chain.token_metadata AS m ON m.token = n.token
    LEFT JOIN LATERAL (
        SELECT array_agg('ERC-' || k.standard ORDER BY k.standard) AS standards, sum(k.holder_count)::bigint AS holder_count
        FROM chain.tokens AS k WHERE k.token = m.token
    ) AS s ON true
    ORDER BY exact DESC, holder_count DESC, m.token LIMIT $1::integer
), labels AS (
    SELECT a.name, coalesce(a.address, a.factory) AS address, min(a.added_at) AS added_at,
           lower(a.name) = lower($8::text) AS exact
    FROM chain.contract_abis AS a
    WHERE a.removed_version IS NULL AND coalesce(a.address, a.factory) IS NOT NULL
      AND starts_with(lower(a.name), lower($8::text))
    GROUP BY a.name, coalesce(a.address, a.factory)
    ORDER BY exact DESC, a.name, address LIMIT $1::integer
), results AS (
    SELECT 1 AS kind, row_number() OVER (ORDER BY b.number) AS place, b.exact,
           '/api/v1/blocks/' || b.path AS path,
           json_build_object('type', 'block', 'exact', b.exact, 'number', b.number,
               'hash', '0x' || encode(b.hash, 'hex'), 'path', '/api/v1/blocks/' || b.path) AS result
    FROM (
        SELECT number, hash, true AS exact, number::text AS path FROM by_number
        UNION ALL
        SELECT number, hash, $4::bytea = $5::bytea, '0x' || encode(hash, 'hex') FROM by_hash
    ) AS b
    UNION ALL
    SELECT 2, row_number() OVER (ORDER BY x.hash), $4::bytea = $5::bytea, p.path,
           json_build_object('type', 'transaction', 'exact', $4::bytea = $5::bytea, 'hash', '0x' || encode(x.hash, 'hex'),
               'block_number', x.block_number, 'transaction_index', x.transaction_index, 'path', p.path)
    FROM transactions AS x
    CROSS JOIN LATERAL (SELECT '/api/v1/transactions/0x' || encode(x.hash, 'hex') AS path) AS p
    UNION ALL
    SELECT 3, row_number() OVER (ORDER BY a.address), $6::bytea = $7::bytea, p.path,
           json_build_object('type', 'address', 'exact', $6::bytea = $7::bytea, 'address', '0x' || encode(a.address, 'hex'),
               'seen', a.seen, 'is_contract', a.contract_block IS NOT NULL,
               'is_token', EXISTS (SELECT FROM chain.tokens AS k WHERE k.token = a.address),
               'label', coalesce(
                   (SELECT c.name FROM chain.contract_abis AS c
                    WHERE c.address = a.address AND c.removed_version IS NULL ORDER BY c.id DESC LIMIT 1),
                   (SELECT m.symbol FROM chain.token_metadata AS m WHERE m.token = a.address)),
               'path', p.path)
    FROM addresses AS a
    CROSS JOIN LATERAL (SELECT '/api/v1/addresses/0x' || encode(a.address, 'hex') AS path) AS p
    UNION ALL
    SELECT 4, row_number() OVER (ORDER BY k.exact DESC, k.holder_count DESC, k.token), k.exact, p.path,
           json_build_object('type', 'token', 'exact', k.exact, 'address', '0x' || encode(k.token, 'hex'),
               'name', k.name, 'symbol', k.symbol, 'standards', coalesce(k.standards, '{}'),
               'holder_count', k.holder_count, 'path', p.path)
    FROM tokens AS k
    CROSS JOIN LATERAL (SELECT '/api/v1/tokens/0x' || encode(k.token, 'hex') AS path) AS p
    UNION ALL
    SELECT 5, row_number() OVER (ORDER BY l.exact DESC, l.name, l.address), l.exact, p.path,
           json_build_object('type', 'label', 'exact', l.exact, 'label', l.name,
               'address', '0x' || encode(l.address, 'hex'), 'registered_at', l.added_at, 'path', p.path)
    FROM labels AS l
    CROSS JOIN LATERAL (SELECT '/api/v1/contracts/0x' || encode(l.address, 'hex') AS path) AS p
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       json_build_object(
           'query', $2::text,
           'results', (
               SELECT coalesce(json_agg(r.result ORDER BY NOT r.exact, r.kind, r.place), '[]') FROM results AS r
           ),
           'redirect', (SELECT min(r.path) FROM results AS r WHERE r.exact HAVING count(*) = 1)
       )::text AS data
FROM chain.tip AS t;
