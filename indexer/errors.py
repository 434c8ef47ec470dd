"""What stops the indexer, and what the caller does about it.

IndexerError
├── Retryable             wait or read again, then repeat
│   └── CursorMoved, CoverageConflict, SeamMismatch, RebuildUndone
├── Fatal                 stop: no waiting mends it
│   └── WriterFenced, SecondWriter, WrongNetwork, FinalityViolated, ReorgTooDeep, BackfillIncomplete,
│       WorkersLost, WorkerFailed
└── Refused               the request cannot be met
    └── RangeAboveHead, MetricsUnavailable, NotDerived, RebuildRunning
"""

import asyncio
import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import click

from node.errors import EndpointsDisagree, NodeError, WrongChain, WrongGenesis
from postgres.errors import (
    DatabaseError,
    InvalidData,
    Misuse,
    PrivilegeMissing,
    SchemaMissing,
    SchemaNewer,
    SchemaOutdated,
)
from service.redaction import redact
from service.redis import RedisUnavailable
from service.settings_faults import SettingsInvalid


class IndexerError(Exception):
    """Base of ours. The message says what and the numbers; `next_step` says what to do."""

    next_step: ClassVar[str] = ""

    def __reduce__(self) -> tuple[Any, ...]:
        # Backfill workers hand errors to their parent; the default would call __init__ with the message.
        return _rebuild, (type(self), self.args, self.__dict__)


class Retryable(IndexerError):
    """Nothing was changed; repeating later can succeed."""


class Fatal(IndexerError):
    """Nothing was changed; an operator has to act first."""


class Refused(IndexerError):
    """The request itself is impossible; ask for something else."""


class CursorMoved(Retryable):
    """Another transaction changed the covered chain since it was read."""

    next_step = "The state is read again and the step repeated; no action is needed."

    def __init__(self, number: int, expected_hash: bytes | None, stored_hash: bytes | None) -> None:
        self.number, self.expected_hash, self.stored_hash = number, expected_hash, stored_hash
        super().__init__(
            f"block {number} was {_hash(expected_hash)} when this step began and is {_hash(stored_hash)} now"
        )


class CoverageConflict(Retryable):
    """Another transaction stored some of these blocks first (invariant 4)."""

    next_step = "What is stored already is skipped and the rest repeated; no action is needed."

    def __init__(self, first: int, last: int, stored_first: int, stored_last: int) -> None:
        self.first, self.last = first, last
        self.stored_first, self.stored_last = stored_first, stored_last
        super().__init__(
            f"blocks {first} to {last} overlap blocks {stored_first} to {stored_last}, which are stored"
        )


class SeamMismatch(Retryable):
    """Two neighbouring ranges are not parent and child (invariant 2)."""

    next_step = (
        "The range is fetched again. If it repeats, the node changed its history or two nodes disagree: "
        "compare the two hashes on every node."
    )

    def __init__(self, number: int, expected_parent: bytes, got_parent: bytes) -> None:
        self.number, self.expected_parent, self.got_parent = number, expected_parent, got_parent
        super().__init__(
            f"block {number} names parent {_hash(got_parent)}, "
            f"but the neighbouring range ends with {_hash(expected_parent)}"
        )


class WriterFenced(Fatal):
    """A newer writer took over between two transactions of this one (invariant 8)."""

    next_step = (
        "Another indexer follows with this database. Leave it running, or stop it and start this one again."
    )

    def __init__(self, own_epoch: int, current_epoch: int) -> None:
        self.own_epoch, self.current_epoch = own_epoch, current_epoch
        super().__init__(f"this writer has epoch {own_epoch}, the database is now at epoch {current_epoch}")


class SecondWriter(Fatal):
    """Another follower holds the single-writer lock (invariant 8)."""

    next_step = "Stop the other `pend-index run` on this database, or point this one at another database."

    def __init__(self, holder: str = "another session") -> None:
        self.holder = holder
        super().__init__(f"the writer lock of this database is held by {holder}")


