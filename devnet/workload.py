"""What the accounts of the network want done next, drawn from a generator and the state at that moment."""

import random
from collections.abc import Callable, Sequence

from devnet import abi
from devnet.deployments import Kind, contract_address, init_code
from devnet.keys import KeyPair
from devnet.signing import Intent
from devnet.state import State, nonce_of
from evm.primitives import Address

ETHER = 10**18
ASSET_UNIT = 10**6
MINTED_UNITS = 40_000
MULTI_TOKEN_IDS = 8


class Workload:
    """Deploys the network's contracts first, then keeps its accounts busy with them."""

    def __init__(self, accounts: Sequence[KeyPair]) -> None:
        self._accounts = accounts
        self._deployer = accounts[0]
        self._by_address = {pair.address: pair for pair in accounts}
        at = [contract_address(self._deployer.address, nonce) for nonce in range(6)]
        self.asset, self.share, self.certificate, self.multi = at[:4]
        self.pools = tuple(at[4:])
        self._setup = (
            init_code(Kind.ERC20, "Pend Dollar", "PUSD", 6, 1_000_000 * ASSET_UNIT),
            init_code(Kind.ERC20, "Pend Share", "PSH", 18, 1_000_000 * ETHER),
            init_code(Kind.ERC721, "Pend Certificate", "PCERT", 0, 0),
            init_code(Kind.ERC1155, "Pend Assets", "PAST", 0, 0),
            init_code(Kind.POOL, "Pend Harvest Pool", "", 0, self.asset),
            init_code(Kind.POOL, "Pend Property Pool", "", 0, self.asset),
        )
        self._choices: tuple[Callable[[State, random.Random], Intent], ...] = (
            self._transfer,
            self._move_asset,
            self._move_share,
            self._invest,
            self._withdraw,
            self._move_certificate,
            self._move_multi,
            self._deploy,
            self._fail,
        )
        self._weights = (24, 30, 6, 14, 6, 6, 8, 2, 4)

    @property
    def contracts(self) -> tuple[Address, ...]:
        """Addresses of what is deployed first: asset, share, certificate, multi-token, pools."""
        return (self.asset, self.share, self.certificate, self.multi, *self.pools)

    def next_intent(self, state: State, rng: random.Random) -> Intent:
        deployed = state.integer(nonce_of(self._deployer.address))
        if deployed < len(self._setup):
            return Intent(self._deployer, None, self._setup[deployed], gas_limit=900_000)
        return rng.choices(self._choices, self._weights)[0](state, rng)

    def _account(self, rng: random.Random) -> KeyPair:
        return self._accounts[rng.randrange(1, len(self._accounts))]

    def _transfer(self, _: State, rng: random.Random) -> Intent:
        fresh = rng.random() < 0.1
        receiver = rng.randbytes(20) if fresh else self._account(rng).address
        return Intent(self._account(rng), receiver, value=rng.randrange(5 * ETHER), gas_limit=21_000)

    def _move_asset(self, state: State, rng: random.Random) -> Intent:
        account = self._account(rng)
        balance = state.integer((self.asset, "balance", account.address))
        if not balance:
            return self._mint_asset(account)
        data = abi.call(
            "transfer(address,uint256)", self._account(rng).address, rng.randrange(balance // 4 + 1)
        )
        return Intent(account, self.asset, data)

    def _mint_asset(self, account: KeyPair) -> Intent:
        data = abi.call("mint(address,uint256)", account.address, MINTED_UNITS * ASSET_UNIT)
        return Intent(self._deployer, self.asset, data)

    def _move_share(self, _: State, rng: random.Random) -> Intent:
        data = abi.call("transfer(address,uint256)", self._account(rng).address, rng.randrange(1, 10) * ETHER)
        return Intent(self._deployer, self.share, data)

    def _invest(self, state: State, rng: random.Random) -> Intent:
        account, pool = self._account(rng), rng.choice(self.pools)
        balance = state.integer((self.asset, "balance", account.address))
        if balance < ASSET_UNIT:
            return self._mint_asset(account)
        if state.integer((self.asset, "allowance", account.address, pool)) < balance:
            return Intent(account, self.asset, abi.call("approve(address,uint256)", pool, abi.WORD_MAX))
        return Intent(account, pool, abi.call("invest(uint256)", rng.randrange(1, balance)))

    def _withdraw(self, state: State, rng: random.Random) -> Intent:
        account, pool = self._account(rng), rng.choice(self.pools)
        invested = state.integer((pool, "invested", account.address))
        if not invested:
            return self._invest(state, rng)
        amount = invested if rng.random() < 0.3 else rng.randrange(1, invested + 1)
        return Intent(account, pool, abi.call("withdraw(uint256)", amount))

    def _move_certificate(self, state: State, rng: random.Random) -> Intent:
        minted = state.integer((self.certificate, "supply"))
        receiver = self._account(rng).address
        if not minted or rng.random() < 0.3:
            return Intent(self._deployer, self.certificate, abi.call("mint(address)", receiver))
        token = rng.randrange(1, minted + 1)
        holder = state.read((self.certificate, "holder", token))
        owner = self._by_address[holder if isinstance(holder, bytes) else b""]
        data = abi.call("transferFrom(address,address,uint256)", owner.address, receiver, token)
        return Intent(owner, self.certificate, data)

    def _move_multi(self, state: State, rng: random.Random) -> Intent:
        account, receiver = self._account(rng), self._account(rng).address
        ids = range(1, MULTI_TOKEN_IDS + 1)
        held = [token for token in ids if state.integer((self.multi, "balance", token, account.address))]
        if not held:
            minted = rng.sample(ids, 3)
            return self._mint_multi(account, minted, [rng.randrange(1, 1000) for _ in minted])
        amounts = [
            rng.randrange(1, state.integer((self.multi, "balance", token, account.address)) + 1)
            for token in held
        ]
        if len(held) == 1 or rng.random() < 0.5:
            signature = "safeTransferFrom(address,address,uint256,uint256,bytes)"
            data = abi.call(signature, account.address, receiver, held[0], amounts[0], 160, 0)
            return Intent(account, self.multi, data)
        signature = "safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)"
        size = 32 * (len(held) + 1)
        head = abi.call(signature, account.address, receiver, 160, 160 + size, 160 + 2 * size)
        return Intent(account, self.multi, head + abi.array(held) + abi.array(amounts) + abi.word(0))

    def _mint_multi(self, account: KeyPair, ids: list[int], amounts: list[int]) -> Intent:
        head = abi.call(
            "mintBatch(address,uint256[],uint256[])", account.address, 96, 96 + 32 * (len(ids) + 1)
        )
        return Intent(self._deployer, self.multi, head + abi.array(ids) + abi.array(amounts))

    def _deploy(self, _: State, rng: random.Random) -> Intent:
        number = rng.randrange(1, 1000)
        supply = rng.randrange(1, 10**6) * ETHER
        return Intent(
            self._account(rng), None, init_code(Kind.ERC20, f"Token {number}", f"T{number}", 18, supply)
        )

    def _fail(self, state: State, rng: random.Random) -> Intent:
        """A transaction that will fail: by reason, by custom error, without reason, out of gas."""
        account = self._account(rng)
        everything = state.integer((self.asset, "supply")) + 1
        transfer = abi.call("transfer(address,uint256)", self._account(rng).address, everything)
        match rng.randrange(5):
            case 0:
                return Intent(account, self.asset, transfer)
            case 1:
                return Intent(account, rng.choice(self.pools), abi.call("withdraw(uint256)", everything))
            case 2:
                nothing = abi.call("transfer(address,uint256)", self._account(rng).address, 0)
                return Intent(account, self.share, nothing, gas_limit=24_000)
            case 3:
                return Intent(account, None, init_code(Kind.ERC20, "Broken", "BRK", 99, 1))
            case _:
                return Intent(account, rng.choice(self.pools), abi.call("close()"))
