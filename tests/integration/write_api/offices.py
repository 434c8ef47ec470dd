"""A write API under test, and those who use it: wallets and administrators with real tokens."""

import json
import os
import re
import secrets
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import psycopg
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount

from tests import fork_server
from tests.fork_server import WRITE_API, Spawned
from write_api.credentials import refresh_tokens, signing_keys
from write_api.credentials.access_tokens import AccessTokens
from write_api.credentials.signing_keys import SigningKeys
from write_api.encryption.key_file import new_key_file

_WITHIN_S = 20.0
_POLL_S = 0.02
ISSUER, AUDIENCE = "pend", "pend-write"


@dataclass(frozen=True, slots=True)
class KeyFolder:
    """Master keys, signing keys and documents of one installation."""

    folder: Path

    @classmethod
    def made(cls, folder: Path) -> "KeyFolder":
        new_key_file(folder / "master.json")
        signing_keys.create(folder / "signing.json", datetime.now(UTC))
        return cls(folder)

    def tokens(self) -> AccessTokens:
        return AccessTokens(SigningKeys(self.folder / "signing.json", 960), ISSUER, AUDIENCE)

    def settings(self) -> dict[str, object]:
        return {
            "encryption__keys_file": self.folder / "master.json",
            "sign_in__keys_file": self.folder / "signing.json",
            "storage__folder": self.folder / "documents",
            "audit__anchor_file": self.folder / "anchors.jsonl",
        }


@dataclass(frozen=True, slots=True)
class Writing:
    """`pend-write serve` on a database; `said()` is all that the process has written."""

    url: str
    dsn: str
    keys: KeyFolder
    process: Spawned
    log: Path

    def said(self) -> str:
        return self.log.read_text(errors="replace")


def environment(**settings: object) -> dict[str, str]:
    """Of a program whose settings are these alone: `write__port=0` sets write.port."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(("PEND_", "PG"))}
    return kept | {f"PEND_{name.upper()}": str(value) for name, value in settings.items()}


def write_environment(dsn: str, keys: KeyFolder, **settings: object) -> dict[str, str]:
    """No limits and cheap passwords, unless they are asked for."""
    return environment(
        **{
            "database__dsn": dsn,
            "database__role": "pend_writer",
            "protection__enabled": False,
            "write__port": 0,
            "write__live_port": 0,
            "sign_in__argon2_memory_kib": 8_192,
            "sign_in__argon2_time": 1,
            "sign_in__argon2_lanes": 1,
            **keys.settings(),
            **settings,
        }
    )


@contextmanager
def write_process(
    dsn: str, keys: KeyFolder, folder: Path, *arguments: str, announces: str = "write API", **settings: object
) -> Iterator[Writing]:
    """`pend-write serve`, or another command that serves, until it answers."""
    log = folder / f"write-{secrets.token_hex(4)}.log"
    process = fork_server.spawn(
        WRITE_API, arguments or ("serve",), write_environment(dsn, keys, **settings), log
    )
    try:
        url = _line(process, log, rf"{announces} on (http://\S+)")
        _answers(process, log, f"{url}/ping")
        yield Writing(url, dsn, keys, process, log)
    finally:
        stop(process)


def stop(process: Spawned) -> None:
    """SIGTERM, and SIGKILL for one that does not heed it."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def command(
    dsn: str, keys: KeyFolder, *arguments: str, **settings: object
) -> "subprocess.CompletedProcess[str]":
    """A command that ends by itself, as the owner of the schema."""
    env = write_environment(dsn, keys, **{"database__role": "", **settings})
    return fork_server.run(WRITE_API, arguments, env, 60)


