-- name: select_token_balance :one
-- What an address holds of a token: the sum of its transfers, of every item where the token has items.
-- $1 token, $2 holder
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       to_json((
           SELECT coalesce(sum(b.balance), 0)::text FROM chain.token_balances AS b
           WHERE b.token = $1::bytea AND b.holder = $2::bytea
       ))::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'token_balances';

-- name: select_tokens_held :one
-- A page of the tokens that an address holds, in the order of token and standard; items of one token are summed.
-- $1 holder, $2 standard or null, $3 rows, $4 rows before them
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (
           SELECT coalesce(json_agg(json_build_object(
               'contractAddress', '0x' || encode(p.token, 'hex'),
               'standard', p.standard,
               'balance', p.balance::text,
               'name', coalesce(n.name, ''),
               'symbol', coalesce(n.symbol, ''),
               'decimals', coalesce(n.decimals::text, '')
           ) ORDER BY p.token, p.standard), '[]')
           FROM (
               SELECT b.token, b.standard, sum(b.balance) AS balance FROM chain.token_balances AS b
               WHERE b.holder = $1::bytea AND b.balance > 0 AND ($2::smallint IS NULL OR b.standard = $2::smallint)
               GROUP BY b.token, b.standard ORDER BY b.token, b.standard LIMIT $3::bigint OFFSET $4::bigint
           ) AS p
           LEFT JOIN chain.token_metadata AS n ON n.token = p.token
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'token_balances';

-- name: select_items_held :one
-- A page of the ERC-721 items of one token that an address holds.
-- $1 holder, $2 token, $3 rows, $4 rows before them
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (
           SELECT coalesce(json_agg(json_build_object(
               'TokenAddress', '0x' || encode($2::bytea, 'hex'), 'TokenId', p.token_id::text
           ) ORDER BY p.token_id), '[]')
           FROM (
               SELECT b.token_id FROM chain.token_balances AS b
               WHERE b.holder = $1::bytea AND b.token = $2::bytea AND b.standard = 721 AND b.balance > 0
               ORDER BY b.token_id LIMIT $3::bigint OFFSET $4::bigint
           ) AS p
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'token_balances';

-- name: select_token :one
-- What a token says of itself; its supply is what it minted less what it burned where it does not say. `data` is null where it is no token.
-- $1 token
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (
           SELECT json_build_object(
               'contractAddress', '0x' || encode($1::bytea, 'hex'),
               'name', coalesce(n.name, ''),
               'symbol', coalesce(n.symbol, ''),
               'decimals', coalesce(n.decimals::text, ''),
               'totalSupply', coalesce(n.total_supply, k.minted - k.burned)::text,
               'standard', k.standard,
               'holders', k.holder_count::text
           )
           FROM (SELECT * FROM chain.tokens WHERE token = $1::bytea ORDER BY transfer_count DESC, standard LIMIT 1) AS k
           LEFT JOIN chain.token_metadata AS n ON n.token = $1::bytea
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'token_balances';

-- name: select_token_holders :one
-- A page of a token's holders: of ERC-20 by what they hold, else in the order of addresses with their items summed.
-- $1 token, $2 rows, $3 rows before them
WITH fungible AS (
    SELECT b.holder, b.balance FROM chain.token_balances AS b
    WHERE b.token = $1::bytea AND b.standard = 20 AND b.balance > 0
    ORDER BY b.balance DESC, b.holder LIMIT $2::bigint OFFSET $3::bigint
), others AS (
    SELECT b.holder, sum(b.balance) AS balance FROM chain.token_balances AS b
    WHERE b.token = $1::bytea AND b.standard = (
              SELECT k.standard FROM chain.tokens AS k WHERE k.token = $1::bytea AND k.standard <> 20
              ORDER BY k.transfer_count DESC, k.standard LIMIT 1
          )
      AND b.balance > 0
      AND NOT EXISTS (SELECT FROM chain.tokens AS k WHERE k.token = $1::bytea AND k.standard = 20)
    GROUP BY b.holder ORDER BY b.holder LIMIT $2::bigint OFFSET $3::bigint
), rows AS (
    SELECT f.holder, f.balance, row_number() OVER (ORDER BY f.balance DESC, f.holder) AS place FROM fungible AS f
    UNION ALL
    SELECT o.holder, o.balance, row_number() OVER (ORDER BY o.holder) FROM others AS o
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (
           SELECT coalesce(json_agg(json_build_object(
               'address', '0x' || encode(r.holder, 'hex'), 'value', r.balance::text
           ) ORDER BY r.place), '[]')
           FROM rows AS r
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'token_balances';
