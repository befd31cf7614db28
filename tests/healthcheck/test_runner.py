"""Schedules of probes, on a loop whose clock leaps to the next event: minutes pass at once."""

import asyncio
import errno
import gc
import logging
import random
import selectors
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar, Self, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthcheck.alarm import GRAIN
from healthcheck.check import Failed, Failure, NoObservation, NotYet, Observation, Timing
from healthcheck.runner import Runner
from healthcheck.tools import Tools
from healthcheck.track import Track, observe
from healthcheck.use import ProbeKey
from tests.support import PATIENCE

Behaviour = Callable[[], Awaitable[str]]
Test = Callable[[], Coroutine[Any, Any, None]]


class LeapingSelector(selectors.DefaultSelector):
    """Instead of waiting it sets the clock forward."""

    now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        assert ready or timeout is not None, "nothing will ever happen again"
        if not ready:
            self.now += timeout or 0.0
        return ready


class LeapingLoop(asyncio.SelectorEventLoop):
    """Time passes when nothing is left to be done, and at once."""

    def __init__(self) -> None:
        self.selector = LeapingSelector()
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now


def play(test: Test) -> None:
    """Run a test on a loop whose clock leaps."""
    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        runner.run(test())


def leaping(test: Test) -> Callable[[], None]:
    """Decorate a test that plays on a loop whose clock leaps."""

    def run() -> None:
        play(test)

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


async def passing() -> str:
    """A target that is up."""
    return "fine"


async def hanging() -> str:
    """A target that never answers."""
    await asyncio.Event().wait()
    return "never"


def taking(seconds: float) -> Behaviour:
    """A target that answers after a while."""

    async def answer() -> str:
        await asyncio.sleep(seconds)
        return ""

    return answer


def raising(error: BaseException) -> Behaviour:
    """A probe that ends so."""

    async def fail() -> str:
        raise error

    return fail


@dataclass(frozen=True)
class Scripted:
    """A check that does what the test says, and says when."""

    kind: ClassVar[str] = "scripted"
    name: str
    world: "World" = field(compare=False, repr=False)

    async def probe(self, address: str, tools: Tools) -> str:
        world = self.world
        world.starts[self.name].append(world.clock())
        world.busy[self.name] += 1
        try:
            assert world.busy[self.name] == 1, "two probes of one target at once"
            assert world.runner.in_flight <= world.runner.slots.limit
            return await world.behaviours[self.name]()
        finally:
            world.busy[self.name] -= 1

    def bound(self, endpoint: str) -> Self:
        return self


class World:
    """A runner, and what it is told and tells."""

    def __init__(self, limit: int = 1000, clock: Callable[[], float] | None = None) -> None:
        self.clock = clock or asyncio.get_running_loop().time
        self.begin = self.clock()
        self.behaviours: dict[str, Behaviour] = {}
        self.starts: dict[str, list[float]] = defaultdict(list)
        self.busy: dict[str, int] = defaultdict(int)
        self.tracks: dict[ProbeKey, Track] = defaultdict(Track)
        self.heard: list[tuple[str, Observation]] = []
        self.missed: list[str] = []
        self.runner = Runner(
            cast("Tools", None),
            self._hear,
            lambda key, error: self.missed.append(f"{key[0]}: {type(error).__name__}"),
            self.tracks.__getitem__,
            limit,
            clock=self.clock,
            chance=random.Random(1),
        )

    def _hear(self, key: ProbeKey, seen: Observation) -> None:
        self.heard.append((key[0], seen))
        self.tracks[key] = observe(self.tracks[key], seen, key[2])

    def key(self, name: str, behaviour: Behaviour = passing, timing: Timing = Timing()) -> ProbeKey:  # noqa: B008  # frozen
        self.behaviours[name] = behaviour
        return name, Scripted(name, self), timing

    def keys(self, count: int, behaviour: Behaviour = passing, prefix: str = "t") -> list[ProbeKey]:
        return [self.key(f"{prefix}{number}", behaviour) for number in range(count)]

    def gaps(self, name: str) -> list[float]:
        """Seconds from start to start."""
        return [later - earlier for earlier, later in pairwise(self.starts[name])]

    def task(self, key: ProbeKey) -> asyncio.Task[None]:
        found = self.runner._courses[key].task
        assert found is not None
        return found


