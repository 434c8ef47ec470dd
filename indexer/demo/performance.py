"""The demo from its first act to its summary: backfill, follow, stop, verify."""

import json
import math
import re
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from indexer.demo.explorer import Explorer, start_explorer
from indexer.demo.folder import temporary_folder
from indexer.demo.interrupts import Interrupts
from indexer.demo.loopback import LoopbackFailed, rpc
from indexer.demo.options import Network, SimulatedNetwork
from indexer.demo.processes import Child, DemoFailed, Finished, Launcher
from indexer.demo.stage import Stage, set_stage
from indexer.demo.summary import Check, as_text
from indexer.demo.view import Scene, View, clock, figures
from indexer.demo.watch import Observation, Watch
from indexer.demo.write_side import WriteSide, start_write_side
from service.redaction import redact

_LOOK_EVERY_S = 0.5
_DAEMON_START_S = 60.0
_DAEMON_STOP_S = 10.0  # the daemon's own promise
_ALARM_WITHIN_S = 20.0
_SETTLE_S = 10.0
_REAL_LAG_BLOCKS = 3  # a real network goes on while we look
_CHANGED_BLOCKS = 3
_EXIT_DIFFERENT, _EXIT_ALARM = 1, 6

_WHY_STOP = (
    "Why this is right: with QBFT and IBFT 2.0 a block is final as soon as the validators have sealed it. "
    "When its hash changes nevertheless, a promise of the network is broken. No program can tell which side "
    "is right, and storing the new branch would destroy the evidence; so the indexer keeps what it has, "
    "stops and calls for a person."
)


