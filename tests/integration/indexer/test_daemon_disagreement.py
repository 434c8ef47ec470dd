"""Two endpoints of one network that stand on two branches: a halt where a block can no longer change."""

from devnet.chain import Devnet
from devnet.server import DevnetServer
from devnet.weather.networks import OtherBranch, ResetNetwork
from devnet.weather.spells import Spell
from devnet.weather.transport import HttpStatus
from evm.consensus import Consensus
from tests.integration.indexer.daemons import daemon, fills, follows
from tests.oracle import assert_holds_chain, digests


def network() -> Devnet:
    return Devnet(31, Consensus.QBFT, history_blocks=30, transactions_per_block=2)


async def test_endpoints_that_disagree_below_finality_stop_the_daemon_with_6(embedded_database: str) -> None:
    chain = network()
    async with DevnetServer(chain) as first, DevnetServer(chain) as second:
        urls = f"{first.http_url},{second.http_url}"
        async with daemon(embedded_database, first, node__urls=urls) as running:
            await fills(running, embedded_database)
            await follows(running, embedded_database, first)
            before = await digests(embedded_database)
            second.set_weather([Spell(OtherBranch(depth=3))])
            finished = await running.finished()
    assert finished.code == 6, finished.output
    for server in (first, second):
        assert server.http_url.removeprefix("http://") in finished.stderr
    assert f"0x{chain.head.hash.hex()}" in finished.stderr
    assert await digests(embedded_database) == before


async def test_endpoint_of_another_network_is_left_out_while_and_when_the_daemon_starts(
    embedded_database: str,
) -> None:
    chain = network()
    async with DevnetServer(chain) as first, DevnetServer(chain) as second:
        urls = f"{first.http_url},{second.http_url}"
        for start in range(2):
            async with daemon(embedded_database, second, node__urls=urls) as running:
                await fills(running, embedded_database)
                await follows(running, embedded_database, second)
                if start:
                    await running.says("wrong_genesis")
                    continue
                first.set_weather([Spell(HttpStatus(503))])
                await running.says("endpoint set aside")
                first.set_weather([Spell(ResetNetwork())])
                await running.says("wrong_genesis")
                chain.advance(3)
                await follows(running, embedded_database, second)
    await assert_holds_chain(embedded_database, chain)


async def test_network_reset_behind_the_only_endpoint_stops_the_daemon_with_5_and_changes_nothing(
    embedded_database: str,
) -> None:
    """What looks like a broken finality is another network: the cause that is named is the genesis."""
    reset = Devnet(42, Consensus.QBFT, history_blocks=40, transactions_per_block=2)
    async with DevnetServer(network()) as server, daemon(embedded_database, server) as running:
        await fills(running, embedded_database)
        await follows(running, embedded_database, server)
        before = await digests(embedded_database)
        server.devnet = reset
        reset.advance()
        finished = await running.finished()
    assert finished.code == 5, finished.output
    assert f"0x{reset.genesis.hash.hex()}" in finished.stderr
    assert await digests(embedded_database) == before
