"""The file of anchors: appended to once, read past what a crash left, and proof against forgery."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from write_api.audit_anchors import Anchor, AnchorsDisagree, anchor, append, read, size
from write_api.encryption.keyed_hash import derive_index_key, keyed_hash

KEY = derive_index_key(bytes(32))
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def _hash(purpose: str, text: str) -> bytes:
    return keyed_hash(KEY, purpose, text)


def _anchor(number: int, hash_: str = "ab" * 32) -> Anchor:
    return anchor(_hash, number, number * 10, hash_, AT)


def _all(path: Path) -> list[Anchor | str]:
    return list(read(path, size(path)))


def test_anchors_are_appended_once_and_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "anchors.jsonl"
    assert _all(path) == []
    append(path, [_anchor(1), _anchor(2)])
    append(path, [_anchor(2), _anchor(3)])
    assert _all(path) == [_anchor(1), _anchor(2), _anchor(3)]
    assert path.stat().st_mode & 0o777 == 0o600


def test_another_seal_under_a_number_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "anchors.jsonl"
    append(path, [_anchor(1)])
    with pytest.raises(AnchorsDisagree):
        append(path, [_anchor(1, "cd" * 32), _anchor(2)])
    assert _all(path) == [_anchor(1)]


@pytest.mark.parametrize("cut", [1, 20, 150])
def test_line_that_a_crash_cut_off_is_passed_over_and_written_anew(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "anchors.jsonl"
    append(path, [_anchor(1), _anchor(2)])
    path.write_bytes(path.read_bytes()[:-cut])
    whole = [_anchor(1), _anchor(2)] if cut == 1 else [_anchor(1)]
    assert _all(path) == whole
    append(path, [_anchor(2), _anchor(3)])
    assert _all(path) == [_anchor(1), _anchor(2), _anchor(3)]


def test_lines_that_are_none_are_named(tmp_path: Path) -> None:
    path = tmp_path / "anchors.jsonl"
    append(path, [_anchor(1)])
    path.write_bytes(b"x\ny\n" + path.read_bytes() + b"z\n")
    assert _all(path) == ["line 1 is no anchor", "line 2 is no anchor", _anchor(1), "line 4 is no anchor"]


def test_only_the_key_store_makes_anchors() -> None:
    ours = _anchor(1)
    assert ours.is_ours(_hash)
    for changed in (
        {"number": 2},
        {"last_id": 11},
        {"hash": "cd" * 32},
        {"sealed_at": datetime(2026, 2, 1, tzinfo=UTC)},
    ):
        values = {name: getattr(ours, name) for name in Anchor.__struct_fields__} | changed
        assert not Anchor(**values).is_ours(_hash)
    assert not ours.is_ours(lambda purpose, text: keyed_hash(bytes(32), purpose, text))
