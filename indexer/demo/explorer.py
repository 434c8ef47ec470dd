"""The explorer as part of the demo: started as anybody would, looked at in the browser, asked at the end.

Only its command and its addresses are known here: the programs have the schema in common and nothing else.
"""

import json
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from indexer.demo.loopback import LoopbackFailed, get
from indexer.demo.processes import Child, Launcher

_START_S = 60.0
_STOP_S = 15.0
_HEARD_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Shown:
    """What the explorer says at the end, in words, and whether it is what is stored."""

    holds: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Explorer:
    """`pend-explorer serve --with-stream`: API, live stream and page on one port."""

    url: str
    child: Child

    def shows(self, head: int | None) -> Shown:
        """Compare with the highest block that is stored; it is told of it within moments."""
        deadline = time.monotonic() + _HEARD_WITHIN_S
        while True:
            try:
                latest = json.loads(get(f"{self.url}/api/v1/blocks/latest"))
                health = json.loads(get(f"{self.url}/api/v1/health"))
            except LoopbackFailed as error:
                return Shown(holds=False, detail=str(error))
            number = latest["data"]["number"]
            if number == head or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        holds = number == head and health["status"] != "unhealthy"
        return Shown(holds, f"latest block {number:,}, {latest['meta']['finality']}; {health['status']}")


def start_explorer(environment: Mapping[str, str], launcher: Launcher, stack: ExitStack) -> Explorer:
    """Under the role that cannot write, without limits. Raises `DemoFailed`."""
    child = launcher.start(
        "explorer",
        {
            **environment,
            "PEND_DATABASE__ROLE": "pend_explorer",
            "PEND_LIMITS__ENABLED": "false",
            "PEND_HTTP__PORT": "0",
        },
        *("explorer_api", "serve", "--with-stream"),
    )
    stack.callback(child.stop, timeout_s=_STOP_S)
    ready = launcher.wait_for_line(child, r"explorer on (\S+)", timeout_s=_START_S)
    return Explorer(ready[1], child)