# ---------------------------------------------------------------- schedules


@pytest.mark.parametrize(("interval", "within"), [(5.0, 2.0), (0.5, 0.5)])
def test_first_probes_are_spread(interval: float, within: float) -> None:
    """Over two seconds, or one interval if that is less."""

    async def test() -> None:
        world = World()
        keys = [world.key(str(n), timing=Timing(interval=interval)) for n in range(100)]
        world.runner.want(keys)
        await world.runner.first_round.wait()
        starts = sorted(world.starts[key[0]][0] - world.begin for key in keys)
        assert 0 <= starts[0] <= starts[-1] <= within + GRAIN
        for place, start in enumerate(starts):
            assert start == pytest.approx(within * place / 100, abs=within / 50 + GRAIN)
        await world.runner.stop()

    play(test)


@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.9])
def test_the_interval_is_from_start_to_start(seconds: float) -> None:
    """Give or take a tenth, however long a probe takes; and nothing adds up."""

    async def test() -> None:
        world = World()
        world.runner.want([world.key("t", taking(seconds))])
        await asyncio.sleep(5000)
        gaps = world.gaps("t")
        assert 4.5 - GRAIN <= min(gaps) <= max(gaps) <= 5.5 + GRAIN
        assert max(gaps) - min(gaps) > 0.5, "no jitter"
        assert sum(gaps) / len(gaps) == pytest.approx(5.0, rel=0.01)
        await world.runner.stop()

    play(test)


@leaping
async def test_waiting_for_a_slot_does_not_add_up() -> None:
    """Two that need the only slot four fifths of the time keep their pace nevertheless."""
    world = World(limit=1)
    timing = Timing(interval=1.0)
    world.runner.want([world.key(name, taking(0.4), timing) for name in "ab"])
    await asyncio.sleep(300)
    for name in "ab":
        assert len(world.starts[name]) == pytest.approx(300, rel=0.02)
    assert 0 < world.runner.lateness().mean < 0.5
    await world.runner.stop()


@leaping
async def test_a_probe_longer_than_its_interval_is_followed_by_the_next() -> None:
    """At once, but never by two, and what was missed is not made up for."""
    world = World()
    slow = taking(3.0)
    world.runner.want([world.key("t", slow, Timing(interval=1.0, timeout=10.0))])
    await asyncio.sleep(60)
    assert all(gap == pytest.approx(3.0, abs=2 * GRAIN) for gap in world.gaps("t"))
    world.behaviours["t"] = passing
    await asyncio.sleep(5)
    world.starts["t"].clear()
    await asyncio.sleep(30)
    assert len(world.starts["t"]) == pytest.approx(30, abs=2)
    await world.runner.stop()


@leaping
async def test_a_probe_ends_at_its_deadline() -> None:
    """And is then a failure."""
    world = World()
    world.runner.want([world.key("t", hanging, Timing(timeout=0.5))])
    await world.runner.first_round.wait()
    ((_, seen),) = world.heard
    assert seen.failure is Failure.TIMEOUT
    assert seen.seconds == pytest.approx(0.5)
    assert seen.at == pytest.approx(world.starts["t"][0] + 0.5)
    await world.runner.stop()


@leaping
async def test_the_pause_follows_from_what_was_just_heard() -> None:
    """A first failure of what was up is followed up quickly."""
    world = World()
    world.runner.want([world.key("t")])
    await asyncio.sleep(20)
    world.behaviours["t"] = raising(Failed(Failure.REFUSED, "no"))
    world.starts["t"].clear()
    await asyncio.sleep(8)
    assert [round(gap) for gap in world.gaps("t")][:2] == [1, 1]
    await world.runner.stop()


