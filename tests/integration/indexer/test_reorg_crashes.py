"""A crash at each write of a rollback leaves the old branch whole; what comes next replaces it (LESSONS.md 3.13)."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from evm.consensus import Consensus
from postgres.errors import Retryable
from tests.integration.indexer.chain_fixtures import Network, network
from tests.integration.indexer.followers import DEPTH, follower, hashes, seen
from tests.invariants import assert_held, hold_at_every_commit
from tests.oracle import digests

WRITTEN = (
    *("chain_state", "reorgs", "logs", "transactions", "transaction_locations", "blocks", "block_locations"),
    *("orphaned_blocks", "coverage", "verification", "outbox"),
)
_DIE = """
CREATE FUNCTION public.die() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_terminate_backend(pg_backend_pid());
    RETURN NULL;
END
$$;
CREATE TRIGGER dies {when} ON chain.{table} FOR EACH STATEMENT EXECUTE FUNCTION public.die();
"""


@pytest.fixture
async def clique() -> AsyncIterator[Network]:
    async with network(Consensus.CLIQUE, history=12, transactions_per_block=3) as running:
        yield running


@pytest.mark.parametrize(("when", "table"), [*(("BEFORE", table) for table in WRITTEN), ("AFTER", "outbox")])
async def test_reorg_whose_backend_dies_at_any_write_leaves_the_old_branch_and_is_repeated(
    when: str, table: str, embedded_database: str, clique: Network
) -> None:
    await hold_at_every_commit(embedded_database)
    devnet = clique.devnet
    admin = await asyncpg.connect(embedded_database)
    try:
        async with follower(clique, embedded_database) as follow:
            await follow.converge(seen(devnet.head))
            old = await hashes(admin)
            before = await digests(embedded_database, history=True)
            change = devnet.reorg(DEPTH)
            await admin.execute(_DIE.format(when=f"{when} INSERT OR UPDATE OR DELETE", table=table))
            with pytest.raises(Retryable):
                await follow.converge(seen(devnet.head))
        assert await digests(embedded_database, history=True) == before
        await admin.execute(f"DROP TRIGGER dies ON chain.{table}; DROP FUNCTION public.die()")
        async with follower(clique, embedded_database) as follow:
            await follow.converge(seen(devnet.head))
        assert await hashes(admin) == old[:-DEPTH] + [block.hash for block in change.added]
        await assert_held(embedded_database)
    finally:
        await admin.close()
