"""API keys in force, by the hash of the key; read again every few seconds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from postgres.queries import load
from postgres.reader import Reader

queries = load("explorer")


@dataclass(frozen=True, slots=True)
class ApiKey:
    id: str
    tier: str
    expires_at: datetime | None


@dataclass(slots=True)
class ApiKeys:
    """What `pend-explorer keys` has issued and not revoked."""

    reader: Reader
    _by_hash: dict[bytes, ApiKey] = field(default_factory=dict)

    def find(self, key_hash: bytes) -> ApiKey | None:
        key = self._by_hash.get(key_hash)
        if key is not None and key.expires_at is not None and key.expires_at <= datetime.now(UTC):
            return None
        return key

    async def refresh(self) -> None:
        """Raises the errors of postgres.errors; what was known stays in force then."""
        async with self.reader.connection() as connection:
            rows: Sequence[Any] = await queries.select_api_keys.many(connection)
        self._by_hash = {row["key_hash"]: ApiKey(row["id"], row["tier"], row["expires_at"]) for row in rows}
