"""The ABIs that are shipped: data of the wheel, by which every contract is read."""

import json
from functools import cache
from pathlib import Path

import evm

_FOLDER = Path(evm.__file__).parent / "abis"


@cache
def shipped_abis() -> tuple[list[str], list[str]]:
    """Their names, and the JSON of their entries."""
    paths = sorted(_FOLDER.glob("*.json"))
    return [path.stem for path in paths], [json.dumps(json.loads(path.read_bytes())) for path in paths]
