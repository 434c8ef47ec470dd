"""PURE: what an asset says of itself, as an administrator writes it and as the schema takes it."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from write_api.answers.assets import AssetType
from write_api.asset_terms import contract_address
from write_api.bodies import faults
from write_api.inputs import addresses, json_objects, texts, urls

_METADATA_BYTES_MAX = 8_192


class AssetDraft(msgspec.Struct):
    """A new asset; only an investment has a contract."""

    type: AssetType
    title: str
    description: str = ""
    category: str = ""
    location: str = ""
    image_url: str | None = None
    contract_address: str | None = None
    metadata: dict[str, Any] = {}


class AssetChange(msgspec.Struct):
    """What is left out stays as it is; null removes it. Type and contract change while it is a draft."""

    type: AssetType | UnsetType = UNSET
    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    category: str | UnsetType = UNSET
    location: str | UnsetType = UNSET
    image_url: str | UnsetType | None = UNSET
    contract_address: str | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET


def merged(row: Mapping[str, Any], change: AssetChange) -> AssetDraft:
    """The asset of `row` as it is after `change`, to be checked."""
    contract = row["contract_address"]
    present = {
        **{name: row[name] for name in ("type", "title", "description", "category", "location", "image_url")},
        "contract_address": None if contract is None else addresses.checksummed(contract),
        "metadata": msgspec.json.decode(row["metadata"]),
    }
    given = {name: getattr(change, name) for name in AssetChange.__struct_fields__}
    return AssetDraft(**present | {name: value for name, value in given.items() if value is not UNSET})


def checked(draft: AssetDraft) -> AssetDraft:
    """The draft with its texts in one spelling. Raises `Invalid` with every fault."""
    with faults() as found:
        draft.title = found.parse("title", texts.parse, draft.title, characters_max=255)
        draft.description = found.parse(
            "description",
            texts.parse,
            draft.description,
            characters_min=0,
            characters_max=20_000,
            single_line=False,
        )
        for name in ("category", "location"):
            most = 100 if name == "category" else 255
            given = getattr(draft, name)
            setattr(draft, name, found.parse(name, texts.parse, given, characters_min=0, characters_max=most))
        if draft.image_url is not None:
            found.parse("image_url", urls.parse, draft.image_url)
        found.parse("metadata", json_objects.parse, draft.metadata, bytes_max=_METADATA_BYTES_MAX)
        if draft.contract_address is not None:
            found.parse("contract_address", contract_address, draft.contract_address)
            if draft.type == "interest":
                found.add("contract_address", "an interest-only asset has no contract: leave it out")
    return draft


def columns(draft: AssetDraft) -> tuple[Any, ...]:
    """What the columns of account.assets are given, in the order of insert_asset and update_asset."""
    contract = draft.contract_address
    return (
        None if contract is None else contract_address(contract),
        draft.type,
        draft.title,
        draft.description,
        draft.category,
        draft.location,
        draft.image_url,
        msgspec.json.encode(draft.metadata).decode(),
    )
