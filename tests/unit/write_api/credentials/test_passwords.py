import asyncio
import threading
from collections.abc import Iterator

import argon2
import pytest

from write_api.credentials.passwords import PasswordCost, PasswordHashInvalid, Passwords, TooManyAtOnce

CHEAP = PasswordCost(memory_kib=64, passes=1, lanes=1)
PASSWORD = "lantern orbit maple 42"


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    with Passwords(CHEAP) as opened:
        yield opened


async def test_verify_of_the_password_is_true_and_of_another_false(passwords: Passwords) -> None:
    stored = await passwords.hash(PASSWORD)
    assert await passwords.verify(stored, PASSWORD)
    assert not await passwords.verify(stored, PASSWORD + " ")
    assert not await passwords.verify(stored, "")


async def test_hash_has_its_own_salt_and_is_what_the_library_checks(passwords: Passwords) -> None:
    first, second = await passwords.hash(PASSWORD), await passwords.hash(PASSWORD)
    assert first != second
    assert argon2.extract_parameters(first).type is argon2.Type.ID
    assert argon2.PasswordHasher().verify(first, PASSWORD)
    assert PASSWORD not in first


async def test_hash_costs_what_rfc_9106_recommends_by_default() -> None:
    with Passwords() as passwords:
        found = argon2.extract_parameters(await passwords.hash(PASSWORD))
    recommended = argon2.profiles.RFC_9106_LOW_MEMORY
    assert found.memory_cost >= recommended.memory_cost
    assert found.time_cost >= recommended.time_cost
    assert (found.parallelism, found.salt_len, found.hash_len) == (4, 16, 32)


async def test_verify_takes_the_published_hash_of_the_reference_implementation(passwords: Passwords) -> None:
    # phc-winner-argon2, src/test.c
    published = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
    assert await passwords.verify(published, "password")
    assert not await passwords.verify(published, "passwore")


async def test_verify_without_an_account_is_false_after_the_same_work(passwords: Passwords) -> None:
    assert not await passwords.verify(None, PASSWORD)
    assert not await passwords.verify(None, "")
    dummy = argon2.extract_parameters(passwords._dummy)
    assert dummy == argon2.extract_parameters(await passwords.hash(PASSWORD))


async def test_the_dummy_hash_is_another_for_each_process(passwords: Passwords) -> None:
    with Passwords(CHEAP) as other:
        assert other._dummy != passwords._dummy


@pytest.mark.parametrize(
    ("one", "same"),
    [("caf\u00e9 de la gare", "cafe\u0301 de la gare"), ("\uff50\uff41ssword lantern", "password lantern")],
)
async def test_one_spelling_of_a_password_is_as_good_as_another(
    passwords: Passwords, one: str, same: str
) -> None:
    assert await passwords.verify(await passwords.hash(one), same)


@pytest.mark.parametrize(
    "password",
    ["a" * 1025, pytest.param("\ufdfa" * 2_000_000, id="two million characters"), "\ud800" * 20, "\x00" * 20],
)
async def test_verify_of_a_strange_password_is_false(passwords: Passwords, password: str) -> None:
    assert not await passwords.verify(await passwords.hash(""), password)
    assert not await passwords.verify(None, password)


@pytest.mark.parametrize(
    "stored", ["", "x", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv", "$argon2id$v=19$m=64,t=1,p=1$!$!"]
)
async def test_a_damaged_row_is_told_from_a_wrong_password(passwords: Passwords, stored: str) -> None:
    with pytest.raises(PasswordHashInvalid):
        await passwords.verify(stored, PASSWORD)


async def test_a_hash_of_another_cost_still_verifies(passwords: Passwords) -> None:
    stored = await passwords.hash(PASSWORD)
    with Passwords(PasswordCost(memory_kib=128, passes=1, lanes=1)) as dearer:
        assert await dearer.verify(stored, PASSWORD)


class Held(Passwords):
    """Each check waits until it is let go."""

    def __init__(self, *, threads: int, queue_max: int) -> None:
        super().__init__(CHEAP, threads=threads, queue_max=queue_max)
        self.go = threading.Event()
        self.started = threading.Semaphore(0)

    def _matches(self, stored: str, password: bytes) -> bool:
        self.started.release()
        self.go.wait(10)
        return super()._matches(stored, password)


async def test_more_than_may_wait_are_refused_at_once_and_later_taken() -> None:
    with Held(threads=2, queue_max=3) as held:
        waiting = [asyncio.create_task(held.verify(None, PASSWORD)) for _ in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(TooManyAtOnce, match="5"):
            await held.verify(None, PASSWORD)
        with pytest.raises(TooManyAtOnce):
            await held.hash(PASSWORD)
        held.go.set()
        assert await asyncio.gather(*waiting) == [False] * 5
        assert await held.verify(await held.hash(PASSWORD), PASSWORD)


async def test_the_loop_stays_free_while_passwords_are_checked() -> None:
    with Held(threads=1, queue_max=1) as held:
        checking = asyncio.create_task(held.verify(None, PASSWORD))
        await asyncio.to_thread(held.started.acquire)
        assert not checking.done()
        held.go.set()
        assert await checking is False


async def test_a_caller_that_gives_up_leaves_its_place() -> None:
    with Held(threads=1, queue_max=1) as held:
        first = asyncio.create_task(held.verify(None, PASSWORD))
        await asyncio.to_thread(held.started.acquire)
        second = asyncio.create_task(held.verify(None, PASSWORD))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        third = asyncio.create_task(held.verify(None, PASSWORD))
        await asyncio.sleep(0)
        held.go.set()
        assert (await first, await third) == (False, False)