class WrongNetwork(Fatal):
    """The node serves another chain than the database holds (invariant 9)."""

    next_step = (
        "Point node.urls at a node of the recorded network, or database.dsn at the database of this network. "
        "If the network was reset on purpose, index it into a new database."
    )

    def __init__(
        self,
        *,
        endpoint: str,
        expected_chain_id: int,
        got_chain_id: int,
        expected_genesis: bytes,
        got_genesis: bytes,
    ) -> None:
        self.endpoint = endpoint
        self.expected_chain_id, self.got_chain_id = expected_chain_id, got_chain_id
        self.expected_genesis, self.got_genesis = expected_genesis, got_genesis
        super().__init__(
            f"{endpoint} serves chain id {got_chain_id} with genesis {_hash(got_genesis)}, "
            f"the database holds chain id {expected_chain_id} with genesis {_hash(expected_genesis)}"
        )


class FinalityViolated(Fatal):
    """A final block has another hash on the node (invariant 6)."""

    next_step = (
        "Compare this block's hash on every validator. If one node is wrong, point node.urls at another. "
        "If the network was reset, index it into a new database. Stored data was not changed."
    )

    def __init__(self, number: int, stored_hash: bytes, node_hash: bytes) -> None:
        self.number, self.stored_hash, self.node_hash = number, stored_hash, node_hash
        super().__init__(
            f"block {number} is final with hash {_hash(stored_hash)}, the node now answers {_hash(node_hash)}"
        )


class ReorgTooDeep(Fatal):
    """No common ancestor within the allowed depth (invariant 6)."""

    next_step = (
        "Make sure the node is synced and on the right branch. If a reorganisation this deep is genuine, "
        "raise follow.max_reorg_depth for one start. Stored data was not changed."
    )

    def __init__(self, depth: int, max_depth: int) -> None:
        self.depth, self.max_depth = depth, max_depth
        super().__init__(
            f"the node's branch leaves ours at least {depth} blocks back, at most {max_depth} are rolled back"
        )


class BackfillIncomplete(Fatal):
    """Everything else was stored; these blocks were set aside with their reasons."""

    next_step = (
        "Read chain.quarantined_blocks for the reasons, mend or replace the node, then run "
        "`pend-index backfill --retry-quarantined`: only what is missing is fetched."
    )

    def __init__(self, quarantined: Sequence[int]) -> None:
        self.quarantined = tuple(quarantined)
        first = ", ".join(str(number) for number in self.quarantined[:10])
        more = f" and {len(self.quarantined) - 10} more" if len(self.quarantined) > 10 else ""
        super().__init__(f"{len(self.quarantined)} blocks could not be stored: {first}{more}")


class WorkersLost(Fatal):
    """Backfill workers keep dying without finishing anything."""

    next_step = (
        "If the kernel killed them for memory, lower backfill.workers or backfill.queue_bytes_max; "
        "then run the same backfill again."
    )

    def __init__(self, deaths: int, exitcode: int | None) -> None:
        self.deaths, self.exitcode = deaths, exitcode
        super().__init__(
            f"{deaths} workers died without finishing a segment, the last with exit code {exitcode}"
        )


class WorkerFailed(Fatal):
    """A worker process met what waiting does not mend; `code` is the exit code of its error."""

    def __init__(self, message: str, code: int) -> None:
        self.code = code
        super().__init__(message)


class RangeAboveHead(Refused):
    """The range asked for ends above the node's head."""

    next_step = "Ask for a range up to the head, or leave out --to-block to stop at the head."

    def __init__(self, from_block: int, to_block: int, head: int) -> None:
        self.from_block, self.to_block, self.head = from_block, to_block, head
        asked = (
            f"blocks {from_block} to {to_block}" if to_block >= from_block else f"blocks from {from_block} on"
        )
        super().__init__(f"{asked} were asked for, the node's head is {head}")


class RebuildRunning(Refused):
    """Another rebuild, or a redecode, is at work in this database."""

    next_step = "Wait for it to end, or end its session (application_name pend-index rebuild or redecode)."

    def __init__(self) -> None:
        super().__init__("another rebuild or redecode is running in this database")


class NotDerived(Refused):
    """A table that is to be made anew has never been begun."""

    next_step = "Start `pend-index run` with derive.enabled, or run `pend-index backfill`; both begin it."

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(f"nothing was derived yet of {', '.join(names)}")


class RebuildUndone(Retryable):
    """A reorg went below the blocks that a rebuild took for settled; nothing was changed."""

    next_step = "Run the command again."

    def __init__(self, rebuilt_to: int, derived_to: int) -> None:
        self.rebuilt_to, self.derived_to = rebuilt_to, derived_to
        super().__init__(
            f"rebuilt up to block {rebuilt_to}, but a reorg has cut the chain to block {derived_to}"
        )


