"""From the configuration to a forwarder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from resolver.cache import Cache
from resolver.config import SocketAddress, load_config
from resolver.forward.exchange import Timing
from resolver.forward.forwarder import Forwarder
from resolver.forward.scrub import Limits
from resolver.forward.settings import make_forwarder
from resolver.forward.standing import POLICIES
from resolver.forward.upstreams import Trust
from resolver.generation import Generation, Published

Make = Callable[[str], Forwarder]
Compile = Callable[..., Generation]


@pytest.fixture
def make(generation: Compile, tmp_path: Path) -> Make:
    """The forwarder of a configuration."""

    def run(text: str) -> Forwarder:
        file = tmp_path / "sightline.yaml"
        file.write_text(text)
        config = load_config(file, {}, {}, None)
        return make_forwarder(
            config, Published(generation()), Cache(), [SocketAddress("127.0.0.1", 53)]
        )

    return run


def test_a_configuration_that_says_nothing_has_the_defaults(make: Make) -> None:
    """Those of each part, which say them by themselves too."""
    made = make("{}\n")
    assert made._timing == Timing()
    assert made._limits == Limits()
    assert made._order is POLICIES["fastest"]
    assert made._explores
    assert made.upstreams.trust == Trust()
    assert 1 <= made.places.most <= 5000


def test_what_is_configured_is_used(make: Make) -> None:
    """Durations in seconds; TTLs are whole."""
    made = make(
        """\
forward:
  policy: round_robin
  timeout: 500ms
  deadline: 3s
  trust_ad: true
cache: {max_ttl: 1h, min_ttl: 1500ms, negative_max_ttl: 1m}
limits: {in_flight: 7}
"""
    )
    assert made._timing == Timing(0.5, 3.0)
    assert made._limits == Limits(3600, 1, 60)
    assert made._order is POLICIES["round_robin"]
    assert not made._explores
    assert made.upstreams.trust == Trust(None, ad=True)
    assert made.places.most == 7


def test_each_policy_has_its_order(make: Make) -> None:
    """Every one that can be configured is known."""
    for name, policy in POLICIES.items():
        assert make(f"forward: {{policy: {name}}}\n")._order is policy
