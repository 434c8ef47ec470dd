"""What the search box finds. Each result says what it is in `type`."""

from datetime import datetime

import msgspec

from explorer_api.answers.token_transfers import Standard


class FoundBlock(msgspec.Struct, tag_field="type", tag="block", forbid_unknown_fields=True):
    """A block by its number, its hash, or what its hash begins with."""

    exact: bool
    number: int
    hash: str
    path: str
    """Where the API serves it."""


class FoundTransaction(msgspec.Struct, tag_field="type", tag="transaction", forbid_unknown_fields=True):
    """A transaction by its hash or what that begins with."""

    exact: bool
    hash: str
    block_number: int
    transaction_index: int
    path: str


class FoundAddress(msgspec.Struct, tag_field="type", tag="address", forbid_unknown_fields=True):
    """An address or what it begins with. A whole one is always found, seen or not."""

    exact: bool
    address: str
    seen: bool
    """Whether any derived block has it."""
    is_contract: bool
    is_token: bool
    label: str | None
    """The name of an ABI registered for it, else its token's symbol."""
    path: str


class FoundToken(msgspec.Struct, tag_field="type", tag="token", forbid_unknown_fields=True):
    """A token whose symbol or name begins so, whatever the case. Names are the contracts' own: not unique."""

    exact: bool
    address: str
    name: str | None
    symbol: str | None
    standards: list[Standard]
    holder_count: int
    path: str


class FoundLabel(msgspec.Struct, tag_field="type", tag="label", forbid_unknown_fields=True):
    """A contract for which an ABI is registered whose name begins so."""

    exact: bool
    label: str
    address: str
    registered_at: datetime
    path: str


class Search(msgspec.Struct, forbid_unknown_fields=True):
    """Exact results first, then blocks, transactions, addresses, tokens, labels."""

    query: str
    results: list[FoundBlock | FoundTransaction | FoundAddress | FoundToken | FoundLabel]
    redirect: str | None
    """Path of the one result that is exact; null where none is, or several are."""