@settings(max_examples=25)
@given(
    limit=st.integers(1, 4),
    behaviours=st.lists(
        st.sampled_from([0.0, 0.3, 2.5, None, "failed", "own", "not yet", "bug"]),
        min_size=1,
        max_size=8,
    ),
    seconds=st.integers(5, 60),
)
def test_whatever_targets_do_each_is_probed_on(
    limit: int, behaviours: list[float | str | None], seconds: int
) -> None:
    """Never two at once, never more than the limit, nobody forgotten, no slot lost."""
    errors = {
        "failed": Failed(Failure.RESET, ""),
        "own": NoObservation("Too many open files"),
        "not yet": NotYet(),
        "bug": KeyError(),
    }

    def behaviour(of: float | str | None) -> Behaviour:
        if of is None:
            return hanging
        return raising(errors[of]) if isinstance(of, str) else taking(of)

    async def test() -> None:
        logging.getLogger("sightline").setLevel(logging.CRITICAL + 1)
        world = World(limit)
        keys = [world.key(str(n), behaviour(of)) for n, of in enumerate(behaviours)]
        world.runner.want(keys)
        await asyncio.sleep(40 + seconds)
        for key in keys:
            assert len(world.starts[key[0]]) >= 2
        await world.runner.stop()
        assert world.runner.in_flight == 0

    try:
        play(test)
    finally:
        logging.getLogger("sightline").setLevel(logging.NOTSET)


# ---------------------------------------------------------------- what is wanted


@leaping
async def test_what_is_wanted_still_goes_on_undisturbed() -> None:
    """The same task, the same probe in flight, the same time of the next."""
    world = World()
    kept, slow = world.key("kept"), world.key("slow", taking(1.5))
    world.runner.want([kept, slow])
    await world.runner.first_round.wait()
    while not world.busy["slow"]:  # noqa: ASYNC110  # what is awaited sets no event
        await asyncio.sleep(0.1)
    before = {key: (world.task(key), world.runner._courses[key].due) for key in (kept, slow)}
    heard = len(world.heard)
    again = ("kept", Scripted("kept", world), Timing())
    world.runner.want([again, slow, *world.keys(50)])
    after = {key: (world.task(key), world.runner._courses[key].due) for key in (kept, slow)}
    assert before == after
    await asyncio.sleep(1.5)
    assert "slow" in [name for name, _ in world.heard[heard:]]
    await asyncio.sleep(100)
    assert world.task(kept) is before[kept][0]
    assert max(world.gaps("kept")) <= 5.5 + GRAIN
    await world.runner.stop()


@leaping
async def test_what_is_wanted_no_more_ends_at_once() -> None:
    """A probe in flight too, without an observation; one that waits for its slot too."""
    world = World(limit=2)
    keys = world.keys(5, hanging)
    world.runner.want(keys)
    await asyncio.sleep(1.9)
    assert world.runner.in_flight == 2
    world.runner.want(keys[:0])
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert world.runner.in_flight == 0
    assert world.runner._tasks == set()
    count = sum(map(len, world.starts.values()))
    await asyncio.sleep(60)
    assert sum(map(len, world.starts.values())) == count
    assert (world.heard, world.runner.restarts) == ([], 0)


@leaping
async def test_a_kind_that_swallows_its_cancellation_is_not_heard() -> None:
    """After it is wanted no more; its task ends with it."""

    async def stubborn() -> str:
        try:
            return await hanging()
        except asyncio.CancelledError:
            return "and yet"

    world = World()
    world.runner.want([world.key("t", stubborn)])
    await asyncio.sleep(2.1 - GRAIN)
    await world.runner.stop()
    assert world.heard == []
    assert world.runner._tasks == set()


@leaping
async def test_what_is_wanted_again_starts_anew() -> None:
    """While its former probe has yet to end."""
    world = World()
    key = world.key("t", taking(1.0))
    world.runner.want([key])
    await asyncio.sleep(2)
    former = world.task(key)
    world.runner.want([])
    world.runner.want([key, key])
    assert world.task(key) is not former
    await asyncio.sleep(4)
    assert former.done()
    assert world.heard
    await world.runner.stop()


@leaping
async def test_many_reloads_leave_nothing_behind() -> None:
    """Neither tasks nor wake-up calls."""
    world = World()
    for generation in range(20):
        world.runner.want(world.keys(50, prefix=f"g{generation}."))
        await asyncio.sleep(0.1)
    assert len(world.runner._tasks) == 50
    assert len(world.runner._alarm._heap) <= 150
    await world.runner.stop()


