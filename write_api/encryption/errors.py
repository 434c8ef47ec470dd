"""What encryption refuses; no message holds a key or a plaintext.

EncryptionError
├── KeyStoreLost       fatal: a master key that data keys name is not in the key store
├── KeyStoreRefused    fatal: the key store is there and must not be used as it is
├── KeyCommandFailed   retryable: the command of the key service gave no key
├── WrapBroken         a wrapped data key does not open
├── SealBroken         a sealed column does not open
└── IntegrityBroken    a document is not what was stored
"""


class EncryptionError(Exception):
    """Root of what this package raises."""


class KeyStoreLost(EncryptionError):
    """Master keys that are needed are missing; what they wrapped cannot be read without them."""

    def __init__(self, source: str, key_id: str | None = None, data_keys: int | None = None) -> None:
        self.source, self.key_id, self.data_keys = source, key_id, data_keys
        lost = "every master key" if key_id is None else f"master key {key_id}"
        named = "" if data_keys is None else f"; {data_keys:,} data keys name it"
        super().__init__(
            f"{lost} is missing from {source}{named}. Restore the key store from its backup and start again; "
            "do not make a new one in its place: what the missing key wrapped would stay unreadable"
        )


class KeyStoreRefused(EncryptionError):
    """The key store is readable by others, malformed or incomplete."""

    def __init__(self, source: str, fault: str) -> None:
        self.source = source
        super().__init__(f"{source}: {fault}")


class KeyCommandFailed(EncryptionError):
    """The command of the key service failed, was too slow or answered nonsense."""

    def __init__(self, operation: str, key_id: str, fault: str) -> None:
        self.operation, self.key_id = operation, key_id
        super().__init__(f"the key command could not {operation} with key {key_id}: {fault}")


class WrapBroken(EncryptionError):
    """The master key is there, and the data key wrapped by it does not open for this context."""

    def __init__(self, key_id: str) -> None:
        self.key_id = key_id
        super().__init__(
            f"a data key wrapped by master key {key_id} does not open: it was altered, belongs to somebody "
            "else, or another key is kept under this id"
        )


class SealBroken(EncryptionError):
    """A sealed value was altered or belongs to another row, column or key."""

    def __init__(self, row: str, column: str, fault: str) -> None:
        self.row, self.column = row, column
        super().__init__(f"the sealed value of column {column} in row {row} does not open: {fault}")


class IntegrityBroken(EncryptionError):
    """A stored document was truncated, reordered, altered or put under another name."""

    def __init__(self, document_id: object, fault: str) -> None:
        self.document_id = document_id
        super().__init__(f"document {document_id} is not what was stored: {fault}")
