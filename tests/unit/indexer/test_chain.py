"""The pure core of following: any heads, from any branches, with any restarts, end on the canonical chain
or at a refusal (invariants 2, 3, 6)."""

import hashlib
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexer.chain import (
    BelowWindow,
    Duplicate,
    Extend,
    Gap,
    Link,
    NeedParent,
    Rollback,
    TooDeep,
    Window,
    linked_prefix,
    place,
)


def link(number: int, name: str, parent: Link | None) -> Link:
    parent_hash = parent.hash if parent is not None else bytes(32)
    return Link(number, hashlib.sha256(f"{number}{name}".encode() + parent_hash).digest(), parent_hash)


def branch(names: str, *, above: Link | None = None) -> tuple[Link, ...]:
    """One link per letter, each the child of the one before."""
    links: list[Link] = []
    for name in names:
        parent = links[-1] if links else above
        links.append(link(parent.number + 1 if parent is not None else 0, name, parent))
    return tuple(links)


def window(links: tuple[Link, ...], *, finalized: int = -1, depth: int = 4) -> Window:
    return Window(links, finalized, depth)


def test_place_empty_window_starts_anywhere() -> None:
    assert place(window(()), branch("abc")[2:]) == Extend(None)


def test_place_child_of_tip_extends() -> None:
    chain = branch("abcd")
    assert place(window(chain[:3]), chain[3:]) == Extend(chain[2])


def test_place_head_above_tip_is_a_gap() -> None:
    chain = branch("abcdefg")
    assert place(window(chain[:3]), chain[6:]) == Gap(3, 5)


def test_place_stored_head_is_a_duplicate_even_below_the_tip() -> None:
    chain = branch("abcd")
    assert place(window(chain), chain[1:2]) == Duplicate()


def test_place_competing_sibling_of_tip_is_a_rollback_of_one() -> None:
    chain = branch("abcd")
    other = branch("x", above=chain[2])
    assert place(window(chain), other) == Rollback(chain[2], 1)


def test_place_child_of_unknown_sibling_needs_its_parent_then_rolls_back() -> None:
    chain = branch("abcd")
    other = branch("xy", above=chain[2])
    assert place(window(chain), other[1:]) == NeedParent(3, other[0].hash)
    assert place(window(chain), other) == Rollback(chain[2], 1)


def test_place_branch_that_begins_in_stored_blocks_rolls_back_above_them() -> None:
    chain = branch("abcde")
    other = chain[2:3] + branch("xyz", above=chain[2])
    assert place(window(chain), other) == Rollback(chain[2], 2)


def test_place_branch_deeper_than_allowed_is_refused() -> None:
    chain = branch("abcdefgh")
    kept = window(chain[-5:], depth=4)
    deep = branch("uvwxyz", above=chain[1])
    refused = place(kept, deep)
    assert isinstance(refused, TooDeep)
    assert not refused.final


def test_place_branch_one_block_deeper_than_allowed_is_refused() -> None:
    chain = branch("abcdefgh")
    kept = window(chain[-6:], depth=4)
    other = branch("vwxyz", above=chain[2])
    assert place(kept, other) == TooDeep(3, chain[3].hash, other[0].hash, 5, final=False)
    assert place(kept, branch("vwxy", above=chain[3])) == Rollback(chain[3], 4)


def test_place_rollback_of_final_block_is_refused_with_both_hashes() -> None:
    chain = branch("abcd")
    other = branch("x", above=chain[2])
    assert place(window(chain, finalized=3), other) == TooDeep(3, chain[3].hash, other[0].hash, 1, final=True)


def test_place_child_of_unknown_block_at_final_height_is_refused() -> None:
    chain = branch("abcd")
    other = branch("xy", above=chain[2])
    refused = place(window(chain, finalized=3), other[1:])
    assert refused == TooDeep(3, chain[3].hash, other[0].hash, 1, final=True)


