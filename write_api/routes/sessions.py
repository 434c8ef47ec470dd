"""/api/v1/auth: refresh tokens are exchanged, sessions listed and ended."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, delete, get, post
from litestar.openapi.datastructures import ResponseSpec

from service.http.problems import NotFound
from write_api.acting import ANYONE, EITHER, Act, Row, queries
from write_api.answer import Answer, answer, no_content
from write_api.answers.sessions import Session
from write_api.answers.tokens import Tokens
from write_api.callers import caller
from write_api.credentials import refresh_tokens
from write_api.credentials.refresh_tokens import RefreshTokenMalformed
from write_api.desk import Desk
from write_api.pages import BY_TIME, LIMIT_DEFAULT, CursorText, Limit, Listed, PageRequest
from write_api.problems import SignInFailed
from write_api.refusals import refused
from write_api.signing_in import new_tokens, refresh_hash


class RefreshToken(msgspec.Struct):
    """The refresh token of the latest sign-in or refresh; it is exchanged once."""

    refresh_token: str


def routes(desk: Desk) -> Router:
    @post(
        "/refresh",
        summary="Exchange a refresh token for new tokens",
        operation_id="refreshTokens",
        responses={201: ResponseSpec(Tokens, description="The next pair; the old refresh token is used up")},
        opt={"actor": ANYONE},
    )
    async def refresh(request: Request[Any, Any, Any], data: RefreshToken) -> Answer:
        try:
            session, secret = refresh_tokens.parse(data.refresh_token)
        except RefreshTokenMalformed:
            raise SignInFailed from None
        presented, following = refresh_tokens.digest(secret), refresh_tokens.new(session)

        async def rotate(act: Act) -> Answer:
            row = await act.one(
                queries.rotate_session,
                session,
                presented,
                refresh_hash(following),
                float(desk.settings.sign_in.session_s),
            )
            assert row is not None
            if row["outcome"] == "rotated":
                version = row["session_version"]
                act.after.append(lambda: _lives_on(desk, session))
                tokens = new_tokens(desk, row["kind"], row["principal"], session, version, following)
                return answer(tokens, status=201)
            if row["outcome"] == "reused":
                await _note_reuse(act, session, row)
                act.after.append(lambda: desk.sessions.end(session))
            return refused(request, SignInFailed())

        return await desk.office.write(request, rotate)

    @post(
        "/sign-out",
        summary="End the session that asks",
        operation_id="signOut",
        status_code=204,
        responses={204: ResponseSpec(None, description="Ended; its tokens are refused from now on")},
        opt={"actor": EITHER},
    )
    async def sign_out(request: Request[Any, Any, Any]) -> Response[None]:
        async def end(act: Act) -> Answer:
            await _end(desk, act, _own_session(request), "signed_out")
            return no_content()

        return await desk.office.write(request, end)

    @get(
        "/sessions",
        summary="Your sessions",
        operation_id="listSessions",
        responses={200: ResponseSpec(Listed[Session], description="Those in force, newest first")},
        opt={"actor": EITHER},
    )
    async def list_sessions(
        request: Request[Any, Any, Any], limit: Limit = LIMIT_DEFAULT, cursor: CursorText = None
    ) -> Answer:
        page = PageRequest("own-sessions", limit, cursor, BY_TIME)
        current = _own_session(request)

        async def read(act: Act) -> Answer:
            query = queries.list_own_admin_sessions if act.user_id is None else queries.list_own_user_sessions
            rows = await act.many(query, *page.arguments(), act.me)
            return answer(page.page(rows, ("created_at", "id"), [_session(row, current) for row in rows]))

        return await desk.office.run(request, read)

    @delete(
        "/sessions/{session:uuid}",
        summary="End one of your sessions",
        operation_id="endSession",
        status_code=204,
        responses={204: ResponseSpec(None, description="Ended; its tokens are refused from now on")},
        opt={"actor": EITHER},
    )
    async def end_session(request: Request[Any, Any, Any], session: UUID) -> Response[None]:
        async def end(act: Act) -> Answer:
            await _end(desk, act, session, "revoked")
            return no_content()

        return await desk.office.run(request, end)

    return Router("/auth", route_handlers=[refresh, sign_out, list_sessions, end_session], tags=["sign-in"])


async def _end(desk: Desk, act: Act, session: UUID, why: str) -> None:
    """In the database, and in Redis once that is committed. Raises `NotFound`."""
    query = queries.end_own_admin_session if act.user_id is None else queries.end_own_user_session
    if await act.value(query, session, act.me, why) is None:
        raise NotFound("you have no session of this id that is in force")
    act.after.append(lambda: desk.sessions.end(session))


async def _note_reuse(act: Act, session: UUID, row: Row) -> None:
    """Of a session that this ended; one that had ended before was noted then."""
    if row["kind"] is None:
        return
    await act.security_event(
        "refresh_token_reused",
        "high",
        user=row["principal"] if row["kind"] == "user" else None,
        admin=row["principal"] if row["kind"] == "admin" else None,
        taken="session_ended",
        session=session,
    )


async def _lives_on(desk: Desk, session: UUID) -> None:
    await desk.sessions.has_ended(session)


def _own_session(request: Request[Any, Any, Any]) -> UUID:
    return caller(request).signed_in().session


def _session(row: Row, current: UUID) -> Session:
    of_admin = "second_factor" in row
    return Session(
        id=row["id"],
        is_current=row["id"] == current,
        client=row["client"],
        created_at=row["created_at"],
        refreshed_at=row["refreshed_at"],
        expires_at=row["expires_at"],
        address=row["address"] if of_admin else None,
        second_factor=row["second_factor"] if of_admin else None,
    )
