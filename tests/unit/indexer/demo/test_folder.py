"""The demo's folder: gone afterwards, and a dead demo's is swept while a living one's stays."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from indexer.demo.folder import temporary_folder


@pytest.fixture(autouse=True)
def temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_folder_ends_with_its_block_whatever_is_in_it(temp: Path) -> None:
    with temporary_folder() as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text("x")
    assert list(temp.iterdir()) == []


def test_folder_of_a_dead_demo_is_swept_by_the_next(temp: Path) -> None:
    dead = temp / "pend-demo-dead"
    dead.mkdir()
    (dead / "owner.lock").touch()
    with temporary_folder() as folder:
        assert list(temp.iterdir()) == [folder]


def test_folder_of_a_living_demo_and_foreign_things_stay(temp: Path) -> None:
    foreign = temp / "pend-demo-no-lock"
    foreign.mkdir()
    elsewhere = temp / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "owner.lock").touch()
    link = temp / "pend-demo-link"
    link.symlink_to(elsewhere)
    with temporary_folder() as living, temporary_folder() as second:
        assert living.exists()
        assert second != living
    assert {path.name for path in temp.iterdir()} == {foreign.name, elsewhere.name, link.name}
    assert (elsewhere / "owner.lock").exists()
