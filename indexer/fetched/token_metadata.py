"""Name, symbol, decimals and supply of each token, asked of the contract at one pinned block.

A contract may refuse, lie, or answer megabytes: what is wrong with an answer stands beside what is right.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from evm.primitives import Address, to_hex
from indexer.fetched.answers import Unreadable, read_decimals, read_number, read_text
from indexer.fetched.contract_calls import Refused
from indexer.fetched.fetching import Fetching
from indexer.fetched.pinned import Pin, queries, require_pin, select_pin
from indexer.outbox import announce
from postgres.errors import translated

State = Literal["read", "partial", "reverted", "unreadable"]

# web3 takes 0.2 ms for a call: the head, in the same event loop, may wait this long for each step.
TOKENS_PER_STEP = 10

_FAULT_CHARACTERS_MAX = 500
_TRY_AGAIN_S, _TRY_AGAIN_GROWTH, _TRY_AGAIN_MAX_S = 60.0, 4.0, 7 * 24 * 3600.0

_READERS: Final = {
    "name": read_text,
    "symbol": read_text,
    "decimals": read_decimals,
    "totalSupply": read_number,
}
# What a token has to say by its standard; EIP-1155 promises nothing.
_PROMISED: Final[Mapping[int, frozenset[str]]] = {
    20: frozenset(_READERS),
    721: frozenset({"name", "symbol"}),
    1155: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a token said of itself; None is what it did not say, and `fault` why."""

    token: Address
    name: str | None
    symbol: str | None
    decimals: int | None
    total_supply: int | None
    state: State
    fault: str | None


def to_metadata(token: Address, standards: Sequence[int], answers: Mapping[str, bytes | Refused]) -> Metadata:
    """PURE. Metadata of answers by function name."""
    found: dict[str, str | int] = {}
    faults: dict[str, str] = {}
    for function, answer in answers.items():
        if isinstance(answer, Refused):
            faults[function] = answer.reason
            continue
        value = _READERS[function](answer)
        if isinstance(value, Unreadable):
            faults[function] = value.fault
        else:
            found[function] = value
    promised = frozenset[str]().union(*(_PROMISED[standard] for standard in standards))
    if promised <= found.keys():
        state: State = "read"
    elif found:
        state = "partial"
    else:
        refused = any(isinstance(answer, Refused) for answer in answers.values())
        state = "reverted" if refused else "unreadable"
    said = "; ".join(f"{function}: {reason}" for function, reason in faults.items())
    name, symbol = found.get("name"), found.get("symbol")
    decimals, supply = found.get("decimals"), found.get("totalSupply")
    return Metadata(
        token,
        name if isinstance(name, str) else None,
        symbol if isinstance(symbol, str) else None,
        decimals if isinstance(decimals, int) else None,
        supply if isinstance(supply, int) else None,
        state,
        _storable(said)[:_FAULT_CHARACTERS_MAX] or None,
    )


def wait_s(state: State, attempts: int, refresh_s: float) -> float:
    """PURE. Seconds until a token is asked again; one that said all, for its supply."""
    if state == "read":
        return refresh_s
    return min(_TRY_AGAIN_S * _TRY_AGAIN_GROWTH ** min(attempts, 10), _TRY_AGAIN_MAX_S)


async def fetch_token_metadata(fetching: Fetching) -> bool:
    """Ask the next tokens and keep what they say; False when no token's time has come."""
    with translated():
        rows = await queries.select_unread_tokens.many(fetching.connection, TOKENS_PER_STEP)
        pin = await select_pin(fetching.connection) if rows else None
    if pin is None:
        return False
    calls = [(row["token"], function) for row in rows for function in _READERS]
    await fetching.pace.wait(len(calls))
    answers = dict(zip(calls, await fetching.contracts.fetch(pin, calls), strict=True))
    learnt = [
        to_metadata(
            row["token"],
            row["standards"],
            {function: answers[row["token"], function] for function in _READERS},
        )
        for row in rows
    ]
    attempts = [row["attempts"] or 0 for row in rows]
    waits = [
        wait_s(one.state, tried, fetching.settings.supply_refresh_s)
        for one, tried in zip(learnt, attempts, strict=True)
    ]
    await store_token_metadata(fetching, pin, learnt, waits)
    return True


async def store_token_metadata(
    fetching: Fetching, pin: Pin, learnt: Sequence[Metadata], waits_s: Sequence[float]
) -> None:
    """Keep and announce, in one transaction; what is as it was is not announced. Raises CursorMoved."""
    connection = fetching.connection
    with translated():
        async with connection.transaction():
            await require_pin(connection, pin)
            news = await queries.upsert_token_metadata.many(
                connection,
                [one.token for one in learnt],
                [one.name for one in learnt],
                [one.symbol for one in learnt],
                [one.decimals for one in learnt],
                [None if one.total_supply is None else str(one.total_supply) for one in learnt],
                [one.state for one in learnt],
                [one.fault for one in learnt],
                list(waits_s),
                pin.number,
                pin.hash,
            )
            if news:
                payloads = [{"token": to_hex(row["token"]), "symbol": row["symbol"]} for row in news]
                await announce(connection, "token", (pin.number, pin.number), payloads, pin.hash)
    if news:
        fetching.on_announced()


def _storable(text: str) -> str:
    """What a node says, as PostgreSQL can keep it."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
