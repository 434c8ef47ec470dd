"""Any order of asking, settling, cancelling and reorgs: rows and totals are what the movements make of them."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.write_api.ledger import (
    Chain,
    Event,
    Investor,
    Sql,
    invest,
    investor,
    offer,
    one,
    superuser,
    withdraw,
)

CAP, TIER_LIMIT = 40, 10_000
# How often each step comes: what stands on what needs some of each.
STEPS = {"ask": 4, "ask_back": 4, "mine": 8, "fail": 1, "cancel": 2, "reorg": 3, "finalize": 1}
HISTORIES = st.lists(
    st.tuples(
        st.sampled_from([name for name, often in STEPS.items() for _ in range(often)]),
        st.integers(0, 1_000),
        st.sampled_from([Decimal(amount) for amount in ("1", "2.5", "7", "20")]),
    ),
    min_size=30,
    max_size=40,
)


@dataclass(slots=True)
class Leg:
    """One movement as it should be; `of` is the investment's leg, itself for that one."""

    id: UUID
    who: Investor
    kind: str
    amount: Decimal
    of: "Leg | None" = None
    status: str = "pending"
    block: int | None = None
    is_final: bool = False
    asked_at: int = 0

    @property
    def root(self) -> "Leg":
        return self.of or self


class History:
    """One offer in the database, and beside it a few sums."""

    def __init__(self, sql: Sql, chain: Chain) -> None:
        self.sql, self.chain = sql, chain
        chain.head = max(chain.hashes)  # above all that other histories left behind
        self.offer = offer(self.sql, max_supply=CAP)
        self.investors = [investor(self.sql) for _ in range(2)]
        self.legs: list[Leg] = []
        self.floor = self.chain.head

    # What the movements make.

    def total(self, kind: str, status: str) -> Decimal:
        return sum((x.amount for x in self.legs if (x.kind, x.status) == (kind, status)), Decimal(0))

    @property
    def invested(self) -> Decimal:
        return self.total("investment", "confirmed") - self.total("withdrawal", "confirmed")

    @property
    def reserved(self) -> Decimal:
        return self.total("investment", "pending")

    def out(self, root: Leg, status: str) -> Decimal:
        return sum((x.amount for x in self.legs if x.of is root and x.status == status), Decimal(0))

    def standing(self, root: Leg) -> str:
        if root.status == "confirmed" and self.out(root, "confirmed") == root.amount:
            return "refunded"
        return root.status

    def pick(self, number: int, *statuses: str, kind: str | None = None) -> Leg | None:
        fit = [x for x in self.legs if x.status in statuses and kind in {None, x.kind}]
        return fit[number % len(fit)] if fit else None

    # What happens.

    def ask(self, number: int, amount: Decimal) -> None:
        who = self.investors[number % len(self.investors)]
        fits = self.invested + self.reserved + amount <= CAP
        leg = self.tried(fits, lambda: invest(self.sql, who, self.offer, amount))
        if leg is not None:
            self.legs.append(Leg(leg, who, "investment", amount, asked_at=self.chain.head))

    def ask_back(self, number: int, amount: Decimal) -> None:
        root = self.pick(number, "pending", "confirmed", kind="investment")
        if root is None:
            return
        free = root.amount - self.out(root, "confirmed") - self.out(root, "pending")
        fits = self.standing(root) == "confirmed" and amount <= free
        leg = self.tried(fits, lambda: withdraw(self.sql, root.id, amount))
        if leg is not None:
            self.legs.append(Leg(leg, root.who, "withdrawal", amount, of=root, asked_at=self.chain.head))

    def mine(self, number: int, _amount: Decimal) -> None:
        right = number % 7 > 0
        leg = self.pick(number, "pending")
        if leg is None:
            return
        amount = leg.amount if right else leg.amount + 1
        block = self.chain.block(Event(self.offer.pool, leg.who.wallet, amount, leg.kind))
        taken = any(x.block == block for x in self.legs)
        stands = leg.of is None or self.standing(leg.of) == "confirmed"
        expected = right and not taken and stands and block > leg.asked_at
        assert self.said("confirm_transaction(%s, %s, 0)", leg.id, block) is expected
        if expected:
            leg.status, leg.block = "confirmed", block

    def fail(self, number: int, _amount: Decimal) -> None:
        leg = self.pick(number, "pending", "confirmed", "failed")
        if leg is None:
            return
        assert self.said("fail_transaction(%s, 'reverted')", leg.id) is (leg.status == "pending")
        if leg.status == "pending":
            self.failed(leg)

    def cancel(self, number: int, _amount: Decimal) -> None:
        leg = self.pick(number, "pending", "confirmed")
        if leg is None:
            return
        was_found = one(self.sql, "SELECT hash_is_found FROM account.transactions WHERE id = %s", leg.id)
        with self.sql.transaction():
            self.sql.execute("SET LOCAL ROLE pend_writer")
            self.sql.execute("SELECT account.enter('user', %s, NULL, 'r', NULL)", (leg.who.id,))
            said = one(self.sql, "SELECT account.cancel_transaction(%s) AS done", leg.id)["done"]
        assert said is (leg.status == "pending" and not was_found["hash_is_found"])
        if said:
            self.failed(leg)

    def reorg(self, number: int, _amount: Decimal) -> None:
        ancestor = max(self.floor, self.chain.head - 1 - number % 8)
        self.chain.revert(ancestor)
        gone = [x for x in self.legs if x.block is not None and x.block > ancestor]
        for leg in sorted(gone, key=lambda x: -(x.block or 0)):
            if leg.kind == "withdrawal":
                stays = self.invested + self.reserved + leg.amount > CAP
            else:
                stays = self.out(leg, "confirmed") > 0
            expected = not (stays or leg.is_final)
            assert self.said("unconfirm_transaction(%s)", leg.id) is expected
            if expected:
                leg.status, leg.block = "pending", None

    def finalize(self, number: int, _amount: Decimal) -> None:
        up_to = self.chain.head - 2 - number % 4
        self.said("finalize_transactions(%s, 100)", up_to)
        self.floor = max(self.floor, up_to)
        for leg in self.legs:
            there = leg.block is not None and leg.block <= up_to and self.is_there(leg)
            leg.is_final = leg.is_final or there

    # How it is looked at.

    def is_there(self, leg: Leg) -> bool:
        row = one(self.sql, "SELECT block_hash FROM account.transactions WHERE id = %s", leg.id)
        return leg.block is not None and self.chain.hashes.get(leg.block) == row["block_hash"]

    def failed(self, leg: Leg) -> None:
        leg.status = "failed"
        if leg.kind == "investment":
            for other in self.legs:
                if other.of is leg and other.status == "pending":
                    other.status = "failed"

    def tried(self, fits: bool, ask: Callable[[], UUID]) -> UUID | None:
        try:
            with self.sql.transaction():
                made = ask()
        except psycopg.Error as error:
            if fits or not (error.sqlstate or "").startswith("PW"):
                raise
            return None
        assert fits, "this should have been refused"
        return made

    def said(self, call: str, *arguments: Any) -> Any:
        return one(self.sql, f"SELECT account.{call} AS said", *arguments)["said"]

    def rows_and_totals_are_what_the_movements_make(self) -> None:
        metrics = one(self.sql, "SELECT * FROM account.asset_metrics WHERE asset_id = %s", self.offer.id)
        roots = [x for x in self.legs if x.of is None]
        holders = {x.who.id for x in roots if self.standing(x) == "confirmed"}
        assert (metrics["total_invested"], metrics["total_reserved"]) == (self.invested, self.reserved)
        assert metrics["investor_count"] == len(holders)
        assert self.invested + self.reserved <= CAP
        rows = self.sql.execute(
            "SELECT t.id, t.status AS leg, i.status, i.withdrawn, i.withdrawing FROM account.transactions AS t"
            " JOIN account.investments AS i ON i.id = t.investment_id WHERE t.asset_id = %s",
            (self.offer.id,),
        ).fetchall()
        assert {
            row["id"]: (row["leg"], row["status"], row["withdrawn"], row["withdrawing"]) for row in rows
        } == {
            x.id: (
                x.status,
                self.standing(x.root),
                self.out(x.root, "confirmed"),
                self.out(x.root, "pending"),
            )
            for x in self.legs
        }


def test_any_history_keeps_rows_and_totals_true(embedded_database: str) -> None:
    with superuser(embedded_database) as sql:
        chain = Chain(sql)

        @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
        @given(HISTORIES)
        def any_history(steps: list[tuple[str, int, Decimal]]) -> None:
            history = History(sql, chain)
            for step, number, amount in steps:
                getattr(history, step)(number, amount)
                history.rows_and_totals_are_what_the_movements_make()

        any_history()
