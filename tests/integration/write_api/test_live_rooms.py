"""Rooms of the panel: who may be in them, and what reaches whom."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
from socketio import AsyncRedisManager

from tests.integration.write_api.offices import Client, Writing
from tests.integration.write_api.panels import application_of, panel_process, seat, with_key
from write_api.panel_channel import CHANNEL
from write_api.panel_events import PanelEvent

Admins = Callable[[str], Client]
Sql = psycopg.Connection[psycopg.rows.DictRow]
Panels = tuple[Writing, Writing]


def room_of(application: UUID) -> str:
    return f"application:{application}"


async def test_rooms_are_for_those_who_may_read_them(panels: Panels, user: Client, admins: Admins) -> None:
    application = application_of(panels[0].dsn, user.id)
    viewer, assets, verifier = admins("viewer"), admins("asset_manager"), admins("kyc_verifier")
    async with (
        seat(panels[0].url, viewer.token) as looks,
        seat(panels[0].url, assets.token) as manages,
        seat(panels[1].url, verifier.token) as verifies,
    ):
        assert (await looks.refused("join:room", 403, room="kyc"))["rule"] == "kyc.read"
        await looks.refused("join:room", 403, room=room_of(application))
        await looks.refused("join:room", 403, room=f"applicant:{user.id}")
        await manages.done("join:room", room="assets")
        await verifies.done("join:room", room="kyc")
        await verifies.done("join:room", room="admins")
        await verifies.refused("join:room", 404, room=room_of(uuid4()))
        for room in ("", "nowhere", "application:x", "application:", room_of(application) + ":reviewers"):
            await verifies.refused("join:room", 422, room=room)
        await verifies.refused("leave:room", 404, room="assets")
        await verifies.refused("leave:room", 403, room="admins")


async def test_an_applicant_opens_his_own_application_and_nothing_else(
    panels: Panels, user: Client, stranger: Client
) -> None:
    application = application_of(panels[0].dsn, user.id)
    async with seat(panels[0].url, user.token) as own, seat(panels[1].url, stranger.token) as other:
        joined = await own.done("join:room", room=room_of(application))
        assert "present" not in joined
        unknown = await other.refused("join:room", 404, room=room_of(uuid4()))
        hidden = await other.refused("join:room", 404, room=room_of(application))
        assert unknown["detail"] == hidden["detail"]
        for room in ("admins", "kyc", "assets", f"applicant:{user.id}"):
            await other.refused("join:room", 403, room=room)
        await other.refused("presence:list", 403, application_id=str(application))
        await own.refused("presence:list", 403, application_id=str(application))
        await other.refused("typing:start", 403, application_id=str(application))
        await other.refused("messages:since", 404, application_id=str(application))
        await other.refused(
            "message:send", 404, application_id=str(application), audience="applicant", body="hello"
        )
        await own.refused(
            "message:send", 403, application_id=str(application), audience="reviewers", body="hello"
        )


async def test_typing_of_reviewers_is_shown_to_reviewers_and_of_the_applicant_too(
    panels: Panels, user: Client, admins: Admins
) -> None:
    application = application_of(panels[0].dsn, user.id)
    first, second = admins("kyc_verifier"), admins("super_admin")
    about = {"application_id": str(application)}
    async with (
        seat(panels[0].url, user.token) as applicant,
        seat(panels[0].url, first.token) as types,
        seat(panels[1].url, second.token) as sees,
    ):
        for each in (applicant, types, sees):
            await each.done("join:room", room=room_of(application))
        for _ in range(5):
            await types.done("typing:start", **about)
        await types.done("typing:stop", **about)
        await sees.hears("typing:stop", lambda told: told["admin_id"] == str(first.id))
        assert sees.names().count("typing:start") == 1
        await applicant.done("typing:start", **about)
        assert await sees.hears("typing:start", lambda told: told["admin_id"] is None)
        await types.hears("typing:start")
        assert not any(name.startswith("typing") for name in applicant.names())
        assert not any(data.get("admin_id") == str(first.id) for _, data in types.heard)


async def test_who_has_it_open_is_shown_in_every_process_and_gone_when_he_leaves(
    panels: Panels, user: Client, admins: Admins
) -> None:
    application = application_of(panels[0].dsn, user.id)
    first, second = admins("kyc_verifier"), admins("kyc_verifier")
    room, about = room_of(application), {"application_id": str(application)}
    async with seat(panels[0].url, first.token) as stays:
        alone = await stays.done("join:room", room=room)
        assert alone["present"] == [{"admin_id": str(first.id), "state": "viewing"}]
        async with seat(panels[1].url, second.token) as goes, seat(panels[1].url, second.token) as twice:
            await goes.done("join:room", room=room)
            await twice.done("join:room", room=room)
            await stays.hears("presence:updated", lambda told: len(told["present"]) == 2)
            await goes.done("presence:update", state="writing", **about)
            await stays.hears("presence:updated", lambda told: "writing" in str(told))
            listed = await stays.done("presence:list", **about)
            assert {each["admin_id"]: each["state"] for each in listed["present"]} == {
                str(first.id): "viewing",
                str(second.id): "writing",
            }
            await goes.done("leave:room", room=room)
            await goes.refused("presence:list", 403, **about)
            assert "viewing" in str((await stays.done("presence:list", **about))["present"])
            stays.heard.clear()
        await stays.hears("presence:updated", lambda told: len(told["present"]) == 1)


async def test_who_was_in_a_process_that_was_killed_is_gone(
    panels: Panels, writing: Writing, user: Client, admins: Admins, redis_server: str, tmp_path: Path
) -> None:
    application = application_of(panels[0].dsn, user.id)
    first, second = admins("kyc_verifier"), admins("kyc_verifier")
    with panel_process(writing.dsn, writing.keys, tmp_path, redis__url=redis_server) as third:
        async with seat(panels[0].url, first.token) as stays, seat(third.url, second.token) as dies:
            await dies.done("join:room", room=room_of(application))
            joined = await stays.done("join:room", room=room_of(application))
            assert len(joined["present"]) == 2
            third.process.send_signal(signal.SIGKILL)
            await dies.ends()
            await stays.hears("presence:updated", lambda told: len(told["present"]) == 1)


async def test_a_permission_that_is_taken_away_empties_the_rooms_that_need_it(
    panels: Panels, user: Client, admins: Admins, sql: Sql
) -> None:
    application = application_of(panels[0].dsn, user.id)
    verifier = admins("kyc_verifier")
    async with seat(panels[0].url, verifier.token) as sitting:
        await sitting.done("join:room", room="kyc")
        await sitting.done("join:room", room=room_of(application))
        sql.execute("SET session_replication_role = replica")
        sql.execute("UPDATE admin_users SET role = 'asset_manager' WHERE id = %s", (verifier.id,))
        await sitting.hears("room:left", lambda told: told == {"room": "kyc", "rule": "kyc.read"})
        await sitting.hears("room:left", lambda told: told["room"] == room_of(application))
        await sitting.refused("typing:start", 403, application_id=str(application))


async def test_what_the_api_announces_reaches_the_rooms_it_names_once(
    panels: Panels, user: Client, stranger: Client, admins: Admins, redis_server: str
) -> None:
    application = application_of(panels[0].dsn, user.id)
    verifier, viewer = admins("kyc_verifier"), admins("viewer")
    teller = AsyncRedisManager(redis_server, channel=CHANNEL, write_only=True)

    async def told(event: PanelEvent) -> None:
        await teller.emit(event.name, event.data, namespace="/", room=event.rooms)

    async with (
        seat(panels[0].url, user.token) as applicant,
        seat(panels[1].url, stranger.token) as other,
        seat(panels[1].url, verifier.token) as verifies,
        seat(panels[0].url, viewer.token) as looks,
    ):
        await verifies.done("join:room", room="kyc")
        for each in (applicant, verifies):
            await each.done("join:room", room=room_of(application))
        await told(PanelEvent("kyc:updated", "kyc", {"n": 1}))
        await told(PanelEvent("kyc:updated", room_of(application), {"n": 2}))
        await told(PanelEvent("x", (room_of(application), f"applicant:{user.id}"), {"n": 3}))
        await told(PanelEvent("notice:new", "admins", {"n": 4}))
        await told(PanelEvent("notice:new", "everyone", {"n": 5}))
        for each in (applicant, other, verifies, looks):
            await each.hears("notice:new", lambda data: data["n"] == 5)
        await asyncio.sleep(0.05)
        numbers = [
            [data["n"] for _, data in each.heard if "n" in data]
            for each in (applicant, other, verifies, looks)
        ]
        assert numbers == [[2, 3, 5], [5], [1, 2, 3, 4, 5], [4, 5]]
    await teller.redis.aclose()


async def test_messages_between_reviewers_never_reach_the_applicant(
    panels: Panels, user: Client, admins: Admins, sql: Sql
) -> None:
    await with_key(user)
    application = application_of(panels[0].dsn, user.id)
    first, second = admins("kyc_verifier"), admins("super_admin")
    about = {"application_id": str(application)}
    async with (
        seat(panels[0].url, user.token) as applicant,
        seat(panels[0].url, first.token) as writes,
        seat(panels[1].url, second.token) as reads,
    ):
        for each in (applicant, writes, reads):
            await each.done("join:room", room=room_of(application))
        among = await writes.done("message:send", audience="reviewers", body="canary: look twice", **about)
        to_him = await writes.done("message:send", audience="applicant", body="Send the passport", **about)
        back = await applicant.done("message:send", audience="applicant", body="Here it is", **about)
        ids = [among["id"], to_him["id"], back["id"]]
        for each, expected in ((writes, ids), (reads, ids), (applicant, ids[1:])):
            await each.hears("message:received", lambda told: told["id"] == back["id"])
            assert [data["id"] for name, data in each.heard if name == "message:received"] == expected
        seen = await reads.done("messages:since", **about)
        assert [(each["id"], each["body"], each["author_admin_id"]) for each in seen["messages"]] == [
            (ids[0], "canary: look twice", str(first.id)),
            (ids[1], "Send the passport", str(first.id)),
            (ids[2], "Here it is", None),
        ]
        his = await applicant.done("messages:since", after=0, **about)
        assert [each["id"] for each in his["messages"]] == ids[1:]
        assert "canary" not in str(applicant.heard)
    kept = sql.execute("SELECT body FROM messages WHERE application_id = %s", (application,)).fetchall()
    assert not any(b"canary" in row["body"] for row in kept)
    read = sql.execute(
        "SELECT count(*) AS n FROM admin_audit_logs WHERE action = 'read' AND admin_id = %s", (second.id,)
    ).fetchone()
    assert read is not None
    assert read["n"] == 1
    assert "canary" not in panels[0].said() + panels[1].said()
