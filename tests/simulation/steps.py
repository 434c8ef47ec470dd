"""What may happen in a history. Each step draws the same numbers whatever came of those before it."""

import asyncio
from collections.abc import Awaitable, Callable

from devnet.faults import NoFaults
from devnet.weather.networks import OtherBranch
from devnet.weather.spells import Spell
from devnet.weather.weather import Weather
from tests.devnet_faults import Answerless, AtExchange, Lagging
from tests.integration.indexer.weather import OwnDatabase
from tests.processes import eventually
from tests.simulation.climate import weather
from tests.simulation.hosts import ProcessHost, kill_9
from tests.simulation.world import MAX_REORG_DEPTH, SETTLES_WITHIN_S, World

TURNS_MAX = 300
_PATIENCE_TURNS = 3000
_DISAGREE_BLOCKS = 4

Step = Callable[[World], Awaitable[None]]


async def advance(world: World) -> None:
    blocks = world.rng.choice((1, 1, 2, 3, 6, 15))
    world.note("advance", blocks)
    world.devnet.advance(blocks)


async def reorg(world: World) -> None:
    """A branch that a daemon may accept whatever it has stored so far."""
    if (deepest := world.deepest()) < 1:
        return
    depth = world.rng.randint(1, deepest)
    length = world.rng.choice((None, None, world.rng.randint(1, depth + 1)))
    world.note("reorg", depth, length)
    world.devnet.reorg(depth, length)
    world.deepest()


async def kill(world: World) -> None:
    """What happens until the next start happens unseen."""
    world.note("kill -9 of the daemon" if isinstance(world.host, ProcessHost) else "daemon cut off")
    await world.kill_daemon()
    for _ in range(world.rng.randrange(3)):
        await world.rng.choice((advance, reorg))(world)
    await world.host.start()


async def kill_at_a_request(world: World) -> None:
    """The same between two requests of one step, where it has that many."""
    count = world.rng.randint(1, 8)
    asked = asyncio.Event()
    world.servers[0].faults = world.servers[1].faults = AtExchange(count, asked.set)
    world.devnet.advance(world.rng.randint(1, 4))
    await world.turns(_PATIENCE_TURNS, until=asked)
    world.clear()
    world.note("end at a request", count)
    await kill(world)


async def kill_worker(world: World) -> None:
    """kill -9 of a backfill worker, between two requests, where anything is left for one to fetch."""
    count, which = world.rng.randint(1, 30), world.rng.random()
    asked = asyncio.Event()

    async def decided() -> bool:
        await world.host.require_well()
        return bool(world.host.workers()) or await world.is_whole() or await world.quarantined()

    if world.devnet.head.header.number <= MAX_REORG_DEPTH:
        return
    # One request in three refused, behind a breaker that waits longer each time, keeps workers away for minutes.
    world.set_climate(NoFaults())
    await eventually(decided, "a worker comes, or is not needed", within_s=SETTLES_WITHIN_S)
    if not world.host.workers():
        return
    world.servers[0].faults = world.servers[1].faults = AtExchange(count, asked.set)
    await eventually(lambda: asked.is_set() or not world.host.workers(), "the worker asks or ends")
    world.clear()
    if workers := world.host.workers():
        world.note("kill -9 of a worker", "at request", count)
        kill_9(workers[int(which * len(workers))])


async def stop(world: World) -> None:
    world.note("stop")
    await world.host.stop()
    await advance(world)
    await world.host.start()


async def end_connections(world: World) -> None:
    world.note("end connections")
    await world.end_connections()


async def cut_wire(world: World) -> None:
    """The connection to the database breaks at any byte: before, during or after a commit."""
    size = int(10 ** world.rng.uniform(1, 5))
    world.note("cut wire", "after", size)
    wire = world.place.wire
    wire.cut_after(size)
    world.devnet.advance(world.rng.randint(1, 4))
    await world.turns(_PATIENCE_TURNS, until=wire.is_cut)
    await wire.cut()
    await wire.mend()


