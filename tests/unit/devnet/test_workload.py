"""A few hundred blocks must hold every kind of thing an indexer meets."""

from collections import Counter

import pytest

from devnet import abi
from devnet.chain import Devnet
from devnet.deployments import CONTRACTS, Kind, contract_address, init_code
from devnet.frame import Reverted
from devnet.keys import generator, key_pair
from devnet.machine import NotIncludable, execute, intrinsic_gas, simulate
from devnet.pools import INSUFFICIENT_INVESTMENT
from devnet.signing import Intent, sign
from devnet.state import State, balance_of, code_of, nonce_of
from evm.blocks import Receipt, Transaction
from evm.envelopes import recover_sender


@pytest.fixture(scope="module")
def made() -> list[tuple[Transaction, Receipt]]:
    devnet = Devnet(2, history_blocks=200)
    blocks = [devnet.block(number) for number in range(201)]
    return [
        pair for block in blocks if block for pair in zip(block.transactions, block.receipts, strict=True)
    ]


def test_workload_signs_legacy_access_list_and_dynamic_fee_transactions(
    made: list[tuple[Transaction, Receipt]],
) -> None:
    assert set(Counter(transaction.type for transaction, _ in made)) == {0, 1, 2}
    unprotected = [t for t, _ in made if t.type == 0 and t.v in (27, 28)]
    assert unprotected
    assert all(transaction.chain_id is None for transaction in unprotected)
    assert any(t.access_list and t.access_list[0].storage_keys for t, _ in made)
    for transaction, _ in made[:50]:
        assert recover_sender(transaction) == transaction.sender


def test_workload_fails_with_reason_with_custom_error_and_without_either(
    made: list[tuple[Transaction, Receipt]],
) -> None:
    failed = [(t, r) for t, r in made if r.status == 0]
    kinds = Counter((r.revert_reason or b"")[:4] for _, r in failed)
    assert set(kinds) == {abi.selector("Error(string)"), INSUFFICIENT_INVESTMENT, b""}
    assert any(r.gas_used == t.gas_limit for t, r in failed)  # out of gas
    assert all(not r.logs for _, r in failed)
    assert all(r.revert_reason is None for _, r in made if r.status == 1)


def test_workload_creates_contracts_and_fails_to(made: list[tuple[Transaction, Receipt]]) -> None:
    created = [(t, r) for t, r in made if t.to is None]
    assert {receipt.status for _, receipt in created} == {0, 1}
    for transaction, receipt in created:
        assert receipt.contract_address == contract_address(transaction.sender, transaction.nonce)
    assert all(receipt.contract_address is None for t, receipt in made if t.to is not None)


def test_workload_transfers_plainly_and_to_strangers(made: list[tuple[Transaction, Receipt]]) -> None:
    plain = [(t, r) for t, r in made if t.to is not None and not t.input]
    assert all(r.gas_used == 21_000 and t.value for t, r in plain)
    known = {t.sender for t, _ in made}
    assert any(t.to not in known for t, _ in plain)


def test_gas_used_lies_between_the_intrinsic_gas_and_the_limit(
    made: list[tuple[Transaction, Receipt]],
) -> None:
    for transaction, receipt in made:
        assert intrinsic_gas(transaction) <= receipt.gas_used <= transaction.gas_limit


def test_contract_address_is_that_of_a_known_creation() -> None:
    # The creation of the first CryptoKitties contract, mainnet.
    sender = bytes.fromhex("ba52c75764d6f594735dc735be7f1830cdf58ddf")
    assert contract_address(sender, 3515).hex() == "06012c8cf97bead5deae237070f9587f8e7a266d"


class TestMachine:
    def setup_method(self) -> None:
        self.state = State()
        self.pair = key_pair(1, "test", 0)
        self.state.apply({balance_of(self.pair.address): 10**18})
        self.rng = generator("test")

    def signed(self, intent: Intent, nonce: int = 0) -> Transaction:
        return sign(intent, nonce=nonce, chain_id=1, base_fee=None, rng=self.rng)

    def test_execute_wrong_nonce_is_not_includable_and_changes_nothing(self) -> None:
        with pytest.raises(NotIncludable, match="nonce 3, expected 0"):
            execute(
                self.signed(Intent(self.pair, bytes(20)), 3), self.state, base_fee=0, beneficiary=bytes(20)
            )
        assert self.state.integer(nonce_of(self.pair.address)) == 0

    def test_execute_more_than_the_balance_is_not_includable(self) -> None:
        with pytest.raises(NotIncludable, match="has 1000000000000000000"):
            execute(
                self.signed(Intent(self.pair, bytes(20), value=2 * 10**18)),
                self.state,
                base_fee=0,
                beneficiary=bytes(20),
            )

    def test_execute_failed_creation_pays_gas_and_leaves_no_code(self) -> None:
        intent = Intent(self.pair, None, init_code(Kind.ERC20, "A", "A", 99, 1))
        outcome = execute(self.signed(intent), self.state, base_fee=0, beneficiary=bytes(20))
        assert not outcome.succeeded
        assert outcome.contract_address is not None
        assert not self.state.read(code_of(outcome.contract_address))
        assert self.state.integer(nonce_of(self.pair.address)) == 1
        spent = 10**18 - self.state.integer(balance_of(self.pair.address))
        assert spent == outcome.gas_used * outcome.gas_price

    def test_simulate_truncated_call_data_reverts(self) -> None:
        created = execute(
            self.signed(Intent(self.pair, None, init_code(Kind.ERC20, "A long name " * 4, "A", 18, 7))),
            self.state,
            base_fee=0,
            beneficiary=bytes(20),
        ).contract_address
        assert created is not None
        assert self.state.read(code_of(created)) == CONTRACTS[Kind.ERC20].runtime_code

        def ask(data: bytes) -> bytes:
            return simulate(self.state.read, sender=bytes(19) + b"\1", to=created, data=data)

        assert abi.text_at(ask(abi.call("name()")), 0) == "A long name " * 4
        assert ask(abi.call("balanceOf(address)", self.pair.address)) == abi.word(7)
        with pytest.raises(Reverted):
            ask(abi.selector("balanceOf(address)"))
        with pytest.raises(Reverted, match="reverted") as refused:
            ask(abi.call("transfer(address,uint256)", bytes(20), 1))
        assert refused.value.reason == "ERC20: transfer amount exceeds balance"
