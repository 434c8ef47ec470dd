-- name: apply_token_transfers :exec
-- Transfer of ERC-20 and ERC-721 (told apart by the number of topics) and TransferSingle of ERC-1155.
-- $1 first block, $2 last block
INSERT INTO token_transfers (
    block_number, log_index, batch_index, transaction_index, token, standard, operator, from_address, to_address,
    token_id, amount
)
SELECT block_number, log_index, 0, transaction_index, address,
       CASE WHEN topic0 = '\xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62'::bytea THEN 1155
            WHEN topic3 IS NULL THEN 20 ELSE 721 END,
       CASE WHEN topic0 = '\xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62'::bytea
            THEN chain.word_address(topic1) END,
       chain.word_address(CASE WHEN octet_length(data) = 64 THEN topic2 ELSE topic1 END),
       chain.word_address(CASE WHEN octet_length(data) = 64 THEN topic3 ELSE topic2 END),
       CASE WHEN octet_length(data) = 64 THEN chain.uint256(substring(data FROM 1 FOR 32))
            WHEN topic3 IS NOT NULL THEN chain.uint256(topic3) END,
       CASE WHEN octet_length(data) = 64 THEN chain.uint256(substring(data FROM 33 FOR 32))
            WHEN topic3 IS NULL THEN chain.uint256(data)
            ELSE 1 END
FROM chain.logs
WHERE block_number BETWEEN $1::bigint AND $2::bigint
  AND chain.is_address_word(topic1) AND chain.is_address_word(topic2)
  AND CASE topic0
      WHEN '\xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'::bytea THEN
          octet_length(data) = CASE WHEN topic3 IS NULL THEN 32 ELSE 0 END
      WHEN '\xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62'::bytea THEN
          octet_length(data) = 64 AND chain.is_address_word(topic3)
      ELSE false END;

-- name: apply_token_transfer_batches :exec
-- TransferBatch of ERC-1155, as every compiler lays it out: two arrays of one length, the second right behind the first.
-- $1 first block, $2 last block
INSERT INTO token_transfers (
    block_number, log_index, batch_index, transaction_index, token, standard, operator, from_address, to_address,
    token_id, amount
)
SELECT block_number, log_index, place, transaction_index, address, 1155, chain.word_address(topic1),
       chain.word_address(topic2), chain.word_address(topic3),
       chain.uint256(substring(data FROM 97 + 32 * place FOR 32)),
       chain.uint256(substring(data FROM 129 + 32 * (length + place) FOR 32))
FROM (
    SELECT *, (octet_length(data) - 128) / 64 AS length
    FROM chain.logs
    WHERE block_number BETWEEN $1::bigint AND $2::bigint
      AND topic0 = '\x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb'::bytea
      AND octet_length(data) >= 128 AND octet_length(data) % 64 = 0
      AND chain.is_address_word(topic1) AND chain.is_address_word(topic2) AND chain.is_address_word(topic3)
) AS batch
CROSS JOIN LATERAL generate_series(0, length - 1) AS place
WHERE substring(data FROM 1 FOR 32) = decode(lpad('40', 64, '0'), 'hex')
  AND substring(data FROM 33 FOR 32) = decode(lpad(to_hex(96 + 32 * length), 64, '0'), 'hex')
  AND substring(data FROM 65 FOR 32) = decode(lpad(to_hex(length), 64, '0'), 'hex')
  AND substring(data FROM 97 + 32 * length FOR 32) = decode(lpad(to_hex(length), 64, '0'), 'hex');

-- name: revert_token_transfers :exec
-- Take the transfers of these blocks back.
-- $1 first block, $2 last block
SELECT chain.delete_blocks('token_transfers', $1::bigint) WHERE $2::bigint >= $1::bigint;