@leaping
async def test_stopping_ends_everything() -> None:
    """Without a word of restarts, and without a first round that was not."""
    world = World()
    world.runner.want(world.keys(20, hanging))
    await asyncio.sleep(1)
    await world.runner.stop()
    assert (world.runner._tasks, world.runner.in_flight, world.runner.restarts) == (set(), 0, 0)
    assert not world.runner.first_round.is_set()
    await World().runner.stop()


# ---------------------------------------------------------------- the first round


@leaping
async def test_the_first_round_ends_when_each_was_tried_once() -> None:
    """Observed or not; the last is the one that hangs."""
    world = World()
    world.runner.want(
        [
            world.key("up"),
            world.key("own", raising(NoObservation("Too many open files"))),
            world.key("yet", raising(NotYet())),
            world.key("bug", raising(KeyError("bug"))),
            world.key("hangs", hanging),
        ]
    )
    world.runner.want([*world.runner._courses, world.key("later", hanging, Timing(timeout=60.0))])
    await world.runner.first_round.wait()
    assert world.clock() == pytest.approx(world.starts["hangs"][0] + 2.0)
    await world.runner.stop()


@leaping
async def test_the_first_round_does_not_wait_for_what_is_gone() -> None:
    """Nor for anything when nothing is wanted."""
    world = World()
    keys = [world.key("up"), world.key("hangs", hanging, Timing(timeout=60.0))]
    world.runner.want(keys)
    await asyncio.sleep(10)
    assert not world.runner.first_round.is_set()
    world.runner.want(keys[:1])
    assert world.runner.first_round.is_set()
    await world.runner.stop()
    empty = World()
    empty.runner.want([])
    assert empty.runner.first_round.is_set()


# ---------------------------------------------------------------- nothing was observed


def test_own_faults_are_counted_and_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """By the name of the errno, or else the first word; and tried again soon."""

    async def test() -> None:
        world = World()

        async def run_out() -> str:
            raise OSError(errno.EMFILE, "Too many open files")

        timing = Timing(interval=5.0, fast_interval=0.5)
        world.runner.want(
            [
                world.key("files", run_out, timing),
                world.key("other", raising(NoObservation("fork: no more")), timing),
            ]
        )
        await asyncio.sleep(90)
        runner = world.runner
        assert runner.troubles["EMFILE"] == len(world.starts["files"])
        assert runner.troubles["EMFILE"] == pytest.approx(180, abs=10)
        assert runner.troubles["fork"] == pytest.approx(180, abs=10)
        assert runner.own_faults == runner.troubles.total()
        assert world.heard == []
        assert set(world.missed) == {"files: NoObservation", "other: NoObservation"}
        await runner.stop()

    play(test)
    assert caplog.text.count("Too many open files") == 2
    assert caplog.text.count("fork: no more") == 2


@leaping
async def test_own_faults_have_few_names() -> None:
    """However many words there are for them."""
    world = World()
    keys = [world.key(str(n), raising(NoObservation(f"word{n}"))) for n in range(100)]
    world.runner.want(keys)
    await world.runner.first_round.wait()
    assert len(world.runner.troubles) == 33
    assert world.runner.troubles["other"] >= 100 - 32
    await world.runner.stop()


@leaping
async def test_what_cannot_be_known_yet_is_tried_at_its_interval() -> None:
    """Neither an observation nor a fault."""
    world = World()
    world.runner.want([world.key("t", raising(NotYet()))])
    await asyncio.sleep(100)
    assert len(world.starts["t"]) == pytest.approx(20, abs=2)
    assert (world.heard, world.runner.own_faults, world.runner.restarts) == ([], 0, 0)
    assert world.missed == ["t: NotYet"] * len(world.starts["t"])
    await world.runner.stop()


# ---------------------------------------------------------------- bugs


