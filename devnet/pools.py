"""A Pend pool: investors put an ERC-20 asset in and take it out; what they hold decides their tier."""

from devnet import abi
from devnet.frame import Frame, Functions, Reverted
from evm.primitives import Address

INVESTED = abi.topic("Invested(address,uint256)")
WITHDRAWN = abi.topic("Withdrawn(address,uint256)")
TIER_CHANGED = abi.topic("TierChanged(address,uint8)")

INSUFFICIENT_INVESTMENT = abi.selector("InsufficientInvestment(uint256,uint256)")

# Invested units of the asset (six decimals) from which each tier above 0 begins.
TIER_FLOORS = (1_000_000_000, 5_000_000_000, 25_000_000_000)


def initialise(frame: Frame, arguments: bytes) -> None:
    """Constructor: name, symbol, an unused word, and the asset's address."""
    frame.store(abi.text_at(arguments, 0).encode(), "name")
    frame.store(abi.address_at(arguments, 3), "asset")


def tier_of(invested: int) -> int:
    return sum(invested >= floor for floor in TIER_FLOORS)


def _settle(frame: Frame, investor: Address, before: int, after: int) -> None:
    frame.store(after, "invested", investor)
    frame.store(frame.load("total") + after - before, "total")


def _announce_tier(frame: Frame, investor: Address, before: int, after: int) -> None:
    if tier_of(before) != tier_of(after):
        frame.emit((TIER_CHANGED, abi.word(investor)), abi.word(tier_of(after)))


def _invest(frame: Frame, data: bytes) -> bytes:
    amount, before = abi.integer_at(data, 0), frame.load("invested", frame.sender)
    pull = abi.call("transferFrom(address,address,uint256)", frame.sender, frame.address, amount)
    frame.call(frame.load_bytes("asset"), pull)
    _settle(frame, frame.sender, before, before + amount)
    frame.emit((INVESTED, abi.word(frame.sender)), abi.word(amount))
    _announce_tier(frame, frame.sender, before, before + amount)
    return b""


def _withdraw(frame: Frame, data: bytes) -> bytes:
    amount, before = abi.integer_at(data, 0), frame.load("invested", frame.sender)
    if before < amount:
        raise Reverted(INSUFFICIENT_INVESTMENT + abi.words(before, amount))
    _settle(frame, frame.sender, before, before - amount)
    frame.call(frame.load_bytes("asset"), abi.call("transfer(address,uint256)", frame.sender, amount))
    frame.emit((WITHDRAWN, abi.word(frame.sender)), abi.word(amount))
    _announce_tier(frame, frame.sender, before, before - amount)
    return b""


def _name(frame: Frame, _: bytes) -> bytes:
    return abi.returned_text(frame.load_bytes("name").decode())


def _asset(frame: Frame, _: bytes) -> bytes:
    return abi.word(frame.load_bytes("asset"))


def _total_invested(frame: Frame, _: bytes) -> bytes:
    return abi.word(frame.load("total"))


def _invested_of(frame: Frame, data: bytes) -> bytes:
    return abi.word(frame.load("invested", abi.address_at(data, 0)))


def _tier(frame: Frame, data: bytes) -> bytes:
    return abi.word(tier_of(frame.load("invested", abi.address_at(data, 0))))


POOL: Functions = {
    abi.selector("name()"): _name,
    abi.selector("asset()"): _asset,
    abi.selector("totalInvested()"): _total_invested,
    abi.selector("investedOf(address)"): _invested_of,
    abi.selector("tierOf(address)"): _tier,
    abi.selector("invest(uint256)"): _invest,
    abi.selector("withdraw(uint256)"): _withdraw,
}
