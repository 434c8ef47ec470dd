"""How many files a process may have open: each connection is one."""

import resource
from contextlib import suppress


def raise_limit() -> int:
    """As many as this process may allow itself; how many that is. Its children have the same."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some systems say a limit that they do not grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
