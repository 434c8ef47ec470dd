"""The right to write at the head: one session at a time, each with an epoch of its own (invariant 8)."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from evm.consensus import Consensus
from indexer.errors import SecondWriter, WriterFenced
from indexer.network import agree_on_network
from indexer.session import writer_session
from indexer.settings import IndexerSettings
from indexer.writer import store
from tests.integration.indexer.chain_fixtures import Network, network


@pytest.fixture
async def clique() -> AsyncIterator[Network]:
    async with network(Consensus.CLIQUE, history=6) as running:
        yield running


@pytest.fixture
async def settings(connection: asyncpg.Connection, database: str, clique: Network) -> IndexerSettings:
    await agree_on_network(connection, clique.node)
    return IndexerSettings.model_validate(
        {"database": {"dsn": database}, "node": {"urls": [clique.server.http_url]}}
    )


async def test_session_beside_another_is_refused_and_names_it(settings: IndexerSettings) -> None:
    async with writer_session(settings, lock_wait_s=0) as first:
        with pytest.raises(SecondWriter, match=rf"backend {first.backend.pid}\b"):
            async with writer_session(settings, lock_wait_s=0):
                raise AssertionError("two sessions at once")
    async with writer_session(settings, lock_wait_s=60):
        """The lock ended with the connection that held it."""


async def test_session_that_begins_fences_the_one_before(
    settings: IndexerSettings, connection: asyncpg.Connection, clique: Network
) -> None:
    """The lock dies with a connection; what its owner still sends through another one is refused."""
    async with writer_session(settings, lock_wait_s=0) as first:
        await store(connection, await clique.rows(0, 1), finalized=-1, epoch=first.epoch)
    async with writer_session(settings, lock_wait_s=60) as second:
        assert second.epoch > first.epoch
        with pytest.raises(WriterFenced):
            await store(connection, await clique.rows(2, 3), finalized=-1, epoch=first.epoch)
        await store(connection, await clique.rows(2, 3), finalized=-1, epoch=second.epoch)
