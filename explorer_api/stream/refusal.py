"""Why a connection is ended: a word for programs, a sentence for people, the code it is closed with."""


class Refusal(Exception):
    """What a client sent cannot be done; it is told so, and its connection is closed."""

    def __init__(self, error: str, detail: str, *, close_code: int = 1008) -> None:
        super().__init__(detail)
        self.error, self.detail, self.close_code = error, detail, close_code
