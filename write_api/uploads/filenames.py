"""PURE: the name that a file had at its owner's, fit to be kept and shown; never a path of ours."""

import re
import unicodedata

from write_api.uploads.errors import FilenameRefused

BYTES_MAX = 255
_EXTENSION_BYTES_MAX = 16
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # bidi and zero-width among them
_DRIVE = re.compile(r"(?:[A-Za-z]:)+")


def kept_filename(declared: str) -> str:
    """The last part of `declared` in NFC, without path, controls and bidi marks, 255 bytes at most.

    The extension survives the cut. Raises `FilenameRefused` where nothing is left.
    """
    shown = "".join(
        " " if unicodedata.category(sign) == "Zs" else sign
        for sign in unicodedata.normalize("NFC", declared)
        if unicodedata.category(sign) not in _DROPPED
    )
    name = unicodedata.normalize("NFC", re.split(r"[/\\]", shown)[-1])
    name = _DRIVE.sub("", name, count=1) if _DRIVE.match(name) else name
    name = _cut(name.strip().rstrip(". "))
    if not name.strip(". "):
        raise FilenameRefused
    return name


def extension(name: str) -> str:
    """What follows the last dot, in lower case; empty where there is none."""
    return name.rpartition(".")[2].lower() if "." in name else ""


def _cut(name: str) -> str:
    if len(name.encode()) <= BYTES_MAX:
        return name
    stem, dot, last = name.rpartition(".")
    if not dot or not stem or len(last.encode()) > _EXTENSION_BYTES_MAX:
        stem, dot, last = name, "", ""
    room = BYTES_MAX - len((dot + last).encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + dot + last
