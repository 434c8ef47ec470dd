"""What every answer is wrapped in: data, where a list goes on, and where the answer is true."""

from typing import Generic, TypeVar

import msgspec

from explorer_api.answer import Meta
from explorer_api.pages import Page

T = TypeVar("T")


class One(msgspec.Struct, Generic[T], forbid_unknown_fields=True):
    """One thing."""

    data: T
    meta: Meta


class Listed(msgspec.Struct, Generic[T], forbid_unknown_fields=True):
    """A page of a list."""

    data: list[T]
    page: Page
    meta: Meta
