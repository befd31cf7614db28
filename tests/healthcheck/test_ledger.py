"""Which targets there are, and what is probed for them."""

from dataclasses import replace

from healthcheck.check import CheckedBy, Timing
from healthcheck.ledger import Ledger
from healthcheck.track import Track
from healthcheck.use import ProbeKey
from tests.healthcheck.made import Scripted, use

A = use()
B = use("web.prod.east/b", "10.0.0.2")
SHARED = use("api.prod.east/a")  # the address and check of A
PLAIN = use("db.prod.east/a", "10.0.0.3", None)


def begin(_: ProbeKey) -> Track:
    """Nothing is known of it."""
    return Track()


def test_equal_probes_are_watched_once() -> None:
    """Whoever uses them; unchecked targets are not watched."""
    ledger = Ledger()
    change = ledger.replace([A, B, SHARED, PLAIN], begin)
    assert (len(change.new), len(change.uses), change.gone) == (2, 4, [])
    entry = ledger.by_target[A.target]
    assert entry is ledger.by_target[SHARED.target]
    assert entry.uses == (A, SHARED)
    assert entry.services == {"web.prod.east", "api.prod.east"}
    assert PLAIN.target not in ledger.by_target
    assert ledger.by_endpoint["db.prod.east/a"] == (PLAIN,)
    assert ledger.by_service["web.prod.east"] == (A, B)


def test_the_same_targets_again_are_no_change() -> None:
    """Equal ones will do; nothing is replaced."""
    ledger = Ledger()
    ledger.replace([A, B, PLAIN], begin)
    tables = (ledger.uses, ledger.watched, ledger.by_target)
    change = ledger.replace([replace(A), B, PLAIN], begin)
    assert (change.uses, change.new, change.gone) == ([], [], [])
    assert (ledger.uses, ledger.watched, ledger.by_target) == tables
    assert ledger.uses is tables[0]


def test_what_stays_keeps_its_entry() -> None:
    """Though some of its targets go and others come."""
    ledger = Ledger()
    ledger.replace([A, B], begin)
    entry = ledger.by_target[A.target]
    change = ledger.replace([SHARED], begin)
    assert [gone.key[0] for gone in change.gone] == ["10.0.0.2"]
    assert change.uses == [SHARED]
    assert ledger.by_target == {SHARED.target: entry}
    assert entry.uses == (SHARED,)
    assert list(ledger.watched.values()) == [entry]


def test_another_timing_is_another_probe() -> None:
    """The former one is gone."""
    ledger = Ledger()
    ledger.replace([A], begin)
    slower = replace(A, checked_by=CheckedBy(Scripted(), Timing(interval=9)))
    change = ledger.replace([slower], begin)
    assert [entry.timing.interval for entry in change.new] == [9]
    assert [entry.timing.interval for entry in change.gone] == [5]
    observed_only = replace(slower, checked_by=CheckedBy(Scripted(), Timing(interval=9), False))
    change = ledger.replace([observed_only], begin)
    assert (change.new, change.gone, change.uses) == ([], [], [observed_only])


def test_a_target_that_is_checked_no_more_is_watched_no_more() -> None:
    """It stays a target."""
    ledger = Ledger()
    ledger.replace([A], begin)
    change = ledger.replace([replace(A, checked_by=None)], begin)
    assert len(change.gone) == 1
    assert (len(ledger.uses), ledger.watched, ledger.by_target) == (1, {}, {})
