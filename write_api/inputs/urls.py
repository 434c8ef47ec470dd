"""Addresses of pages and files elsewhere: https, shown to people, never asked by us."""

from urllib.parse import urlsplit

from write_api.inputs.errors import InvalidInput

CHARACTERS_MAX = 2_048


def parse(text: object) -> str:
    """An absolute https address without a name and password in it."""
    if not isinstance(text, str):
        raise InvalidInput("must be a text such as https://example.com/terms.pdf")
    if len(text) > CHARACTERS_MAX:
        raise InvalidInput(f"has {len(text)} characters: at most {CHARACTERS_MAX} are taken")
    if not text.isascii() or not text.isprintable() or set(text) & set(' "<>\\^`{|}'):
        raise InvalidInput("has characters that a URL writes as %XX (RFC 3986): write them so")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InvalidInput("is not a URL: write one such as https://example.com/terms.pdf") from error
    if parts.scheme != "https" or not parts.hostname or port == 0:
        raise InvalidInput("is not an https URL: write one such as https://example.com/terms.pdf")
    if "@" in parts.netloc:
        raise InvalidInput("has a name or password before the host: remove it")
    return text
