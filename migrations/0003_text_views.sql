SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '10min';
-- For people at a psql prompt: the tables of schema chain with 0x text for every bytea.
-- The expressions are inline so that a filter on a number still reaches the table's key.

CREATE VIEW chain_text.blocks AS
SELECT
    number,
    '0x' || encode(hash, 'hex') AS hash,
    '0x' || encode(parent_hash, 'hex') AS parent_hash,
    timestamp,
    '0x' || encode(miner, 'hex') AS miner,
    gas_limit,
    gas_used,
    base_fee_per_gas,
    difficulty,
    total_difficulty,
    size,
    '0x' || encode(nonce, 'hex') AS nonce,
    '0x' || encode(mix_hash, 'hex') AS mix_hash,
    '0x' || encode(sha3_uncles, 'hex') AS sha3_uncles,
    '0x' || encode(state_root, 'hex') AS state_root,
    '0x' || encode(transactions_root, 'hex') AS transactions_root,
    '0x' || encode(receipts_root, 'hex') AS receipts_root,
    '0x' || encode(logs_bloom, 'hex') AS logs_bloom,
    '0x' || encode(extra_data, 'hex') AS extra_data,
    '0x' || encode(withdrawals_root, 'hex') AS withdrawals_root,
    blob_gas_used,
    excess_blob_gas,
    '0x' || encode(parent_beacon_block_root, 'hex') AS parent_beacon_block_root,
    '0x' || encode(requests_hash, 'hex') AS requests_hash,
    '0x' || encode(block_access_list_hash, 'hex') AS block_access_list_hash,
    slot_number,
    ARRAY(SELECT '0x' || encode(u.hash, 'hex') FROM unnest(uncles) WITH ORDINALITY AS u (hash, place) ORDER BY u.place) AS uncles,
    withdrawals,
    transaction_count,
    log_count
FROM chain.blocks;

CREATE VIEW chain_text.transactions AS
SELECT
    block_number,
    transaction_index,
    '0x' || encode(hash, 'hex') AS hash,
    timestamp,
    type,
    '0x' || encode(from_address, 'hex') AS from_address,
    '0x' || encode(to_address, 'hex') AS to_address,
    nonce,
    value,
    gas_limit,
    gas_price,
    max_fee_per_gas,
    max_priority_fee_per_gas,
    max_fee_per_blob_gas,
    '0x' || encode(input, 'hex') AS input,
    chain_id,
    v,
    '0x' || encode(r, 'hex') AS r,
    '0x' || encode(s, 'hex') AS s,
    access_list,
    CASE WHEN blob_versioned_hashes IS NOT NULL THEN
        ARRAY(SELECT '0x' || encode(b.hash, 'hex') FROM unnest(blob_versioned_hashes) WITH ORDINALITY AS b (hash, place) ORDER BY b.place)
    END AS blob_versioned_hashes,
    authorization_list,
    extra,
    status,
    '0x' || encode(root, 'hex') AS root,
    cumulative_gas_used,
    gas_used,
    effective_gas_price,
    '0x' || encode(contract_address, 'hex') AS contract_address,
    blob_gas_used,
    blob_gas_price,
    '0x' || encode(revert_reason, 'hex') AS revert_reason,
    log_count
FROM chain.transactions;

CREATE VIEW chain_text.logs AS
SELECT
    block_number,
    log_index,
    transaction_index,
    '0x' || encode(address, 'hex') AS address,
    '0x' || encode(topic0, 'hex') AS topic0,
    '0x' || encode(topic1, 'hex') AS topic1,
    '0x' || encode(topic2, 'hex') AS topic2,
    '0x' || encode(topic3, 'hex') AS topic3,
    '0x' || encode(data, 'hex') AS data
FROM chain.logs;

CREATE VIEW chain_text.block_locations AS
SELECT '0x' || encode(hash, 'hex') AS hash, number FROM chain.block_locations;

CREATE VIEW chain_text.transaction_locations AS
SELECT '0x' || encode(hash, 'hex') AS hash, block_number, transaction_index FROM chain.transaction_locations;

CREATE VIEW chain_text.coverage AS
SELECT
    lower(blocks) AS first_block,
    upper(blocks) - 1 AS last_block,
    '0x' || encode(first_parent_hash, 'hex') AS first_parent_hash,
    '0x' || encode(last_hash, 'hex') AS last_hash
FROM chain.coverage;

CREATE VIEW chain_text.chain_state AS
SELECT
    chain_id,
    '0x' || encode(genesis_hash, 'hex') AS genesis_hash,
    consensus,
    writer_epoch,
    outbox_sequence,
    finalized_number,
    created_at
FROM chain.chain_state;

CREATE VIEW chain_text.outbox AS
SELECT
    sequence, kind, from_block, to_block, '0x' || encode(head_hash, 'hex') AS head_hash, payload, created_at
FROM chain.outbox;

CREATE VIEW chain_text.reorgs AS
SELECT
    id,
    detected_at,
    ancestor_number,
    '0x' || encode(ancestor_hash, 'hex') AS ancestor_hash,
    old_head_number,
    '0x' || encode(old_head_hash, 'hex') AS old_head_hash,
    new_head_number,
    '0x' || encode(new_head_hash, 'hex') AS new_head_hash,
    depth,
    transactions_removed,
    sequence
FROM chain.reorgs;

CREATE VIEW chain_text.orphaned_blocks AS
SELECT
    reorg_id,
    number,
    '0x' || encode(hash, 'hex') AS hash,
    '0x' || encode(parent_hash, 'hex') AS parent_hash,
    timestamp,
    '0x' || encode(miner, 'hex') AS miner,
    transaction_count,
    header
FROM chain.orphaned_blocks;

CREATE VIEW chain_text.quarantined_blocks AS
SELECT
    number, '0x' || encode(hash, 'hex') AS hash, kind, reason, attempts, first_seen_at, last_seen_at
FROM chain.quarantined_blocks;
