"""The page at / in a real browser, against the API that it shows."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from playwright.async_api import ConsoleMessage, Page, WebSocketRoute, async_playwright, expect

from devnet.chain import Devnet
from devnet.server import DevnetServer
from evm.consensus import Consensus
from tests.database import refuse_or_skip
from tests.integration.explorer_api.stream_clients import Chain, StreamProcess, stream_process
from tests.integration.indexer.daemons import daemon, fills

CHROMIUM = Path("/usr/bin/chromium")
PICTURES = Path(__file__).parents[2] / "docs/pictures"
HISTORY = 300
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_WITHIN_MS = 60_000


@dataclass(slots=True)
class Browsed:
    """A tab, and everything it asked for or complained about."""

    page: Page
    hosts: set[str | None] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)

    async def open(self, url: str) -> None:
        await self.page.goto(url)
        await self.page.wait_for_selector("#content[data-view]", timeout=_WITHIN_MS)

    async def view(self, view: str) -> None:
        await self.page.wait_for_selector(f"#content[data-view={view}]", timeout=_WITHIN_MS)

    async def field(self, name: str) -> str:
        return await self.page.locator(f"[data-field={name}]").first.inner_text()

    async def find(self, text: str) -> None:
        await self.page.get_by_role("searchbox").fill(text)
        await self.page.get_by_role("button", name="Search").click()

    async def hashes(self, of: str) -> list[str]:
        rows = self.page.locator(f"[data-list={of}] li[data-hash]")
        hashes: list[str] = await rows.evaluate_all("rows => rows.map(row => row.dataset.hash)")
        return hashes

    async def picture(self, name: str, *, whole: bool = False) -> None:
        if os.environ.get("PEND_TEST_PICTURES") == "1":
            PICTURES.mkdir(exist_ok=True)
            await self.page.wait_for_timeout(2_000)  # what has just come is no longer marked
            await self.page.screenshot(path=PICTURES / f"{name}.png", animations="disabled", full_page=whole)


@asynccontextmanager
async def browser(*, width: int = 1280, height: int = 900, dark: bool = False) -> AsyncIterator[Browsed]:
    """A tab of Debian's Chromium; what it did is judged when the block ends."""
    if not CHROMIUM.exists():
        refuse_or_skip("browser", f"there is no {CHROMIUM}; apt-get install chromium")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS))
        try:
            context = await chromium.new_context(
                viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
            )
            page = await context.new_page()
            page.set_default_timeout(_WITHIN_MS)
            browsed = Browsed(page)

            def complain(message: ConsoleMessage) -> None:
                if message.type in {"error", "warning"}:
                    browsed.complaints.append(message.text)

            page.on("request", lambda request: browsed.hosts.add(urlsplit(request.url).hostname))
            page.on("websocket", lambda socket: browsed.hosts.add(urlsplit(socket.url).hostname))
            page.on("console", complain)
            page.on("pageerror", lambda error: browsed.complaints.append(str(error)))
            yield browsed
        finally:
            await chromium.close()
    assert browsed.hosts == {"127.0.0.1"}
    assert browsed.complaints == []


@asynccontextmanager
async def served(
    dsn: str, redis_url: str, folder: Path, consensus: Consensus
) -> AsyncIterator[tuple[Chain, StreamProcess]]:
    """A network two days old, indexed and derived; what an operator starts, on one port."""
    devnet = Devnet(
        5,
        consensus,
        history_blocks=HISTORY,
        transactions_per_block=6,
        block_time_s=600,
        wall_clock=True,
    )
    async with (
        DevnetServer(devnet) as server,
        daemon(
            dsn,
            server,
            redis__url=redis_url,
            follow__max_reorg_depth=8,
            fetched__token_metadata=True,
            fetched__native_balances=True,
            fetched__look_every_s=0.05,
        ) as running,
    ):
        await fills(running, dsn)
        with stream_process(
            dsn, folder, "serve", "--with-stream", redis_url=redis_url, node__urls=server.http_url
        ) as explorer:
            yield Chain(server, running, dsn, redis_url), explorer


async def answer(explorer: StreamProcess, path: str) -> Any:
    async with aiohttp.ClientSession(explorer.url) as http, http.get(f"/api/v1/{path}") as got:
        assert got.status == 200, await got.text()
        return (await got.json())["data"]


