"""The stream against the chain it tells of: nothing lost, nothing twice, retractions said."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import msgspec
import pytest

from devnet.chain import Devnet
from devnet.server import DevnetServer
from evm.consensus import Consensus
from explorer_api.answers.blocks import BlockSummary
from explorer_api.answers.transactions import TransactionSummary
from service.embedded_redis import EmbeddedRedis
from tests.integration.explorer_api.stream_clients import (
    Chain,
    Json,
    client_of,
    events,
    killed,
    stream_process,
)
from tests.integration.indexer.daemons import daemon, fills

HISTORY = 40
NAMED = ("blocks", "transactions", "reorgs")


@pytest.fixture
async def chain(embedded_database: str, redis_url: str) -> AsyncIterator[Chain]:
    devnet = Devnet(11, Consensus.CLIQUE, history_blocks=HISTORY, transactions_per_block=6)
    async with (
        DevnetServer(devnet) as server,
        daemon(embedded_database, server, redis__url=redis_url, follow__max_reorg_depth=8) as running,
    ):
        await fills(running, embedded_database)
        yield Chain(server, running, embedded_database, redis_url)


def watched(chain: Chain) -> tuple[str, str, str]:
    """The channels of the busiest address, its busiest counterpart, and the busiest token."""
    addresses = chain.sql(
        "SELECT from_address AS address FROM chain.transactions GROUP BY 1 ORDER BY count(*) DESC LIMIT 2"
    )
    [token] = chain.sql(
        "SELECT token FROM chain.token_transfers GROUP BY 1 ORDER BY count(*) DESC, token LIMIT 1"
    )
    first, second = (f"address:0x{row['address'].hex()}" for row in addresses)
    return first, second, f"token:0x{token['token'].hex()}"


def standing(told: list[Json], after: int) -> dict[str, list[tuple[object, ...]]]:
    """What rows after a sequence told on each channel, without what was retracted since; twice is seen twice."""
    items: dict[str, list[tuple[int, str]]] = {}
    for message in sorted(told, key=lambda one: int(one["sequence"])):
        if message["type"] == "reorg":
            ancestor = message["data"]["ancestor_number"]
            items = {
                channel: [item for item in there if item[0] <= ancestor] for channel, there in items.items()
            }
        elif "channel" in message and message["sequence"] > after:
            there, data = items.setdefault(message["channel"], []), message["data"]
            there += [(block["number"], block["hash"]) for block in data.get("blocks", ())]
            there += [(one["block_number"], one["hash"]) for one in data.get("transactions", ())]
            there += [(one["block_number"], json.dumps(one)) for one in data.get("token_transfers", ())]
            if data.get("change", "blocks") != "blocks":
                there.append((data["from_block"], data["change"]))
    return {channel: list(there) for channel, there in items.items() if there}


def reorgs(told: list[Json], after: int) -> list[Json]:
    return [message for message in told if message["type"] == "reorg" and message["sequence"] > after]


async def test_every_subscriber_hears_every_block_once(chain: Chain, tmp_path: Path) -> None:
    with stream_process(chain.dsn, tmp_path, redis_url=chain.redis_url) as stream:
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(client_of(stream)) for _ in range(50)]
            begun = [await client.subscribe("blocks", "transactions", "stats") for client in clients]
            assert len({message["history"] for message in begun}) == 1
            before = max(chain.hashes())
            for _ in range(4):
                await chain.grow()
            newest = chain.newest()
            await asyncio.gather(*(client.until(newest) for client in clients))
            stored = {number: hash_ for number, hash_ in chain.hashes().items() if number > before}
            for client in clients:
                assert client.chain() == stored
                assert client.on("blocks") == clients[0].on("blocks")
            told = [
                summary
                for message in clients[0].on("transactions")
                for summary in message["data"]["transactions"]
            ]
            rows = chain.sql(
                "SELECT hash, value FROM chain.transactions WHERE block_number > %s"
                " ORDER BY block_number, transaction_index",
                before,
            )
            assert [(one["hash"], one["value"]) for one in told] == [
                ("0x" + row["hash"].hex(), str(row["value"])) for row in rows
            ]
            assert len(told) > 4
            msgspec.convert(told, list[TransactionSummary])
            for message in clients[0].on("blocks"):
                msgspec.convert(message["data"]["blocks"], list[BlockSummary])
            stats = clients[0].on("stats")[-1]["data"]
            assert stats["head_number"] == max(stored)
            assert stats["blocks"] == len(chain.hashes())


async def test_address_and_token_hear_what_touches_them_and_no_more(chain: Chain, tmp_path: Path) -> None:
    first, second, token = watched(chain)
    with stream_process(chain.dsn, tmp_path, redis_url=chain.redis_url) as stream:
        async with client_of(stream) as client:
            await client.subscribe(first, second, token, f"address:0x{'ee' * 20}")
            before = max(chain.hashes())
            await chain.grow(3)
            await client.until(chain.newest())
    for channel in (first, second):
        told = [
            one["hash"]
            for message in client.on(channel)
            if message["data"]["change"] == "blocks"
            for one in message["data"]["transactions"]
        ]
        rows = chain.sql(
            "SELECT hash FROM chain.transactions WHERE block_number > %s"
            " AND %s IN (from_address, to_address, contract_address) ORDER BY block_number, transaction_index",
            before,
            bytes.fromhex(channel[-40:]),
        )
        assert told == ["0x" + row["hash"].hex() for row in rows]
        transfers = chain.sql(
            "SELECT block_number, log_index, batch_index FROM chain.token_transfers WHERE block_number > %s"
            " AND %s IN (from_address, to_address) ORDER BY 1, 2, 3",
            before,
            bytes.fromhex(channel[-40:]),
        )
        assert [tuple(row.values()) for row in transfers] == [
            (one["block_number"], one["log_index"], one["batch_index"])
            for message in client.on(channel)
            for one in message["data"].get("token_transfers", ())
        ]
    moved = [
        (one["from_address"], one["to_address"], one["token_id"], one["amount"], one["standard"])
        for message in client.on(token)
        for one in message["data"].get("token_transfers", ())
    ]
    rows = chain.sql(
        "SELECT from_address, to_address, token_id, amount, standard FROM chain.token_transfers"
        " WHERE block_number > %s AND token = %s ORDER BY block_number, log_index, batch_index",
        before,
        bytes.fromhex(token[-40:]),
    )
    assert moved == [
        (
            "0x" + row["from_address"].hex(),
            "0x" + row["to_address"].hex(),
            None if row["token_id"] is None else str(row["token_id"]),
            str(row["amount"]),
            f"ERC-{row['standard']}",
        )
        for row in rows
    ]
    assert moved
    assert not client.on(f"address:0x{'ee' * 20}")


async def test_resume_after_the_server_was_killed_is_as_if_it_never_was(chain: Chain, tmp_path: Path) -> None:
    channels = (*NAMED, *watched(chain))
    with stream_process(chain.dsn, tmp_path, redis_url=chain.redis_url) as steady:
        async with client_of(steady) as control:
            await control.subscribe(*channels)
            with stream_process(chain.dsn, tmp_path, redis_url=chain.redis_url) as stream:
                async with client_of(stream) as cut:
                    begun = (await cut.subscribe(*channels))["sequence"]
                    await chain.grow(2)
                    await chain.reorganise(2)
                    await cut.next("blocks")
                    with killed(stream):
                        await chain.grow()
                        await chain.reorganise(3)
                        await chain.grow()
            with stream_process(chain.dsn, tmp_path, redis_url=chain.redis_url) as stream:
                async with client_of(stream) as again:
                    again.told, again.positions = cut.told, dict(cut.positions)
                    await again.send(resume={"positions": cut.positions})
                    await again.next("subscribed")
                    await chain.grow(2)
                    await again.until(chain.newest())
                    await control.until(chain.newest())
    assert standing(again.told, begun) == standing(control.told, begun)
    assert set(standing(again.told, begun)) > {"blocks", "transactions"}
    assert reorgs(again.told, begun) == reorgs(control.told, begun)
    assert [message["data"]["depth"] for message in reorgs(again.told, begun)] == [2, 3]
    stored = chain.hashes()
    told = again.chain()
    assert told == {number: stored[number] for number in told}
    assert max(told) == max(stored)


async def test_reorg_retracts_by_hash_before_the_new_branch_comes(chain: Chain, tmp_path: Path) -> None:
    with stream_process(chain.dsn, tmp_path, redis_url=chain.redis_url) as stream:
        async with client_of(stream) as client, client_of(stream) as of_reorgs:
            await client.subscribe("blocks")
            await of_reorgs.subscribe("reorgs")
            await chain.grow(4)
            change = await chain.reorganise(3)
            await client.until(chain.newest())
            retraction = await of_reorgs.next("reorg")
    [heard] = [message for message in client.told if message["type"] == "reorg"]
    assert heard == retraction
    removed = ["0x" + block.hash.hex() for block in change.removed]
    assert sorted(heard["data"]["removed_blocks"]) == sorted(removed)
    assert heard["data"]["removed_blocks"][0] == heard["data"]["old_head_hash"]
    assert heard["data"]["ancestor_number"] == heard["data"]["old_head_number"] - 3
    stored = chain.hashes()
    assert heard["data"]["ancestor_hash"] == stored[heard["data"]["ancestor_number"]]
    assert client.chain() == {number: hash_ for number, hash_ in stored.items() if number > HISTORY}


async def test_replay_from_the_first_row_is_the_whole_chain(chain: Chain, tmp_path: Path) -> None:
    await chain.reorganise(2)
    await chain.grow(2)
    with stream_process(chain.dsn, tmp_path, redis_url=chain.redis_url) as stream:
        async with client_of(stream) as client:
            await client.send(resume={"sequence": 0, "channels": ["blocks", "stats"]})
            end = await client.next("subscribed")
            assert end["sequence"] == chain.newest()
            assert client.chain() == chain.hashes()
            assert client.on("stats")[-1]["data"]["head_number"] == max(chain.hashes())


async def test_events_resume_where_they_were_cut_even_within_a_row(chain: Chain, tmp_path: Path) -> None:
    channels = (*NAMED, *watched(chain))
    path = f"/api/v1/stream?channels={','.join(channels)}"
    with stream_process(chain.dsn, tmp_path, redis_url=chain.redis_url, stream__heartbeat_s=0.2) as stream:
        async with client_of(stream) as control, aiohttp.ClientSession(stream.url) as http:
            begun = (await control.subscribe(*channels))["sequence"]
            await chain.grow(2)
            await chain.reorganise(1)
            await chain.grow(2)
            newest = chain.newest()
            await control.until(newest)
            told: list[Json] = []
            last, cuts = str(begun), set()
            while last != str(newest):
                async with http.get(path, headers={"Last-Event-ID": last}) as answer:
                    assert answer.content_type == "text/event-stream"
                    async for event in events(answer):
                        last = event.id
                        cuts.add(last.partition(".")[1])
                        if event.data["type"] == "subscribed":
                            continue
                        told.append(event.data)
                        break  # cut after each event
                    assert len(told) < 100
    assert standing(told, begun) == standing(control.told, begun)
    assert reorgs(told, begun) == reorgs(control.told, begun)
    assert len({(one["sequence"], one.get("channel")) for one in told}) == len(told)
    assert cuts == {"", "."}


async def test_events_go_on_from_a_sequence_and_quiet_ones_keep_their_place(
    chain: Chain, tmp_path: Path
) -> None:
    nobody = f"/api/v1/stream?channels=address:0x{'ee' * 20}"
    with stream_process(chain.dsn, tmp_path, redis_url=chain.redis_url, stream__heartbeat_s=0.1) as stream:
        async with aiohttp.ClientSession(stream.url) as http:
            async with http.get("/api/v1/stream?channels=blocks&sequence=0") as answer:
                numbers: list[int] = []
                async for event in events(answer):
                    if event.data["type"] == "subscribed":
                        break
                    numbers += [block["number"] for block in event.data["data"]["blocks"]]
                assert sorted(numbers) == sorted(chain.hashes())
            async with http.get(nobody) as answer:
                await chain.grow()
                newest = chain.newest()
                async with asyncio.timeout(30):
                    while (await answer.content.readline()) != b"id: %d\n" % newest:
                        pass


async def test_stream_without_redis_and_with_redis_going_away_loses_nothing(
    embedded_database: str, tmp_path: Path
) -> None:
    devnet = Devnet(11, Consensus.QBFT, history_blocks=5, transactions_per_block=1)
    with EmbeddedRedis() as redis:
        async with (
            DevnetServer(devnet) as server,
            daemon(embedded_database, server, redis__url=redis.url) as running,
        ):
            await fills(running, embedded_database)
            chain = Chain(server, running, embedded_database, redis.url)
            with (
                stream_process(chain.dsn, tmp_path, redis_url=redis.url) as stream,
                stream_process(chain.dsn, tmp_path) as polling,
            ):
                async with client_of(stream) as client, client_of(polling) as slow:
                    await client.subscribe("blocks")
                    await slow.subscribe("blocks")
                    await chain.grow(2)
                    await client.until(chain.newest())
                    redis.stop()
                    await chain.grow(3)
                    await client.until(chain.newest())
                    await slow.until(chain.newest())
                    stored = chain.hashes()
                    for one in (client, slow):
                        assert one.chain() == {number: stored[number] for number in range(6, 11)}


async def test_resume_that_cannot_go_on_says_resync_and_goes_on_from_there(
    chain: Chain, tmp_path: Path
) -> None:
    await chain.grow(2)
    newest = chain.newest()
    with stream_process(chain.dsn, tmp_path, redis_url=chain.redis_url, stream__replay_rows_max=3) as stream:
        for resume, reason in (
            ({"sequence": 1, "channels": ["blocks"]}, "too_far_behind"),
            ({"sequence": newest + 1_000, "channels": ["blocks"]}, "ahead"),
            ({"sequence": newest, "channels": ["blocks"], "history": "1-1"}, "other_history"),
            ({"sequence": newest, "channels": ["blocks"], "stamp": 1}, "not_there"),
        ):
            async with client_of(stream) as client:
                await client.send(resume=resume)
                message = await client.next()
                assert (message["type"], message["reason"]) == ("resync", reason)
                assert message["sequence"] == newest
                assert message["detail"]
                assert (await client.next())["type"] == "subscribed"
    chain.sql("DELETE FROM chain.outbox WHERE sequence < %s", newest)
    with stream_process(chain.dsn, tmp_path, redis_url=chain.redis_url) as stream:
        async with client_of(stream) as pruned, client_of(stream) as right:
            await pruned.send(resume={"sequence": 1, "channels": ["blocks"]})
            assert (await pruned.next())["reason"] == "not_there"
            await right.send(resume={"sequence": newest - 1, "channels": ["blocks"]})
            assert (await right.next())["sequence"] == newest
            await chain.grow()
            for client in (pruned, right):
                message = await client.next("blocks")
                assert [block["number"] for block in message["data"]["blocks"]] == [max(chain.hashes())]


async def test_other_history_under_a_running_stream_is_said_to_all(chain: Chain, tmp_path: Path) -> None:
    with stream_process(chain.dsn, tmp_path) as stream:
        async with client_of(stream) as client:
            await client.subscribe("blocks")
            await chain.grow()
            await client.until(chain.newest())
            # As after a failover to a standby that had not the last row: its number is given again.
            chain.sql(
                "UPDATE chain.outbox SET created_at = created_at + interval '1 second'"
                " WHERE sequence = (SELECT max(sequence) FROM chain.outbox)"
            )
            message = await client.next("resync")
            assert message["reason"] == "other_history"
            await chain.grow()
            await client.next("blocks")


async def test_goodbye_comes_before_the_server_ends(chain: Chain, tmp_path: Path) -> None:
    with stream_process(chain.dsn, tmp_path, redis_url=chain.redis_url) as stream:
        async with client_of(stream) as client, aiohttp.ClientSession(stream.url) as http:
            begun = await client.subscribe("blocks")
            async with http.get("/api/v1/stream?channels=blocks") as answer:
                stream.process.terminate()
                code, last = await client.closed()
                said = [event.data["type"] async for event in events(answer)]
        assert await asyncio.to_thread(stream.process.wait, 15) == 0
    assert (code, last[-1]["type"], last[-1]["sequence"]) == (1012, "closing", begun["sequence"])
    assert said == ["subscribed", "closing"]
