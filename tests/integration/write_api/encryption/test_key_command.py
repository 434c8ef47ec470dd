"""A key service played by a script: it keeps its master keys in a folder and never gives them away."""

import base64
import sys
from pathlib import Path

import pytest

from write_api.encryption.errors import KeyCommandFailed, KeyStoreLost, KeyStoreRefused, WrapBroken
from write_api.encryption.key_command import KeyCommand, new_index, open_command_keys
from write_api.encryption.master_keys import Wrapped, check_named

_SERVICE = """
import base64, os, pathlib, sys
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
operation, key_id = sys.argv[1:]
cipher = AESGCM(pathlib.Path(__file__).with_name(key_id).read_bytes())
given = base64.b64decode(sys.stdin.read())
if operation == "wrap":
    nonce = os.urandom(12)
    answer = nonce + cipher.encrypt(nonce, given, None)
else:
    answer = cipher.decrypt(given[:12], given[12:], None)
print(base64.b64encode(answer).decode())
"""


@pytest.fixture
def command(tmp_path: Path) -> KeyCommand:
    (tmp_path / "service.py").write_text(_SERVICE)
    (tmp_path / "k1").write_bytes(bytes([1] * 32))
    (tmp_path / "k2").write_bytes(bytes([2] * 32))
    return KeyCommand((sys.executable, str(tmp_path / "service.py"), "{operation}", "{key_id}"), 20)


async def test_service_wraps_and_unwraps_for_one_context_and_rotates(command: KeyCommand) -> None:
    index = await new_index(command, "k1")
    keys = await open_command_keys(command, "k1", (), index)
    wrapped = await keys.wrap(bytes(range(32)), b"user 1")
    assert wrapped.key_id == "k1"
    assert await keys.unwrap(wrapped, b"user 1") == bytes(range(32))
    with pytest.raises(WrapBroken):
        await keys.unwrap(wrapped, b"user 2")

    rotated = await open_command_keys(command, "k2", ("k1",), index)
    assert (await rotated.wrap(bytes(32), b"")).key_id == "k2"
    assert await rotated.unwrap(wrapped, b"user 1") == bytes(range(32))
    assert rotated.keyed_hash("phone", "+49") == keys.keyed_hash("phone", "+49")
    with pytest.raises(KeyStoreLost, match="master key k9"):
        await rotated.unwrap(Wrapped("k9", wrapped.blob), b"user 1")
    with pytest.raises(KeyStoreLost, match=r"k3 .* 7 data keys"):
        check_named(rotated, {"k1": 2, "k3": 7})


async def test_wrapped_key_is_no_index_secret(command: KeyCommand) -> None:
    keys = await open_command_keys(command, "k1", (), await new_index(command, "k1"))
    wrapped = await keys.wrap(bytes(32), b"user 1")
    with pytest.raises(WrapBroken):
        await open_command_keys(command, "k1", (), f"k1:{base64.b64encode(wrapped.blob).decode()}")


@pytest.mark.parametrize("index", ["", "k1", "k1:ä", "k1:%%"])
async def test_index_setting_that_is_malformed_is_refused(command: KeyCommand, index: str) -> None:
    with pytest.raises(KeyStoreRefused, match="<key id>:<base64>"):
        await open_command_keys(command, "k1", (), index)


async def test_index_secret_wrapped_by_a_key_not_named_is_lost(command: KeyCommand) -> None:
    with pytest.raises(KeyStoreLost, match="k1"):
        await open_command_keys(command, "k2", (), await new_index(command, "k1"))


async def test_failing_service_says_how_and_quotes_nothing(command: KeyCommand) -> None:
    with pytest.raises(KeyCommandFailed, match=r"could not wrap with key k7: .* ended with 1") as caught:
        await new_index(command, "k7")
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("print('no base64!')", "not base64"),
        ("pass", "0 bytes"),
        ("print('QUFB' * 100000)", "400001 bytes"),
        ("import time; time.sleep(60)", "no answer within 0.3 s"),
    ],
)
async def test_service_that_answers_nonsense_or_not_at_all_is_refused(script: str, fault: str) -> None:
    limit = 0.3 if "sleep" in script else 20
    with pytest.raises(KeyCommandFailed, match=fault):
        await KeyCommand((sys.executable, "-c", script), limit).run("wrap", "k1", b"x")


async def test_service_that_is_not_there_is_named() -> None:
    with pytest.raises(KeyCommandFailed, match="/none: No such file"):
        await KeyCommand(("/none", "{operation}")).run("wrap", "k1", b"x")
