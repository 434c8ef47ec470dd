"""What stands at each address that behaves as a contract, read once: its code, and what it is a clone of.

A clone or a beacon that is found changes how logs are read: it raises the version of the ABIs in the
transaction that stores it, and its row says from which version on it is known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evm.primitives import Address, keccak256
from indexer.fetched.announcing import announce_fetched
from indexer.fetched.answers import Unreadable, read_address
from indexer.fetched.codes import Code, recognise
from indexer.fetched.contract_calls import Refused
from indexer.fetched.fetching import Fetching
from indexer.fetched.looking import look
from indexer.fetched.pinned import Pin, StateMissing, fetch_codes, queries, require_pin, select_pin
from postgres.errors import translated

ADDRESSES_PER_STEP = 40
BEACON_UPGRADED = keccak256(b"BeaconUpgraded(address)")
_NAME = "contract_codes"


@dataclass(frozen=True, slots=True)
class ContractCode:
    """An address, its code, and for a beacon the implementation it answered with."""

    address: Address
    code: Code
    beacon_implementation: Address | None = None

    @property
    def clone_of(self) -> Address | None:
        return self.code.target if self.code.kind == "clone" else None

    @property
    def delegated_to(self) -> Address | None:
        return self.code.target if self.code.kind == "delegation" else None


async def fetch_contract_codes(fetching: Fetching) -> bool:
    """Read the next codes; False when every contract is known."""
    looked = await _look(fetching, upwards=True)
    return await _read_next(fetching) or looked or await _look(fetching, upwards=False)


async def _look(fetching: Fetching, *, upwards: bool) -> bool:
    return await look(fetching.connection, _NAME, queries.queue_contracts, BEACON_UPGRADED, upwards=upwards)


async def _read_next(fetching: Fetching) -> bool:
    connection = fetching.connection
    with translated():
        pin = await select_pin(connection)
        if pin is None:
            return False
        rows = await queries.select_unread_codes.many(connection, pin.number, ADDRESSES_PER_STEP)
    if not rows:
        return False
    addresses = [row["address"] for row in rows]
    beacons = [row["address"] for row in rows if row["is_beacon"]]
    await fetching.pace.wait(len(addresses) + len(beacons))
    codes = await fetch_codes(fetching.node, pin, addresses)
    implementations = await _fetch_implementations(fetching, pin, beacons)
    read = [
        ContractCode(address, recognise(code), implementations.get(address))
        for address, code in zip(addresses, codes, strict=True)
    ]
    await store_contract_codes(fetching, pin, read)
    return True


async def _fetch_implementations(
    fetching: Fetching, pin: Pin, beacons: Sequence[Address]
) -> dict[Address, Address]:
    """Where beacons pointed before their first upgrade, for their events say it from there on.

    Those that answer no address, or whose block the node has no state of any more, are left out.
    """
    if not beacons:
        return {}
    with translated():
        rows = await queries.select_blocks_before_upgrades.many(fetching.connection, beacons)
    before = {row["address"]: Pin(row["number"], row["hash"]) for row in rows}
    found: dict[Address, Address] = {}
    for at in dict.fromkeys(before.get(beacon, pin) for beacon in beacons):
        asked = [beacon for beacon in beacons if before.get(beacon, pin) == at]
        try:
            answers = await fetching.contracts.fetch(at, [(beacon, "implementation") for beacon in asked])
        except StateMissing:
            if at == pin:
                raise
            continue
        for beacon, answer in zip(asked, answers, strict=True):
            address = answer if isinstance(answer, Refused) else read_address(answer)
            if not isinstance(address, Refused | Unreadable):
                found[beacon] = address
    return found


async def store_contract_codes(fetching: Fetching, pin: Pin, read: Sequence[ContractCode]) -> None:
    """Keep and announce codes, in one transaction with the version that clones and beacons are known from.

    Raises CursorMoved when the chain has left `pin`.
    """
    connection = fetching.connection
    addresses = [one.address for one in read]
    with translated():
        async with connection.transaction():
            known = {
                row["address"]: (row["clone_of"], row["beacon_implementation"])
                for row in await queries.select_proxy_targets.many(connection, addresses)
            }
            pointers = {one.address for one in read if _is_news(one, known)}
            # Before the commits: who holds those may be waiting for this row.
            version = await queries.raise_abi_version.value(connection) if pointers else None
            await require_pin(connection, pin)
            news = await queries.upsert_contract_codes.many(
                connection,
                addresses,
                [one.code.kind for one in read],
                [one.code.hash for one in read],
                [one.code.size_bytes for one in read],
                [one.clone_of for one in read],
                [one.delegated_to for one in read],
                [one.beacon_implementation for one in read],
                [version if one.address in pointers else None for one in read],
                pin.number,
                pin.hash,
            )
            await queries.delete_unread_codes.exec(connection, addresses, pin.number)
            if news:
                await announce_fetched(connection, pin, "contract_codes", [row["address"] for row in news])
    if news:
        fetching.on_announced()


def _is_news(one: ContractCode, known: Mapping[Address, tuple[Address | None, Address | None]]) -> bool:
    """PURE. Whether logs are read otherwise now that this is known."""
    return (one.clone_of, one.beacon_implementation) != known.get(one.address, (None, None))
