"""What happens in the benchmarks' chain: the same transactions in the same order, every time.

30 % plain transfers, 40 % ERC-20 transfers, 5 % approvals, 3 % reverts and 22 % calls with 4 to 6
events: 28 logs a block of 20 transactions, 58 % of them ERC-20 transfers.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.market import trade_input
from evm.primitives import keccak256, to_hex

SEED = "pend benchmarks 1"
TRANSACTIONS_PER_BLOCK = 20
ACCOUNTS = 100
PEOPLE = 5_000
TOKEN_UNITS = 10**24

GAS_LIMIT = 150_000
GWEI = 10**9
_PRICE = 2 * GWEI
_ETHER = 10**18

Call = dict[str, str]

_KINDS = ("plain", "transfer", "approve", "revert", "trade")
_WEIGHTS = (30, 40, 5, 3, 22)
_EXTRA_EVENTS = (0, 1, 2)
_EXTRA_WEIGHTS = (60, 30, 10)


@dataclass(slots=True)
class Workload:
    """Calls for block after block; keeps the accounts' nonces, so blocks must be taken in order."""

    accounts: Sequence[str]
    tokens: Sequence[str]
    markets: Sequence[str]
    nonces: dict[str, int]
    _people: list[str] = field(init=False)
    _popularity: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self._people = [to_hex(keccak256(f"{SEED} person {index}".encode())[:20]) for index in range(PEOPLE)]
        # As on any chain, a few receive most.
        self._popularity = [1 / (index + 1) for index in range(PEOPLE)]

    def funding(self) -> Iterator[list[Call]]:
        """Blocks after which every account but the last holds every token."""
        calls = [
            self._call(0, token, transfer_input(account, TOKEN_UNITS // 1000))
            for token in self.tokens
            for account in self.accounts[1:-1]
        ]
        for start in range(0, len(calls), TRANSACTIONS_PER_BLOCK):
            yield calls[start : start + TRANSACTIONS_PER_BLOCK]

    def block(self, number: int) -> list[Call]:
        rng = random.Random(f"{SEED} block {number}")
        kinds = rng.choices(_KINDS, _WEIGHTS, k=TRANSACTIONS_PER_BLOCK)
        people = rng.choices(self._people, self._popularity, k=TRANSACTIONS_PER_BLOCK)
        return [self._one(rng, kind, person) for kind, person in zip(kinds, people, strict=True)]

    def _one(self, rng: random.Random, kind: str, person: str) -> Call:
        account = rng.randrange(len(self.accounts) - 1)
        amount = rng.randrange(1, 10**15)
        # A third is EIP-1559, the rest legacy, as private networks still send.
        fee_market = rng.random() < 1 / 3
        match kind:
            case "plain":
                return self._call(account, person, value=amount, fee_market=fee_market)
            case "trade":
                extra = rng.choices(_EXTRA_EVENTS, _EXTRA_WEIGHTS)[0]
                data = trade_input(person, amount, amount * 997 // 1000, extra)
                return self._call(account, rng.choice(self.markets), data, fee_market=fee_market)
            case "approve":
                data = approve_input(person, amount)
            case "revert":
                # The last account holds nothing.
                account, data = len(self.accounts) - 1, transfer_input(person, _ETHER)
            case _:
                data = transfer_input(person, amount)
        return self._call(account, rng.choice(self.tokens), data, fee_market=fee_market)

    def _call(
        self, account: int, to: str, data: str = "0x", *, value: int = 0, fee_market: bool = False
    ) -> Call:
        sender = self.accounts[account]
        nonce = self.nonces.get(sender, 0)
        self.nonces[sender] = nonce + 1
        price = (
            {"maxFeePerGas": hex(_PRICE), "maxPriorityFeePerGas": hex(GWEI)}
            if fee_market
            else {"gasPrice": hex(_PRICE)}
        )
        return {
            "from": sender,
            "to": to,
            "nonce": hex(nonce),
            "gas": hex(GAS_LIMIT),
            "value": hex(value),
            "input": data,
            **price,
        }


def transfer_input(to: str, amount: int) -> str:
    return f"0xa9059cbb{to[2:]:0>64}{amount:064x}"


def approve_input(spender: str, amount: int) -> str:
    return f"0x095ea7b3{spender[2:]:0>64}{amount:064x}"