class MetricsUnavailable(Refused):
    """The address of /metrics cannot be listened on."""

    next_step = "Set metrics.port to a free port (0 picks one), or metrics.enabled to false."

    def __init__(self, host: str, port: int, reason: str) -> None:
        self.host, self.port, self.reason = host, port, reason
        super().__init__(f"metrics cannot listen on {host}:{port}: {reason}")


EXIT_DIFFERENT, EXIT_SCHEMA, EXIT_DEFECT, EXIT_INTERRUPTED = 1, 8, 70, 130

EXIT_CODES: dict[int, str] = {
    0: "done, or stopped by SIGTERM with nothing half-done",
    1: "a difference was found, or the work is not complete",
    2: "the command line or the configuration is wrong; nothing was started",
    3: "the node cannot be reached or cannot serve what is needed",
    4: "the database is unavailable, or refuses the login",
    5: "the node or the database belongs to another network",
    6: "a final block changed, or a reorganisation is too deep; the writer stopped and changed nothing",
    7: "another writer holds this database",
    8: "the schema is missing, or from another version: `pend-index db status` says which",
    9: "the database role lacks a privilege",
    10: "Redis is unavailable (only where it is asked for by name; the daemon waits instead)",
    70: "a defect of the program; please report it with the log",
    130: "interrupted (Ctrl-C)",
}

# First match wins: leaves stand before their branches.
_CODE_OF: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], int], ...] = (
    ((BackfillIncomplete, WorkersLost), 1),
    ((SettingsInvalid, Refused, click.UsageError), 2),
    ((WrongNetwork, WrongChain, WrongGenesis), 5),
    ((FinalityViolated, ReorgTooDeep, EndpointsDisagree), 6),
    ((SecondWriter, WriterFenced), 7),
    ((SchemaMissing, SchemaOutdated, SchemaNewer), 8),
    (PrivilegeMissing, 9),
    ((InvalidData, Misuse), 70),
    (NodeError, 3),
    (DatabaseError, 4),
    (RedisUnavailable, 10),
    (Retryable, 1),
    ((KeyboardInterrupt, asyncio.CancelledError, click.Abort), 130),
)


# For errors of packages that know nothing of our settings and commands.
_NEXT_STEP_OF = {
    4: "Check that PostgreSQL runs and that database.dsn names its host, port, database and login.",
    9: "Run `pend-index db migrate` as the owner, or set database.role = pend_indexer.",
}


def exit_code(error: BaseException) -> int:
    """The process exit code for what ended it; of several errors at once, the one no retry mends."""
    return min((_code(leaf) for leaf in _leaves(error)), key=_URGENCY.index)


def explain(error: BaseException) -> str:
    """One message for the operator: what, the numbers, what to do next; no traceback, no secrets."""
    leaves = list(_leaves(error))
    worst = exit_code(error)
    told = next(leaf for leaf in leaves if _code(leaf) == worst)
    what = redact(str(told)) or type(told).__name__
    if worst == 130:
        return "Interrupted; everything committed so far is complete."
    if worst == 70:
        what = f"unexpected {type(told).__name__}: {what}"
    next_step = getattr(told, "next_step", "") or _NEXT_STEP_OF.get(worst, "")
    return f"{what}\n{next_step}" if next_step else what


# What decides between the members of an exception group: alarms first, then what an operator must mend,
# then what may pass, and a cancellation only when there is nothing else.
_URGENCY = (6, 5, 7, 8, 9, 2, 70, 4, 3, 10, 1, 130, 0)


def database_kind(error: DatabaseError) -> str:
    """What the database did as a short label for metrics, such as `disk_full` or `lock_timeout`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()


def _code(error: BaseException) -> int:
    if isinstance(error, WorkerFailed):
        return error.code
    return next((code for kind, code in _CODE_OF if isinstance(error, kind)), 70)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from _leaves(member)
    else:
        yield error


def _rebuild(kind: type[IndexerError], args: tuple[object, ...], fields: dict[str, object]) -> IndexerError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(fields)
    return error


def _hash(value: bytes | None) -> str:
    return "absent" if value is None else "0x" + value.hex()
