import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from write_api.credentials.signing_key_file import from_base64url, read, thumbprint
from write_api.credentials.signing_keys import SigningKeys, SigningKeysInvalid, create, rotate

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEEP_S = 960.0


class Clock:
    """Time that passes when it is told to, by both of the clocks that keys go by."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.at_s)

    def monotonic(self) -> float:
        return self.at_s


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


@pytest.fixture
def clock() -> Clock:
    return Clock()


def opened(path: Path, clock: Clock) -> SigningKeys:
    return SigningKeys(path, KEEP_S, now=clock.now, monotonic=clock.monotonic)


def test_create_writes_one_key_that_only_the_owner_reads(path: Path) -> None:
    kid = create(path, START)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (key,) = read(path).keys
    assert key.kid == kid == read(path).current == thumbprint(key.x)
    assert [each.name for each in path.parent.iterdir()] == ["keys.json"]


def test_create_over_a_file_refused_and_the_file_kept(path: Path) -> None:
    kid = create(path, START)
    with pytest.raises(FileExistsError, match="rotate"):
        create(path, START)
    assert read(path).current == kid


def test_thumbprint_is_the_published_one() -> None:
    # RFC 8037, appendix A.3
    x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert thumbprint(x) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_keys_that_others_may_use_refused(path: Path, clock: Clock, mode: int) -> None:
    create(path, START)
    path.chmod(mode)
    with pytest.raises(SigningKeysInvalid, match=rf"mode {mode:04o}.*chmod 600"):
        opened(path, clock)


def test_rotate_signs_with_the_new_key_and_still_verifies_with_the_old(path: Path, clock: Clock) -> None:
    old = create(path, START)
    keys = opened(path, clock)
    assert keys.current().kid == old
    new = rotate(path, KEEP_S, clock.now())
    clock.at_s = 1.5
    assert keys.current().kid == new != old
    assert keys.find(old) is not None
    assert keys.find(new) is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_changed_file_is_looked_at_no_more_than_once_a_second(path: Path, clock: Clock) -> None:
    old = create(path, START)
    keys = opened(path, clock)
    rotate(path, KEEP_S, clock.now())
    clock.at_s = 0.9
    assert keys.current().kid == old
    clock.at_s = 1.0
    assert keys.current().kid != old


def test_find_of_a_key_retired_for_too_long_is_none_though_the_file_has_it(path: Path, clock: Clock) -> None:
    old = create(path, START)
    rotate(path, KEEP_S, clock.now())
    keys = opened(path, clock)
    clock.at_s = KEEP_S
    assert keys.find(old) is not None
    clock.at_s = KEEP_S + 1
    assert keys.find(old) is None
    assert old in {key.kid for key in read(path).keys}
    assert old not in {key["kid"] for key in keys.public_jwks()["keys"]}


def test_rotate_drops_keys_retired_for_too_long_and_keeps_the_time_of_the_others(path: Path) -> None:
    first = create(path, START)
    second = rotate(path, KEEP_S, START)
    later = START + timedelta(seconds=KEEP_S / 2)
    third = rotate(path, KEEP_S, later)
    assert {key.kid: key.retired_at for key in read(path).keys} == {third: None, second: later, first: START}
    fourth = rotate(path, KEEP_S, START + timedelta(seconds=KEEP_S + 1))
    assert [key.kid for key in read(path).keys] == [fourth, third, second]


def test_rotations_at_the_same_time_lose_no_key(path: Path) -> None:
    first = create(path, START)
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: rotate(path, KEEP_S, START), range(12)))
    assert {key.kid for key in read(path).keys} == {first, *made}
    assert [each.name for each in path.parent.iterdir()] == ["keys.json"]


def test_a_file_that_becomes_unusable_leaves_the_keys_in_force_and_says_why(path: Path, clock: Clock) -> None:
    kid = create(path, START)
    keys = opened(path, clock)
    good = path.read_bytes()
    path.write_bytes(good[:40])
    clock.at_s = 2
    assert keys.current().kid == kid
    assert keys.fault is not None
    assert good[:40].decode() not in str(keys.fault)
    path.unlink()
    clock.at_s = 4
    assert keys.find(kid) is not None
    assert "No such file" in str(keys.fault)
    create(path, START)
    clock.at_s = 6
    assert keys.current().kid != kid
    assert keys.fault is None


def test_an_unchanged_file_is_not_read_again(path: Path, clock: Clock) -> None:
    create(path, START)
    keys = opened(path, clock)
    signer = keys.current().private
    clock.at_s = 10
    assert keys.current().private is signer


_spoilt = {
    "two in use": lambda file: file["keys"][1].update(retired_at=None),
    "none in use": lambda file: file["keys"][0].update(retired_at="2026-03-01T00:00:00Z"),
    "another is current": lambda file: file.update(current=file["keys"][1]["kid"]),
    "kid of another": lambda file: file["keys"][1].update(kid="../../etc/passwd"),
    "x of another": lambda file: file["keys"][1].update(x=file["keys"][0]["x"]),
    "private part cut": lambda file: file["keys"][1].update(d=file["keys"][1]["d"][:-4]),
    "another curve": lambda file: file["keys"][1].update(crv="Ed448"),
    "unknown member": lambda file: file["keys"][1].update(p="AQ"),
    "no zone": lambda file: file["keys"][1].update(retired_at="2026-03-01T00:00:00"),
    "no keys": lambda file: file.update(keys=[]),
}


@pytest.mark.parametrize("how", _spoilt)
def test_a_file_whose_parts_disagree_refused_without_showing_a_secret(
    path: Path, clock: Clock, how: str
) -> None:
    create(path, START)
    rotate(path, KEEP_S, START)
    file = json.loads(path.read_text())
    secrets = [key["d"] for key in file["keys"]]
    _spoilt[how](file)
    path.write_text(json.dumps(file))
    with pytest.raises(SigningKeysInvalid) as raised:
        opened(path, clock)
    assert str(path) in str(raised.value)
    assert not any(secret[:20] in str(raised.value) for secret in secrets)


def test_public_jwks_has_no_private_part_and_another_library_reads_it(path: Path, clock: Clock) -> None:
    create(path, START)
    new = rotate(path, KEEP_S, START)
    keys = opened(path, clock)
    published = keys.public_jwks()
    assert published["keys"][0]["kid"] == new
    assert len(published["keys"]) == 2
    assert "d" not in {name for key in published["keys"] for name in key}
    token = jwt.encode({"a": 1}, keys.current().private, algorithm="EdDSA")
    assert jwt.decode(token, jwt.PyJWKSet.from_dict(published)[new], algorithms=["EdDSA"]) == {"a": 1}


def test_repr_of_a_stored_key_shows_no_secret(path: Path) -> None:
    create(path, START)
    (key,) = read(path).keys
    assert key.d not in repr(read(path))
    assert len(from_base64url(key.d)) == 32
