"""The world state: balances, nonces, code and contract storage, with the way back from each block.

It keeps one undo record per block for the last 512 blocks, as Besu's Bonsai keeps its layers:
states further back cannot be read and blocks further back cannot be taken away.
"""

from collections import deque
from collections.abc import Callable

from evm.primitives import ZERO_HASH, Address, Hash32, keccak256

STATE_BLOCKS_MAX = 512

# ("balance" | "nonce" | "code", address) or (contract address, slot name, *keys).
Key = tuple[object, ...]
Value = int | bytes
Read = Callable[[Key], Value]


class StateUnavailable(LookupError):
    """The state of a block is no longer kept; ask for one of the last 512 blocks."""

    def __init__(self, number: int, oldest: int) -> None:
        self.number = number
        self.oldest = oldest
        super().__init__(
            f"the state of block {number} is not kept; the oldest kept is that of block {oldest}"
        )


class Overlay:
    """Writes on top of a state that is not touched until they are applied."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self.writes: dict[Key, Value] = {}

    def read(self, key: Key) -> Value:
        value = self.writes.get(key)
        return self._read(key) if value is None else value

    def integer(self, key: Key) -> int:
        value = self.read(key)
        return value if isinstance(value, int) else int.from_bytes(value, "big")

    def write(self, key: Key, value: Value) -> None:
        self.writes[key] = value

    def add(self, key: Key, amount: int) -> None:
        self.writes[key] = self.integer(key) + amount


class State:
    """The state at the head, and at each of the last 512 blocks below it."""

    def __init__(self) -> None:
        self._values: dict[Key, Value] = {}
        self._undo: deque[dict[Key, Value]] = deque(maxlen=STATE_BLOCKS_MAX)
        self._roots: deque[Hash32] = deque([ZERO_HASH], maxlen=STATE_BLOCKS_MAX + 1)
        self._open: dict[Key, Value] = {}
        self.number = -1

    def copy(self) -> "State":
        """The same state, apart: what is applied to one does not show in the other."""
        other = State()
        other._values = dict(self._values)
        other._undo = self._undo.copy()  # its records are never written again
        other._roots = self._roots.copy()
        other._open = dict(self._open)
        other.number = self.number
        return other

    @property
    def root(self) -> Hash32:
        return self._roots[-1]

    @property
    def oldest(self) -> int:
        """The lowest block whose state can be read, and the lowest ancestor of a reorg."""
        return max(self.number - len(self._undo), 0)

    def read(self, key: Key) -> Value:
        return self._values.get(key, 0)

    def integer(self, key: Key) -> int:
        value = self._values.get(key, 0)
        return value if isinstance(value, int) else int.from_bytes(value, "big")

    def apply(self, writes: dict[Key, Value]) -> None:
        values, opened = self._values, self._open
        for key, value in writes.items():
            opened.setdefault(key, values.get(key, 0))
            values[key] = value

    def close_block(self) -> Hash32:
        """Make what was applied since the last block the change of this one; answer its state root.

        The root is a hash chain over the changes, not a Merkle-Patricia root: it is right in that it
        changes exactly when the state does, and it cannot be proved against.
        """
        changed = [key for key, before in self._open.items() if self._values[key] != before]
        root = self.root
        if changed:
            changes = "\n".join(f"{key!r}={self._values[key]!r}" for key in changed)
            root = keccak256(root + changes.encode())
        self._undo.append(self._open)
        self._roots.append(root)
        self._open = {}
        self.number += 1
        return root

    def undo_block(self) -> None:
        """Take the last block's changes back."""
        if self.number <= 0 or not self._undo:
            raise StateUnavailable(self.number - 1, self.oldest)
        for key, before in self._undo.pop().items():
            self._values[key] = before
        self._roots.pop()
        self.number -= 1

    def at(self, number: int) -> Read:
        """A reader of the state after block `number`; raises `StateUnavailable`."""
        if number == self.number:
            return self.read
        if not self.oldest <= number < self.number:
            raise StateUnavailable(number, self.oldest)
        # Oldest change above `number` first: what it replaced is what stood at `number`.
        records = [self._undo[index] for index in range(number - self.number, 0)]

        def read(key: Key) -> Value:
            for record in records:
                if key in record:
                    return record[key]
            return self._values.get(key, 0)

        return read


def balance_of(address: Address) -> Key:
    return ("balance", address)


def nonce_of(address: Address) -> Key:
    return ("nonce", address)


def code_of(address: Address) -> Key:
    return ("code", address)
