"""https and wss to a node behind a private authority."""

import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from devnet.chain import Devnet
from devnet.server import DevnetServer
from node.client import NodeClient
from node.errors import NodeUnreachable
from node.heads import heads
from node.settings import NodeSettings
from tests.certificates import localhost_certificate


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return localhost_certificate(tmp_path)


@pytest.fixture
async def tls_node(certificate: Path) -> AsyncIterator[tuple[Devnet, str]]:
    """A devnet whose two listeners stand behind TLS; the devnet and its host:port pair as https and wss."""
    devnet = Devnet(5, "qbft", history_blocks=3, transactions_per_block=2)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = DevnetServer(devnet)
    async with server:
        runners = []
        ports = []
        for app in (server._http_app(), server._ws_app()):
            runner = web.AppRunner(app)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
            await site.start()
            runners.append(runner)
            ports.append(runner.addresses[0][1])
        yield devnet, f"{ports[0]} {ports[1]}"
        for runner in runners:
            await runner.cleanup()


def settings_for(ports: str, certificate: Path | None) -> NodeSettings:
    https, wss = ports.split()
    return NodeSettings(
        urls=(f"https://localhost:{https}",),
        ws_url=f"wss://localhost:{wss}",
        tls_ca_file=certificate,
        deadline_s=2.0,
    )


async def test_node_behind_a_private_authority_serves_blocks_and_heads(
    tls_node: tuple[Devnet, str], certificate: Path
) -> None:
    devnet, ports = tls_node
    settings = settings_for(ports, certificate)
    async with NodeClient(settings) as node:
        assert len(await node.fetch_blocks([0, 1, 2, 3], full=True)) == 4
        async with aclosing(heads(node, ws_url=settings.ws_url, poll_interval_s=60.0)) as seen:
            head = await anext(seen)
            assert head.number == devnet.head.header.number


async def test_node_behind_an_unknown_authority_is_refused(tls_node: tuple[Devnet, str]) -> None:
    settings = replace(settings_for(tls_node[1], None), deadline_s=0.5)
    async with NodeClient(settings) as node:
        with pytest.raises(NodeUnreachable, match=r"(?i)certificate"):
            await node.chain_id()


def test_ca_file_without_a_certificate_says_which_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.pem"
    path.write_text("no certificate here")
    settings = NodeSettings(urls=("https://localhost:1",), tls_ca_file=path)
    with pytest.raises(ValueError, match=r"tls_ca_file .*empty.pem holds no usable PEM certificate"):
        settings.tls_context()
