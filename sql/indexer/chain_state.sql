-- name: register_network :exec
-- Record which network this database holds; the first caller decides, later ones change nothing.
-- $1 chain id, $2 genesis hash, $3 consensus
INSERT INTO chain.chain_state (chain_id, genesis_hash, consensus)
VALUES ($1::numeric, $2::bytea, $3::text)
ON CONFLICT (id) DO NOTHING;

-- name: select_chain_state :one
-- The network, the fence, the outbox position and finality; no row before the first start.
-- no parameters
SELECT chain_id, genesis_hash, consensus, writer_epoch, outbox_sequence,
       coalesce(finalized_number, -1) AS finalized_number
FROM chain.chain_state;

-- name: claim_sequences :one
-- Take the next outbox sequences under the one lock that orders commits (invariant 10).
-- $1 how many, $2 the number of a block that is now final (-1: none)
UPDATE chain.chain_state
SET outbox_sequence = outbox_sequence + $1::bigint,
    finalized_number = greatest(finalized_number, $2::bigint)
RETURNING outbox_sequence, writer_epoch, finalized_number;

-- name: raise_writer_epoch :value
-- Fence every earlier follower: their transactions find another epoch and stop (invariant 8).
-- no parameters
UPDATE chain.chain_state SET writer_epoch = writer_epoch + 1 RETURNING writer_epoch;

-- name: try_follower_lock :value
-- The session lock of the one follower of this database (invariant 8).
-- no parameters
SELECT pg_try_advisory_lock(hashtextextended('pend follower ' || current_database(), 0));

-- name: select_follower_lock_holder :value
-- Who holds the follower lock: program, address and backend, for the error message.
-- no parameters
SELECT format('%s at %s (backend %s)', application_name, coalesce(host(client_addr), 'a local socket'), activity.pid)
FROM pg_locks AS held
JOIN pg_stat_activity AS activity ON activity.pid = held.pid
WHERE held.locktype = 'advisory' AND held.granted
  AND (held.classid::bigint << 32) | held.objid::bigint
      = hashtextextended('pend follower ' || current_database(), 0)
LIMIT 1;

-- name: act_as_login :exec
-- Until the transaction ends, act as the login and not as database.role: only it sees and ends its sessions.
-- no parameters
SELECT set_config('role', 'none', true);

-- name: select_own_backend :one
-- Which server process serves this connection.
-- no parameters
SELECT pid, backend_start AS started_at FROM pg_stat_activity WHERE pid = pg_backend_pid();

-- name: end_backend :value
-- End the server process of a session of our own that was lost, so that it lets go of its locks.
-- $1 pid, $2 when it started
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1::integer AND backend_start = $2::timestamptz;
