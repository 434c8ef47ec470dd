"""Asking as clients of Etherscan do."""

from typing import Any

import aiohttp
import msgspec
import psycopg

from explorer_api.answers.etherscan import Envelope

Sql = psycopg.Connection[dict[str, Any]]


async def ask(api: aiohttp.ClientSession, module: str, action: str, **parameters: object) -> Envelope:
    """The envelope of an answer, which is HTTP 200 whatever it says."""
    given = {"module": module, "action": action, **{name: str(value) for name, value in parameters.items()}}
    async with api.get("/api", params=given) as answer:
        body = await answer.read()
        assert answer.status == 200, body.decode()
        return msgspec.json.decode(body, type=Envelope)


async def result(api: aiohttp.ClientSession, module: str, action: str, **parameters: object) -> Any:
    envelope = await ask(api, module, action, **parameters)
    assert (envelope.status, envelope.message) == ("1", "OK"), envelope
    return envelope.result


async def refusal(api: aiohttp.ClientSession, module: str, action: str, **parameters: object) -> str:
    """Why something is refused."""
    envelope = await ask(api, module, action, **parameters)
    assert (envelope.status, envelope.message) == ("0", "NOTOK"), envelope
    assert isinstance(envelope.result, str)
    return envelope.result


def rows(sql: Sql, query: str, *arguments: Any) -> list[dict[str, Any]]:
    return sql.execute(query.encode(), arguments).fetchall()


def value(sql: Sql, query: str, *arguments: Any) -> Any:
    """The only column of the only row."""
    (row,) = rows(sql, query, *arguments)
    (found,) = row.values()
    return found


def text(octets: bytes | None) -> str:
    return "" if octets is None else "0x" + octets.hex()
