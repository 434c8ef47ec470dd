"""What a value from outside is refused with."""


class InvalidInput(ValueError):
    """A value that is not what it should be; `reason` says what is wrong, the bound, and what to do.

    The value itself is never part of it: reasons are logged, and values are personal.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