async def restart_database(world: World) -> None:
    """An orderly restart, or one after a crash, while there is something to store."""
    crash = world.rng.random() < 0.5
    blocks, pause = world.rng.randint(1, 4), world.rng.randrange(TURNS_MAX)
    assert isinstance(world.place, OwnDatabase)
    world.note("database crash" if crash else "database restart")
    world.devnet.advance(blocks)
    await world.turns(pause)
    await (world.place.crash() if crash else world.place.restart())


async def lose_subscribers(world: World) -> None:
    world.note("lose subscribers")
    await world.server.disconnect_subscribers()


async def change_weather(world: World) -> None:
    """From now on seeded faults, until it changes again."""
    seed = world.rng.randrange(2**32)
    spells = weather(world.rng)
    if world.rng.random() < 0.2:
        world.note("good weather")
        world.set_climate(NoFaults())
        return
    world.note("bad weather", ", ".join(f"{spell.name}:{spell.probability:g}" for spell in spells))
    world.set_climate(Weather(world.devnet, spells, seed=seed))


async def lag(world: World) -> None:
    """One endpoint falls behind, which may be the only one."""
    head = world.devnet.head.header.number
    back = min(head, world.rng.randint(1, 2 * MAX_REORG_DEPTH))
    which, turns = world.rng.randrange(2), world.rng.randrange(TURNS_MAX)
    world.note("lag", back, "of endpoint", which)
    world.servers[which].faults = Lagging(world.devnet, head - back)
    await world.turns(turns)
    world.clear()


async def disagree(world: World) -> None:
    """One endpoint follows a branch of its own above finality, then comes back."""
    deepest = world.deepest() - _DISAGREE_BLOCKS
    depth, which = world.rng.randint(1, 3), world.rng.randrange(2)
    turns = [world.rng.randrange(TURNS_MAX) for _ in range(_DISAGREE_BLOCKS)]
    if deepest < 1:
        return
    world.note("disagree", min(depth, deepest), "of endpoint", which)
    spells = [Spell(OtherBranch(depth=min(depth, deepest)))]
    world.servers[which].faults = other = Weather(world.devnet, spells)
    for pause in turns:
        world.devnet.advance()
        await world.turns(pause)
    world.deepest()
    world.struck += other.struck
    world.clear()


async def hang_up(world: World) -> None:
    turns = world.rng.randrange(TURNS_MAX)
    world.note("hang up")
    world.servers[0].faults = world.servers[1].faults = Answerless()
    await world.turns(turns)
    world.clear()


async def settle(world: World) -> None:
    await world.settle()


_WEIGHTS: tuple[tuple[Step, int], ...] = (
    (advance, 8),
    (reorg, 8),
    (kill, 2),
    (kill_at_a_request, 3),
    (kill_worker, 2),
    (stop, 1),
    (end_connections, 2),
    (cut_wire, 3),
    (lose_subscribers, 2),
    (change_weather, 5),
    (lag, 2),
    (disagree, 2),
    (hang_up, 1),
    (settle, 2),
)


async def live(world: World, steps: int) -> None:
    """Start the daemon, let `steps` things happen to it, let it arrive, and stop it."""
    might = list(_WEIGHTS)
    if isinstance(world.place, OwnDatabase):
        might.append((restart_database, 2))
    choices, weights = [step for step, _ in might], [weight for _, weight in might]
    if world.rng.random() < 0.5:
        await change_weather(world)
    await world.host.start()
    if world.devnet.head.header.number > 100:  # a past that takes workers a while
        await kill_worker(world)
    for _ in range(steps):
        world.tally["steps"] += 1
        await world.rng.choices(choices, weights)[0](world)
        if world.rng.random() < 0.7:
            await world.turns(world.rng.randrange(TURNS_MAX))
    await world.settle()
    await world.host.stop()
