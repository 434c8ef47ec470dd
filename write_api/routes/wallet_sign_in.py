"""/api/v1/auth/wallet: a wallet signs a message with a nonce of ours (EIP-4361) and is signed in."""

import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
from litestar import Request, Router, post
from litestar.openapi.datastructures import ResponseSpec

from service.http.addresses import network_of
from write_api.acting import ANYONE, Act, Row, queries
from write_api.answer import Answer, answer
from write_api.answers.tokens import Tokens, WalletNonce
from write_api.bodies import faults
from write_api.callers import caller
from write_api.credentials import refresh_tokens, sign_in_messages, wallets
from write_api.credentials.wallets import MessageMalformed, WalletRefused
from write_api.desk import Desk
from write_api.inputs import addresses, texts
from write_api.inputs.errors import InvalidInput
from write_api.limiting import AUTH
from write_api.problems import Forbidden
from write_api.signing_in import Attempt, client_of, new_tokens, refresh_hash

_NONCE_S = 600
_STATEMENT = "Sign in to Pend."
_MESSAGE_MAX, _SIGNATURE_MAX = 4_096, 16_386
_HEX = re.compile(r"0x([0-9a-fA-F]{2})*")


class WalletAddress(msgspec.Struct):
    """The wallet that will sign."""

    address: str


class SignedMessage(msgspec.Struct):
    """The message of the nonce, and the wallet's signature over it (EIP-191 or EIP-1271) as 0x text."""

    message: str
    signature: str


def routes(desk: Desk) -> Router:
    @post(
        "/nonce",
        summary="A message for the wallet to sign",
        operation_id="createWalletNonce",
        responses={201: ResponseSpec(WalletNonce, description="The message, good for one sign-in")},
        opt={"actor": ANYONE},
    )
    async def create_nonce(request: Request[Any, Any, Any], data: WalletAddress) -> Answer:
        with faults() as found:
            wallet = found.parse("address", addresses.parse, data.address)
        sign_in = desk.settings.sign_in
        nonce = secrets.token_hex(16)
        now = datetime.now(UTC)
        expires = now + timedelta(seconds=_NONCE_S)
        message = wallets.message_for(
            sign_in.domain, wallet, sign_in.uri, sign_in.chain_id, nonce, now, expires, _STATEMENT
        )

        async def keep(act: Act) -> Answer:
            await act.value(
                queries.issue_challenge, "wallet", None, None, nonce.encode(), "{}", 1, float(_NONCE_S)
            )
            return answer(WalletNonce(nonce, message, expires), status=201)

        return await desk.office.write(request, keep)

    @post(
        "/sign-in",
        summary="Sign in with the signed message",
        operation_id="signInWithWallet",
        responses={201: ResponseSpec(Tokens, description="Signed in; the first time makes the user")},
        opt={"actor": ANYONE, "limit": AUTH},
    )
    async def sign_in_with_wallet(request: Request[Any, Any, Any], data: SignedMessage) -> Answer:
        sign_in = desk.settings.sign_in
        with faults() as found:
            found.parse("message", texts.parse, data.message, characters_max=_MESSAGE_MAX, single_line=False)
            signature = found.parse("signature", _signature, data.signature)
        # By wallet and network: nobody guesses a signature, and wallets are public, so a lock for everywhere
        # would let anybody keep the owner out.
        network = network_of(caller(request).address)
        try:
            message = sign_in_messages.parse(data.message)
        except MessageMalformed as error:
            raise await Attempt.of(desk, request, "wallet", f"none {network}").fail(error.reason) from None
        attempt = Attempt.of(desk, request, "wallet", f"{message.address.hex()} {network}")
        await attempt.begin()

        async def take_nonce(act: Act) -> Row | None:
            return await act.one(queries.answer_challenge, "wallet", message.nonce.encode())

        if await desk.office.run(request, take_nonce) is None:
            raise await attempt.fail("the nonce is not one of ours, was used or has expired")
        try:
            wallet = await wallets.verify(
                data.message,
                signature,
                domain=sign_in.domain,
                uri=sign_in.uri,
                chain_id=sign_in.chain_id,
                nonce=message.nonce,
                now=datetime.now(UTC),
                ask_contract=desk.ask_contract,
            )
        except (WalletRefused, MessageMalformed) as error:
            raise await attempt.fail(error.reason) from None
        session = uuid4()
        refresh = refresh_tokens.new(session)

        async def open_session(act: Act) -> Row:
            await act.value(queries.sign_in_succeeded, attempt.subject)
            row = await act.one(
                queries.open_user_session,
                session,
                wallet,
                refresh_hash(refresh),
                client_of(request),
                float(sign_in.session_s),
            )
            assert row is not None
            return row

        row = await desk.office.run(request, open_session)
        if row["session_version"] is None:
            raise Forbidden(f"this account is {row['status']}", rule="users_status")
        await desk.sessions.begin(session, row["session_version"])
        tokens = new_tokens(desk, "user", row["user_id"], session, row["session_version"], refresh)
        return answer(tokens, status=201)

    return Router("/auth/wallet", route_handlers=[create_nonce, sign_in_with_wallet], tags=["sign-in"])


def _signature(text: str) -> bytes:
    """0x and hexadecimal digits."""
    plain = texts.parse(text, characters_max=_SIGNATURE_MAX)
    if _HEX.fullmatch(plain) is None:
        raise InvalidInput("is 0x and an even number of hexadecimal digits")
    return bytes.fromhex(plain[2:])
