"""Observations and time go in, judgements come to the board."""

from dataclasses import replace

from healthcheck.health import State
from healthcheck.track import Track
from healthcheck.use import ProbeKey, Use
from healthcheck.watch import SWEEPS, Watch
from tests.healthcheck.made import failed, passed, use

WALL = 1_800_000_000.0


def begin(_: ProbeKey) -> Track:
    """Nothing is known of it."""
    return Track()


def watching(*uses: Use) -> Watch:
    """A watch over some targets."""
    watch = Watch({}, is_probing=True)
    watch.replace(uses, begin, 0)
    return watch


def see(watch: Watch, target: Use, *outcomes: bool, at: float = 1) -> None:
    """Have it observed, a second each."""
    for n, outcome in enumerate(outcomes):
        seen = passed(at + n) if outcome else failed(at + n)
        watch.observe(watch.ledger.by_target[target.target], seen)


def test_what_is_missing_is_found_within_some_sweeps() -> None:
    """A part of the probes is looked at each time, and each has its turn."""
    targets = [use(f"web.prod.east/{n}", f"10.0.{n >> 8}.{n & 255}") for n in range(500)]
    watch = watching(*targets)
    for each in targets:
        see(watch, each, True)
    found = []
    for _ in range(2 * SWEEPS):
        watch.sweep(700, WALL)
        found.append(sum(watch.board.of(each).state is State.UNKNOWN for each in targets))
    assert 0 < found[0] < 20
    assert found[SWEEPS] == 500


def test_a_longer_slow_start_counts_at_once() -> None:
    """The zones changed while the target was up for some seconds."""
    target = use(slow_start=0)
    watch = watching(target)
    see(watch, target, True, *[False] * 3, *[True] * 2)
    watch.sweep(10, WALL)
    assert watch.board.of(target).tenths == 10
    slow = replace(target, slow_start=100)
    watch.replace([slow], begin, 16)
    assert watch.board.of(slow).tenths == 1
    watch.sweep(57, WALL)
    assert watch.board.of(slow).tenths == 5
    watch.sweep(107, WALL)
    assert watch.board.of(slow).tenths == 10


def test_a_pardon_counts_for_all_that_share_the_probe() -> None:
    """There is one track."""
    a, b = use(), use("api.prod.east/a")
    watch = watching(a, b)
    see(watch, a, True, *[False] * 3, *[True] * 2, *[False] * 3, *[True] * 2)
    assert watch.board.of(b).damped
    watch.pardon(a.endpoint, 20)
    assert not watch.board.of(a).damped
    assert not watch.board.of(b).damped


def test_a_state_that_was_saved_as_up_counts_among_what_was_up() -> None:
    """So that a start without a network is not taken for the fall of everything."""
    watch = Watch({}, is_probing=True)
    targets = [use(f"s{n % 4}.prod.east/e{n}", f"10.0.1.{n}") for n in range(20)]
    watch.replace(targets, lambda _: Track(state=State.UP, is_saved=True, is_proven=True), 0)
    for _ in range(3):
        for each in targets:
            see(watch, each, False)
    assert watch.doubt.is_frozen
    assert all(watch.board.of(each).is_up for each in targets)
    watch.replace([], begin, 2)
    watch.sweep(3, WALL)
    assert not watch.doubt.is_frozen


def test_a_service_whose_proven_target_is_gone_has_to_prove_itself() -> None:
    """Though the probe of that target goes on for another service."""
    good, bad = use(), use("web.prod.east/b", "10.0.0.2")
    sharing = use("api.prod.east/a")
    watch = watching(good, bad, sharing)
    see(watch, good, True)
    see(watch, bad, False)
    assert watch.board.of(bad).state is State.DOWN
    watch.replace([bad, sharing], begin, 3)
    assert watch.board.of(bad).reason.startswith("unproven")


def test_what_was_called_down_before_the_freeze_is_up_again() -> None:
    """The first to be asked must not be down for having been asked first."""
    targets = [use(f"s{n % 4}.prod.east/e{n}", f"10.0.1.{n}") for n in range(16)]
    watch = watching(*targets)
    for each in targets:
        see(watch, each, True)
    for each in targets[:8]:
        see(watch, each, False, False, False)
    assert watch.board.of(targets[0]).state is State.DOWN
    for each in targets[8:10]:
        see(watch, each, False)
    assert watch.doubt.is_frozen
    assert all(watch.board.of(each).is_up for each in targets)
    see(watch, targets[0], False, at=2)
    assert watch.board.of(targets[0]).is_up
    watch.sweep(70, WALL)  # thawed: what is observed counts again
    see(watch, targets[0], False, at=71)
    assert watch.board.of(targets[0]).state is State.DOWN


def test_the_first_success_of_an_unproven_service_takes_nobody_out() -> None:
    """Only when one of its endpoints is up do the others count by their own state."""
    first, second = use(), use("web.prod.east/b", "10.0.0.2")
    watch = watching(first, second)
    see(watch, first, False)
    see(watch, second, False)
    see(watch, first, True, at=2)
    assert watch.board.of(first).is_up
    assert watch.board.of(second).is_up
    see(watch, first, True, at=3)
    assert watch.board.of(first).state is State.UP
    assert watch.board.of(second).state is State.DOWN