async def test_page_lives_finds_and_shows_what_the_api_says(
    embedded_database: str, redis_url: str, tmp_path: Path
) -> None:
    async with (
        served(embedded_database, redis_url, tmp_path, Consensus.QBFT) as (chain, explorer),
        browser() as tab,
    ):
        await tab.open(explorer.url)
        await expect(tab.page.locator("#status-text")).to_have_text("live", timeout=_WITHIN_MS)
        await _live_block_appears_without_reload(tab, chain, explorer)
        await expect(tab.page.locator(".chart .bars rect").first).to_be_attached()
        assert await tab.page.locator(".chart .bars rect").count() >= 40
        assert await tab.page.locator(".uptime > li").count() == 4
        await tab.picture("home", whole=True)
        await _each_view_is_what_the_api_says(tab, chain, explorer)
        await _search_goes_to_the_right_view(tab, chain)
        await _keyboard_is_enough(tab, explorer)


async def _live_block_appears_without_reload(tab: Browsed, chain: Chain, explorer: StreamProcess) -> None:
    await tab.page.evaluate("window.untouched = true")
    for _ in range(2):
        await chain.grow()
    head = await answer(explorer, "blocks/latest")
    await tab.page.wait_for_selector(f"[data-list=blocks] li[data-hash='{head['hash']}']")
    assert await tab.hashes("blocks") == [one["hash"] for one in await answer(explorer, "blocks?limit=10")]
    transactions = [one["hash"] for one in await answer(explorer, "transactions?limit=10")]
    await tab.page.wait_for_selector(f"[data-list=transactions] li[data-hash='{transactions[0]}']")
    assert await tab.hashes("transactions") == transactions
    await expect(tab.page.locator("[data-figure=head]")).to_have_text(f"{head['number']:,}")
    assert await tab.page.evaluate("window.untouched")


async def _each_view_is_what_the_api_says(tab: Browsed, chain: Chain, explorer: StreamProcess) -> None:
    block = await answer(explorer, "blocks/latest")
    await tab.page.locator(f"li[data-hash='{block['hash']}'] a").first.click()
    await tab.view("block")
    assert await tab.field("hash") == block["hash"]
    assert await tab.field("parent_hash") == block["parent_hash"]
    assert await tab.field("miner") == block["miner"]
    assert await tab.field("gas_used") == f"{block['gas_used']:,} of {block['gas_limit']:,}"
    listed = await answer(explorer, f"blocks/{block['number']}/transactions")
    assert await tab.page.locator("tr[data-row]").evaluate_all(
        "rows => rows.map(row => row.dataset.row)"
    ) == [one["hash"] for one in listed]
    await tab.picture("block")

    with_transfer = chain.sql(
        "SELECT t.hash FROM chain.transactions AS t JOIN chain.token_transfers AS x"
        " USING (block_number, transaction_index) WHERE x.standard = 20 ORDER BY t.block_number DESC LIMIT 1"
    )[0]["hash"].hex()
    transaction = await answer(explorer, f"transactions/0x{with_transfer}")
    await tab.page.goto(f"{explorer.url}/#/transaction/{transaction['hash']}")
    await tab.view("transaction")
    assert await tab.field("status") == transaction["status"]
    assert await tab.field("from_address") == transaction["from_address"]
    assert await tab.field("to_address") == transaction["to_address"]
    assert await tab.field("value") == _ether(transaction["value"])
    assert await tab.field("fee") == _ether(transaction["fee"])
    await expect(tab.page.get_by_role("heading", name="Token transfers")).to_be_visible()
    await tab.picture("transaction")

    address = await answer(explorer, f"addresses/{transaction['from_address']}")
    await tab.page.locator("[data-field=from_address] a").click()
    await tab.view("address")
    assert await tab.field("transactions") == f"{address['counters']['transactions']:,}"
    assert await tab.field("token_transfers") == f"{address['counters']['token_transfers']:,}"
    assert await tab.field("balance") == _ether(address["native"]["balance"])
    await tab.picture("address")
    more = tab.page.get_by_role("button", name="More").first
    before = await tab.page.locator("tr[data-row]").count()
    await more.click()
    await expect(tab.page.locator("tr[data-row]")).not_to_have_count(before)

    token = (await answer(explorer, "tokens?limit=1"))[0]
    detail = await answer(explorer, f"tokens/{token['address']}")
    await tab.page.goto(f"{explorer.url}/#/token/{token['address']}")
    await tab.view("token")
    assert await tab.field("symbol") == (detail["metadata"] or {}).get("symbol", "not said")
    assert await tab.field("holder_count") == f"{detail['standards'][0]['holder_count']:,}"
    holders = await answer(explorer, f"tokens/{token['address']}/holders?limit=10")
    shown = tab.page.get_by_role("region", name="Largest holders").locator("tr[data-row]")
    assert await shown.evaluate_all("rows => rows.map(row => row.dataset.row)") == [
        one["holder"] for one in holders
    ]
    await tab.picture("token")


