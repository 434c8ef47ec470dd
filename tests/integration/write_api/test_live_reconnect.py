"""Messages are kept: what came while a client was away it reads on after, each once. Processes end in order."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp
import psycopg

from tests.broken_wire import Wire
from tests.integration.write_api.offices import Client, Writing, signed_in
from tests.integration.write_api.panels import Seat, application_of, panel_process, seat, with_key

Admins = Callable[[str], Client]
Panels = tuple[Writing, Writing]
Sql = psycopg.Connection[psycopg.rows.DictRow]


async def test_messages_of_the_meantime_are_read_on_after_a_reconnect(
    panels: Panels, user: Client, admins: Admins
) -> None:
    await with_key(user)
    application = str(application_of(panels[0].dsn, user.id))
    verifier = admins("kyc_verifier")
    async with seat(panels[1].url, verifier.token) as writes:

        async def write(body: str) -> int:
            sent = await writes.done(
                "message:send", application_id=application, audience="applicant", body=body
            )
            id_: int = sent["id"]
            return id_

        async with seat(panels[0].url, user.token) as applicant:
            first = await write("one")
            await applicant.hears("message:received", lambda told: told["id"] == first)
        missed = [await write(body) for body in ("two", "three")]
        async with seat(panels[0].url, user.token) as applicant:
            read = await applicant.done("messages:since", application_id=application, after=first)
            assert [(each["id"], each["body"]) for each in read["messages"]] == [
                (missed[0], "two"),
                (missed[1], "three"),
            ]
            page = await applicant.done("messages:since", application_id=application, after=0, limit=2)
            assert ([each["id"] for each in page["messages"]], page["more"]) == ([first, missed[0]], True)


async def test_many_write_at_once_and_a_reader_misses_none_and_sees_none_twice(
    panels: Panels, user: Client, admins: Admins
) -> None:
    await with_key(user)
    application = str(application_of(panels[0].dsn, user.id))
    verifier = admins("kyc_verifier")
    seen: list[int] = []

    async def read(reader: Seat) -> None:
        answered = await reader.done(
            "messages:since", application_id=application, after=seen[-1] if seen else 0
        )
        seen.extend(each["id"] for each in answered["messages"])

    async def write(writer: Seat, author: str) -> None:
        for number in range(10):
            await writer.done(
                "message:send", application_id=application, audience="applicant", body=f"{author} {number}"
            )

    async with (
        seat(panels[0].url, verifier.token) as one,
        seat(panels[1].url, verifier.token) as two,
        seat(panels[1].url, user.token) as applicant,
        seat(panels[0].url, user.token) as reader,
    ):
        writing = asyncio.gather(write(one, "a"), write(two, "b"), write(applicant, "c"))
        while not writing.done():
            await read(reader)
        await writing
        await read(reader)
    assert len(seen) == 30
    assert seen == sorted(set(seen))


async def test_a_message_that_is_sent_again_with_its_key_is_written_once(
    panels: Panels, user: Client, admins: Admins, sql: Sql
) -> None:
    await with_key(user)
    application = str(application_of(panels[0].dsn, user.id))
    message = {"application_id": application, "audience": "applicant", "key": str(uuid4())}
    async with seat(panels[0].url, user.token) as first:
        sent = await first.done("message:send", body="once", **message)
    async with seat(panels[1].url, user.token) as second:
        assert await second.done("message:send", body="once", **message) == sent
        await second.refused("message:send", 422, body="other", **message)
    kept = sql.execute(
        "SELECT count(*) AS n FROM messages WHERE application_id = %s", (application,)
    ).fetchone()
    assert kept == {"n": 1}


async def test_messages_are_bounded(panels: Panels, user: Client) -> None:
    await with_key(user)
    about = {"application_id": str(application_of(panels[0].dsn, user.id)), "audience": "applicant"}
    async with seat(panels[0].url, user.token) as sitting:
        await sitting.done("message:send", body="é" * 2_048, **about)
        for body in ("", "  ", "é" * 2_049, "a\x00b", "\u202ereversed"):
            problem = await sitting.refused("message:send", 422, body=body, **about)
            assert [fault["field"] for fault in problem["fields"]] == ["body"], body
        # However slow the machine is: more than the limit within its window, all at once.
        acks = await asyncio.gather(
            *(sitting.ask("message:send", body=str(number), **about) for number in range(60))
        )
        refused = [ack["problem"] for ack in acks if not ack["ok"]]
        assert {problem["status"] for problem in refused} == {429}
        assert all(problem["retry_after_s"] >= 1 for problem in refused)
    async with seat(panels[0].url, user.token) as sitting:
        await sitting.socket.emit("message:send", {**about, "body": "x" * 20_000})
        await sitting.ends()


async def test_a_notice_of_an_administrator_reaches_everyone(
    panels: Panels, user: Client, admins: Admins
) -> None:
    boss = admins("super_admin")
    async with seat(panels[0].url, user.token) as applicant, seat(panels[1].url, boss.token) as admin:
        await boss.post(
            "/admin/notices",
            {"severity": "info", "body": "Maintenance tonight"},
            Idempotency_Key=str(uuid4()),
        )
        await asyncio.gather(applicant.hears("notice:new"), admin.hears("notice:new"))


async def test_without_redis_one_process_alone_does_it_all_and_says_when_it_ends(
    writing: Writing, user: Client, admins: Admins, tmp_path: Path
) -> None:
    await with_key(user)
    application = str(application_of(writing.dsn, user.id))
    first, second = admins("kyc_verifier"), admins("kyc_verifier")
    with panel_process(writing.dsn, writing.keys, tmp_path) as alone:
        async with seat(alone.url, first.token) as one, seat(alone.url, second.token) as two:
            for each in (one, two):
                await each.done("join:room", room=f"application:{application}")
            await one.hears("presence:updated", lambda told: len(told["present"]) == 2)
            sent = await one.done(
                "message:send", application_id=application, audience="reviewers", body="hello"
            )
            await two.hears("message:received", lambda told: told["id"] == sent["id"])
            alone.process.send_signal(signal.SIGTERM)
            for each in (one, two):
                await each.hears("panel:closing")
                await each.ends()
        assert await asyncio.to_thread(alone.process.wait, 15) == 0
        assert "Traceback" not in alone.said()


async def test_a_busy_panel_tells_everyone(
    panels: Panels, http: aiohttp.ClientSession, admins: Admins
) -> None:
    """Twenty administrators, and ten applicants with twenty connections each, in one process."""
    boss = admins("super_admin")
    applicants = [await signed_in(http) for _ in range(10)]
    tokens = [admins("viewer").token for _ in range(20)] + [
        each.token for each in applicants for _ in range(20)
    ]
    async with AsyncExitStack() as stack:
        seats = await asyncio.gather(
            *(stack.enter_async_context(seat(panels[0].url, token)) for token in tokens)
        )
        await boss.post(
            "/admin/notices", {"severity": "critical", "body": "Now"}, Idempotency_Key=str(uuid4())
        )
        await asyncio.gather(*(each.hears("notice:new") for each in seats))
        assert {each.names().count("notice:new") for each in seats} == {1}


async def test_while_redis_is_away_a_process_goes_on_alone_and_then_says_that_something_was_missed(
    writing: Writing, user: Client, admins: Admins, redis_server: str, tmp_path: Path
) -> None:
    await with_key(user)
    application = str(application_of(writing.dsn, user.id))
    message = {"application_id": application, "audience": "reviewers", "body": "hello"}
    first, second = admins("kyc_verifier"), admins("kyc_verifier")
    parts = urlsplit(redis_server)
    async with Wire(parts.port or 6379) as wire:
        url = parts._replace(netloc=f"127.0.0.1:{wire.port}").geturl()
        with panel_process(writing.dsn, writing.keys, tmp_path, redis__url=url) as panel:
            await _goes_on_alone(panel, wire, first, second, message)
            assert "Traceback" not in panel.said()


async def _goes_on_alone(
    panel: Writing, wire: Wire, first: Client, second: Client, message: dict[str, str]
) -> None:
    application = message["application_id"]
    async with seat(panel.url, first.token) as one, seat(panel.url, second.token) as two:
        for each in (one, two):
            await each.done("join:room", room=f"application:{application}")
        await wire.cut()
        sent = await one.done("message:send", **message)
        await two.hears("message:received", lambda told: told["id"] == sent["id"])
        listed = await two.done("presence:list", application_id=application)
        assert len(listed["present"]) == 2
        await wire.mend()
        await asyncio.gather(one.hears("panel:missed"), two.hears("panel:missed"))
