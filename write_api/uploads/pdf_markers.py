"""PURE: names in a PDF that make it act on its reader, found in a stream whatever its chunks.

Names may be written with escapes (`/J#61vaScript`). What compressed object streams hold is not seen.
"""

import re

_NAMES = ("JavaScript", "Launch", "EmbeddedFile")


def _pattern(name: str) -> str:
    return "".join(f"(?:{sign}|#(?i:{ord(sign):02x}))" for sign in name)


_MARKERS = re.compile(("/(" + "|".join(_pattern(name) for name in _NAMES) + ")").encode())
_OVERLAP_BYTES = 3 * max(len(name) for name in _NAMES)
_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")


class PdfMarkers:
    """`found` is the first such name that passed, without its slash."""

    def __init__(self) -> None:
        self.found: str | None = None
        self._before = b""

    def feed(self, chunk: bytes) -> None:
        if self.found is not None:
            return
        window = self._before + chunk
        if seen := _MARKERS.search(window):
            self.found = _ESCAPE.sub(lambda each: bytes.fromhex(each[1].decode()), seen[1]).decode("latin-1")
        self._before = window[-_OVERLAP_BYTES:]
