"""What an operator may ask of a server: the checker and the answers as one."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from healthcheck.health import DeclaredState, State
from healthcheck.heartbeats import Word
from resolver.admin.operated import Operated
from resolver.alone import Alone
from resolver.checking import Checking
from resolver.checks import uses
from resolver.config import load_config
from resolver.generation import Published
from resolver.operations import Operations
from resolver.query import handle
from resolver.reload import Built
from resolver.reloads import Reloads
from tests.support import DEV_CLIENT, FILES, UDP, addresses, ask, compiled, question

ZonesDir = Callable[..., Path]
WEB = "web.dev.east.corp.test."
FIRST = "web.dev.east/10-80-1-1"
JOBS = """\
zone: dev.east
services:
  web: {endpoints: [10.80.1.1, 10.80.1.2], check: none, ttl: 20}
  jobs: {endpoints: [{address: 10.80.3.1, name: one}], check: {kind: heartbeat, within: 1m}}
"""


@contextlib.asynccontextmanager
async def operations(directory: Path) -> AsyncIterator[Operations]:
    """A server without sockets: what the checker says is published, nobody asks but the test."""
    published = Published(compiled(directory))
    config = load_config(None, {}, {})

    def receive(table: object, changed: object) -> None:
        now = published.generation
        published.replace(now.judged_anew(now.number + 1, table, changed))  # type: ignore[arg-type]  # as the checker gives them

    async def reload() -> Built:
        return Built(published.generation, ())

    checking = Checking(config, receive)
    await checking.start(uses(published.generation.zones))
    try:
        await checking.first_round()
        answerers = Alone(config, published, ())
        what = (published, checking, reload, answerers, Reloads(directory, 0.0))
        yield Operations(*what, config)
        await answerers.stop()
    finally:
        await checking.stop()


async def test_a_word_is_in_the_answers_when_it_returns(zones_dir: ZonesDir) -> None:
    """And so is its end."""
    async with operations(zones_dir({**FILES, "dev.yaml": JOBS})) as found:
        operated: Operated = found
        assert addresses(ask(operated.generation, WEB)) == ["10.80.1.1", "10.80.1.2"]
        await operated.set_override([FIRST], DeclaredState.DRAIN, "disk", "ann", None)
        assert addresses(ask(operated.generation, WEB)) == ["10.80.1.2"]
        (override,) = [r.override for r in operated.reports() if r.override is not None]
        assert (override.reason, override.by) == ("disk", "ann")
        await operated.resume([FIRST])
        assert len(addresses(ask(operated.generation, WEB))) == 2


async def test_hand_outs_are_told_in_epoch_seconds(zones_dir: ZonesDir) -> None:
    """Nothing for what nobody was given."""
    async with operations(zones_dir({**FILES, "dev.yaml": JOBS})) as found:
        (target,) = [r.use.target for r in found.reports() if r.use.endpoint == FIRST]
        assert await found.held_until([target]) == {}
        wire = question(WEB)
        for _ in range(2):
            handle(wire, DEV_CLIENT, UDP, found.generation, time.monotonic())
        held = await found.held_until([target])
        assert held[target] == pytest.approx(time.time() + 20, abs=1.0)


async def test_a_heartbeat_is_taken(zones_dir: ZonesDir) -> None:
    """One of an endpoint that nobody knows is refused."""
    async with operations(zones_dir({**FILES, "dev.yaml": JOBS})) as found:
        await found.heartbeat("jobs.dev.east/one", Word.UP, "")
        with pytest.raises(KeyError):
            await found.heartbeat("jobs.dev.east/none", Word.UP, "")


async def test_what_is_wrong_is_told(zones_dir: ZonesDir) -> None:
    """A sentence each; nothing while all is well."""
    async with operations(zones_dir({**FILES, "dev.yaml": JOBS})) as found:
        figures = await found.figures()
        assert found.degraded(figures) == []
        found.checking.trouble = "health checks hang"
        assert found.degraded(figures) == ["health checks hang"]
        assert found.summary().targets == 1
        assert found.counts().failures == {}
        assert (await found.reload()).generation is found.generation
        states = {report.health.state for report in found.reports()}
        assert states == {State.UP, State.UNKNOWN}
