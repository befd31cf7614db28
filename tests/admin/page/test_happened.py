"""What has happened, for the page."""

from resolver.admin.access import EVERYTHING, Sight
from resolver.admin.page.happened import MOST, tell_happened
from resolver.events import EventLog, Kind

DEV = Sight(frozenset({"dev"}))


def refuse(log: EventLog, at: float) -> None:
    """Note a reload that was refused."""
    log.add(
        *(at, Kind.RELOAD, None, "reload refused: 1 error; generation 3 serves on"),
        {"result": "refused"},
        withheld={"problems": ["zones/prod.yaml:3:1: error: …"]},
        brief="reload refused",
    )


def test_the_newest_comes_first_within_a_bound() -> None:
    """Of the environments that are covered."""
    log = EventLog()
    for number in range(MOST + 5):
        log.add(float(number), Kind.HEALTH, "dev", f"event {number}", {"to": "down"})
    log.add(99.0, Kind.HEALTH, "prod", "secret", {"to": "down"})
    told = tell_happened(log, DEV)["events"]
    assert len(told) == MOST
    assert (told[0]["text"], told[0]["word"]) == (f"event {MOST + 4}", "down")


def test_a_refused_reload_is_told_until_one_is_accepted() -> None:
    """With its problems."""
    log = EventLog()
    refuse(log, 1.0)
    told = tell_happened(log, EVERYTHING)["refused"]
    assert told["problems"] == ["zones/prod.yaml:3:1: error: …"]
    log.add(2.0, Kind.RELOAD, None, "reload accepted", {"result": "accepted"})
    assert tell_happened(log, EVERYTHING)["refused"] is None


def test_problems_are_for_those_who_see_everything() -> None:
    """They name files of any environment."""
    log = EventLog()
    refuse(log, 1.0)
    told = tell_happened(log, DEV)["refused"]
    assert (told["text"], told["problems"]) == ("reload refused", [])