@pytest.mark.parametrize("error", [KeyError("a bug"), SystemExit(1), GeneratorExit()])
def test_a_bug_is_told_and_probed_on(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """With its traceback, once a minute for each target; each time after a second at least."""

    async def test() -> None:
        world = World()
        world.runner.want([world.key("t", raising(error), Timing(interval=0.2)), world.key("u")])
        await asyncio.sleep(90)
        count = len(world.starts["t"])
        assert count == pytest.approx(90, abs=10)
        assert world.runner.restarts == count
        assert {name for name, _ in world.heard} == {"u"}
        await world.runner.stop()

    play(test)
    assert caplog.text.count("the scripted probe of t failed by a bug") == 2
    assert caplog.text.count("in fail") >= 2, "no traceback"


@leaping
async def test_a_bug_of_whoever_listens_ends_nothing() -> None:
    """What `heard` or `track_of` raises is told as a bug."""
    logging.getLogger("sightline").disabled = True
    world = World()

    def fail(*_: object) -> Track:
        raise ValueError("not mine")

    world.runner._heard = fail
    world.runner.want([world.key("t")])
    await asyncio.sleep(20)
    world.runner._track_of = fail
    await asyncio.sleep(20)
    assert world.runner.restarts == pytest.approx(8, abs=2)
    assert world.runner.in_flight == 0
    await world.runner.stop()
    logging.getLogger("sightline").disabled = False


@pytest.mark.parametrize("is_busy", [False, True])
def test_a_task_cancelled_by_others_begins_again(
    is_busy: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether it probes or waits."""

    async def test() -> None:
        world = World()
        key = world.key("t", hanging if is_busy else passing, Timing(timeout=4.0))
        world.runner.want([key])
        await asyncio.sleep(2.1)
        assert bool(world.busy["t"]) is is_busy
        former = world.task(key)
        former.cancel()
        world.behaviours["t"] = passing
        await asyncio.sleep(4.9)
        assert former.cancelled()
        assert len(world.starts["t"]) == 1
        world.runner.poke(key)  # harmless while there is no task
        await asyncio.sleep(0.2)
        assert world.task(key) is not former
        await asyncio.sleep(30)
        assert len(world.starts["t"]) >= 6
        assert (world.runner.restarts, world.runner.in_flight) == (1, 0)
        await world.runner.stop()

    play(test)
    assert "ended by others" in caplog.text


@leaping
async def test_a_task_that_was_ended_by_others_and_is_wanted_no_more_stays_so() -> None:
    """Also when it was about to begin again."""
    world = World()
    key = world.key("t")
    world.runner.want([key])
    world.task(key).cancel()
    await asyncio.sleep(1)
    world.runner.want([])
    await asyncio.sleep(60)
    assert (world.runner._tasks, dict(world.starts)) == (set(), {})


def test_a_loop_may_close_on_it(caplog: pytest.LogCaptureFixture) -> None:
    """Without a stop: no task is left that nobody awaits."""

    async def test() -> None:
        world = World()
        world.runner.want(world.keys(10, hanging))
        await asyncio.sleep(1)

    play(test)
    gc.collect()
    assert "destroyed" not in caplog.text


# ---------------------------------------------------------------- pokes


@leaping
async def test_a_poke_probes_now() -> None:
    """And the next is one interval later."""
    world = World()
    key = world.key("t", timing=Timing(interval=100.0))
    world.runner.want([key])
    await asyncio.sleep(10)
    assert len(world.starts["t"]) == 1
    now = world.clock()
    for _ in range(1000):
        world.runner.poke(key)
    assert len(world.runner._alarm._heap) <= 2
    await asyncio.sleep(GRAIN)
    assert world.starts["t"][1:] == [pytest.approx(now, abs=GRAIN)]
    await asyncio.sleep(200)
    assert 90 - GRAIN <= world.gaps("t")[1] <= 110 + GRAIN
    await world.runner.stop()


@leaping
async def test_a_poke_during_a_probe_means_one_more() -> None:
    """Since it may have looked before what the poke is about; one, however often."""
    world = World()
    key = world.key("t", taking(1.0), Timing(interval=100.0))
    world.runner.want([key])
    while not world.busy["t"]:  # noqa: ASYNC110  # what is awaited sets no event
        await asyncio.sleep(0.1)
    for _ in range(5):
        world.runner.poke(key)
    await asyncio.sleep(50)
    assert world.gaps("t") == [pytest.approx(1.0, abs=2 * GRAIN)]
    await world.runner.stop()


@leaping
async def test_a_poke_while_it_waits_for_a_slot_changes_nothing() -> None:
    """It is going to look anyway; nor does one for what nobody wants."""
    world = World(limit=1)
    first = world.key("first", taking(1.9), Timing(interval=100.0))
    second = world.key("second", passing, Timing(interval=100.0))
    world.runner.want([first])
    while not world.busy["first"]:  # noqa: ASYNC110  # what is awaited sets no event
        await asyncio.sleep(0.1)
    world.runner.want([first, second])
    while not world.runner.slots.waiting:  # noqa: ASYNC110  # what is awaited sets no event
        await asyncio.sleep(0.01)
    world.runner.poke(second)
    world.runner.poke(world.key("nobody"))
    await asyncio.sleep(50)
    assert {name: len(starts) for name, starts in world.starts.items()} == {"first": 1, "second": 1}
    await world.runner.stop()


# ---------------------------------------------------------------- many


@leaping
async def test_hanging_targets_do_not_delay_healthy_ones() -> None:
    """Half of 600 hang, for more than all slots together can bear."""
    world = World(limit=60)
    timing = Timing(interval=1.0, timeout=2.0)
    healthy = [world.key(f"up{n}", taking(0.01), timing) for n in range(300)]
    hung = [world.key(f"hangs{n}", hanging, timing) for n in range(300)]
    world.runner.want([key for pair in zip(healthy, hung, strict=True) for key in pair])
    await world.runner.first_round.wait()
    for starts in world.starts.values():
        starts.clear()
    await asyncio.sleep(60)
    for key in healthy:
        assert len(world.starts[key[0]]) == pytest.approx(60, abs=3)
        assert max(world.gaps(key[0])) <= 1.1 + 2 * GRAIN
    assert all(world.starts[key[0]] for key in hung), "a hanging target was forgotten"
    assert all(seen.has_passed for name, seen in world.heard if name.startswith("up"))
    await world.runner.stop()


@leaping
async def test_new_hanging_targets_do_not_delay_healthy_ones() -> None:
    """What was never seen is not trusted with more than half of the slots later on."""
    world = World(limit=20)
    healthy = [world.key(f"up{n}", timing=Timing(interval=1.0)) for n in range(50)]
    world.runner.want(healthy)
    await asyncio.sleep(10)
    world.runner.want([*healthy, *world.keys(200, hanging)])
    await asyncio.sleep(10)
    assert world.runner.in_flight == 10
    for key in healthy:
        assert max(world.gaps(key[0])) <= 1.1 + 2 * GRAIN
    await world.runner.stop()


@leaping
async def test_durations_are_counted_by_kind() -> None:
    """Of observations only."""
    world = World()
    world.runner.want([world.key("t", taking(0.2)), world.key("n", raising(NotYet()))])
    assert world.runner.durations == {}
    await asyncio.sleep(40)
    durations = world.runner.durations["scripted"].snapshot()
    count = len(world.heard)
    assert dict(durations.buckets)[0.1] == 0
    assert dict(durations.buckets)[0.25] == durations.buckets[-1][1] == count
    assert durations.total == pytest.approx(0.2 * count)
    await world.runner.stop()


@leaping
async def test_lateness_is_next_to_nothing_while_slots_are_free() -> None:
    """It is in intervals."""
    world = World()
    world.runner.want(world.keys(1000))
    await asyncio.sleep(60)
    late = world.runner.lateness()
    assert late.count == pytest.approx(12 * 1000, rel=0.2)
    assert late.mean <= late.max <= 2 * GRAIN / 5
    await world.runner.stop()


async def test_it_keeps_time_on_a_real_loop() -> None:
    """By the monotonic clock."""
    world = World()
    done = asyncio.Event()

    async def count() -> str:
        if len(world.starts["t"]) == 20:
            done.set()
        return ""

    key = world.key("t", count, Timing(interval=0.05))
    world.runner.want([key])
    async with asyncio.timeout(PATIENCE):
        await done.wait()
    assert min(world.gaps("t")) >= 0.0
    assert world.clock() - world.begin >= 20 * 0.045 - 0.05
    await world.runner.stop()
