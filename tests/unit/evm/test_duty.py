"""Turns and quorums, against the cases of Besu's ProposerSelectorTest and its formula."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evm.duty import ROUNDS_MAX, Tally, expected_proposer, is_quorum, missed_proposers, quorum


def address(value: int) -> bytes:
    return value.to_bytes(20, "big")


def around(middle: int, lower: int, higher: int) -> list[bytes]:
    """Besu's createValidatorList: an address and those right below and above it."""
    return [address(value) for value in range(middle - lower, middle + higher + 1)]


LOCAL = 10
numbers = st.integers(1, 60)
rounds = st.integers(0, 40)


@pytest.mark.parametrize(
    ("validators", "round_number", "place"),
    [
        (around(LOCAL, 0, 4), 0, 1),  # roundRobinChangesProposerOnRoundZeroOfNextBlock
        (around(LOCAL, 4, 0), 0, 0),  # lastValidatorInListValidatedPreviousBlockSoFirstIsNextProposer
        (around(LOCAL, 4, 0), 1, 1),
        (around(LOCAL, 4, 0), 2, 2),
    ],
)
def test_proposer_after_one_of_the_set_is_the_next_and_one_further_each_round(
    validators: list[bytes], round_number: int, place: int
) -> None:
    assert expected_proposer(validators, address(LOCAL), round_number) == validators[place]
    assert expected_proposer(validators[::-1], address(LOCAL), round_number) == validators[place]


@pytest.mark.parametrize(
    ("validators", "round_number", "place"),
    [
        (around(LOCAL, 2, 2), 0, 2),  # whenProposerSelfRemovesSelectsNextProposerInLineEvenWhenRoundRobin
        (around(LOCAL, 2, 2), 1, 3),
        (around(LOCAL, 2, 2), 2, 0),
        (around(LOCAL, 4, 0), 0, 0),  # proposerSelfRemovesAndHasHighestAddressNewProposerIsFirstInList
    ],
)
def test_proposer_after_one_who_left_is_whoever_stands_where_it_would(
    validators: list[bytes], round_number: int, place: int
) -> None:
    validators.remove(address(LOCAL))
    assert expected_proposer(validators, address(LOCAL), round_number) == validators[place]


@pytest.mark.parametrize(
    ("validators", "seals"),
    [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (6, 4), (7, 5), (8, 6), (9, 6), (10, 7), (100, 67)],
)
def test_quorum_is_two_thirds_of_the_validators_rounded_up(validators: int, seals: int) -> None:
    assert quorum(validators) == seals
    members = [address(number) for number in range(validators)]
    assert is_quorum(members[:seals], members)
    assert not is_quorum([*members[: seals - 1], address(999)], members)


def test_quorum_of_a_seal_that_is_repeated_or_of_nobody_is_none() -> None:
    members = around(LOCAL, 1, 2)
    assert not is_quorum([members[0]] * 4, members)
    assert not is_quorum([], [])


@given(numbers, numbers, rounds)
def test_missed_proposers_are_those_of_each_round_below(count: int, parent: int, round_number: int) -> None:
    validators = [address(2 * number) for number in range(1, count + 1)]
    proposer = expected_proposer(validators, address(parent), round_number)
    assert missed_proposers(validators, address(parent), proposer, round_number) == tuple(
        expected_proposer(validators, address(parent), each) for each in range(round_number)
    )


def test_missed_proposers_leave_out_who_proposed_a_block_that_was_agreed_on_later() -> None:
    validators = around(LOCAL, 0, 3)
    assert missed_proposers(validators, validators[0], validators[2], 3) == (validators[1], validators[3])


@pytest.mark.parametrize("round_number", [2, ROUNDS_MAX + 1, 2**32 - 1])
def test_missed_proposers_of_a_round_no_rule_explains_are_unknown(round_number: int) -> None:
    assert missed_proposers(around(LOCAL, 0, 3), address(LOCAL), address(99), round_number) is None


def test_tally_of_more_than_half_adds_and_drops() -> None:
    validators, newcomer = around(LOCAL, 0, 3), address(3)
    tally = Tally()
    for voter in validators[:2]:
        tally.cast(voter, newcomer, add=True)
    assert tally.decided(validators, newcomer) is None
    tally.cast(validators[2], newcomer, add=True)
    assert tally.decided(validators, newcomer) == (newcomer, *validators)
    tally.cast(validators[0], newcomer, add=False)  # its latest vote counts
    assert tally.decided(validators, newcomer) is None
    for voter in validators[:3]:
        tally.cast(voter, validators[3], add=False)
    assert tally.decided(validators, validators[3]) == tuple(validators[:3])


def test_tally_after_a_change_knows_no_votes_on_or_by_who_came_or_went() -> None:
    validators, newcomer = around(LOCAL, 0, 2), address(3)
    tally = Tally()
    for voter in validators[:2]:
        tally.cast(voter, newcomer, add=True)
        tally.cast(voter, validators[2], add=False)
    tally.change(validators, [newcomer, *validators])
    assert tally.decided([*validators], newcomer) is None
    assert tally.decided(validators, validators[2]) == tuple(validators[:2])
    tally.change(validators, validators[1:])
    assert tally.decided(validators, validators[2]) is None
