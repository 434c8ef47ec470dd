"""Time-based one-time passwords (RFC 6238): SHA-1, 6 digits, 30 s, as every authenticator app has them."""

import hmac
import re
from datetime import datetime

import pyotp

STEP_S = 30
_SECRET_CHARACTERS = 32  # base 32: 160 bits, the length of RFC 4226's recommendation
_CODE = re.compile("[0-9]{6}")


def new_secret() -> str:
    """160 random bits in base 32."""
    return pyotp.random_base32(_SECRET_CHARACTERS)


def provisioning_uri(secret: str, account: str, issuer: str) -> str:
    """What an authenticator app scans: `otpauth://totp/…`."""
    return pyotp.TOTP(secret, interval=STEP_S).provisioning_uri(name=account, issuer_name=issuer)


def verify(secret: str, code: str, now: datetime, *, last_step: int | None) -> int | None:
    """The time step that `code` belongs to, or None where it is wrong, or not newer than `last_step`.

    One step before and after the present one are taken, for clocks differ. The caller stores the step as
    `last_step` before anything else is allowed, so that no code, nor an older one, is taken twice.
    """
    typed = code.replace(" ", "")
    if _CODE.fullmatch(typed) is None:
        return None
    totp = pyotp.TOTP(secret, interval=STEP_S)
    present = int(now.timestamp()) // STEP_S
    accepted = None
    for step in (present - 1, present, present + 1):
        matches = hmac.compare_digest(totp.generate_otp(step), typed)
        if matches and (last_step is None or step > last_step):
            accepted = step
    return accepted