@dataclass(slots=True)
class Performance:
    """One demo; `perform` once."""

    network: Network
    follow_s: float | None
    view: View
    interrupts: Interrupts
    _watch: Watch = field(default_factory=Watch)
    _seen: Observation = field(default_factory=Observation)
    _started_at: float = field(default_factory=time.monotonic)
    _looked_at: float = 0.0
    _first_block_at: float | None = None
    _phase: str = "starting"
    _look_at: tuple[tuple[str, str], ...] = ()
    _checks: list[Check] = field(default_factory=list)

    def perform(self) -> bool:
        """Show everything and stop everything; whether each claim of the summary holds."""
        with ExitStack() as stack:
            folder = stack.enter_context(temporary_folder())
            stack.callback(self._watch.close)
            stack.callback(self.view.close)
            launcher = Launcher(folder, self.interrupts, self._tick)
            self._say_what_begins()
            stage = set_stage(self.network, launcher, self.interrupts, stack)
            self._watch.open(stage.dsn)
            self._say(f"all are up, the schema is migrated; node {redact(stage.node.http_url)}")
            first = self._backfill(stage, launcher)
            daemon = self._start_daemon(stage, launcher, stack, first)
            explorer = self._start_explorer(stage, launcher, stack)
            write_side = self._start_write_side(stage, launcher, stack)
            self._follow(stage, launcher, daemon)
            self._ask_write_side(write_side)
            self._end(stage, launcher, daemon, first, explorer)
            self.view.close()
            self.view.say(as_text(self._checks, self._seen))
        self.view.say("everything that was started is stopped")
        return all(check.holds for check in self._checks)

    # --- acts

    def _say_what_begins(self) -> None:
        if isinstance(self.network, SimulatedNetwork):
            network = self.network
            self._say(
                f"starting PostgreSQL, Redis and a simulated {network.consensus.value} network: "
                f"{network.history_blocks:,} blocks of history, then one every {network.block_time_s:g} s"
            )
        else:
            self._say("starting PostgreSQL and Redis for the node you named")

    def _backfill(self, stage: Stage, launcher: Launcher) -> int:
        """Store the history; the first block of it."""
        self._phase = "backfilling"
        first = 0 if isinstance(self.network, SimulatedNetwork) else self._first_of_real(stage, launcher)
        done = launcher.run(
            "backfill", _begun_at(stage, first), "indexer", "backfill", "--from-block", str(first)
        )
        if done.exit_code != 0:
            raise DemoFailed(f"`pend-index backfill` ended with exit code {done.exit_code}:", done.output)
        self._look()
        stored = re.search(r"^stored .*$", done.output, re.MULTILINE)
        self._claim("backfill", holds=True, detail=stored[0] if stored else f"{self._seen.blocks:,} blocks")
        self._say(f"backfill: {self._checks[-1].detail}")
        return first

    def _first_of_real(self, stage: Stage, launcher: Launcher) -> int:
        asked = launcher.run("status", stage.environment, "indexer", "status", "--json")
        report = re.search(r"^\{.*\}$", asked.output, re.MULTILINE)
        if asked.exit_code != 0 or report is None:
            raise DemoFailed(f"`pend-index status` ended with exit code {asked.exit_code}:", asked.output)
        status = json.loads(report[0])
        if status["head"] is None:
            raise DemoFailed(f"the node does not answer: {status['node_error']}")
        return max(0, int(status["head"]) - self.network.history_blocks + 1)

    def _start_daemon(self, stage: Stage, launcher: Launcher, stack: ExitStack, first: int) -> Child:
        self._phase = "starting the daemon"
        daemon = launcher.start("daemon", _begun_at(stage, first), "indexer", "run")
        stack.callback(daemon.stop, timeout_s=_DAEMON_STOP_S)
        listening = launcher.wait_for_line(daemon, r"^metrics on (\S+)$", timeout_s=_DAEMON_START_S)
        self._watch.metrics_url = listening[1]
        self._look_at = (("psql", stage.dsn), ("metrics", listening[1]))
        for name, value in self._look_at:
            self._say(f"{name}: {value}")
        return daemon

    def _start_explorer(self, stage: Stage, launcher: Launcher, stack: ExitStack) -> Explorer:
        self._phase = "starting the explorer"
        explorer = start_explorer(stage.environment, launcher, stack)
        self._look_at = (*self._look_at, ("explorer", explorer.url))
        self._say(f"explorer: {explorer.url}")
        self.view.open_page(explorer.url)
        return explorer

    def _start_write_side(self, stage: Stage, launcher: Launcher, stack: ExitStack) -> WriteSide:
        self._phase = "starting the write API"
        write_side = start_write_side(stage.environment, launcher, stack)
        self._look_at = (*self._look_at, ("write API", f"{write_side.url}/api/v1/docs"))
        self._say(f"write API: {write_side.url}/api/v1/docs")
        return write_side

    def _ask_write_side(self, write_side: WriteSide) -> None:
        """What a wallet meets that was never seen before."""
        met = write_side.signs_in()
        self._claim("write API", holds=met.holds, detail=met.detail)

    def _follow(self, stage: Stage, launcher: Launcher, daemon: Child) -> None:
        """Until the time is over, Ctrl-C, the daemon's own end, or the alarm that was asked for."""
        self._phase = "following"
        self._watch.forget_rate()
        self.interrupts.allowed = 1
        begun_at, at_head = self._seen.indexed or 0, None
        until = math.inf if self.follow_s is None else time.monotonic() + self.follow_s
        change_after = self._alarm_after()
        changed = False
        while daemon.exit_code is None:
            launcher.pause()
            _require_running(stage.node.devnet)
            if at_head is None and self._seen.lag_blocks is not None:
                at_head = self._seen.indexed
            over = time.monotonic() >= until
            if self.interrupts.asked and not changed:
                break
            # Late rather than never: the time being over, the hash changes all the same.
            due = over or (at_head is not None and self._followed(at_head) >= (change_after or math.inf))
            if change_after is not None and due and not changed:
                self._change_hash(stage)
                changed, until = True, time.monotonic() + _ALARM_WITHIN_S
            elif over:
                break
        self.interrupts.allowed = self.interrupts.asked
        self._look()
        followed = self._followed(begun_at)
        detail = f"{followed:,} new blocks, up to {self._seen.indexed or 0:,}"
        self._claim(
            "follow", holds=followed > 0, detail=detail if followed else f"{detail}; give it more time"
        )
        if changed and daemon.exit_code is None:
            self._claim("alarm", holds=False, detail=f"none within {_ALARM_WITHIN_S:g} s of a changed hash")
        if at_head is not None:
            self._claim_reorgs(self._followed(at_head))

    def _alarm_after(self) -> int | None:
        """After how many blocks a changed hash is to raise the alarm; None for never."""
        network = self.network
        return network.reorg_every if isinstance(network, SimulatedNetwork) and network.shows_alarm else None

    def _followed(self, begun_at: int) -> int:
        return (self._seen.indexed or 0) - begun_at

    def _change_hash(self, stage: Stage) -> None:
        self._say(
            f"now the network breaks its promise: the hashes of its last {_CHANGED_BLOCKS} blocks change"
        )
        self._phase = "waiting for the alarm"
        _ask_devnet(stage, "devnet_reorg", _CHANGED_BLOCKS)

    def _claim_reorgs(self, followed: int) -> None:
        """A network that replaced blocks while we were at its head has to show in the database."""
        network = self.network
        if not isinstance(network, SimulatedNetwork) or network.shows_alarm or network.reorg_every is None:
            return
        if self._seen.reorgs or followed > network.reorg_every + 1:
            detail = f"{self._seen.reorgs} branches replaced, each in one transaction"
            self._claim("reorgs", holds=self._seen.reorgs > 0, detail=detail)

    def _end(self, stage: Stage, launcher: Launcher, daemon: Child, first: int, explorer: Explorer) -> None:
        alarm_wanted = self._alarm_after() is not None
        if daemon.exit_code is None:
            self._settle(stage, launcher)
            self._ask(explorer)
            self._phase = "stopping the daemon"
            self._say("SIGTERM to the daemon")
            ended = daemon.stop(timeout_s=_DAEMON_STOP_S + 1)
            holds = ended.exit_code == 0 and ended.seconds <= _DAEMON_STOP_S
            detail = f"exit code {ended.exit_code}, {ended.seconds:.1f} s after SIGTERM"
            self._claim("daemon stops", holds=holds, detail=detail if holds else _with_tail(detail, ended))
            self._verify(stage, launcher, first, "--against-node")
            return
        ended = daemon.stop(timeout_s=0)
        self._tell_end(ended, alarm_wanted=alarm_wanted)
        self._ask(explorer)
        self._pause_network(stage)
        self._verify(stage, launcher, first)
        if alarm_wanted:
            self._contradict(stage, launcher, first)

    def _ask(self, explorer: Explorer) -> None:
        """What anybody sees who looks now."""
        self._look()
        shown = explorer.shows(self._seen.indexed)
        self._claim("explorer", holds=shown.holds, detail=shown.detail)

    def _settle(self, stage: Stage, launcher: Launcher) -> None:
        """Let the daemon reach a head that stands still, or nearly the one of a real network."""
        head = self._pause_network(stage)
        deadline = time.monotonic() + _SETTLE_S
        while True:
            self._look()
            lag = self._seen.lag_blocks if head is None else head - (self._seen.indexed or 0)
            holds = lag is not None and lag <= (_REAL_LAG_BLOCKS if head is None else 0)
            derives = self._seen.derived is not None and self._seen.derived == self._seen.indexed
            if (holds and derives) or time.monotonic() >= deadline:
                break
            launcher.pause()
        self._claim("lag", holds=holds, detail="unknown" if lag is None else f"{lag:,} blocks at the end")
        derived = "no block" if self._seen.derived is None else f"block {self._seen.derived:,}"
        self._claim("derive", holds=derives, detail=f"up to {derived}: {figures(self._seen)}")

    def _pause_network(self, stage: Stage) -> int | None:
        """The head of a simulated network, which then makes no more blocks; None for a real one."""
        if stage.node.devnet is None:
            return None
        _ask_devnet(stage, "devnet_setProducing", False)
        return int(_ask_devnet(stage, "eth_blockNumber"), 16)

    def _verify(self, stage: Stage, launcher: Launcher, first: int, *options: str) -> None:
        self._phase = "verifying"
        done = launcher.run(
            "verify", stage.environment, "indexer", "verify", "--from-block", str(first), *options
        )
        found = re.findall(r"^(?:blocks|derived from blocks) \d+ to .*$", done.output, re.MULTILINE)
        detail = "\n".join(found) or f"exit code {done.exit_code}"
        holds = done.exit_code == 0 and len(found) == 2  # of the facts, and of what is derived
        self._claim("verify", holds=holds, detail=detail if holds else _with_tail(detail, done))

    def _tell_end(self, ended: Finished, *, alarm_wanted: bool) -> None:
        """The daemon ended by itself: the alarm, or something nobody asked for."""
        why = "\n".join(ended.output.strip().splitlines()[-2:])
        if ended.exit_code == _EXIT_ALARM:
            title = f"ALARM: the daemon stopped by itself with exit code {ended.exit_code}."
            self.view.alarm(f"{title}\n{why}\n\n{_WHY_STOP}")
        if alarm_wanted and ended.exit_code == _EXIT_ALARM:
            self._claim("alarm", holds=True, detail=f"exit code {ended.exit_code}: {why.splitlines()[0]}")
        else:
            detail = f"ended by itself with exit code {ended.exit_code}"
            self._claim("daemon stays", holds=False, detail=_with_tail(detail, ended))

    def _contradict(self, stage: Stage, launcher: Launcher, first: int) -> None:
        """The evidence: what is stored is sound, and the node now says otherwise about the changed blocks."""
        done = launcher.run(
            "verify-node",
            stage.environment,
            "indexer",
            "verify",
            "--from-block",
            str(first),
            "--against-node",
        )
        differing = sorted({int(number) for number in re.findall(r"^block (\d+)", done.output, re.MULTILINE)})
        holds = done.exit_code == _EXIT_DIFFERENT and 0 < len(differing) <= _CHANGED_BLOCKS
        shown = ", ".join(f"{number:,}" for number in differing[:10])
        self._claim(
            "evidence", holds=holds, detail=f"the node now contradicts the stored blocks {shown or 'nowhere'}"
        )

    # --- the view

    def _claim(self, claim: str, *, holds: bool, detail: str) -> None:
        self._checks.append(Check(claim, holds, detail))

    def _say(self, text: str) -> None:
        self.view.say(f"{clock(time.monotonic() - self._started_at)} {text}")

    def _tick(self) -> None:
        if time.monotonic() - self._looked_at >= _LOOK_EVERY_S:
            self._look()

    def _look(self) -> None:
        if not self._watch.is_open:
            return
        self._seen = self._watch.look()
        now = self._looked_at = time.monotonic()
        if self._first_block_at is None and self._seen.blocks:
            self._first_block_at = now
            self._say("first block indexed")
        for reorg in self._watch.new_reorgs():
            self._say(reorg)
        elapsed = clock(now - self._started_at)
        self.view.refresh(Scene(self._phase, elapsed, self._look_at), self._seen)


def _begun_at(stage: Stage, first: int) -> dict[str, str]:
    return {**stage.environment, "PEND_BACKFILL__FROM_BLOCK": str(first)}


def _require_running(devnet: Child | None) -> None:
    if devnet is not None and devnet.exit_code is not None:
        raise DemoFailed(f"devnet ended with exit code {devnet.exit_code}:", devnet.output())


def _ask_devnet(stage: Stage, method: str, *params: object) -> Any:
    assert stage.node.devnet is not None
    try:
        return rpc(stage.node.http_url, method, *params)
    except LoopbackFailed as error:
        raise DemoFailed(f"devnet: {error}", stage.node.devnet.output()) from error


def _with_tail(detail: str, ended: Finished) -> str:
    return "\n".join([detail, *ended.output.strip().splitlines()[-8:]])
