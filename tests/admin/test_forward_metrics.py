"""The series of forwarding and of the cache."""

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest
from prometheus_client.core import Metric

from resolver.admin.access import EVERYTHING, Sight
from resolver.admin.forward_metrics import collect_forwarding
from resolver.forward.standing import Standing
from resolver.zones.upstream import Upstream
from tests.admin.operated import FILES, Operating, operating
from tests.upstream_world import World

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def operated(zones_dir: Callable[..., Path]) -> Operating:
    plan = FILES["environments.yaml"].replace("forward: none", "forward: {upstreams: [192.0.2.1]}")
    found = operating(zones_dir({**FILES, "environments.yaml": plan}))
    world = World({"a.example. A": "a.example. 300 A 192.0.2.80"}, found.cache)
    for name in ("a.example.", "a.example.", 'n"o\\pe\n.corp.test.'.replace("\n", "\\010")):
        world.ask(found.generation, name, source="10.80.9.9")
    upstream = Upstream("tls", ip_address("192.0.2.1"), 853, "dns.example")
    found.upstreams = [Standing(upstream, "dev"), Standing(upstream, "prod")]
    for standing in found.upstreams:
        standing.durations.observe(0.02)
        standing.rcodes.update({0: 2, 3: 1, 77: 1})
        standing.failed("timeout")
    found.waited, found.away = {"dev": 7}, {"dev": 3}
    return found


def scrape(operated: Operating, sight: Sight = EVERYTHING) -> Series:
    found: Series = {}
    families: list[Metric] = list(collect_forwarding(operated.present_figures(), sight))
    for sample in (sample for family in families for sample in family.samples):
        key = (sample.name.removeprefix("sightline_"), tuple(sorted(sample.labels.items())))
        assert key not in found, key
        found[key] = sample.value
    return found


def value(found: Series, name: str, **labels: str) -> float:
    return found[name, tuple(sorted(labels.items()))]


def test_the_cache_is_counted_by_environment(operated: Operating) -> None:
    """Hits by kind, misses, entries, what was kept inside, who waited."""
    found = scrape(operated)
    assert value(found, "cache_hits_total", environment="dev", kind="positive") == 1
    assert value(found, "cache_misses_total", environment="dev") == 1
    assert value(found, "cache_entries", environment="dev") == 1
    assert value(found, "internal_names_blocked_total", environment="dev") == 1
    assert value(found, "forward_coalesced_total", environment="dev") == 7
    assert value(found, "forward_refused_total", environment="dev") == 3


def test_upstreams_are_counted_together(operated: Operating) -> None:
    """Of all environments, but for replies; an rcode without a name is `other`."""
    found, name = scrape(operated), "tls://192.0.2.1#dns.example"
    assert value(found, "upstream_up", upstream=name) == 1
    assert value(found, "forward_failures_total", upstream=name, reason="timeout") == 2
    assert value(found, "forward_duration_seconds_count", upstream=name) == 2
    labels = {"environment": "dev", "upstream": name}
    assert value(found, "forward_requests_total", **labels, rcode="NOERROR") == 2
    assert value(found, "forward_requests_total", **labels, rcode="other") == 1


def test_no_name_becomes_a_label(operated: Operating) -> None:
    """Whatever is asked for (M-1, M-2)."""
    values = {value for _, labels in scrape(operated) for _, value in labels}
    assert not [value for value in values if "pe" in value or "example." in value]


def test_a_token_sees_only_its_environments(operated: Operating) -> None:
    """Also in what is counted together."""
    found, name = scrape(operated, Sight(frozenset({"dev"}))), "tls://192.0.2.1#dns.example"
    assert not [labels for _, labels in found if ("environment", "prod") in labels]
    assert value(found, "forward_failures_total", upstream=name, reason="timeout") == 1
    nothing = scrape(operated, Sight(frozenset()))
    assert nothing == {}