def test_place_head_older_than_the_window_asks_the_store() -> None:
    chain = branch("abcdefgh")
    assert place(window(chain[4:]), chain[1:2]) == BelowWindow(1, chain[1].hash)


def test_window_of_unlinked_blocks_is_refused() -> None:
    chain = branch("abc")
    with pytest.raises(ValueError, match="block 2 does not follow block 1"):
        window((chain[0], *branch("xy", above=chain[0])[:1], chain[2]))
    with pytest.raises(ValueError, match="block 1 does not follow block 2"):
        window((chain[2], chain[1]))
    assert window((chain[0], chain[2])).unbroken_from == 2


def test_place_branch_that_reaches_through_a_hole_replaces_what_is_above_it_too() -> None:
    chain = branch("abcdefgh")
    holed = window(chain[:4] + chain[6:], depth=6)
    other = branch("tuvwxyz", above=chain[2])
    assert place(holed, other[3:]) == NeedParent(5, other[2].hash)
    assert place(holed, other[2:]) == NeedParent(4, other[1].hash)
    assert place(holed, other[1:]) == NeedParent(3, other[0].hash)
    assert place(holed, other) == Rollback(chain[2], 5)


def test_place_head_within_a_hole_contradicts_nothing() -> None:
    chain = branch("abcdefgh")
    assert place(window(chain[:4] + chain[6:]), chain[4:5]) == Duplicate()


def test_linked_prefix_stops_at_the_first_break() -> None:
    chain = branch("abcd")
    assert linked_prefix(chain) == 4
    assert linked_prefix(chain[:2] + branch("xy", above=chain[0])) == 2
    assert linked_prefix(chain[:2] + branch("xyz", above=chain[0])[1:]) == 2
    assert linked_prefix([]) == 0


class Node:
    """A tree of blocks with one canonical tip that moves anywhere, the way a faulty node's might."""

    def __init__(self) -> None:
        genesis = link(0, "genesis", None)
        self.blocks = {genesis.hash: genesis}
        self.tip = genesis

    def extend(self, name: str, below: int) -> None:
        parent = self.ancestor(self.tip, below)
        child = link(parent.number + 1, name, parent)
        self.blocks[child.hash] = child
        self.tip = child

    def ancestor(self, link_: Link, steps: int) -> Link:
        for _ in range(steps):
            link_ = self.blocks.get(link_.parent_hash, link_)
        return link_

    def canonical(self) -> list[Link]:
        chain = [self.tip]
        while chain[-1].number:
            chain.append(self.blocks[chain[-1].parent_hash])
        return chain[::-1]


class Refused(Exception):
    def __init__(self, answer: TooDeep) -> None:
        self.answer = answer


