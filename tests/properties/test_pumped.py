"""Whoever asks what, whatever changes meanwhile: a pump replies as `handle` alone would."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthcheck.health import State
from resolver.listen.pumps import Kind
from tests.listen.pumping import (
    DEV,
    DEV_ZONE,
    FILES,
    PLAN,
    PROD,
    PROD_WEST,
    PROD_ZONE,
    STRANGER,
    TRUSTED,
    TRUSTED_IN_DEV,
    Pumped,
    Twin,
    chosen,
    flipped,
    query,
)
from tests.properties.profile import PROFILE
from tests.support import compiled, write

OTHER = {
    **FILES,
    # The clients of dev and of prod have changed places; some names are there, others gone.
    "environments.yaml": PLAN.replace("127.64.", "127.0.")
    .replace("127.80.", "127.64.")
    .replace("127.0.", "127.80."),
    "dev.yaml": DEV_ZONE.replace("  text: {TXT: hello}\n", "  more: {A: 10.80.3.7}\n"),
    "prod.yaml": PROD_ZONE.replace("10.64.3.1", "10.64.3.2"),
}
CLIENTS = (DEV, "127.80.0.2", PROD, "127.64.0.2", PROD_WEST, STRANGER, TRUSTED, TRUSTED_IN_DEV)
NAMES = (
    *("web.dev.east.corp.test.", "text.dev.east.corp.test.", "more.dev.east.corp.test."),
    *("a1.dev.east.corp.test.", "b2.dev.east.corp.test.", "x.wild.dev.east.corp.test."),
    *("web.prod.east.corp.test.", "secret.prod.east.corp.test.", "text.prod.east.corp.test."),
    *("web.both.test.", "Web.Both.Test.", "dev.both.test.", "prod.both.test.", "q.devs.both.test."),
    *("a1.both.test.", "b2.both.test.", "text.both.test.", "web.here.corp.test."),
    *("text.here.corp.test.", "a1.here.corp.test.", "away.dev.east.corp.test.", "www.example."),
)
WIRES = tuple(
    query(name, rdtype, edns=edns)
    for name in NAMES
    for rdtype in ("A", "TXT")
    for edns in (None, 1232)
)
ADDRESSES = tuple(
    bytes(found) for found in ([10, 80, 1, 1], [10, 80, 1, 2], [10, 64, 1, 1], [10, 80, 5, 1])
)


@st.composite
def sequences(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    """A few queries by everybody, again and again, and what changes between them."""
    wires = draw(st.lists(st.sampled_from(range(len(WIRES))), min_size=1, max_size=5))
    ask = st.tuples(st.just("ask"), st.sampled_from(range(len(CLIENTS))), st.sampled_from(wires))
    acts = st.sampled_from(("flip", "flip", "flip", "reload"))
    change = st.tuples(acts, st.integers(0, 3), st.integers(0, 1))
    return draw(st.lists(st.one_of(ask, ask, ask, change), min_size=30, max_size=80))


class Run:
    """A pumped listener and the same generations with `handle` alone."""

    def __init__(self, directory: Path, kind: Kind) -> None:
        self.directory = directory
        self.server = Pumped(compiled(write(directory, FILES)), kind)
        self.twin = Twin(compiled(directory))
        self.reloads = 0

    def do(self, step: tuple[str, int, int]) -> None:
        act, first, second = step
        published = self.server.published
        if act == "ask":
            # Three times: shown, kept, known.
            for _ in range(3):
                wire, source = WIRES[second], CLIENTS[first]
                octets = self.server.ask(wire, source)
                assert octets == self.twin.ask(wire, source), (source, wire)
        elif act == "flip":
            state = State.DOWN if second else State.UP
            address = ADDRESSES[first]
            self.twin.generation = flipped(self.twin.generation, address, state)
            published.replace(flipped(published.generation, address, state))
        elif self.reloads < 2:
            self.reloads += 1
            write(self.directory, OTHER if self.reloads % 2 else FILES)
            self.twin.generation = compiled(self.directory, self.twin.generation)
            published.replace(compiled(self.directory, published.generation))


@pytest.mark.parametrize("kind", ["compiled", "python"])
@settings(PROFILE, max_examples=8)
@given(steps=sequences())
def test_any_sequence_is_answered_as_if_nothing_were_remembered(
    tmp_path_factory: pytest.TempPathFactory, kind: Kind, steps: list[tuple[str, int, int]]
) -> None:
    """In the same turns, by clients of all environments and of none, between flips and reloads."""
    run = Run(tmp_path_factory.mktemp("zones"), chosen(kind))
    with run.server:
        for step in steps:
            run.do(step)
        assert run.server.counters.replies == run.twin.counters.replies
