"""How fast a worker may ask, and what it tells its watch meanwhile."""

import asyncio
from dataclasses import dataclass, field

from indexer.stages import Stage


@dataclass(slots=True)
class Pace:
    """So many calls a second on average, in bursts of one step; 0 is as many as come."""

    calls_per_s: float
    stage: Stage
    _free_at: float = field(init=False, default=0.0)

    async def wait(self, calls: int) -> None:
        """Return when `calls` more may be made."""
        if not self.calls_per_s:
            return
        loop = asyncio.get_running_loop()
        wait_s = max(0.0, self._free_at - loop.time())
        self._free_at = max(self._free_at, loop.time()) + calls / self.calls_per_s
        if wait_s:
            self.stage.progressed(rests_s=wait_s)
            await asyncio.sleep(wait_s)
