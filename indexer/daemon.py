"""`pend-index run`: the head, the past behind it and what Prometheus sees, in one task group.

An outage of the node, the database or Redis is waited out and said; what waiting does not mend ends the
process with its cause. A stop lets the transaction in progress end, 10 s at most.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from indexer.decode.clones import follow_clones
from indexer.decode.folder import watch_abi_folder
from indexer.deriving import begin, keep_deriving
from indexer.fetched.keep import STEPS, keep_fetching, wanted
from indexer.filling import Filling
from indexer.following import Following
from indexer.metrics import IndexerMetrics
from indexer.network import Network, agree_on_network
from indexer.node_watch import NodeWatch
from indexer.outages import Outages
from indexer.pruning import keep_pruned
from indexer.relay import Relay
from indexer.settings import IndexerSettings
from indexer.stages import Stage, supervise
from indexer.watermark import keep_checking
from node.agreement import watch_agreement
from node.client import NodeClient
from node.errors import EndpointsDisagree
from node.heads import heads
from postgres.connections import OwnConnection
from postgres.migrations import require_current
from postgres.pool import connect

T = TypeVar("T")

log = structlog.get_logger(__name__)

# One task each, started in `Daemon._main`.
_STAGES = (
    "start",
    "heads",
    "follow",
    "fill",
    "derive",
    "verify",
    "relay",
    *(f"fetch {name}" for name in STEPS),
)


@dataclass(slots=True)
class Daemon:
    """Everything of one `run`. `stop` may be set at any time, from a signal handler too."""

    settings: IndexerSettings
    metrics: IndexerMetrics
    stop: asyncio.Event
    _committed: asyncio.Event = field(default_factory=asyncio.Event)
    _stages: dict[str, Stage] = field(init=False)
    _outages: Outages = field(init=False)
    _following: Following = field(init=False)
    _watch: NodeWatch = field(init=False)

    def __post_init__(self) -> None:
        self._stages = {name: Stage(name, self._limit_s(name)) for name in _STAGES}
        self._outages = Outages(self._stages, self.metrics)
        self._following = Following(
            self.settings,
            self.metrics,
            self._stages["follow"],
            on_answer=self._answers("follow"),
            on_commit=self._committed.set,
        )
        self._watch = NodeWatch(self.metrics, on_outage=self._outage_was_said)

    async def run(self) -> None:
        """Index until `stop` is set. Raises what an operator has to mend."""
        async with NodeClient(self.settings.node_settings(), self._watch) as node:
            main = asyncio.create_task(self._main(node))
            stopped = asyncio.create_task(self.stop.wait())
            try:
                await asyncio.wait({main, stopped}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopped.cancel()
                if not main.done():
                    log.info("stopping")
                    main.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await main

    async def _main(self, node: NodeClient) -> None:
        network = await self._stage("start", lambda: self._agree(node))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stage("heads", lambda: self._watch_heads(node)))
            tasks.create_task(self._stage("follow", lambda: self._following.run(node, network)))
            tasks.create_task(self._stage("fill", lambda: self._fill(network)))
            if self.settings.derive.enabled:
                tasks.create_task(self._stage("derive", self._derive))
                tasks.create_task(watch_abi_folder(self.settings))
                if self.settings.fetched.contract_codes:
                    tasks.create_task(follow_clones(self.settings))
            for name in wanted(self.settings.fetched):
                tasks.create_task(self._fetch(name))
            tasks.create_task(self._verify_in_background())
            tasks.create_task(self._watch_agreement(node))
            relay = None
            if (redis := self.settings.redis_settings()) is not None:
                relay = Relay(redis, self.metrics, self._committed)
                tasks.create_task(self._stage("relay", lambda: self._publish(relay)))
            tasks.create_task(keep_pruned(self.settings, relay))

    async def _stage(self, name: str, step: Callable[[], Awaitable[T]]) -> T:
        """Repeat `step` through outages; begin it anew when it makes no progress though it has work."""
        return await supervise(self._stages[name], lambda: self._outages.wait_out(name, step), self.metrics)

    def _limit_s(self, stage: str) -> float:
        limit_s = self.settings.follow.watchdog_s
        if stage != "heads" or not limit_s:
            return limit_s
        # It may rest this long between two looks at the node.
        return limit_s + max(self.settings.node.poll_interval_s, self.settings.node.silence_timeout_s)

    def _outage_was_said(self, wait_s: float) -> None:
        for name in ("start", "heads", "follow"):
            self._stages[name].progressed(rests_s=wait_s)

    async def _agree(self, node: NodeClient) -> Network:
        """The network that node and database agree on."""
        async with self._connection("start", "run") as connection:
            await require_current(connection)
            self._outages.database_answers("start")
            network = await agree_on_network(connection, node)
        self.metrics.node_up(up=True)
        log.info(
            "network agreed",
            chain_id=network.chain_id,
            genesis=network.genesis_hash,
            consensus=network.consensus.value,
        )
        return network

    async def _watch_heads(self, node: NodeClient) -> None:
        async for head in heads(
            node,
            ws_url=self.settings.node_settings().ws_url,
            poll_interval_s=self.settings.node.poll_interval_s,
            observer=self._watch,
            # Its own looks: what others ask of the node says nothing about a watch that hangs.
            on_look=self._stages["heads"].progressed,
        ):
            self.metrics.node_up(up=True)
            self.metrics.head_seen(head.number, head.timestamp)
            self._following.told(head)

    async def _watch_agreement(self, node: NodeClient) -> None:
        try:
            await watch_agreement(node, lambda: self._following.heights)
        except EndpointsDisagree as error:
            self.metrics.alarmed(error.kind)
            log.critical("alarm", kind=error.kind, reason=str(error))
            raise

    async def _fill(self, network: Network) -> None:
        """Store what is missing below the followed range."""
        filling = Filling(
            self.settings,
            self.metrics,
            network,
            self._stages["fill"],
            follows_from=lambda: self._following.follows_from,
            stopping=self.stop.is_set,
            on_answer=self._answers("fill"),
            on_commit=self._committed.set,
        )
        async with self._connection("fill", "run") as connection:
            await filling.run(connection)

    async def _derive(self) -> None:
        """Derive what is stored behind the head; at the head the follower does it."""
        async with self._connection("derive", "derive") as connection:
            await begin(connection, self.settings)
            await keep_deriving(
                connection,
                self.settings.derive.rows_per_commit,
                stage=self._stages["derive"],
                metrics=self.metrics,
                on_answer=self._answers("derive"),
            )

    async def _publish(self, relay: Relay) -> None:
        """Relay the outbox to Redis."""
        stage, answers = self._stages["relay"], self._answers("relay")

        def on_progress() -> None:
            stage.progressed()
            answers()

        async with self._connection("relay", "relay") as connection:
            await relay.run(connection, on_progress)

    async def _fetch(self, name: str) -> None:
        """Ask the node for what lies beside the blocks; whatever becomes of that, indexing goes on."""
        stage = self._stages[f"fetch {name}"]
        await supervise(
            stage,
            lambda: keep_fetching(
                name, self.settings, stage=stage, observer=self.metrics, on_announced=self._committed.set
            ),
            self.metrics,
        )

    async def _verify_in_background(self) -> None:
        """Keep the watermark; whatever ends that, indexing goes on and an alarm says so."""
        if self.settings.verify.background_blocks_per_s:
            try:
                await self._stage("verify", self._verify)
            except Exception as error:
                self.metrics.alarmed("verification_failed")
                log.exception("nothing is verified any more until the next start", reason=str(error))

    async def _verify(self) -> None:
        async with self._connection("verify", "verify") as connection:
            await keep_checking(
                connection,
                self.settings.verify.background_blocks_per_s,
                stage=self._stages["verify"],
                metrics=self.metrics,
                gives_way=lambda: self._following.converging,
                on_checked=self._answers("verify"),
            )

    @contextlib.asynccontextmanager
    async def _connection(self, stage: str, application: str) -> AsyncIterator[OwnConnection]:
        """One of the stage's own, broken off when ending the stage does not end what it waits for."""
        settings = self.settings.database_settings(f"pend-index {application}")
        connection = self._stages[stage].holds(await connect(settings))
        try:
            yield connection
        finally:
            connection.terminate()

    def _answers(self, stage: str) -> Callable[[], None]:
        """To be called by `stage` when the database has answered it."""
        return lambda: self._outages.database_answers(stage)
