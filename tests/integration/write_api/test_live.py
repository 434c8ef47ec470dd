"""Who may connect to the panel, and for how long."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import aiohttp
import psycopg
import pytest
import websockets
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.write_api.offices import Client, Writing
from tests.integration.write_api.panels import refusal, seat

Admins = Callable[[str], Client]
Sql = psycopg.Connection[psycopg.rows.DictRow]
Panels = tuple[Writing, Writing]

SOCKET = "/socket.io/?EIO=4&transport=websocket"


def token_until(writing: Writing, client: Client, kind: str, left: timedelta) -> str:
    """A token of the client's session that expires so soon."""
    begun = datetime.now(UTC) + left - timedelta(seconds=900)
    assert client.session_id is not None
    return writing.keys.tokens().issue(client.id, kind, client.session_id, 1, begun)  # type: ignore[arg-type]


async def test_nobody_connects_without_a_token_of_a_session_in_force(
    panels: Panels, writing: Writing, user: Client, sql: Sql
) -> None:
    url = panels[0].url
    for auth in (None, {}, {"token": None}, {"token": 7}, {"token": ["x"]}, {"token": "no.such.token"}):
        told = await refusal(url, auth)
        assert told["data"]["status"] == 401, (auth, told)
    expired = token_until(writing, user, "user", timedelta(seconds=-60))
    assert "expired" in (await refusal(url, {"token": expired}))["data"]["detail"]
    forged = writing.keys.tokens().issue(user.id, "user", uuid4(), 1, datetime.now(UTC))
    assert (await refusal(url, {"token": forged}))["data"]["type"] == "/problems/not-signed-in"
    sql.execute(
        "UPDATE user_sessions SET ended_at = now(), ended_because = 'revoked' WHERE id = %s",
        (user.session_id,),
    )
    assert "ended" in (await refusal(url, {"token": user.token}))["data"]["detail"]


async def test_a_session_that_ends_takes_its_connections_along(
    panels: Panels, user: Client, admins: Admins, sql: Sql
) -> None:
    verifier = admins("kyc_verifier")
    async with seat(panels[0].url, user.token) as theirs, seat(panels[1].url, verifier.token) as ours:
        sql.execute(
            "UPDATE user_sessions SET ended_at = now(), ended_because = 'revoked' WHERE id = %s",
            (user.session_id,),
        )
        sql.execute("UPDATE admin_users SET is_active = false WHERE id = %s", (verifier.id,))
        assert (await theirs.hears("session:ended"))["reason"] == "session_ended"
        await ours.hears("session:ended")
        await asyncio.gather(theirs.ends(), ours.ends())


async def test_what_is_asked_in_a_session_that_has_ended_is_refused_at_once(
    panels: Panels, admins: Admins, sql: Sql
) -> None:
    verifier = admins("kyc_verifier")
    async with seat(panels[0].url, verifier.token) as sitting:
        sql.execute("UPDATE admin_sessions SET version = 2 WHERE id = %s", (verifier.session_id,))
        answered = await sitting.ask("join:room", room="kyc")
        assert not answered["ok"]
        assert answered["problem"]["status"] == 401
        await sitting.ends()
        assert "session:ended" in sitting.names()


async def test_a_new_token_goes_on_and_none_ends(
    panels: Panels, writing: Writing, admins: Admins, user: Client
) -> None:
    verifier = admins("kyc_verifier")
    soon = timedelta(seconds=1.2)
    async with (
        seat(panels[0].url, token_until(writing, verifier, "admin", soon)) as goes_on,
        seat(panels[0].url, token_until(writing, user, "user", soon)) as ends,
    ):
        assert (await goes_on.hears("token:expired"))["grace_s"] == 1
        await goes_on.refused("token:refresh", 401, token="no.such.token")
        await goes_on.refused("token:refresh", 403, token=user.token)
        assert datetime.fromisoformat(
            (await goes_on.done("token:refresh", token=verifier.token))["expires_at"]
        ) > datetime.now(UTC)
        assert (await ends.hears("session:ended"))["reason"] == "token_expired"
        await ends.ends()
        await goes_on.done("join:room", room="kyc")


async def test_after_its_token_expired_a_client_may_do_nothing_but_bring_a_new_one(
    panels: Panels, writing: Writing, admins: Admins
) -> None:
    verifier = admins("kyc_verifier")
    token = token_until(writing, verifier, "admin", timedelta(seconds=1.2))
    async with seat(panels[0].url, token) as sitting:
        await sitting.hears("token:expired")
        assert "token:refresh" in (await sitting.refused("join:room", 401, room="kyc"))["detail"]
        await sitting.done("token:refresh", token=verifier.token)
        await sitting.done("join:room", room="kyc")


