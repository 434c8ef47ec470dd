"""Whose turn it is, how many must agree, and what votes change, as Besu and EIP-225 compute it."""

from bisect import bisect_right
from collections.abc import Collection, Sequence

from evm.primitives import Address

# Each round's timeout is twice the last one's: a header that claims more rounds than this is no witness.
ROUNDS_MAX = 256


def quorum(validators: int) -> int:
    """Seals that a BFT block needs (Besu's BftHelpers.calculateRequiredValidatorQuorum)."""
    return -(-2 * validators // 3)


def is_quorum(committers: Collection[Address], validators: Collection[Address]) -> bool:
    """Whether enough of these validators are among the committers, each counted once."""
    return bool(validators) and len(set(validators) & set(committers)) >= quorum(len(set(validators)))


def expected_proposer(validators: Sequence[Address], parent_proposer: Address, round_number: int) -> Address:
    """Who has to propose in a round: next after the parent's proposer, one further for each round.

    A parent's proposer who has left counts from where it would stand (Besu's BftProposerSelector).
    """
    in_order = sorted(validators)
    return in_order[(bisect_right(in_order, parent_proposer) + round_number) % len(in_order)]


def missed_proposers(
    validators: Sequence[Address], parent_proposer: Address, proposer: Address, round_number: int
) -> tuple[Address, ...] | None:
    """Who had to propose in each round below the one that succeeded; None where the rule does not explain it.

    A block that was prepared in an earlier round is proposed again as it was, under its first proposer
    (Besu's QbftRound), who then missed nothing in that round.
    """
    if not validators or round_number > ROUNDS_MAX:
        return None
    expected = [expected_proposer(validators, parent_proposer, number) for number in range(round_number + 1)]
    for number in range(round_number, -1, -1):
        if expected[number] == proposer:
            return tuple(expected[:number] + expected[number + 1 : round_number])
    return None


class Tally:
    """Votes of validators on validators, the latest of each; more than half of the set decide.

    Once somebody has come or gone, votes on it and votes by it are void (Besu's VoteTally, EIP-225).
    """

    def __init__(self) -> None:
        self._votes: dict[Address, dict[Address, bool]] = {}

    def cast(self, voter: Address, subject: Address, *, add: bool) -> None:
        self._votes.setdefault(subject, {})[voter] = add

    def decided(self, validators: Sequence[Address], subject: Address) -> tuple[Address, ...] | None:
        """The set with the subject added or dropped, in order, once enough have voted for it; else None."""
        add = subject not in validators
        votes = self._votes.get(subject, {})
        if sum(votes.get(validator) is add for validator in validators) <= len(validators) // 2:
            return None
        return tuple(sorted({*validators, subject} if add else {*validators} - {subject}))

    def change(self, before: Collection[Address], after: Collection[Address]) -> None:
        """Forget what a change of the set makes void."""
        for changed in {*before} ^ {*after}:
            self._votes.pop(changed, None)
            for votes in self._votes.values():
                votes.pop(changed, None)

    def clear(self) -> None:
        self._votes.clear()
