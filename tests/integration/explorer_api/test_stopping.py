"""SIGTERM: what is being answered is answered, then the process ends with 0."""

import asyncio
import signal
from pathlib import Path

import aiohttp
import psycopg

from tests.integration.explorer_api.explorers import Explored, explorer_process
from tests.processes import eventually


async def test_sigterm_lets_what_is_being_answered_be_answered(explored: Explored, tmp_path: Path) -> None:
    with explored.clone() as dsn, explorer_process(dsn, tmp_path) as serving, psycopg.connect(dsn) as blocker:
        blocker.execute("LOCK TABLE chain.blocks IN ACCESS EXCLUSIVE MODE")
        async with aiohttp.ClientSession(serving.url) as api:

            async def ask() -> int:
                async with api.get("/api/v1/blocks?limit=3") as answer:
                    await answer.read()
                    return answer.status

            asked = asyncio.create_task(ask())

            def waits() -> bool:
                with psycopg.connect(dsn) as watching:
                    row = watching.execute(
                        "SELECT count(*) FROM pg_locks WHERE NOT granted"
                        " AND relation = 'chain.blocks'::regclass"
                    ).fetchone()
                    return row == (1,)

            await eventually(waits, "the statement waits for the lock")
            serving.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.2)
            assert serving.process.poll() is None
            blocker.rollback()
            assert await asked == 200
        await eventually(lambda: serving.process.poll() is not None, "the process ends", within_s=15)
        assert serving.process.returncode == 0
