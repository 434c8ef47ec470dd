"""What a sign-in gives."""

from datetime import datetime
from uuid import UUID

import msgspec


class Tokens(msgspec.Struct):
    """An access token for requests, and the refresh token that is exchanged for the next pair, once."""

    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int
    """Seconds the access token holds."""
    session_id: UUID


class WalletNonce(msgspec.Struct):
    """What the wallet signs (EIP-4361), word for word."""

    nonce: str
    message: str
    expires_at: datetime
