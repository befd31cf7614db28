"""Checks of checks."""

import asyncio
from typing import ClassVar, Self

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from healthcheck.check import Failed, Failure, NoObservation, NotYet
from healthcheck.kinds.combined import MAX_PARTS, AllCheck, AnyCheck, AtLeastCheck
from healthcheck.kinds.heartbeat import HeartbeatCheck
from healthcheck.kinds.kind import STRICT, Kind
from healthcheck.kinds.tcp import TcpCheck
from healthcheck.tools import Tools
from tests.healthcheck.kinds.targets import hang, refusing, seen, serving, some_tools

ADDRESS = "127.0.0.1"


@dataclass(frozen=True, slots=True, config=STRICT)
class Part(Kind):
    """A check that does what a test wants."""

    kind: ClassVar[str] = "part"

    text: str = ""
    error: Exception | None = None
    hangs: bool = False
    name: str = ""

    def bound(self, endpoint: str) -> Self:
        return type(self)(self.text, self.error, self.hangs, endpoint)

    async def probe(self, address: str, tools: Tools) -> str:
        assert address == ADDRESS
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        return self.text


GOOD, FINE = Part("good"), Part("fine")
BAD = Part(error=Failed(Failure.STATUS, "status 500"))
REFUSED = Part(error=ConnectionRefusedError(111, "Connection refused"))
UNHEARD = Part(error=NotYet("no heartbeat was received"))
HINDERED = Part(error=NoObservation("too many open files"))
SLOW = Part(hangs=True)
Combined = AllCheck | AnyCheck | AtLeastCheck


async def passed(check: Combined) -> str:
    """What a check shows as it passes."""
    found = await seen(check)
    assert found.failure is None, found
    return found.detail


async def failed(check: Combined) -> str:
    """Why a check fails."""
    found = await seen(check)
    assert found.failure is Failure.PARTS, found
    return found.detail


async def test_all_needs_every_part() -> None:
    """One that fails is enough to fail."""
    assert await passed(AllCheck(of=(GOOD, FINE))) == "part: good; part: fine"
    assert await failed(AllCheck(of=(BAD,))) == "0 of 1 passed: part: status 500"


async def test_any_needs_one_part() -> None:
    """All must fail to make it fail; each says why."""
    assert await passed(AnyCheck(of=(BAD, GOOD))) == "part: good"
    assert await failed(AnyCheck(of=(BAD, REFUSED))) == (
        "0 of 2 passed: part: status 500; part: Connection refused"
    )


@pytest.mark.parametrize(
    ("parts", "passes"),
    [
        ((GOOD, FINE, BAD), True),
        ((GOOD, BAD, REFUSED), False),
        ((GOOD, GOOD, GOOD), True),
        ((GOOD, UNHEARD, FINE), True),
        ((BAD, HINDERED, BAD), False),
    ],
)
async def test_at_least_counts(parts: tuple[Part, ...], passes: bool) -> None:
    """What is unknown counts neither way; equal parts count each."""
    found = await seen(AtLeastCheck(n=2, of=parts))
    assert found.has_passed is passes


@pytest.mark.parametrize(
    ("check", "passes"),
    [
        (AllCheck(of=(SLOW, BAD, SLOW)), False),
        (AnyCheck(of=(SLOW, GOOD)), True),
        (AtLeastCheck(n=2, of=(GOOD, SLOW, FINE)), True),
        (AtLeastCheck(n=2, of=(BAD, SLOW, REFUSED)), False),
        (AnyCheck(of=(SLOW, AllCheck(of=(GOOD, AnyCheck(of=(SLOW, FINE)))))), True),
    ],
)
async def test_the_rest_is_given_up_when_the_outcome_is_certain(
    check: Combined, passes: bool
) -> None:
    """Parts that hang do not hold it up, and none is left running."""
    running = asyncio.all_tasks()
    assert (await seen(check)).has_passed is passes
    assert asyncio.all_tasks() == running


async def test_what_was_given_up_is_said() -> None:
    """So that the count is no lie."""
    assert await failed(AllCheck(of=(SLOW, BAD))) == (
        "0 of 2 passed: part: status 500; 1 not waited for"
    )


async def test_a_hanging_part_makes_a_timeout() -> None:
    """As long as the outcome depends on it; nothing is left running."""
    running = asyncio.all_tasks()
    found = await seen(AllCheck(of=(GOOD, SLOW)), timeout=0.05)
    assert found.failure is Failure.TIMEOUT
    assert asyncio.all_tasks() == running


