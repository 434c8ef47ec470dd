"""Who takes part in the chain of `meaning_scenes`, and the ABIs that an operator would keep of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_typing import ChecksumAddress
from web3.contract import Contract

from tests.acceptance.contracts import OPENZEPPELIN, UNISWAP, artifact

NOTES_ONE, NOTES_TWO = "Noted(address,uint256)", "Labelled(string,uint256)"
LABEL = "late"
WORD_NAME, WORD_SYMBOL = b"Tethys".ljust(32, b"\0"), b"TTY".ljust(32, b"\0")


@dataclass(frozen=True)
class Cast:
    """Every contract that takes part, by what it is."""

    fixed: Contract
    minted: Contract
    behind_token: Contract
    word: Contract
    mute: Contract
    liar: Contract
    deed: Contract
    items: Contract
    splitter_one: Contract
    splitter_two: Contract
    notes_one: ChecksumAddress
    notes_two: ChecksumAddress
    plain: ChecksumAddress
    transparent: ChecksumAddress
    uups: ChecksumAddress
    beacon: Contract
    behind: ChecksumAddress
    clone: ChecksumAddress
    factory: Contract
    pairs: tuple[Contract, ...] = ()
    twins: tuple[Contract, ...] = ()

    @property
    def erc20(self) -> tuple[Contract, ...]:
        named = (self.fixed, self.minted, self.behind_token, self.word, self.mute, self.liar)
        return (*named, *self.pairs, *(each for each in self.twins if not _has_ids(each)))

    @property
    def erc1155(self) -> tuple[Contract, ...]:
        return (self.items, *(each for each in self.twins if _has_ids(each)))

    @property
    def odd(self) -> tuple[Contract, ...]:
        return (self.word, self.mute, self.liar)


def write_abis(cast: Cast, folder: Path) -> list[Path]:
    """A file for each contract that has an ABI of its own, as an operator keeps them."""
    splitter = artifact(OPENZEPPELIN, "PaymentSplitter")["abi"]
    abis: Mapping[str, tuple[Any, str]] = {
        "splitter_one": (splitter, cast.splitter_one.address),
        "splitter_two": (_renamed(splitter), cast.splitter_two.address),
        "minter": (artifact(OPENZEPPELIN, "ERC20PresetMinterPauser")["abi"], cast.minted.address),
        "notes_one": (notes_abi(NOTES_ONE, "who"), cast.notes_one),
        "notes_two": (notes_abi(NOTES_TWO, "label"), cast.notes_two),
        "uniswap": (artifact(UNISWAP, "UniswapV2Factory")["abi"], cast.factory.address),
    }
    files = []
    for name, (abi, address) in abis.items():
        file = folder / f"{name}.json"
        file.write_text(json.dumps({"abi": abi, "address": address}))
        files.append(file)
    return files


def write_pair_abi(folder: Path, factory: str | None = None) -> Path:
    """The ABI of the factory's children; with `factory` the file says itself whose they are."""
    abi: Any = artifact(UNISWAP, "UniswapV2Pair")["abi"]
    file = folder / "pair.json"
    file.write_text(json.dumps({"abi": abi, "factory": factory} if factory else abi))
    return file


def notes_abi(event: str, indexed: str) -> list[dict[str, Any]]:
    name, _, types = event.removesuffix(")").partition("(")
    first, second = types.split(",")
    return [
        {
            "type": "event",
            "name": name,
            "anonymous": False,
            "inputs": [
                {"name": indexed, "type": first, "indexed": True},
                {"name": "amount", "type": second, "indexed": False},
            ],
        },
        _function("note", "uint256"),
        _function("upgradeTo", "address"),
    ]


def _function(name: str, argument: str) -> dict[str, Any]:
    return {
        "type": "function",
        "name": name,
        "stateMutability": "nonpayable",
        "inputs": [{"name": "argument", "type": argument}],
        "outputs": [],
    }


def _renamed(abi: list[Any]) -> list[Any]:
    """The same contract, but whoever reads by this ABI is seen by the names."""
    return [
        {**entry, "inputs": [{**each, "name": f"{each['name']}_two"} for each in entry.get("inputs", [])]}
        for entry in abi
        if entry["type"] == "event"
    ]


def _has_ids(token: Contract) -> bool:
    return any(entry.get("name") == "balanceOfBatch" for entry in token.abi)