@dataclass(slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def version(self) -> str:
        """For If-Match."""
        return self.headers["etag"]


@dataclass(slots=True)
class Client:
    """Somebody who asks; `token` None is nobody."""

    session: aiohttp.ClientSession
    token: str | None = None
    id: UUID = field(default_factory=uuid4)
    account: LocalAccount | None = None
    refresh_token: str = ""
    session_id: UUID | None = None

    async def ask(self, method: str, path: str, json_: Any = None, **headers: str) -> Reply:
        """`If_Match="…"` sends If-Match; a path begins with /, and /api/v1 is put before it."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token is not None:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        whole = path if path.startswith(("/ping", "/health", "/metrics", "/api")) else f"/api/v1{path}"
        async with self.session.request(method, whole, json=json_, headers=sent) as answer:
            return Reply(answer.status, answer.headers.copy(), await answer.read())

    async def get(self, path: str, **headers: str) -> Any:
        """JSON of an answer that must be 200."""
        reply = await self.ask("GET", path, **headers)
        assert reply.status == 200, reply.body.decode()
        return reply.json

    async def post(self, path: str, json_: Any = None, status: int = 201, **headers: str) -> Any:
        """JSON of an answer that must have this status; None where there is no body."""
        reply = await self.ask("POST", path, {} if json_ is None else json_, **headers)
        assert reply.status == status, reply.body.decode()
        return reply.json if reply.body else None

    async def refused(self, method: str, path: str, status: int, json_: Any = None, **headers: str) -> Any:
        """The problem that a request is refused with."""
        reply = await self.ask(method, path, json_, **headers)
        assert reply.status == status, (reply.status, reply.body.decode())
        assert reply.headers["content-type"] == "application/problem+json"
        details = reply.json
        assert details["status"] == status
        assert details["request_id"] == reply.headers["x-request-id"]
        return details


async def signed_in(session: aiohttp.ClientSession, account: LocalAccount | None = None) -> Client:
    """A wallet that signed in over HTTP, by default a new one."""
    account = account or Account.create()
    client = Client(session, account=account)
    asked = await client.post("/auth/wallet/nonce", {"address": account.address})
    signature = account.sign_message(encode_defunct(text=asked["message"])).signature
    tokens = await client.post(
        "/auth/wallet/sign-in",
        {"message": asked["message"], "signature": "0x" + signature.hex().removeprefix("0x")},
    )
    client.token, client.refresh_token = tokens["access_token"], tokens["refresh_token"]
    client.session_id = UUID(tokens["session_id"])
    client.id = UUID((await client.get("/users/me"))["id"])
    return client


def admin(
    session: aiohttp.ClientSession, dsn: str, keys: KeyFolder, role: str, name: str = "Somebody"
) -> Client:
    """A new administrator with a session, without the ceremony of passwords."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        email = f"{role}-{secrets.token_hex(6)}@pend.example"
        row = connection.execute(
            "SELECT account.create_admin(%s, %s, %s, %s, '1 hour')",
            (email, name, role, secrets.token_bytes(32)),
        ).fetchone()
        assert row is not None
        id_ = row[0]
        session_id = uuid4()
        refresh = refresh_tokens.new(session_id)
        digest = refresh_tokens.digest(refresh_tokens.parse(refresh)[1])
        connection.execute(
            "SELECT account.open_admin_session(%s, %s, 'totp', %s, '127.0.0.1', 'test', '1 day')",
            (session_id, id_, digest),
        )
    token = keys.tokens().issue(id_, "admin", session_id, 1, datetime.now(UTC))
    return Client(session, token, id_, None, refresh, session_id)


def verified(dsn: str, user: UUID, tier: int = 1) -> None:
    """Let a user invest, as a review and two administrators would: by the superuser, past the guards."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE account.users SET kyc_verified_at = now(), tier = %s WHERE id = %s", (tier, user)
        )


def _line(process: Spawned, log: Path, pattern: str) -> str:
    deadline = time.monotonic() + _WITHIN_S
    while True:
        text = log.read_text(errors="replace")
        if found := re.search(pattern, text, re.MULTILINE):
            return found[1]
        assert process.poll() is None, text
        assert time.monotonic() < deadline, text
        time.sleep(_POLL_S)


def _answers(process: Spawned, log: Path, url: str) -> None:
    deadline = time.monotonic() + _WITHIN_S
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(_POLL_S)