class Store:
    """What a follower driven by `place` would have stored; a restart re-reads the window from it."""

    def __init__(self, depth: int, finality: int | None) -> None:
        self.rows: dict[int, Link] = {}
        self.depth = depth
        self.finality = finality
        self.finalized = -1
        self.window = Window((), -1, depth)

    def restart(self) -> None:
        newest = [number for number in sorted(self.rows) if number >= max(self.rows) - self.depth]
        self.window = Window(tuple(self.rows[number] for number in newest), self.finalized, self.depth)

    def backfill(self, link_: Link) -> None:
        """Another process stores a block somewhere above the tip; the follower meets it and reads again."""
        below = self.rows.get(link_.number - 1)
        linked = below is None or below.hash == link_.parent_hash
        if self.rows and link_.number > max(self.rows) and linked:
            self.rows[link_.number] = link_
            self.restart()

    def converge(self, node: Node, head: Link) -> None:
        at_number = {each.number: each for each in node.canonical()}
        offered = [head]
        for _ in range(1000):
            match place(self.window, offered):
                case Duplicate():
                    if offered[-1].hash == head.hash:
                        return
                    offered = [head]
                case BelowWindow(number, hash_):
                    stored = self.rows.get(number)
                    if stored is not None and stored.hash != hash_:
                        raise Refused(TooDeep(number, stored.hash, hash_, 0, final=False))
                    return
                case Gap(first, _):
                    if first not in at_number:
                        return
                    offered = [at_number[first]]
                case NeedParent(_, hash_):
                    offered = [node.blocks[hash_], *offered]
                case Extend(ancestor):
                    self._write(ancestor, offered)
                    offered = [head]
                case Rollback(ancestor, depth):
                    assert depth <= self.depth
                    assert ancestor.number >= self.finalized
                    for number in [each for each in self.rows if each > ancestor.number]:
                        del self.rows[number]
                    self._write(ancestor, offered)
                    offered = [head]
                case TooDeep() as answer:
                    raise Refused(answer)
        raise AssertionError("no end in sight")

    def _write(self, ancestor: Link | None, links: list[Link]) -> None:
        above = [each for each in links if ancestor is None or each.number > ancestor.number]
        for each in above:
            assert each.number not in self.rows
            below = self.rows.get(each.number - 1)
            assert below is None or below.hash == each.parent_hash, "invariant 2"
            self.rows[each.number] = each
        final = -1 if self.finality is None else above[-1].number - self.finality
        self.finalized = max(self.finalized, final)
        self.window = self.window.extended(above, ancestor=ancestor, finalized=final)


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("extend"), st.sampled_from("xyz"), st.integers(0, 7)),
        st.tuples(st.just("see"), st.just(""), st.integers(0, 9)),
        st.tuples(st.just("restart"), st.just(""), st.just(0)),
        st.tuples(st.just("backfill"), st.just(""), st.integers(0, 3)),
    ),
    max_size=60,
)


@example(
    events=[("extend", "x", 0), ("extend", "x", 0), ("see", "", 0), ("extend", "x", 2)],
    depth=1,
    finality=None,
)
@settings(max_examples=400)
@given(events=EVENTS, depth=st.integers(1, 5), finality=st.sampled_from([None, 0, 3]))
def test_follow_any_history_ends_on_the_canonical_chain_or_at_a_refusal(
    events: list[tuple[str, str, int]], depth: int, finality: int | None
) -> None:
    node, store = Node(), Store(depth, finality)
    finalized_rows: dict[int, bytes] = {}
    try:
        for kind, name, steps in [*events, ("see", "", 0)]:
            if kind == "extend":
                node.extend(name, steps)
            elif kind == "restart":
                store.restart()
            elif kind == "backfill":
                store.backfill(node.ancestor(node.tip, steps))
            else:
                # A lagging node names an ancestor of its tip; the last event names the tip itself.
                store.converge(node, node.ancestor(node.tip, steps))
            finalized_rows |= {n: r.hash for n, r in store.rows.items() if n <= store.finalized}
            assert all(store.rows[n].hash == hash_ for n, hash_ in finalized_rows.items()), "invariant 6"
    except Refused as refused:
        answer = refused.answer
        if answer.final:
            assert answer.number <= store.finalized
        assert answer.offered != answer.stored
        return
    stored = [store.rows[number] for number in sorted(store.rows)]
    for below, above in pairwise(stored):
        assert above.number > below.number + 1 or above.parent_hash == below.hash, "invariant 2"
    # A follower begins at the first head it sees: a tip below that changes nothing until it grows. One that
    # falls into a hole is stored by whoever fills it.
    assert node.tip.number <= stored[-1].number
    if node.tip.number >= stored[0].number:
        assert store.rows.get(node.tip.number, node.tip) == node.tip


@settings(max_examples=200)
@given(events=EVENTS)
def test_follow_without_competing_blocks_never_rolls_back(events: list[tuple[str, str, int]]) -> None:
    node, store = Node(), Store(2, 0)
    for kind, name, steps in events:
        if kind == "extend":
            node.extend(name, 0)
        elif kind in {"restart", "backfill"}:
            store.restart()
        else:
            before = len(store.rows)
            store.converge(node, node.ancestor(node.tip, steps))
            assert len(store.rows) >= before
