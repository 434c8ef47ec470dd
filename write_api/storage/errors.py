"""What storage refuses; messages name keys, never addresses or credentials.

StorageError
├── StorageRefused       fatal: the folder or the address must not be used as it is
├── KeyRefused           a key that is not of our making
├── ObjectMissing        nothing lies under the key
└── StorageUnavailable   retryable: the storage failed or could not be reached
"""


class StorageError(Exception):
    """Root of what this package raises."""


class StorageRefused(StorageError):
    """The place is unfit: others may read it, or it would be reached without TLS."""


class KeyRefused(StorageError):
    """A key with anything but names of our making between single slashes."""

    def __init__(self) -> None:
        super().__init__("a storage key is names of a-z, 0-9, _ and - between single slashes")


class ObjectMissing(StorageError):
    """Nothing is stored under `key`."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"nothing is stored under {key}")


class StorageUnavailable(StorageError):
    """The storage did not do what it was asked; nothing is half-stored."""

    def __init__(self, operation: str, fault: str) -> None:
        self.operation = operation
        super().__init__(f"the document storage could not {operation}: {fault}")
