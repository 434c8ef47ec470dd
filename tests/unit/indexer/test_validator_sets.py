"""Which blocks prove themselves and which cannot, set by set."""

from evm.consensus import Consensus
from evm.seals import Sealed
from indexer.derive.validator_sets import Agreed, SetChange, Succession

A, B, C, D, E, F, G = (bytes([letter]) * 20 for letter in b"ABCDEFG")


def block(number: int, listed: tuple[bytes, ...], committers: tuple[bytes, ...], **fields: object) -> Sealed:
    changes = {"proposer": listed[0] if listed else A, "round": 0} | fields
    return Sealed(number=number, listed=listed, committers=committers, **changes)  # type: ignore[arg-type]


def judged(*blocks: Sealed, consensus: Consensus = Consensus.QBFT) -> list[tuple[Agreed, SetChange | None]]:
    succession = Succession(consensus)
    return [succession.judge(sealed) for sealed in blocks]


def proofs(*blocks: Sealed) -> list[bool | None]:
    return [agreed.proven for agreed, _ in judged(*blocks)]


def test_genesis_is_proven_and_its_set_trusted() -> None:
    (agreed, change), (child, unchanged) = judged(block(0, (A, B), ()), block(1, (A, B), (A, B)))
    assert agreed.proven
    assert child.proven
    assert (change and change.set.validators, unchanged) == ((A, B), None)
    assert child.trusted == agreed.set


def test_chain_derived_from_the_middle_trusts_the_first_set_but_not_a_block_it_did_not_seal() -> None:
    assert proofs(block(50, (A, B, C, D), (A, B)), block(51, (A, B, C, D), (B, C, D))) == [False, True]


def test_seals_of_strangers_and_repeated_ones_prove_nothing() -> None:
    four = (A, B, C, D)
    assert proofs(
        block(0, four, ()), block(1, four, (A, B, E)), block(2, four, (A, B, B)), block(3, four, (A, B, C))
    ) == [True, False, False, True]


def test_grown_set_is_trusted_once_a_quorum_of_the_old_one_sealed_it() -> None:
    before, after = (A, B, C, D), (A, B, C, D, E)
    sealed = judged(block(0, before, ()), block(1, after, (B, C, D, E)), block(2, after, (A, B, C, E)))
    assert [agreed.proven for agreed, _ in sealed] == [True, True, True]
    change = sealed[1][1]
    assert change is not None
    assert (change.added, change.removed, change.set.from_block) == ((E,), (), 1)


def test_new_set_without_votes_or_old_seals_is_never_trusted() -> None:
    forged = (E, F, G)
    assert proofs(
        block(0, (A, B, C, D), ()),
        block(1, forged, forged),
        block(2, forged, forged),
        block(3, (A, B, C, D), (A, B, C)),
    ) == [True, False, False, True]


def test_shrunk_set_sealed_by_its_bare_quorum_is_proven_by_the_votes_for_it() -> None:
    four, three = (A, B, C, D), (A, B, C)
    votes = [
        block(number, four, (A, B, C), proposer=voter, vote=(D, False))
        for number, voter in enumerate(three, 1)
    ]
    after = [block(4, three, (A, B)), block(5, three, (B, C))]
    assert proofs(block(0, four, ()), *votes, *after) == [True] * 6
    assert (
        proofs(block(0, four, ()), *votes[:2], block(3, four, (A, B, C)), *after) == [True] * 4 + [False] * 2
    )


def test_votes_in_a_block_that_is_not_proven_change_no_trust() -> None:
    four, three = (A, B, C, D), (A, B, C)
    votes = [
        block(number, four, (A, B, C), proposer=voter, vote=(D, False))
        for number, voter in enumerate(three, 1)
    ]
    votes[-1] = block(3, four, (C,), proposer=C, vote=(D, False))
    assert proofs(block(0, four, ()), *votes, block(4, three, (A, B))) == [True, True, True, False, False]


def test_validators_that_a_contract_names_are_unknown_and_prove_nothing_until_the_trusted_ones_are_back() -> (
    None
):
    two = (A, B)
    sealed = judged(
        block(0, two, ()),
        block(1, (), (A, B), round=1),
        block(2, (), (A, B)),
        block(3, (E,), (E,)),
        block(4, two, two),
        block(5, (E,), (E,)),
    )
    assert [agreed.proven for agreed, _ in sealed] == [True, None, None, None, True, False]
    assert [agreed.set.validators for agreed, _ in sealed] == [two, None, None, (E,), two, (E,)]
    assert [agreed.missed for agreed, _ in sealed] == [(), None, (), (), (), ()]
    change = sealed[3][1]
    assert change is not None
    assert (change.added, change.removed) == (None, None)


def test_chain_that_a_contract_governs_from_its_start_is_never_proven() -> None:
    assert proofs(block(0, (), ()), block(1, (), (A,)), block(2, (A,), (A,))) == [None] * 3


def test_clique_signers_between_epochs_are_unknown_when_derived_from_amid_one() -> None:
    def signed(number: int, signer: bytes, **fields: object) -> Sealed:
        return block(number, (), (signer,), proposer=signer, round=None, **fields)

    epoch = block(30, (A, B, C), (A,), proposer=A, round=None)
    sealed = judged(
        signed(29, A, vote=(D, True)),
        epoch,
        signed(31, B, vote=(D, True)),
        signed(32, C, vote=(D, True)),
        signed(33, A),
        consensus=Consensus.CLIQUE,
    )
    assert [agreed.set.validators for agreed, _ in sealed] == [
        None,
        (A, B, C),
        (A, B, C),
        (A, B, C),
        (A, B, C, D),
    ]
    assert {agreed.proven for agreed, _ in sealed} == {None}
    changes = [change for _, change in sealed if change is not None]
    assert [(change.set.from_block, change.epoch) for change in changes] == [
        (29, False),
        (30, True),
        (33, False),
    ]


def test_block_left_out_makes_turns_and_clique_signers_unknown() -> None:
    sealed = judged(block(0, (A, B), ()), block(2, (A, B), (A, B), proposer=B, round=1))
    assert (sealed[1][0].proven, sealed[1][0].missed) == (True, None)
    clique = judged(block(0, (A, B), ()), block(2, (), (A,)), consensus=Consensus.CLIQUE)
    assert clique[1][0].set.validators is None
