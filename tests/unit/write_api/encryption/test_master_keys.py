import base64
import hashlib
import hmac
import json
import secrets
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF
from hypothesis import given
from hypothesis import strategies as st

from write_api.encryption.errors import KeyStoreLost, KeyStoreRefused, WrapBroken
from write_api.encryption.key_entries import new_entries, parse, render, with_new_key
from write_api.encryption.key_file import add_key, new_key_file, read_key_file
from write_api.encryption.master_keys import (
    EnvironmentKeys,
    FileKeys,
    Wrapped,
    check_named,
    keys_of_environment,
)


def _entry(key_id: str, key: bytes, **more: object) -> str:
    return json.dumps({"id": key_id, "key": base64.b64encode(key).decode(), **more})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    new_key_file(tmp_path / "keys")
    return tmp_path / "keys"


async def test_wrapped_key_opens_for_its_context_alone(path: Path) -> None:
    keys, data_key = FileKeys(path), secrets.token_bytes(32)
    wrapped = await keys.wrap(data_key, b"user 1")
    assert data_key not in wrapped.blob
    assert await keys.unwrap(wrapped, b"user 1") == data_key
    with pytest.raises(WrapBroken, match=wrapped.key_id):
        await keys.unwrap(wrapped, b"user 2")


@given(st.data())
async def test_altered_wrapped_key_does_not_open(data: st.DataObject) -> None:
    keys = EnvironmentKeys(new_entries(), "test")
    wrapped = await keys.wrap(bytes(32), b"")
    bit = data.draw(st.integers(0, len(wrapped.blob) * 8 - 1))
    blob = bytearray(wrapped.blob)
    blob[bit // 8] ^= 1 << bit % 8
    cut = wrapped.blob[: data.draw(st.integers(0, len(blob) - 1))]
    for broken in (bytes(blob), cut):
        with pytest.raises(WrapBroken):
            await keys.unwrap(Wrapped(wrapped.key_id, broken), b"")


async def test_added_key_wraps_from_then_on_and_old_ones_still_unwrap(path: Path) -> None:
    keys = FileKeys(path)
    before, phone = await keys.wrap(bytes(32), b"a"), keys.keyed_hash("phone", "+491515550100")
    new_id = add_key(path)
    after = await keys.wrap(bytes(32), b"a")
    assert (after.key_id, keys.current_id) == (new_id, new_id)
    assert after.key_id != before.key_id
    assert keys.ids() == {before.key_id, after.key_id}
    assert await keys.unwrap(before, b"a") == bytes(32)
    assert (
        keys.keyed_hash("phone", "+491515550100")
        == phone
        == FileKeys(path).keyed_hash("phone", "+491515550100")
    )


async def test_key_added_elsewhere_is_found_when_it_is_met(path: Path) -> None:
    reader = FileKeys(path)
    add_key(path)
    wrapped = await FileKeys(path).wrap(bytes(32), b"a")
    assert await reader.unwrap(wrapped, b"a") == bytes(32)


async def test_file_gone_after_start_changes_nothing(path: Path) -> None:
    keys = FileKeys(path)
    path.unlink()
    assert await keys.unwrap(await keys.wrap(bytes(32), b"a"), b"a") == bytes(32)


async def test_other_store_put_in_place_is_refused(path: Path) -> None:
    keys = FileKeys(path)
    path.unlink()
    new_key_file(path)
    with pytest.raises(KeyStoreRefused, match="index secret is another"):
        await keys.wrap(bytes(32), b"a")


async def test_missing_key_says_which_how_many_need_it_and_what_to_do(path: Path) -> None:
    keys = FileKeys(path)
    with pytest.raises(
        KeyStoreLost, match=r"master key k9 is missing .*Restore the key store from its backup"
    ):
        await keys.unwrap(Wrapped("k9", bytes(61)), b"")
    check_named(keys, {keys.current_id: 5})
    with pytest.raises(KeyStoreLost, match=r"k7 is missing .*; 1,234 data keys name it") as caught:
        check_named(keys, {keys.current_id: 5, "k6": 3, "k7": 1234})
    assert (caught.value.key_id, caught.value.data_keys) == ("k7", 1234)


def test_lost_file_and_unset_variable_say_so(tmp_path: Path) -> None:
    with pytest.raises(KeyStoreLost, match=r"every master key is missing from key file .*/none"):
        FileKeys(tmp_path / "none")
    for environment in ({}, {"MASTER_KEYS": ""}):
        with pytest.raises(
            KeyStoreLost, match="every master key is missing from environment variable MASTER_KEYS"
        ):
            keys_of_environment("MASTER_KEYS", environment)


async def test_variable_holds_the_text_of_the_file_even_on_one_line(path: Path) -> None:
    wrapped = await FileKeys(path).wrap(bytes(32), b"a")
    text = path.read_text()
    for variable in (text, text.replace("\n", " ")):
        keys = keys_of_environment("KEYS", {"KEYS": variable})
        assert await keys.unwrap(wrapped, b"a") == bytes(32)


def test_new_file_is_for_its_owner_and_never_replaces_one(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kept = path.read_bytes()
    with pytest.raises(KeyStoreRefused, match="is there already"):
        new_key_file(path)
    assert path.read_bytes() == kept
    add_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["keys"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_file_that_others_may_touch_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(KeyStoreRefused, match=f"mode {mode:04o}.*chmod 0600"):
        read_key_file(path)
    with pytest.raises(KeyStoreRefused):
        add_key(path)


_A, _B = bytes([1] * 32), bytes([2] * 32)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "index"),
        (_entry("a", _A, current=True), "index"),
        (_entry("a", _A) + _entry("index", _B), "0 master keys are marked"),
        (
            _entry("a", _A, current=True) + _entry("b", bytes(32), current=True) + _entry("index", _B),
            "2 master keys",
        ),
        (_entry("a", _A, current=True) + _entry("a", bytes(32)) + _entry("index", _B), "twice"),
        (_entry("a", _A, current=True) + _entry("index", bytes(32)) + _entry("index", _B), "twice"),
        (_entry("a", _A, current=True) + _entry("index", _A), "same key"),
        (_entry("a", _A[:31], current=True) + _entry("index", _B), "not 32 bytes"),
        (_entry("../a", _A, current=True), "no id"),
        (_entry("a", _A, curent=True), "not known"),
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        ("[" * 100_000, "not JSON"),
        ('{"id": "a", "key": 5}', "not 32 bytes"),
    ],
)
def test_malformed_store_is_refused_without_quoting_it(text: str, fault: str) -> None:
    with pytest.raises(KeyStoreRefused, match=fault) as caught:
        parse(text, "test")
    for key in (_A, _B):
        assert base64.b64encode(key).decode()[:8] not in str(caught.value)


@given(st.integers(0, 5))
def test_store_reads_back_as_it_was_written(rotations: int) -> None:
    entries = new_entries()
    for _ in range(rotations):
        entries = with_new_key(entries)
    assert parse(render(entries), "test") == entries
    assert len(entries.master) == rotations + 1
    assert list(entries.master)[-1] == entries.current


def test_keys_are_not_shown() -> None:
    entries = new_entries()
    assert all(repr(key)[2:8] not in repr(entries) for key in (*entries.master.values(), entries.index))


def test_keyed_hash_is_hkdf_and_hmac_by_another_implementation() -> None:
    entries = new_entries()
    keys = EnvironmentKeys(entries, "test")
    derived = HKDF(entries.index, 32, b"", SHA256, context=b"pend index key 1")
    assert isinstance(derived, bytes)
    expected = hmac.new(derived, b"\0\x05phone+49", hashlib.sha256).digest()
    assert keys.keyed_hash("phone", "+49") == expected
    assert keys.keyed_hash("email", "+49") != expected
    assert keys.keyed_hash("phon", "e+49") != expected


def test_writers_of_one_store_lose_no_key(path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda _: add_key(path), range(16)))
    assert set(added) < set(read_key_file(path).master)
    assert len(read_key_file(path).master) == 17
