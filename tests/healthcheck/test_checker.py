"""The checker as a whole: on its own loop, with its clock in the hands of the test."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from healthcheck.check import CheckedBy, Timing
from healthcheck.checker import Checker, hears
from healthcheck.health import (
    ASSUMED_UP,
    NOT_OBSERVED,
    DeclaredState,
    Health,
    HealthTable,
    State,
    Target,
)
from healthcheck.heartbeats import Word
from healthcheck.judge import PROBING_OFF
from healthcheck.kinds.combined import AnyCheck
from healthcheck.kinds.heartbeat import HeartbeatCheck
from healthcheck.use import Use
from tests.healthcheck.made import Clock, Scripted, failed, passed, use

PATIENCE = 10.0  # seconds


@dataclass
class Desk:
    """A checker and what it published."""

    checker: Checker
    clock: Clock
    published: list[tuple[HealthTable, frozenset[Target]]]
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, table: HealthTable, changed: frozenset[Target]) -> None:
        """Be told."""
        self.published.append((table, changed))
        self.news.set()

    async def next(self) -> tuple[HealthTable, frozenset[Target]]:
        """The next publication."""
        self.news.clear()
        async with asyncio.timeout(PATIENCE):
            await self.news.wait()
        return self.published[-1]

    def see(self, target: Use, *outcomes: bool) -> None:
        """Have it observed, a second each."""
        assert target.probe is not None
        for outcome in outcomes:
            self.clock.now += 1
            now = self.clock.now
            self.checker.heard(target.probe, passed(now) if outcome else failed(now))

    def of(self, target: Use) -> Health:
        """What is judged of a target."""
        found = self.checker.report(target.target)
        assert found is not None
        return found.health


def desk(state_dir: Path | None = None, *, probe: bool = True) -> Desk:
    """A checker that does not run: the test says what is observed, and when."""
    clock = Clock()
    published: list[tuple[HealthTable, frozenset[Target]]] = []
    made = Desk(Checker(lambda *_: None, clock=clock), clock, published)
    made.checker = Checker(made.take, state_dir, probe=probe, clock=clock, wall=clock.wall)
    return made


@contextlib.asynccontextmanager
async def running(checker: Checker) -> AsyncIterator[asyncio.Task[None]]:
    """Let it run."""
    task = asyncio.create_task(checker.run())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def rack(count: int = 20) -> list[Use]:
    """Endpoints of four services."""
    return [use(f"s{n % 4}.prod.east/e{n}", f"10.0.1.{n}") for n in range(count)]


@pytest.fixture
def quiet() -> Iterator[None]:
    """Time measured without the collector."""
    gc.disable()
    yield
    gc.enable()


async def test_real_probes_are_published() -> None:
    """From the check on a target to the table, by all parts together."""
    timing = Timing(interval=0.05, fast_interval=0.02, timeout=1)
    checked_by = CheckedBy(Scripted(frozenset({"10.0.0.2"})), timing)
    good = use(checked_by=checked_by)
    bad = use("web.prod.east/b", "10.0.0.2", checked_by)
    tables: list[HealthTable] = []
    checker = Checker(lambda table, _: tables.append(table))
    checker.use([good, bad])
    async with running(checker), asyncio.timeout(PATIENCE):
        await checker.first_round()
        while len(tables) < 2:  # noqa: ASYNC110  # publications set no event
            await asyncio.sleep(0.01)
        while tables[-1].of(bad.target).state is not State.DOWN:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert tables[0].of(good.target, is_checked=True) == NOT_OBSERVED
    assert tables[-1].of(good.target) == Health(State.UP, "up")
    assert tables[-1].of(bad.target) == Health(State.DOWN, "down: refused")
    assert checker.counts().failures[("prod", "east", "web"), "refused"] >= 1
    assert checker.summary().targets == 2


async def test_the_first_round_is_that_of_the_first_targets() -> None:
    """Whether they are known before the checker runs or after."""
    checker = Checker(lambda *_: None)
    async with running(checker), asyncio.timeout(PATIENCE):
        waiting = asyncio.create_task(checker.first_round())
        while checker._runner is None:  # noqa: ASYNC110  # what is awaited sets no event
            await asyncio.sleep(0)
        assert not waiting.done()
        timing = Timing(interval=0.05, fast_interval=0.02, timeout=1)
        checker.use([use(checked_by=CheckedBy(Scripted(), timing))])
        await waiting
    assert checker.reports()[0].health.reason == "up"


async def test_it_may_run_again(tmp_path: Path) -> None:
    """In another loop: it goes on with what it knows, and saves again at the end."""
    timing = Timing(interval=0.05, fast_interval=0.02, timeout=1)
    target = use(checked_by=CheckedBy(Scripted(), timing))
    checker = Checker(lambda *_: None, tmp_path)
    checker.use([target])

    async def run_for_a_round() -> None:
        async with running(checker), asyncio.timeout(PATIENCE):
            await checker.first_round()

    for _ in range(2):
        await asyncio.to_thread(asyncio.run, run_for_a_round())
        assert checker.reports()[0].health.reason == "up"
        (tmp_path / "health.json").unlink()


async def test_a_rack_that_fails_is_one_publication() -> None:
    """Changes are gathered after the first one; the next is another publication."""
    made, targets = desk(), [use(f"web.prod.east/{n}", f"10.0.1.{n}") for n in range(50)]
    made.checker.use(targets)
    for each in targets:
        made.see(each, True)
    _, changed = await made.next()
    assert len(changed) == 50
    table = made.published[-1][0]
    for each in targets[:5]:
        made.see(each, False, False, False)
    later, changed = await made.next()
    assert changed == {each.target for each in targets[:5]}
    assert table.of(targets[0].target).state is State.UP
    assert later.of(targets[0].target).state is State.DOWN
    assert len(made.published) == 3


async def test_what_changed_and_changed_back_is_no_news() -> None:
    """Only what differs from the table before is a change."""
    made, target = desk(), use()
    made.checker.use([target])
    made.see(target, True)
    await made.next()
    made.see(target, False, True)
    _, changed = await made.next()
    assert changed == frozenset()


async def test_the_same_targets_again_change_nothing() -> None:
    """What is new begins; what is gone is forgotten; the rest keeps its track."""
    made, a, b = desk(), use(), use("web.prod.east/b", "10.0.0.2")
    made.checker.use([a])
    made.see(a, True)
    made.checker.use([replace(a)])
    made.checker.use([a, b])
    assert (made.of(a).reason, made.of(b)) == ("up", NOT_OBSERVED)
    made.checker.use([b])
    assert made.checker.report(a.target) is None
    assert a.target not in made.published[-1][0].known
    made.see(a, False)
    assert made.checker.summary().targets == 1
    made.checker.use([a])
    assert made.of(a) == NOT_OBSERVED


async def test_one_probe_serves_all_targets_that_share_it() -> None:
    """Each is judged by its own rules."""
    made, a = desk(), use()
    b = use("api.prod.east/a", checked_by=CheckedBy(Scripted(), Timing(), enforce=False))
    made.checker.use([a, b])
    made.see(a, True, False, False, False)
    assert made.of(a).state is State.DOWN
    assert made.of(b).reason == "observed only: would be down (refused)"
    assert made.checker.summary().targets == 1


async def test_overrides_are_published_at_once_and_expire() -> None:
    """For unchecked endpoints as well; the real state stays as it is."""
    made, checked, plain = desk(), use(), use("db.prod.east/a", checked_by=None)
    made.checker.use([checked, plain])
    both = [checked.endpoint, plain.endpoint]
    until = made.clock.wall() + 60
    made.checker.set_override(both, DeclaredState.DRAIN, "new kernel", "ann", until)
    table, changed = made.published[-1]
    assert changed == {checked.target, plain.target}
    assert table.of(plain.target) == replace(ASSUMED_UP, override=DeclaredState.DRAIN)
    assert table.of(checked.target) == replace(NOT_OBSERVED, override=DeclaredState.DRAIN)
    made.clock.now += 61
    made.checker.sweep()
    table, changed = await made.next()
    assert changed == {checked.target, plain.target}
    assert not table.known
    with pytest.raises(KeyError, match="nobody"):
        made.checker.set_override(["nobody"], DeclaredState.DRAIN, "", "")


async def test_an_override_waits_for_its_endpoint_to_come_back() -> None:
    """A reload in between does not end it; resume does, even while it is away."""
    made, target = desk(), use()
    made.checker.use([target])
    made.checker.set_override([target.endpoint], DeclaredState.DRAIN, "", "")
    made.checker.use([])
    made.checker.use([target])
    assert made.published[-1][0].of(target.target).override is DeclaredState.DRAIN
    made.checker.use([])
    made.checker.resume([target.endpoint])
    with pytest.raises(KeyError):
        made.checker.resume([target.endpoint])
    made.checker.use([target])
    assert made.of(target).override is DeclaredState.NORMAL


async def test_resume_ends_damping() -> None:
    """What flapped is served again."""
    made, target = desk(), use()
    made.checker.use([target])
    made.see(target, True, *[False] * 3, *[True] * 2, *[False] * 3, *[True] * 2)
    assert made.of(target).damped
    made.checker.resume([target.endpoint])
    assert made.published[-1][0].of(target.target) == Health(State.UP, "up")


async def test_damping_and_slow_start_end_by_time_alone() -> None:
    """The sweep sees to it, step by step."""
    made, target = desk(), use(slow_start=30)
    made.checker.use([target])
    made.see(target, True, *[False] * 3, *[True] * 2, *[False] * 3, *[True] * 2)
    seen = []
    for _ in range(500):
        made.clock.now += 0.5
        made.checker.sweep()
        seen.append((made.of(target).damped, made.of(target).tenths))
    steps = [step for n, step in enumerate(seen) if n == 0 or seen[n - 1] != step]
    assert steps == [(True, 10), *((False, tenths) for tenths in range(1, 11))]


async def test_a_target_without_observations_comes_to_be_unknown() -> None:
    """After ten minutes of being overdue; an observation ends that."""
    made, target = desk(), use()
    made.checker.use([target])
    made.see(target, True, False, False, False)
    made.clock.now += 60
    report = made.checker.report(target.target)
    assert report is not None
    assert (report.is_overdue, made.checker.summary().overdue) == (True, 1)
    made.clock.now += 600
    made.checker.sweep()
    assert made.of(target) == Health(State.UNKNOWN, "no observation for 10 min")
    made.see(target, False)
    assert made.of(target).state is State.DOWN


async def test_when_most_fails_states_freeze(caplog: pytest.LogCaptureFixture) -> None:
    """Loudly; observations count again after the thaw."""
    caplog.set_level(logging.INFO)
    made, targets = desk(), rack()
    made.checker.use(targets)
    at = made.clock.now
    for outcome in (True, False, False, False, False):
        for each in targets:
            made.see(each, outcome)
            made.clock.now = at
        at += 1
    assert made.checker.summary().frozen_since is not None
    assert {made.of(each).state for each in targets} == {State.UP}
    assert [r.levelname for r in caplog.records if "in doubt" in r.message] == ["ERROR"]
    made.clock.now = at + 70
    made.checker.sweep()
    assert made.checker.summary().frozen_since is None
    for each in targets:
        made.see(each, False)
    assert {made.of(each).state for each in targets} == {State.DOWN}


async def test_a_service_that_never_passed_is_served(caplog: pytest.LogCaptureFixture) -> None:
    """One line tells of all of them; the first success ends it for the others."""
    made = desk()
    a, b, c = (use(f"web.prod.east/{n}", f"10.0.1.{n}") for n in (1, 2, 3))
    d = use("api.prod.east/d", "10.0.1.4")
    made.checker.use([a, b, c, d])
    for each in (a, b, d):
        made.see(each, False)
    assert made.of(a).reason.startswith("unproven")
    assert (made.of(a).is_up, made.of(c)) == (True, NOT_OBSERVED)
    made.clock.now += 5
    made.checker.sweep()
    made.checker.sweep()
    lines = [record.message for record in caplog.records if "unproven" in record.message]
    assert len(lines) == 1
    assert lines[0].startswith("2 services are unproven (no endpoint ever passed its check)")
    assert lines[0].endswith(": api.prod.east, web.prod.east")
    made.see(c, True)
    assert (made.of(a).state, made.of(c).state) == (State.DOWN, State.UP)
    assert made.of(d).is_up


async def test_a_restart_goes_on_with_the_saved_state(tmp_path: Path) -> None:
    """Until it is observed; overrides stay in force."""
    first, target = desk(tmp_path), use()
    first.checker.use([target])
    first.see(target, True, False, False, False)
    first.checker.set_override([target.endpoint], DeclaredState.DRAIN, "kernel", "ann")
    async with running(desk_without_probes(first)):
        await asyncio.sleep(0)
    second = desk(tmp_path)
    second.checker.use([target])
    found = second.published[-1][0].of(target.target)
    assert (found.state, found.changing, found.override) == (
        *(State.DOWN, True),
        DeclaredState.DRAIN,
    )
    assert found.reason.startswith("saved state of ")
    assert second.published[-1][1] == {target.target}
    second.see(target, True, True)
    assert second.of(target).state is State.UP


def desk_without_probes(made: Desk) -> Checker:
    """The checker, so that running it only sweeps and saves."""
    made.checker._probe = made.checker._sweep_on  # type: ignore[method-assign]  # no network
    return made.checker


async def test_without_probing_all_are_up_and_overrides_work() -> None:
    """Nothing is probed."""
    made, target = desk(probe=False), use()
    made.checker.use([target])
    assert made.published[-1][0].of(target.target, is_checked=True) == PROBING_OFF
    made.checker.set_override([target.endpoint], DeclaredState.DRAIN, "", "")
    found = made.published[-1][0].of(target.target)
    assert (found.is_up, found.override) == (True, DeclaredState.DRAIN)
    async with running(made.checker):
        await made.checker.first_round()
    assert made.checker.summary().targets == 0
    assert made.checker.reports()[0].track is None


async def test_a_heartbeat_is_kept_for_known_endpoints_only() -> None:
    """The check that looks at it is probed at once."""
    checker, target = desk().checker, use()
    checker.use([target])
    checker.heartbeat(target.endpoint, Word.UP, "fine")
    assert checker.heartbeats.last(target.endpoint) is not None
    with pytest.raises(KeyError):
        checker.heartbeat("nobody", Word.UP, "")
    assert hears(HeartbeatCheck())
    assert hears(AnyCheck((HeartbeatCheck(),)))
    assert not hears(Scripted())


async def test_who_listens_may_fail(caplog: pytest.LogCaptureFixture) -> None:
    """The watching goes on."""

    def explode(_: HealthTable, __: frozenset[Target]) -> None:
        raise RuntimeError

    checker = Checker(explode)
    checker.use([use()])
    assert "while publishing" in caplog.text


async def test_other_threads_may_ask_at_any_time() -> None:
    """While targets come, go and change."""
    made, targets = desk(), rack(200)
    errors: list[Exception] = []
    done = threading.Event()

    def ask() -> None:
        try:
            while not done.is_set():
                made.checker.reports()
                made.checker.summary()
                made.checker.counts()
        except Exception as error:  # noqa: BLE001  # what it is shall be shown
            errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    for count in (200, 20, 150, 0, 200) * 4:
        made.checker.use(targets[:count])
        for each in targets:
            made.see(each, count % 3 == 0)
    done.set()
    thread.join(PATIENCE)
    assert errors == []


@pytest.mark.usefixtures("quiet")
async def test_five_thousand_targets_cost_little() -> None:
    """An observation, a sweep and the same targets again, each on average."""
    made = desk()
    targets = [
        use(f"s{n // 10}.prod.east/e{n}", f"10.1.{n >> 8}.{n & 255}", slow_start=30)
        for n in range(5000)
    ]
    made.checker.use(targets)
    begin = time.process_time()
    for each in targets:
        made.see(each, True)
    heard = (time.process_time() - begin) / len(targets)
    begin = time.process_time()
    for _ in range(20):
        made.checker.sweep()
    swept = (time.process_time() - begin) / 20
    begin = time.process_time()
    made.checker.use([replace(each) for each in targets])
    used = time.process_time() - begin
    measured = f"heard {heard * 1e6:.1f} µs, swept {swept * 1e6:.0f} µs, used {used * 1e3:.0f} ms"
    # Far above what it takes, for machines that are busy with other things.
    assert heard < 0.0002, measured
    assert swept < 0.02, measured
    assert used < 1, measured
