"""Through whatever weather devnet serves, the client gives the chain's own blocks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import pairwise

import pytest
import pytest_asyncio

from devnet.chain import Devnet
from devnet.faults import Exchange
from devnet.login import Login
from devnet.server import DevnetServer
from devnet.weather.answers import NullBlock
from devnet.weather.fault import Fault, OnNotification, Scene
from devnet.weather.kinds import KINDS, PASSING
from devnet.weather.sockets import SocketFlood
from devnet.weather.spells import Spell
from devnet.weather.transport import BatchRefused, Oversize, Stalled, TokenExpired, Trickle
from node.client import NodeClient
from node.heads import heads
from node.settings import NodeSettings
from node.wire import to_block
from tests.integration.node.scripted_node import Recorder, quick

TIMEOUT_S = 60.0
NUMBERS = range(25)
# What stands in one answer for the waits and sizes that devnet serves unless told otherwise.
SMALLER: dict[str, Fault] = {
    "oversize": Oversize(mebibytes=3),
    "stalled": Stalled(wait_s=3600),
    "trickle": Trickle(pieces=20, pause_s=0.5),
}


@pytest_asyncio.fixture
async def server(chain: Devnet) -> AsyncIterator[DevnetServer]:
    async with DevnetServer(chain, login=Login("pend", "secret")) as server:
        yield server


def settings(server: DevnetServer, **changes: float) -> NodeSettings:
    given = {"deadline_s": TIMEOUT_S, "max_response_bytes": 2 * 1024 * 1024, "request_timeout_s": 0.6}
    return quick(server.http_url, username="pend", password="secret", **(given | changes))


def fault_of(kind: str) -> Fault:
    return SMALLER.get(kind) or KINDS[kind]()


@pytest.mark.parametrize("kind", [kind for kind in PASSING if not isinstance(KINDS[kind](), OnNotification)])
async def test_client_in_passing_weather_gives_every_block_of_the_chain(
    server: DevnetServer, chain: Devnet, kind: str
) -> None:
    attempts = None if kind in ("batch_refused", "head_back") else 1
    strikes = 4 if kind in ("stalled", "trickle") else None  # each costs a timeout
    weather = server.set_weather([Spell(fault_of(kind), attempts=attempts, strikes=strikes)])
    async with NodeClient(settings(server, inconsistent_retries_max=30, missing_retries_max=30)) as client:
        blocks = [
            block
            for n in range(0, 25, 5)
            for block in await client.fetch_blocks(NUMBERS[n : n + 5], full=True)
        ]
        await client.head_number()
    assert [to_block(block) for block in blocks] == [chain.block(number) for number in NUMBERS]
    if kind != "log_range_refused":  # logs are never asked for by range
        assert weather.struck[kind] > 0


@pytest.mark.parametrize("seed", range(4))
async def test_client_in_every_passing_weather_at_once_gives_every_block_of_the_chain(
    server: DevnetServer, chain: Devnet, seed: int
) -> None:
    """A chance for each request and attempt: seeded, whatever the order in which they arrive."""
    kinds = [kind for kind in PASSING if kind not in ("batch_refused", "oversize")]
    spells = [Spell(fault_of(kind), probability=0.02) for kind in kinds]
    server.set_weather([Spell(BatchRefused(calls_max=6)), *spells], seed=seed)
    async with NodeClient(settings(server, inconsistent_retries_max=50, missing_retries_max=50)) as client:
        parts = await asyncio.gather(
            *(client.fetch_blocks(NUMBERS[n : n + 5], full=True) for n in range(0, 25, 5))
        )
        limit = client.endpoints[0].block_limit.size
    blocks = [block for part in parts for block in part]
    assert [to_block(block) for block in blocks] == [chain.block(number) for number in NUMBERS]
    assert limit <= 6


async def test_login_token_that_expires_at_any_request_is_replaced(
    server: DevnetServer, chain: Devnet, recorder: Recorder
) -> None:
    """Besu's own answer to an expired token is 401 with -40100; the next login gives another one."""
    weather = server.set_weather([Spell(TokenExpired(), attempts=1)])
    async with NodeClient(settings(server), recorder) as client:
        for number in NUMBERS:
            (fetched,) = await client.fetch_blocks([number], full=False)
            assert to_block(fetched) == chain.block(number)
    assert weather.struck["token_expired"] == len(NUMBERS) * 2 - 1  # the first block has no receipts
    assert recorder.retries == []
    assert recorder.set_aside == []


async def test_login_token_that_is_used_up_is_renewed_before_it_is_refused(
    chain: Devnet, recorder: Recorder
) -> None:
    """A token of five minutes, issued four minutes and one second ago by the node's clock."""
    login = Login("pend", "secret")
    async with DevnetServer(chain, login=login) as server, NodeClient(settings(server), recorder) as client:
        await client.chain_id()
        source = client.endpoints[0]._tokens
        first = await source.token()
        source._renew_at_s -= 241  # type: ignore[attr-defined]
        await client.chain_id()
        assert await source.token() != first
    assert [kind for _, _, kind in recorder.requests] == [None, None]


async def test_batch_that_times_out_is_asked_for_in_smaller_ones(chain: Devnet, recorder: Recorder) -> None:
    """A node that is too slow for a batch is never asked for the same batch again and again."""

    class SlowForMany(Stalled):
        def applies(self, exchange: Exchange, scene: Scene) -> bool:
            return len(exchange.calls) > 3

    async with (
        DevnetServer(chain) as server,
        NodeClient(quick(server.http_url, request_timeout_s=0.2, deadline_s=TIMEOUT_S), recorder) as client,
    ):
        server.set_weather([Spell(SlowForMany())])
        fetched = await client.fetch_blocks(range(1, 11), full=False)
    assert [block.number for block in fetched] == list(range(1, 11))
    assert [kind for _, _, kind in recorder.requests].count("timeout") == 2  # of 10, of 5


async def test_batch_slower_than_a_quarter_of_the_timeout_makes_the_next_ones_smaller(chain: Devnet) -> None:
    async with (
        DevnetServer(chain) as server,
        NodeClient(quick(server.http_url, request_timeout_s=2.0)) as client,
    ):
        server.set_weather([Spell(Trickle(pieces=5, pause_s=0.2), strikes=1)])
        await client.fetch_blocks(range(1, 11), full=False)
        assert 5 <= client.endpoints[0].block_limit.size < 10


async def test_block_that_one_node_denies_is_taken_from_another(chain: Devnet, recorder: Recorder) -> None:
    async with DevnetServer(chain) as first, DevnetServer(chain) as second:
        first.set_weather([Spell(NullBlock(), blocks=(7, 7))])
        async with NodeClient(quick(first.http_url, second.http_url), recorder) as client:
            fetched = await client.fetch_blocks(range(1, 11), full=True)
    assert [to_block(block) for block in fetched] == [chain.block(number) for number in range(1, 11)]
    assert [reason for _, reason in recorder.set_aside] == ["missing"]


async def test_heads_under_a_flood_are_passed_on_once_and_in_order(chain: Devnet) -> None:
    async with (
        DevnetServer(chain) as server,
        NodeClient(quick(server.http_url)) as client,
        aclosing(heads(client, ws_url=server.ws_url, poll_interval_s=0.01)) as stream,
    ):
        server.set_weather([Spell(SocketFlood(times=300))])
        seen = []
        async with asyncio.timeout(TIMEOUT_S):
            async for head in stream:
                seen.append(head)
                if head.number == 30:
                    break
                await client.call("devnet_advance", [1])
    assert all(one != two for one, two in pairwise(seen))
    assert [head.number for head in seen] == sorted(head.number for head in seen)
