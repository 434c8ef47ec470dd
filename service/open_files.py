"""How many files a process may have open: each connection is one."""

import resource


def raise_limit() -> int:
    """As many as this process may allow itself; how many that is. Its children have the same."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
