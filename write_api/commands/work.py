"""`pend-write work`: the worker, with its signals."""

import asyncio
import signal

import click
import uvloop

from service.commands.invocation import Invocation, pass_invocation
from write_api.settings import WriteSettings


@click.command("work")
@pass_invocation
def work(invocation: Invocation[WriteSettings]) -> None:
    """Settle investments by the chain, seal the audit trail, refresh and tidy, until SIGTERM or Ctrl-C."""
    uvloop.run(_work(invocation.settings()))


async def _work(settings: WriteSettings) -> None:
    from write_api.key_stores import open_master_keys, open_storage  # noqa: PLC0415  takes long to read
    from write_api.working.tasks import tasks  # noqa: PLC0415
    from write_api.working.worker import Worker, open_sessions, run  # noqa: PLC0415

    async with open_sessions(settings) as sessions:
        keys = await open_master_keys(settings.encryption)
        worker = Worker(settings, sessions, open_storage(settings.storage), keys)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, worker.stopping.set)
        await run(worker, tasks(settings), lambda: click.echo("worker runs", err=True))
