"""Email addresses of plain ASCII, one spelling each; nothing is asked of the network."""

import unicodedata

from email_validator import EmailNotValidError, validate_email

from write_api.inputs.errors import InvalidInput

CHARACTERS_MAX = 254  # RFC 5321 4.5.3.1.3, less the angle brackets


def parse(text: object) -> str:
    """The address in lower case. Look-alikes of ASCII letters are refused, never replaced."""
    if not isinstance(text, str):
        raise InvalidInput("must be a text such as name@example.com")
    if len(text) > CHARACTERS_MAX:
        raise InvalidInput(f"has {len(text)} characters: an address has at most {CHARACTERS_MAX}")
    _refuse_look_alikes(text)
    try:
        checked = validate_email(
            text,
            allow_smtputf8=False,
            allow_quoted_local=False,
            allow_domain_literal=False,
            strict=True,  # at most 64 characters before the @
            check_deliverability=False,
        )
    except EmailNotValidError as error:
        raise InvalidInput("is not an email address: write one such as name@example.com") from error
    # An internationalised domain stays in its ASCII form.
    address = f"{checked.local_part}@{checked.ascii_domain}".lower()
    if len(address) > CHARACTERS_MAX:
        raise InvalidInput(f"has {len(address)} characters: an address has at most {CHARACTERS_MAX}")
    return address


def _refuse_look_alikes(text: str) -> None:
    if text.isascii():
        return
    foreign = next(character for character in text if not character.isascii())
    if unicodedata.normalize("NFKC", text).isascii():
        raise InvalidInput(
            f"has the character U+{ord(foreign):04X}, which only looks like a plain one: type it again"
        )
    raise InvalidInput(
        f"has the character U+{ord(foreign):04X}; only plain letters a to z, digits and . _ + - are taken: "
        "type it again on a Latin keyboard"
    )
