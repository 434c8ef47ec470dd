"""Data keys of persons: unwrapped for the transaction that may read them, used to seal and open columns."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID, uuid4

from write_api.encryption.envelope import open_sealed, seal
from write_api.encryption.errors import EncryptionError, KeyStoreLost
from write_api.encryption.master_keys import MasterKeys, Wrapped
from write_api.problems import KeysAway

_KEPT = 2_000


@dataclass(frozen=True, slots=True)
class DataKey:
    """Seals for one row and column; what was sealed for another does not open."""

    id: UUID
    secret: bytes = field(repr=False)

    def seal(self, text: str, *, row: object, column: str) -> bytes:
        return seal(self.secret, self.id, text.encode(), row=str(row), column=column)

    def open(self, sealed: bytes | None, *, row: object, column: str) -> str | None:
        if sealed is None:
            return None
        return open_sealed(self.secret, self.id, sealed, row=str(row), column=column).decode()


@dataclass(slots=True)
class KeyRing:
    """Wraps new keys and unwraps kept ones.

    What was unwrapped lately is kept by its wrapped form: a key whose row is gone, as after an erasure, is
    not found again.
    """

    master: MasterKeys
    _opened: "OrderedDict[bytes, bytes]" = field(default_factory=OrderedDict)

    def new(self) -> DataKey:
        return DataKey(uuid4(), secrets.token_bytes(32))

    async def wrap(self, key: DataKey) -> Wrapped:
        """As account.data_keys keeps it. Raises `KeysAway`."""
        try:
            return await self.master.wrap(key.secret, key.id.bytes)
        except EncryptionError as error:
            raise KeysAway(str(error), retry_after_s=30) from error

    async def unwrap(self, id_: UUID, wrapped: bytes, master_key_id: str) -> DataKey:
        """Raises `KeysAway`."""
        kept = sha256(id_.bytes + wrapped).digest()
        secret = self._opened.get(kept)
        if secret is None:
            try:
                secret = await self.master.unwrap(Wrapped(master_key_id, wrapped), id_.bytes)
            except KeyStoreLost as error:
                raise KeysAway(str(error)) from error
            except EncryptionError as error:
                raise KeysAway(str(error), retry_after_s=30) from error
            self._opened[kept] = secret
            if len(self._opened) > _KEPT:
                self._opened.popitem(last=False)
        return DataKey(id_, secret)

    def keyed_hash(self, purpose: str, text: str) -> bytes:
        return self.master.keyed_hash(purpose, text)
