"""Fewer probes at once while the checker is behind."""

from healthcheck.pace import AT_EASE, BEHIND, FEWEST, Pace
from healthcheck.slots import Slots


async def test_who_is_behind_does_less_at_once_and_widens_again() -> None:
    """Down to a few, and back to what is allowed, not beyond."""
    slots = Slots(1000)
    pace = Pace(slots)
    for _ in range(600):
        await slots.take(False)
    pace.note(2 * BEHIND)
    assert slots.limit == 300  # half of what is in flight
    for _ in range(20):
        pace.note(2 * BEHIND)
    assert slots.limit == FEWEST
    for _ in range(600):
        slots.give_back(False)
    pace.note((AT_EASE + BEHIND) / 2)
    assert slots.limit == FEWEST
    for _ in range(200):
        pace.note(0.0)
    assert slots.limit == 1000


async def test_few_slots_stay_few() -> None:
    """Whoever allows three has three."""
    slots = Slots(3)
    pace = Pace(slots)
    pace.note(2 * BEHIND)
    assert slots.limit == 3
