"""How a command runs what it awaits."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`. Ctrl-C is heard even where a library loses it, as wait_for does before 3.12."""
    return asyncio.run(_unless_cancelled(work))


async def _unless_cancelled(work: Coroutine[Any, Any, T]) -> T:
    result = await work
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    return result
