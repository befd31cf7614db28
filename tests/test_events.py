"""What has happened: bounded, in order, and each event for those who may see its environment."""

from resolver.events import EventLog, Kind

ALL = lambda _: True  # noqa: E731  # a word for it


def texts(log: EventLog, **chosen: object) -> list[str]:
    return [e.text for e in log.find(ALL, **{"limit": 10, **chosen})]  # type: ignore[arg-type]  # as chosen


def test_idents_only_rise_and_say_when() -> None:
    """Also when the clock goes back, and when two things happen at once."""
    log = EventLog()
    for at in (100.0, 100.0, 99.0, 101.5):
        log.add(at, Kind.WORKER, None, "x")
    found = log.find(ALL, limit=10)
    assert [e.ident for e in found] == [100_000_000, 100_000_001, 100_000_002, 101_500_000]
    assert found[-1].at == 101.5


def test_much_of_one_environment_pushes_out_nothing_of_another() -> None:
    """Nor does much of one kind."""
    log = EventLog(most=3)
    log.add(1.0, Kind.HEALTH, "dev", "first")
    log.add(1.0, Kind.RELOAD, None, "reload")
    for number in range(10):
        log.add(2.0 + number, Kind.HEALTH, "prod", f"prod {number}")
    assert texts(log) == ["first", "reload", "prod 7", "prod 8", "prod 9"]


def test_who_sees_one_environment_is_told_of_it_and_of_the_server() -> None:
    """Of nothing else."""
    log = EventLog()
    for environment in ("dev", "prod", "-", None):
        log.add(1.0, Kind.HEALTH, environment, str(environment))
    seen = log.find(lambda environment: environment == "dev", limit=10)
    assert [event.text for event in seen] == ["dev", "None"]


def test_events_are_chosen() -> None:
    """By environment and by kind."""
    log = EventLog()
    log.add(1.0, Kind.HEALTH, "dev", "a")
    log.add(2.0, Kind.OVERRIDE, "dev", "b")
    log.add(3.0, Kind.HEALTH, "prod", "c")
    log.add(4.0, Kind.RELOAD, None, "d")
    assert texts(log, environment="dev") == ["a", "b"]
    assert texts(log, kind=Kind.HEALTH) == ["a", "c"]
    assert texts(log, kind=Kind.HEALTH, environment="dev") == ["a"]


def test_the_latest_or_those_that_follow() -> None:
    """So that whoever follows misses none."""
    log = EventLog()
    for number in range(5):
        log.add(float(number + 1), Kind.WORKER, None, str(number))
    assert texts(log, limit=2) == ["3", "4"]
    assert texts(log, limit=2, since=1_000_000) == ["1", "2"]
    assert texts(log, since=5_000_000) == []