async def _search_goes_to_the_right_view(tab: Browsed, chain: Chain) -> None:
    [row] = chain.sql("SELECT hash, from_address FROM chain.transactions WHERE block_number = 7 LIMIT 1")
    [token] = chain.sql("SELECT token FROM chain.tokens ORDER BY holder_count DESC, token LIMIT 1")
    for wanted, view, name in (
        ("7", "block", "7"),
        (f"0x{row['hash'].hex()}", "transaction", f"0x{row['hash'].hex()}"),
        (f"0x{row['from_address'].hex()}", "address", f"0x{row['from_address'].hex()}"),
        (f"0x{token['token'].hex()}", "token", f"0x{token['token'].hex()}"),
    ):
        await tab.find(wanted)
        await tab.page.wait_for_url(f"**/#/{view}/{name}")
        await tab.view(view)
    await tab.find("nothing is called so <b>")
    await tab.view("search")
    await expect(tab.page.get_by_role("heading", name="Nothing is found")).to_be_visible()


async def _keyboard_is_enough(tab: Browsed, explorer: StreamProcess) -> None:
    await tab.open(f"{explorer.url}/?fresh")
    await tab.page.keyboard.press("Tab")
    await expect(tab.page.locator("#skip")).to_be_focused()
    await tab.page.keyboard.press("Enter")
    await expect(tab.page.locator("#content")).to_be_focused()
    await tab.page.get_by_role("searchbox").focus()
    await tab.page.keyboard.type("3")
    await tab.page.keyboard.press("Enter")
    await tab.view("block")
    await expect(tab.page.locator("#content")).to_be_focused()


async def test_page_takes_back_a_reorg_fits_a_phone_and_does_without_the_stream(
    embedded_database: str, redis_url: str, tmp_path: Path
) -> None:
    async with served(embedded_database, redis_url, tmp_path, Consensus.CLIQUE) as (chain, explorer):
        async with browser(width=380, height=800, dark=True) as phone:
            await phone.open(explorer.url)
            await expect(phone.page.locator("#status-text")).to_have_text("live")
            await chain.grow(2)
            removed = (await chain.reorganise(2)).removed
            await expect(phone.page.locator("#notice")).to_contain_text("A reorg replaced 2 blocks")
            head = await answer(explorer, "blocks/latest")
            await phone.page.wait_for_selector(f"[data-list=blocks] li[data-hash='{head['hash']}']")
            shown = await phone.hashes("blocks")
            assert not {"0x" + block.hash.hex() for block in removed} & set(shown)
            assert shown == [one["hash"] for one in await answer(explorer, "blocks?limit=10")][: len(shown)]
            await phone.picture("phone")
            for view in ("", f"#/block/{head['number']}", f"#/address/{head['miner']}"):
                await phone.open(f"{explorer.url}/{view}")
                wide = await phone.page.evaluate("document.documentElement.scrollWidth")
                assert wide <= 380, f"{view or 'home'} is {wide} pixels wide"
            text, ground = await phone.page.evaluate(
                "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
            )
            assert _lightness(text) > _lightness(ground)
        async with browser() as tab:

            async def shut(route: WebSocketRoute) -> None:
                await route.close()

            await tab.page.route_web_socket("**/api/v1/stream", shut)
            await tab.open(explorer.url)
            await expect(tab.page.locator("#status-text")).to_have_text(
                "every few seconds", timeout=_WITHIN_MS
            )
            await chain.grow()
            head = await answer(explorer, "blocks/latest")
            await tab.page.wait_for_selector(f"[data-list=blocks] li[data-hash='{head['hash']}']")


async def test_files_of_the_page_are_kept_by_etag_under_a_strict_policy(
    embedded_database: str, tmp_path: Path
) -> None:
    with stream_process(embedded_database, tmp_path, "serve", "--with-stream") as explorer:
        async with aiohttp.ClientSession(explorer.url) as http:
            async with http.get("/") as page:
                assert page.content_type == "text/html"
                policy = page.headers["Content-Security-Policy"]
                etag = page.headers["ETag"]
                names = [line.split('"')[0] for line in (await page.text()).split('"page/')[1:]]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "http" not in policy
            async with http.get("/", headers={"If-None-Match": etag}) as again:
                assert again.status == 304
            assert {"explorer.css", "explorer.js", "icon.svg"} <= set(names)
            for name in names:
                async with http.get(f"/page/{name}") as file:
                    assert file.status == 200
            for name in ("..%2fapp.py", "nothing.js"):
                async with http.get(f"/page/{name}") as file:
                    assert file.status == 404


def _ether(wei: str) -> str:
    whole, part = divmod(int(wei), 10**18)
    fraction = f"{part:018d}".rstrip("0")
    return f"{whole:,}{'.' + fraction if fraction else ''} ETH"


def _lightness(colour: str) -> int:
    return sum(int(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3])
