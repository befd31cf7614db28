"""Heartbeats as checks."""

import time
from collections.abc import AsyncIterator

import pytest
from pydantic import TypeAdapter, ValidationError

from healthcheck.check import Failed, Failure, NotYet
from healthcheck.heartbeats import Heartbeats, Word
from healthcheck.kinds.heartbeat import HeartbeatCheck
from healthcheck.tools import Tools, open_tools

ENDPOINT = "web.prod.east/one"
ADDRESS = "127.0.0.1"
OPTIONS: TypeAdapter[HeartbeatCheck] = TypeAdapter(HeartbeatCheck)


@pytest.fixture
async def tools() -> AsyncIterator[Tools]:
    async with open_tools(Heartbeats()) as opened:
        yield opened


async def test_a_recent_heartbeat_passes(tools: Tools) -> None:
    """With what the endpoint says of itself."""
    tools.heartbeats.receive(ENDPOINT, Word.UP, "3 workers", time.monotonic())
    assert await HeartbeatCheck().bound(ENDPOINT).probe(ADDRESS, tools) == "3 workers"


@pytest.mark.parametrize(
    ("text", "shown"), [("queue is long", "warn: queue is long"), ("", "warn")]
)
async def test_a_warning_passes_and_is_shown(tools: Tools, text: str, shown: str) -> None:
    """Somebody should look at it, while it serves."""
    tools.heartbeats.receive(ENDPOINT, Word.WARN, text, time.monotonic())
    assert await HeartbeatCheck().bound(ENDPOINT).probe(ADDRESS, tools) == shown


@pytest.mark.parametrize(("text", "shown"), [("no database", "no database"), ("", "down")])
async def test_an_endpoint_that_says_down_fails(tools: Tools, text: str, shown: str) -> None:
    """Its own word counts at once."""
    tools.heartbeats.receive(ENDPOINT, Word.DOWN, text, time.monotonic())
    with pytest.raises(Failed) as caught:
        await HeartbeatCheck().bound(ENDPOINT).probe(ADDRESS, tools)
    assert (caught.value.failure, caught.value.detail) == (Failure.REPORTED, shown)


@pytest.mark.parametrize("word", Word)
async def test_an_old_heartbeat_fails(tools: Tools, word: Word) -> None:
    """Whatever it said."""
    tools.heartbeats.receive(ENDPOINT, word, "", time.monotonic() - 43)
    with pytest.raises(Failed) as caught:
        await HeartbeatCheck().bound(ENDPOINT).probe(ADDRESS, tools)
    assert caught.value.failure is Failure.EXPIRED
    assert caught.value.detail == "last heartbeat 43 s ago, allowed 30 s"


async def test_before_the_first_heartbeat_nothing_is_known(tools: Tools) -> None:
    """Another endpoint's heartbeats change nothing."""
    tools.heartbeats.receive("web.prod.east/two", Word.UP, "", time.monotonic())
    with pytest.raises(NotYet):
        await HeartbeatCheck().bound(ENDPOINT).probe(ADDRESS, tools)


def test_bound_checks_are_one_per_endpoint() -> None:
    """Endpoints never share a probe; the check that was bound stays as it is."""
    check = HeartbeatCheck(within=5.0)
    assert check.bound(ENDPOINT) == check.bound(ENDPOINT)
    assert len({check, check.bound(ENDPOINT), check.bound("web.prod.east/two")}) == 3
    assert (check.endpoint, check.bound(ENDPOINT).within) == ("", 5.0)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("30s", 30.0), ("500ms", 0.5), ("2m", 120.0), ("1h", 3600.0), ("45", 45.0), ("1.5", 1.5)],
)
def test_within_is_a_duration(written: str, seconds: float) -> None:
    """With a unit, or in seconds."""
    assert OPTIONS.validate_python({"within": written}).within == seconds


def test_within_is_thirty_seconds_unless_written() -> None:
    """The default."""
    assert OPTIONS.validate_python({}) == HeartbeatCheck(within=30.0)


@pytest.mark.parametrize("written", ["0", "0s", "-1", "soon", "", "1y", "1e3", "32d", ["1"], None])
def test_what_is_no_duration_is_refused(written: object) -> None:
    """Nor is zero, nor more than a month."""
    with pytest.raises(ValidationError) as caught:
        OPTIONS.validate_python({"within": written})
    assert [error["type"] for error in caught.value.errors()] == ["bad-check"]


def test_nobody_may_write_whose_heartbeats_count() -> None:
    """It would let one endpoint speak for another."""
    with pytest.raises(ValidationError) as caught:
        OPTIONS.validate_python({"endpoint": "web.prod.east/two"})
    (error,) = caught.value.errors()
    assert (error["type"], error["loc"]) == ("unexpected_keyword_argument", ("endpoint",))
