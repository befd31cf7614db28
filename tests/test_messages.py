"""What supervisor and workers say arrives as it was said."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest

from healthcheck.health import ASSUMED_UP
from resolver import messages
from resolver.config import load_config
from resolver.generation import Generation

CONFIG = load_config(None, {"SIGHTLINE_LISTEN": "0.0.0.0:53,[::]:53"}, {}, ("dev", "east"))
SAID = (
    messages.Settings(1, 2, CONFIG, (messages.Door(0, "0.0.0.0", 53, 5, 6),)),
    messages.Begin(frozenset({"dev"}), frozenset({"prod"}), frozenset()),
    messages.Piece("prod", "nodes", {b"\1a\0": b"octets"}, (b"\1b\0",)),
    messages.HealthPiece({(b"\1a\0", b"\x7f\0\0\1"): ASSUMED_UP}),
    messages.Staged(),
    messages.Flip(7, {(b"\1a\0", b"\x7f\0\0\1"): None}, ASSUMED_UP),
    messages.Ask(3, "forget", (frozenset({"dev"}), None, b"\1a\0")),
    messages.Stop(),
    messages.Serving(7),
    messages.Alive(),
    messages.Told(3, {"dev": 1}, None),
)


@pytest.mark.parametrize("said", SAID, ids=lambda said: type(said).__name__)
def test_a_message_arrives_as_it_was_said(said: object) -> None:
    """The configuration included."""
    heard = pickle.loads(pickle.dumps(said, 5))
    assert type(heard) is type(said)
    assert heard == said


def test_regions_that_ask_alike_share_their_routes_after_the_way(
    generation: Callable[..., Generation],
) -> None:
    """Identity is a token: what was one object is one."""
    views = generation().views
    shared = views["dev", "east"].forwarding
    assert views["dev", "west"].forwarding is shared
    told = tuple((v.environment, v.region, v.forwarding) for v in views.values())
    heard = pickle.loads(pickle.dumps(messages.Commit(1, told, None, ASSUMED_UP), 5))
    routes = {(environment, region): found for environment, region, found in heard.views}
    assert routes["dev", "east"] is routes["dev", "west"]
    assert routes["dev", "east"] is not routes["prod", "east"]
    assert routes["dev", "east"].is_same(shared)