@pytest.mark.parametrize("parts", [(GOOD, UNHEARD), (UNHEARD, UNHEARD)])
async def test_unheard_heartbeats_leave_it_open(parts: tuple[Part, ...]) -> None:
    """Nothing can be known so far."""
    async with some_tools() as tools:
        with pytest.raises(NotYet, match="part: no heartbeat was received"):
            await AllCheck(of=parts).probe(ADDRESS, tools)


@pytest.mark.parametrize("parts", [(HINDERED, BAD), (UNHEARD, HINDERED)])
async def test_trouble_of_our_own_leaves_it_open(parts: tuple[Part, ...]) -> None:
    """Nothing was learnt, neither good nor bad."""
    async with some_tools() as tools:
        with pytest.raises(NoObservation, match="too many open files"):
            await AnyCheck(of=parts).probe(ADDRESS, tools)


async def test_errors_of_parts_are_translated() -> None:
    """As those of checks that stand alone."""
    late = Part(error=TimeoutError())
    assert await failed(AllCheck(of=(late,))) == "0 of 1 passed: part: no answer in time"


async def test_a_bug_in_a_part_is_raised() -> None:
    """It is neither the target's doing nor hidden; the other parts end."""
    running = asyncio.all_tasks()
    async with some_tools() as tools:
        with pytest.raises(ZeroDivisionError):
            await AllCheck(of=(SLOW, Part(error=ZeroDivisionError()))).probe(ADDRESS, tools)
    assert asyncio.all_tasks() == running


async def test_real_parts_are_probed_at_the_same_time() -> None:
    """A server that only answers once two are connected."""
    together = asyncio.Barrier(2)

    async def talk(_: object, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await together.wait()
        writer.write(b"hello")
        await reader.read()

    async with serving(talk) as server:
        part = TcpCheck(port=server.port, expect=b"hello")
        assert (await seen(AllCheck(of=(part, part)))).has_passed


async def test_parts_of_kinds_name_themselves() -> None:
    """The detail tells which part did what."""
    with refusing() as port:
        check = AnyCheck(of=(TcpCheck(port=port), AllCheck(of=(TcpCheck(port=port),))))
        assert await failed(check) == (
            "0 of 2 passed: tcp: Connection refused; all: 0 of 1 passed: tcp: Connection refused"
        )


async def test_connections_of_parts_are_closed_when_given_up() -> None:
    """The server sees them end."""
    async with serving(hang) as server:
        check = AnyCheck(of=(TcpCheck(port=server.port, expect=b"never"), GOOD))
        assert await passed(check) == "part: good"
        if server.connections:
            await asyncio.wait_for(server.left.wait(), 5)


@pytest.mark.parametrize(
    "check", [AllCheck(of=(GOOD, BAD)), AnyCheck(of=(GOOD,)), AtLeastCheck(n=1, of=(GOOD, FINE))]
)
def test_binding_binds_the_parts(check: Combined) -> None:
    """However deep; options stay."""
    deep = AllCheck(of=(check, HeartbeatCheck())).bound("web.prod.east/one")
    inner, heartbeat = deep.of
    assert isinstance(inner, AllCheck | AnyCheck | AtLeastCheck)
    assert {part.name for part in inner.of if isinstance(part, Part)} == {"web.prod.east/one"}
    assert heartbeat == HeartbeatCheck().bound("web.prod.east/one")
    assert len(inner.of) == len(check.of)
    assert check.bound("a") == check.bound("a") != check.bound("b")


def test_parts_come_as_a_list() -> None:
    """Checks that were built before; equal ones are one."""
    made = TypeAdapter(AtLeastCheck).validate_python({"n": "2", "of": [GOOD, GOOD, BAD]})
    assert made == AtLeastCheck(n=2, of=(GOOD, GOOD, BAD))
    assert hash(made) == hash(AtLeastCheck(n=2, of=(GOOD, GOOD, BAD)))
    assert [kind.kind for kind in (AllCheck, AnyCheck, AtLeastCheck)] == ["all", "any", "at_least"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"n": "1", "of": []},
        {"n": "1", "of": GOOD},
        {"n": "1", "of": "http"},
        {"n": "1", "of": [{"kind": "http"}]},
        {"n": "1", "of": [GOOD] * (MAX_PARTS + 1)},
        {"n": "0", "of": [GOOD]},
        {"n": "3", "of": [GOOD, BAD]},
        {"n": "two", "of": [GOOD, BAD]},
    ],
    ids=str,
)
def test_what_can_never_decide_is_refused(wrong: dict[str, object]) -> None:
    """No parts, things that are no checks, and counts that cannot be met."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(AtLeastCheck).validate_python(wrong)
    assert [error["type"] for error in caught.value.errors()] == ["bad-check"]
