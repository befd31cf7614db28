"""The formats of the log, and what is held back."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from resolver import logs
from resolver.logs import ABRIDGED, Log, fields, printable, rfc3339

HOSTILE = "a\nb\r\x1b[2Jc\x00\x7f\x9b\u2028\u202eevil\ud800"
ESCAPED = r"a\010b\013\027[2Jc\000\127\194\155\226\128\168\226\128\174evil\237\160\128"
EPOCH = datetime.fromtimestamp(0, UTC)
log = logging.getLogger("sightline.test")


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(logs, "time", found)
    return found


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the log goes; the root logger is as it was afterwards."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers[:] = []
    yield io.StringIO()
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def set_up(form: str, stream: io.StringIO, worker: int | None = None) -> Log:
    """As a server has it: alone."""
    root = logging.getLogger()
    root.handlers[:] = [handler for handler in root.handlers if isinstance(handler, Log)]
    return logs.set_up(form, worker, stream)


def said(stream: io.StringIO) -> list[Any]:
    """The objects of a JSON log."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_what_is_not_printable_is_escaped_as_in_master_files() -> None:
    """Line ends, cursor movements, and what turns text around; letters stay."""
    assert printable(HOSTILE) == ESCAPED
    assert printable("down → up: Überlast") == "down → up: Überlast"


def test_text_is_a_line_for_people(stream: io.StringIO) -> None:
    """Time, level, message."""
    set_up("text", stream=stream)
    log.info("ready: %d zones", 3, extra=fields(zones=3))
    (line,) = stream.getvalue().splitlines()
    day, clock, level, message = line.split(" ", 3)
    assert datetime.strptime(f"{day} {clock}", "%Y-%m-%d %H:%M:%S,%f").astimezone() > EPOCH
    assert (level, message) == ("INFO", "ready: 3 zones")


def test_text_names_the_worker(stream: io.StringIO) -> None:
    """Several processes share one stderr."""
    set_up("text", worker=2, stream=stream)
    log.info("begins")
    assert stream.getvalue().endswith(" INFO worker 2: begins\n")


def test_json_is_an_object_a_line(stream: io.StringIO) -> None:
    """What the event is about stands beside the message."""
    set_up("json", worker=2, stream=stream)
    log.warning("gone", extra=fields(environment="prod", count=3, share=0.5, names=["a", "b"]))
    (found,) = said(stream)
    at = datetime.fromisoformat(found.pop("time"))
    assert at.tzinfo is UTC or at.utcoffset() == datetime.now(UTC).utcoffset()
    assert found == {
        "level": "warning",
        "logger": "sightline.test",
        "message": "gone",
        "worker": 2,
        "environment": "prod",
        "count": 3,
        "share": 0.5,
        "names": ["a", "b"],
    }


def test_times_are_utc_with_milliseconds() -> None:
    """RFC 3339."""
    assert rfc3339(1_800_000_000.0) == "2027-01-15T08:00:00.000Z"


@pytest.mark.parametrize("form", ["text", "json"])
def test_nothing_said_breaks_a_line(form: str, stream: io.StringIO) -> None:
    """Neither in the message, nor in a field, nor in what an exception says."""
    set_up(form, stream=stream)
    try:
        raise ValueError(f"{HOSTILE}\n2026-01-01 00:00:00,000 INFO ready: forged")
    except ValueError:
        log.exception("about %s", HOSTILE, extra=fields(name=HOSTILE, odd=[HOSTILE, float("inf")]))
    text = stream.getvalue()
    assert all(char.isprintable() or char == "\n" for char in text)
    if form == "json":
        (found,) = said(stream)
        assert text.isascii()
        assert found["message"] == f"about {ESCAPED}"
        assert found["name"] == ESCAPED
        assert found["odd"] == [ESCAPED, None]
        assert found["exception"].splitlines()[-1].endswith("forged")
        return
    first, *rest = text.splitlines()
    assert first.endswith(f" ERROR about {ESCAPED}")
    assert rest
    assert all(line.startswith("    ") for line in rest)


def test_a_field_never_replaces_what_every_line_has(stream: io.StringIO) -> None:
    """A time is a time."""
    set_up("json", stream=stream)
    log.info("true", extra=fields(message="false", level="false"))
    (found,) = said(stream)
    assert (found["message"], found["level"]) == ("true", "info")


def test_a_bug_in_a_message_is_still_a_line(stream: io.StringIO) -> None:
    """The log does not end in a report of its own."""
    set_up("json", stream=stream)
    log.info("%d of %d", 1)  # noqa: PLE1206  # that is the bug
    assert said(stream)[0]["message"] == "%d of %d (1,)"


def test_repeated_errors_are_counted(stream: io.StringIO, clock: Clock) -> None:
    """The first twenty of a minute are told; then how many more there were."""
    handler = set_up("json", stream=stream)
    for number in range(144):
        log.warning("upstream %d is down", number)
    log.warning("something else")
    told = [found["message"] for found in said(stream)]
    assert told == [*(f"upstream {n} is down" for n in range(20)), "something else"]
    clock.now += 60.0
    handler.look_after()
    last = said(stream)[-1]
    assert last["message"] == "… 124 more in the last 60 s: upstream 143 is down"
    assert (last["held"], last["level"], last["logger"]) == (124, "warning", "sightline.test")


def test_what_was_held_back_is_told_before_the_next_line(stream: io.StringIO, clock: Clock) -> None:
    """Also where nobody looks after the log; and at the end."""
    handler = set_up("text", stream=stream)
    for when in (0.0, 61.0):
        clock.now = when
        for _ in range(22):
            log.error("no")
    assert len(stream.getvalue().splitlines()) == 20 + 1 + 20
    handler.close()
    assert stream.getvalue().splitlines()[-1].endswith("ERROR … 2 more in the last 60 s: no")


def test_what_is_no_trouble_is_never_held_back(stream: io.StringIO, clock: Clock) -> None:
    """Nor what whoever logs it has shortened already."""
    set_up("text", stream=stream)
    for _ in range(100):
        log.info("generation published")
        log.error("zones/a.yaml:1:1: error: …", extra=ABRIDGED)
    assert len(stream.getvalue().splitlines()) == 200


def test_another_format_takes_the_place_of_the_first(stream: io.StringIO) -> None:
    """Until the configuration is read, the log is text."""
    set_up("text", stream=stream)
    set_up("json", stream=stream)
    log.info("once")
    assert len(said(stream)) == 1


def test_a_log_that_somebody_else_takes_is_left_to_them(stream: io.StringIO) -> None:
    """Such as a test."""
    theirs = logging.NullHandler()
    logging.getLogger().handlers[:] = [theirs]
    logs.set_up("json", stream=stream)
    log.warning("not here")
    assert logging.getLogger().handlers == [theirs]
    assert stream.getvalue() == ""


def test_look_after_reaches_the_log(stream: io.StringIO, clock: Clock) -> None:
    """Whoever has a clock that ticks calls it."""
    set_up("text", stream=stream)
    for _ in range(21):
        log.error("no")
    clock.now += 60.0
    logs.look_after()
    assert "1 more" in stream.getvalue()
