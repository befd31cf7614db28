"""Probes: who is asked, how often, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from resolver.forward import probes
from resolver.forward import standing as standings
from resolver.forward.probes import UNWANTED
from resolver.forward.upstreams import Upstreams
from resolver.zones.upstream import Upstream, read_upstream
from tests.forward.asking import until, upstream_of
from tests.forward.fake import fails, silent, upstream
from tests.forward.test_upstreams import known, now, route
from tests.healthcheck.kinds.targets import refusing


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probes that follow each other soon."""
    monkeypatch.setattr(probes, "PROBE_INTERVAL", 0.02)


async def ticking(upstreams: Upstreams, is_so: Callable[[], object]) -> None:
    """Look after probes until something holds."""

    def tick_and_look() -> object:
        upstreams.tick(now())
        return is_so()

    await until(tick_and_look)


def suspect(upstreams: Upstreams, where: Upstream) -> standings.Standing:
    """One that has failed three times."""
    (found,) = upstreams.of("dev", route(where), now())
    for _ in range(standings.FAILURES_TO_SUSPECT):
        found.failed("timeout")
    upstreams.probes.look_after([found], now())
    return found


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_who_fails_is_probed_until_it_answers(transport: str) -> None:
    """Three probes without an answer call it down; one answer, and all is well."""
    async with upstream() as fake, known() as (upstreams, _):
        fake.usual = silent
        found = suspect(upstreams, upstream_of(fake, transport))
        assert not found.is_down
        await ticking(upstreams, lambda: found.is_down)
        await fake.until(3, ".")
        await ticking(upstreams, lambda: found.was_called_down)
        assert not upstreams.probes.has_recovered
        fake.usual = fails("REFUSED")  # any reply will do
        await ticking(upstreams, lambda: not found.is_suspect)
        await ticking(upstreams, lambda: upstreams.probes.has_recovered)
        assert (found.is_down, found.is_probed, upstreams.probes._under_way) == (False, False, {})
        assert {asked.rdtype for asked in fake.seen} == {"NS"}
        assert {asked.transport for asked in fake.seen} == {transport}


@pytest.mark.usefixtures("quick")
async def test_one_that_answers_probes_is_never_down() -> None:
    """However many names hang behind it (R-22: CVE-2023-26437)."""
    async with upstream() as fake, known() as (upstreams, _):
        for _ in range(5):
            found = suspect(upstreams, upstream_of(fake))
            await ticking(upstreams, lambda: not found.is_suspect)  # noqa: B023  # awaited here
            assert not found.was_called_down


@pytest.mark.usefixtures("quick")
async def test_a_closed_port_is_down() -> None:
    """Refused probes count like silent ones."""
    with refusing() as port:
        async with known() as (upstreams, heard):
            found = suspect(upstreams, read_upstream(f"127.0.0.1:{port}"))
            await ticking(upstreams, lambda: found.is_down)
            assert (heard.delivered, heard.failed) == ([], [])


@pytest.mark.usefixtures("quick")
async def test_a_forged_answer_to_a_probe_is_none() -> None:
    """It must repeat ID and question like any other."""
    async with upstream() as fake, known() as (upstreams, _):
        fake.usual = lambda asked: asked.say(b"\0\0" + asked.made().to_wire()[2:14])
        found = suspect(upstreams, upstream_of(fake))
        await ticking(upstreams, lambda: found.is_down)


@pytest.mark.usefixtures("quick")
async def test_who_is_not_wanted_is_left_alone() -> None:
    """And probed again when somebody asks for it."""
    async with upstream() as fake, known() as (upstreams, _):
        fake.usual = silent
        where = route(upstream_of(fake))
        found = suspect(upstreams, upstream_of(fake))
        await fake.until(1)
        found.wanted = now() - UNWANTED - 1
        await ticking(upstreams, lambda: not upstreams.probes._under_way)
        assert not found.is_probed
        before = fake.count()
        upstreams.of("dev", where, now())
        await fake.until(before + 1)
        assert found.is_probed
