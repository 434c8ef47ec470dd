"""What is refused of an upload; each is the client's fault and names what is allowed.

UploadError
├── UploadMalformed   the body is not what its headers say
├── UploadTooLarge    a bound is passed
├── FilenameRefused   nothing of the file name can be kept
└── DocumentRefused   the content is not a document that is taken
"""


class UploadError(Exception):
    """Root of what this package raises."""


class UploadMalformed(UploadError):
    """The body cannot be read as what it is declared to be."""


class UploadTooLarge(UploadError):
    """More than is taken."""

    def __init__(self, what: str, limit: int) -> None:
        self.limit = limit
        super().__init__(f"{what}; at most {limit:,} are taken")


class FilenameRefused(UploadError):
    """The file name holds nothing that can be kept."""

    def __init__(self) -> None:
        super().__init__("the file needs a name of letters, digits or signs, such as passport.pdf")


class DocumentRefused(UploadError):
    """The content is refused, and why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"{reason}; taken are JPEG, PNG and WebP images and PDF documents")
