"""PURE: one block after the other, who its validators are, whether they prove it, and who missed a turn.

QBFT and IBFT2 headers name the set that agrees on them, or nobody where a contract does. Clique names its
signers at the start of an epoch only; in between votes are counted.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from evm.consensus import Consensus
from evm.duty import Tally, is_quorum, missed_proposers
from evm.primitives import Address
from evm.seals import Sealed


@dataclass(frozen=True, slots=True)
class ValidatorSet:
    """The validators from a block on; None where they are not known."""

    from_block: int
    validators: tuple[Address, ...] | None


@dataclass(frozen=True, slots=True)
class SetChange:
    """A set that begins, against the one before; `added` and `removed` are None where either is not known."""

    set: ValidatorSet
    added: tuple[Address, ...] | None
    removed: tuple[Address, ...] | None
    epoch: bool


@dataclass(frozen=True, slots=True)
class Agreed:
    """What is known of one block. `proven` is None where nobody can say."""

    number: int
    proposer: Address
    voted_on: Address | None
    proven: bool | None
    set: ValidatorSet
    trusted: ValidatorSet | None
    missed: tuple[Address, ...] | None = None


class Succession:
    """Goes on after a derived block, or begins: then the first block's own set is trusted.

    `judge` wants blocks in order; one that is left out makes nothing wrong, only less known.
    """

    def __init__(self, consensus: Consensus, last: Agreed | None = None, tally: Tally | None = None) -> None:
        self._consensus = consensus
        self._last = last
        self._tally = tally or Tally()

    def judge(self, sealed: Sealed) -> tuple[Agreed, SetChange | None]:
        parent = self._last if self._last and self._last.number == sealed.number - 1 else None
        epoch = self._consensus is Consensus.CLIQUE and bool(sealed.listed)
        expected = self._set_after(parent)
        listed = tuple(sorted({*sealed.listed})) or None
        validators = expected if self._consensus is Consensus.CLIQUE and not epoch else listed
        change = self._change(sealed.number, validators, epoch=epoch)
        current = ValidatorSet(sealed.number, validators) if change or not self._last else self._last.set
        if self._consensus is Consensus.CLIQUE:
            proven, trusted, missed = None, None, None
        else:
            proven, trusted = self._prove(sealed, current, expected)
            missed = _missed(sealed, parent, validators)
        if sealed.vote is not None and validators is not None:
            self._tally.cast(sealed.proposer, sealed.vote[0], add=sealed.vote[1])
        voted_on = None if sealed.vote is None else sealed.vote[0]
        self._last = Agreed(sealed.number, sealed.proposer, voted_on, proven, current, trusted, missed)
        return self._last, change

    def _set_after(self, parent: Agreed | None) -> tuple[Address, ...] | None:
        """The set that the votes up to `parent` make of its own."""
        if parent is None or parent.set.validators is None:
            return None
        if parent.voted_on is None:
            return parent.set.validators
        return self._tally.decided(parent.set.validators, parent.voted_on) or parent.set.validators

    def _change(
        self, number: int, validators: tuple[Address, ...] | None, *, epoch: bool
    ) -> SetChange | None:
        before = self._last.set.validators if self._last else None
        if self._last and validators == before and not epoch:
            return None
        added = removed = None
        if validators is None or before is None:
            self._tally.clear()
        else:
            self._tally.change(before, validators)
            added, removed = (
                tuple(sorted({*validators} - {*before})),
                tuple(sorted({*before} - {*validators})),
            )
        if epoch:
            self._tally.clear()
        return SetChange(ValidatorSet(number, validators), added, removed, epoch)

    def _prove(
        self, sealed: Sealed, current: ValidatorSet, expected: tuple[Address, ...] | None
    ) -> tuple[bool | None, ValidatorSet | None]:
        """Whether a trusted quorum has sealed the block, and which set is trusted after it.

        A quorum of its own set must have; that set must be the trusted one, or what votes in proven blocks
        made of it, or a quorum of the trusted one must have sealed too. Seals of a smaller set that nobody
        was seen to vote for prove nothing.
        """
        last, validators = self._last, current.validators
        if last is None:  # the trusted start; genesis has no seals and needs none
            if validators is None:
                return None, None
            return sealed.number == 0 or is_quorum(sealed.committers, validators), current
        if validators is None or last.trusted is None:
            return None, last.trusted
        trusted = last.trusted.validators or ()
        follows = validators == trusted or (
            validators == expected and last.proven is True and last.trusted == last.set
        )
        if is_quorum(sealed.committers, validators) and (follows or is_quorum(sealed.committers, trusted)):
            return True, current
        # After validators nobody could name it may well be final, only not provably.
        return (None if last.proven is None else False), last.trusted


def subjects(consensus: Consensus, last: Agreed | None, run: Iterable[Sealed]) -> set[Address]:
    """Addresses about which earlier votes matter for a run of blocks above `last`."""
    found: set[Address] = set()
    if consensus is Consensus.CLIQUE:
        if last is not None and last.voted_on is not None:
            found.add(last.voted_on)
        return found.union(sealed.vote[0] for sealed in run if sealed.vote is not None)
    before: Collection[Address] = (last.set.validators or ()) if last is not None else ()
    for sealed in run:
        if before and sealed.listed and before != sealed.listed:
            found |= {*before} ^ {*sealed.listed}
        before = sealed.listed
    return found


def _missed(
    sealed: Sealed, parent: Agreed | None, validators: Sequence[Address] | None
) -> tuple[Address, ...] | None:
    if sealed.round == 0:
        return ()
    if sealed.round is None or parent is None or validators is None:
        return None
    return missed_proposers(validators, parent.proposer, sealed.proposer, sealed.round)