async def test_polling_and_other_paths_are_refused_clearly(panels: Panels) -> None:
    async with aiohttp.ClientSession(panels[0].url) as session:
        async with session.get(
            "/socket.io/?EIO=4&transport=polling", headers={"Origin": "https://panel.example"}
        ) as refused:
            told = await refused.json(content_type="application/problem+json")
            assert (refused.status, "websocket" in told["detail"]) == (400, True)
            assert refused.headers["access-control-allow-origin"] == "https://panel.example"
        async with session.post("/socket.io/?EIO=4&transport=polling", data=b"x") as refused:
            assert refused.status == 400
        async with session.get("/api/v1/users/me") as refused:
            assert refused.status == 404
        async with session.get("/health/ready") as ready:
            assert (ready.status, await ready.json()) == (200, {"status": "ready"})


@pytest.mark.parametrize(
    ("path", "origin", "status"),
    [
        ("/elsewhere", None, 404),
        ("/socket.io/?EIO=4&transport=polling", None, 400),
        (SOCKET + "&sid=abc", None, 400),
        ("/socket.io/?EIO=3&transport=websocket", None, 400),
        (SOCKET, "https://evil.example", 403),
        (SOCKET, "null", 403),
    ],
)
async def test_a_web_socket_elsewhere_or_of_a_foreign_page_is_refused(
    panels: Panels, path: str, origin: str | None, status: int
) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(panels[0].url.replace("http", "ws") + path, origin=origin)  # type: ignore[arg-type]
    assert refused.value.response.status_code == status


@pytest.mark.parametrize(
    "frames",
    [
        ["42" + '["join:room",{"room":"kyc"}]'],
        ["4"],
        ["40", "40"],
        [b"\x00binary"],
        ["451-" + '["x",{"_placeholder":true,"num":0}]'],
        ["2probe", "5"],
        ["x" * 20_000],
        ["40", '42["disconnect","x"]', '42["connect","x"]'],
    ],
)
async def test_what_is_no_client_of_ours_is_closed(panels: Panels, frames: list[str | bytes]) -> None:
    url = panels[0].url.replace("http", "ws") + SOCKET
    async with websockets.connect(url, origin="https://panel.example") as raw:  # type: ignore[arg-type]
        await raw.recv()
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await asyncio.wait_for(_converse(raw, frames), 10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code in {1008, 1009}


async def _converse(raw: websockets.ClientConnection, frames: list[str | bytes]) -> None:
    for frame in frames:
        await raw.send(frame)
    while True:
        await raw.recv()


async def test_names_that_the_library_keeps_for_itself_are_no_events(panels: Panels, user: Client) -> None:
    url = panels[0].url.replace("http", "ws") + SOCKET
    for name in ("connect", "disconnect"):
        async with websockets.connect(url) as raw:
            await raw.recv()
            await raw.send(f'40{{"token":"{user.token}"}}')
            assert str(await raw.recv()).startswith("40")
            await raw.send(f'421["{name}","x"]')
            with pytest.raises(websockets.ConnectionClosed):
                await asyncio.wait_for(raw.recv(), 10)


async def test_events_that_are_not_known_or_not_whole_are_answered_with_a_problem(
    panels: Panels, user: Client
) -> None:
    async with seat(panels[0].url, user.token) as sitting:
        problem = await sitting.refused("no:such:event", 422)
        assert "join:room" in problem["detail"]
        problem = await sitting.refused("messages:since", 422, application_id="x", after=-1, more=1)
        assert {fault["field"] for fault in problem["fields"]} == {"application_id", "after", "more"}
        for data in ("x", 7, None, [1], {"room": {"a": "b"}}, {"room": "x" * 101}, (1, 2)):
            answered = await sitting.socket.call("join:room", data, timeout=10)
            assert answered["problem"]["status"] == 422, data


async def test_a_flood_is_closed_and_its_account_limited_meanwhile(panels: Panels, user: Client) -> None:
    async with seat(panels[0].url, user.token) as sitting:
        for _ in range(150):
            await sitting.socket.emit("typing:start", {"application_id": str(uuid4())})
        await sitting.ends()


async def test_an_account_holds_twenty_connections(panels: Panels, user: Client) -> None:
    url = panels[0].url
    async with asyncio.TaskGroup() as group, asyncio.timeout(20):
        enough, held = asyncio.Event(), 0

        async def hold() -> None:
            nonlocal held
            async with seat(url, user.token):
                held += 1
                await enough.wait()

        for _ in range(20):
            group.create_task(hold())
        while held < 20:
            await asyncio.sleep(0.01)
        try:
            assert (await refusal(url, {"token": user.token}))["data"]["status"] == 429
        finally:
            enough.set()


async def test_metrics_count_connections_and_events(panels: Panels, user: Client) -> None:
    async with (
        seat(panels[1].url, user.token) as sitting,
        aiohttp.ClientSession(panels[1].url) as session,
    ):
        await sitting.refused("join:room", 403, room="kyc")
        async with session.get("/metrics") as answer:
            text = await answer.text()
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["pend_write_live_connections", "user"] >= 1
    assert samples["pend_write_live_events_total", "403", "join:room"] >= 1
    assert samples["pend_write_live_redis_up",] == 1
