"""Text without its secrets: passwords, tokens and keys inside URLs, DSNs and headers become `***`.

Removes too much rather than too little; the host stays readable, because operators need it.
"""

import re

HIDDEN = "***"

# The password runs to the LAST `@` of its word: one with an unescaped `@` or `/` must not half survive.
_USERINFO = re.compile(
    r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)(?P<user>[^\s:@/\"']*):(?P<password>[^\s\"']*)@", re.IGNORECASE
)
_TOKEN_AS_USER = re.compile(r"(?P<scheme>\bhttps?://|\bwss?://)(?P<user>[^\s:@/\"']+)@", re.IGNORECASE)
_SENSITIVE_WORD = (
    r"(?:[a-z0-9_-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|apikey|private[_-]?key))"
)
_PARAMETER = re.compile(
    rf"(?P<name>(?:\b|[?&]){_SENSITIVE_WORD}\s*=\s*)(?P<value>'(?:[^'\\]|\\.)*'|[^\s&\"';,]+)",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(?P<name>\bBearer\s+)[A-Za-z0-9._~+/=-]+", re.IGNORECASE)
# Hosted nodes carry their key as a path segment; 20 characters spare words such as `v3` and `rpc`.
_KEY_IN_PATH = re.compile(r"(?P<before>\b(?:https?|wss?)://[^\s\"']*?/)[A-Za-z0-9_-]{20,}")
_SECRET_NAME = re.compile(
    r"password|passwd|passphrase|secret|token|api_?key|private_?key|authorization|cookie|credential",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """`text` with every secret that can be recognised in it replaced by `***`."""
    text = _USERINFO.sub(rf"\g<scheme>\g<user>:{HIDDEN}@", text)
    text = _TOKEN_AS_USER.sub(_hide_lone_user, text)
    text = _PARAMETER.sub(rf"\g<name>{HIDDEN}", text)
    text = _BEARER.sub(rf"\g<name>{HIDDEN}", text)
    return _KEY_IN_PATH.sub(rf"\g<before>{HIDDEN}", text)


def names_secret(name: str) -> bool:
    """Whether a field of this name holds a secret whatever its value looks like."""
    return _SECRET_NAME.search(name) is not None


def _hide_lone_user(match: re.Match[str]) -> str:
    user = match["user"]
    return match[0] if user.endswith(HIDDEN) else f"{match['scheme']}{HIDDEN}@"
