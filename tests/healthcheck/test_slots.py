"""Who probes next, on a real loop, with a slot held until the test says so."""

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthcheck.slots import TURNS, Slots, affordable
from tests.support import PATIENCE


class Crowd:
    """Tasks that hold a slot each until they are let go."""

    def __init__(self, slots: Slots) -> None:
        self.slots = slots
        self.entered: list[str] = []
        self.leave: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def _visit(self, name: str, is_suspect: bool) -> None:
        async with self.slots.hold(is_suspect):
            self.entered.append(name)
            await self.leave[name].wait()

    async def come(self, *names: str) -> None:
        """Names that begin with s are suspects."""
        for name in names:
            self.leave[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._visit(name, name.startswith("s")))
        await settle()

    async def go(self, *names: str) -> None:
        for name in names:
            self.leave[name].set()
        await settle()

    async def cancel(self, *names: str) -> None:
        for name in names:
            self.tasks[name].cancel()
        await settle()


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(6):
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def crowd(limit: int) -> AsyncIterator[Crowd]:
    """At the end nobody holds or awaits a slot: none was lost."""
    made = Crowd(Slots(limit))
    yield made
    for event in made.leave.values():
        event.set()
    await asyncio.wait_for(
        asyncio.gather(*made.tasks.values(), return_exceptions=True), timeout=PATIENCE
    )
    assert (made.slots.in_flight, made.slots.waiting, made.slots._suspects) == (0, 0, 0)


async def test_no_more_than_the_limit_are_in_flight() -> None:
    """The others wait, in the order in which they came."""
    async with crowd(2) as they:
        await they.come("a", "b", "c", "d")
        assert they.entered == ["a", "b"]
        assert (they.slots.in_flight, they.slots.waiting) == (2, 2)
        await they.go("b")
        assert they.entered == ["a", "b", "c"]
        await they.go("a", "c")
        assert they.entered == ["a", "b", "c", "d"]


async def test_what_was_up_goes_before_suspects_that_came_earlier() -> None:
    """And suspects among themselves in the order in which they came."""
    async with crowd(2) as they:
        await they.come("a", "b", "s1", "s2", "c")
        await they.go("a")
        assert they.entered == ["a", "b", "c"]
        await they.go("b")
        assert they.entered[3:] == ["s1"]
        await they.go("s1")
        assert they.entered[4:] == ["s2"]


async def test_suspects_hold_half_of_the_slots_at_most() -> None:
    """A thousand that hang leave the other half free at once."""
    async with crowd(10) as they:
        await they.come(*(f"s{n}" for n in range(1000)))
        assert they.slots.in_flight == 5
        await they.come(*"abcde")
        assert they.entered[5:] == [*"abcde"]
        await they.go("a")
        assert they.slots.in_flight == 9, "a suspect took a slot beyond its half"


async def test_with_one_slot_suspects_have_it_too() -> None:
    """Half of one is one."""
    async with crowd(1) as they:
        await they.come("s1", "s2")
        assert they.entered == ["s1"]
        await they.go("s1")
        assert they.entered == ["s1", "s2"]


async def test_a_suspect_waits_long_but_not_for_ever() -> None:
    """When what is up needs every slot, all the time."""
    async with crowd(1) as they:
        names = [f"a{n}" for n in range(TURNS + 5)]
        await they.come(names[0], "s", *names[1:])
        for name in names:
            await they.go(name)
        assert they.entered.index("s") == TURNS + 1


async def test_cancelling_one_who_waits_loses_no_slot() -> None:
    """Whoever came after it is next."""
    async with crowd(1) as they:
        await they.come("a", "b", "c")
        await they.cancel("b")
        assert they.slots.waiting == 1
        await they.go("a")
        assert they.entered == ["a", "c"]


async def test_cancelling_one_who_was_just_granted_a_slot_passes_it_on() -> None:
    """Granted and cancelled in the same turn of the loop."""
    async with crowd(1) as they:
        await they.come("a", "b", "c")
        they.tasks["a"].cancel()
        await asyncio.sleep(0)
        assert they.slots.waiting == 1, "it was not granted yet"
        they.tasks["b"].cancel()
        await settle()
        assert they.entered == ["a", "c"]


async def test_what_raises_gives_its_slot_back() -> None:
    """A slot is held for the time of the `with` and no longer."""
    slots = Slots(1)
    with pytest.raises(ZeroDivisionError):
        async with slots.hold(True):
            raise ZeroDivisionError
    assert slots.in_flight == 0


STEPS = st.lists(st.tuples(st.sampled_from(["come", "go", "cancel"]), st.integers(0, 30)))


@given(limit=st.integers(1, 6), steps=STEPS)
def test_no_order_of_events_loses_a_slot(limit: int, steps: list[tuple[str, int]]) -> None:
    """Nor exceeds the limits; nobody waits while there is room."""

    async def play() -> None:
        async with crowd(limit) as they:
            for step, number in steps:
                name = f"{'as'[number % 2]}{number}"
                if step == "come" and name not in they.tasks:
                    await they.come(name)
                elif step != "come" and name in they.tasks:
                    await (they.go(name) if step == "go" else they.cancel(name))
                slots = they.slots
                assert slots.in_flight <= limit
                assert slots._suspects <= max(1, limit // 2)
                assert not (slots._waiting[False] and slots.in_flight < limit)
                room = slots.in_flight < limit and slots._suspects < slots._suspect_limit
                assert not (slots._waiting[True] and room)

    asyncio.run(play())


@pytest.fixture
def descriptors(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The limits of this process, as if; the last is in force."""
    limits = [(1024, 1024)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: limits.append(pair))
    return limits


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "given_", "raised"),
    [
        (1024, 1024, 200, 200, None),
        (1024, 1024, 5000, 768, None),  # a quarter is left
        (256, 256, 5000, 156, None),  # 100 are left
        (64, 64, 5000, 1, None),
        (1024, 4096, 1000, 1000, 1334),
        (1024, 4096, 9000, 3072, 4096),
        (1024, resource.RLIM_INFINITY, 9000, 9000, 12000),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 9000, 9000, None),
    ],
)
def test_slots_are_bounded_by_descriptors(
    descriptors: list[tuple[int, int]],
    soft: int,
    hard: int,
    wanted: int,
    given_: int,
    raised: int | None,
) -> None:
    """The soft limit is raised as far as is needed, and the rest of the server has its share."""
    descriptors[:] = [(soft, hard)]
    assert affordable(wanted) == given_
    assert descriptors[1:] == ([] if raised is None else [(raised, hard)])


def test_a_limit_that_cannot_be_raised_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Systems refuse for reasons of their own."""

    def refuse(_: int, __: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (1000, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert affordable(5000) == 750


def test_this_process_has_descriptors() -> None:
    """By the real limits."""
    assert affordable(10) == 10
