"""The TypeScript client as its users have it: compiled, installed beside their own code, run by Node."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.anvil import PACKAGES
from tests.database import refuse_or_skip

SOURCE = Path(__file__).parents[3] / "clients" / "typescript"
HARNESS = Path(__file__).with_name("typescript_client.mjs")
WS = PACKAGES / "node_modules" / "ws"
"""The WebSocket that is injected; it comes with ethers."""
_WITHIN_S = 60.0
_WHAT = "TypeScript client"

_CONSUMER = {
    "compilerOptions": {
        "target": "ES2022",
        "module": "ESNext",
        "moduleResolution": "Bundler",
        "lib": ["ES2022", "DOM", "DOM.Iterable"],
        "types": [],
        "strict": True,
        "skipLibCheck": False,
    },
    "include": ["examples"],
}
"""As a React project's, where a bundler finds modules."""


def require_node() -> str:
    """Node, with the locked packages of the client; else a skip that says so, in CI a failure."""
    node = shutil.which("node")
    if node is None:
        refuse_or_skip(_WHAT, "node is missing; install Node.js 20+")
    if not (SOURCE / "node_modules" / ".bin" / "tsc").exists():
        refuse_or_skip(_WHAT, f"run `npm ci` in {SOURCE.relative_to(SOURCE.parents[1])}")
    if not WS.exists():
        refuse_or_skip(_WHAT, f"run `npm ci` in {PACKAGES.relative_to(SOURCE.parents[1])}")
    return node


def run(tool: str, *arguments: str | Path, cwd: Path = SOURCE) -> "subprocess.CompletedProcess[str]":
    """One of the locked tools."""
    return subprocess.run(
        (require_node(), SOURCE / "node_modules" / ".bin" / tool, *arguments),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def install(folder: Path) -> None:
    """What `npm install` of the packed client leaves in a project, whose code is the examples, compiled."""
    packed = folder / "node_modules" / "@pend" / "explorer-client"
    built = run("tsc", "-p", "tsconfig.build.json", "--outDir", packed / "dist")
    assert built.returncode == 0, built.stdout
    shutil.copy(SOURCE / "src" / "schema.d.ts", packed / "dist")
    shutil.copy(SOURCE / "package.json", packed)
    for name in ("openapi-fetch", "openapi-typescript-helpers"):
        (folder / "node_modules" / name).symlink_to(SOURCE / "node_modules" / name)
    shutil.copytree(SOURCE / "examples", folder / "examples")
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "tsconfig.json").write_text(json.dumps(_CONSUMER))
    compiled = run("tsc", cwd=folder)
    assert compiled.returncode == 0, compiled.stdout


@dataclass(slots=True)
class NodeClient:
    """The client in a Node process of its own."""

    process: asyncio.subprocess.Process

    async def do(self, *command: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        await self.process.stdin.drain()

    async def said(self, kind: str) -> list[Any]:
        """The next thing it says of this kind; others are passed over."""
        assert self.process.stdout is not None
        while True:
            async with asyncio.timeout(_WITHIN_S):
                line = await self.process.stdout.readline()
            assert line, f"it ended before it said {kind}"
            name, *rest = json.loads(line)
            if name == kind:
                return list(rest)

    async def ask(self, kind: str, *command: object) -> list[Any]:
        await self.do(*command)
        return await self.said(kind)

    async def message(self, *kinds: str) -> dict[str, Any]:
        """The next message of the stream, of one of these types."""
        while True:
            message, _ = await self.said("message")
            if message["type"] in kinds:
                return dict(message)

    async def state(self, wanted: str) -> None:
        """Until the stream says that it is in this state."""
        while await self.said("state") != [wanted]:
            pass


@asynccontextmanager
async def node_client(installed: Path, url: str, *, injected: bool = True) -> AsyncIterator[NodeClient]:
    """The harness until the block ends. Not `injected`: the WebSocket is Node's own, as in a browser."""
    process = await asyncio.create_subprocess_exec(
        require_node(),
        *(() if injected else ("--experimental-websocket",)),
        HARNESS,
        installed,
        url,
        WS if injected else "",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**26,
        env={name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
    )
    try:
        yield NodeClient(process)
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(_WITHIN_S):
            await process.communicate()
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
