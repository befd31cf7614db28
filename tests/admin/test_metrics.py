"""Health as metrics."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as read_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families

from healthcheck.health import Health, State
from resolver.admin.access import EVERYTHING, Sight
from resolver.admin.exposition import encode
from resolver.admin.metrics import HealthCollector
from resolver.admin.selections import Selections
from resolver.figures import Figures
from tests.admin.operated import (
    CHECKER_NOW,
    DEV,
    DOWN,
    FILES,
    PLAN,
    TRACK_DOWN,
    Operating,
    admin,
    operating,
)
from tests.support import PATIENCE

DEV_ONLY = Sight(frozenset({"dev"}))
Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def operated(zones_dir: Callable[..., Path]) -> Operating:
    return operating(zones_dir(FILES))


def series(text: str) -> Series:
    """Every sample of a scrape; each must be there once."""
    found: Series = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, key
            found[key] = sample.value
    return found


def scrape(operated: Operating, sight: Sight = EVERYTHING) -> Series:
    what = (operated.present_figures(), sight, Selections(), "abc")
    return series(encode(HealthCollector(operated, *what)).decode())


def value(found: Series, name: str, **labels: str) -> float:
    return found[f"sightline_{name}", tuple(sorted(labels.items()))]


WEB = {"environment": "dev", "region": "east", "service": "web"}


def test_endpoints_are_up_or_not_and_in_one_state(operated: Operating) -> None:
    """An endpoint of both families is up when any address is."""
    operated.judge("10.80.1.1", DOWN, TRACK_DOWN)
    operated.judge("10.80.1.2", DOWN, TRACK_DOWN)
    operated.judge("10.80.3.1", Health(State.UNKNOWN, "not observed yet"))
    found = scrape(operated)
    assert value(found, "endpoint_up", **WEB, endpoint="blue") == 1
    assert value(found, "endpoint_up", **WEB, endpoint="green") == 0
    assert value(found, "endpoint_up", **WEB, endpoint="old") == 0
    assert value(found, "endpoint_state", **WEB, endpoint="green", state="down") == 1
    assert value(found, "endpoint_state", **WEB, endpoint="old", state="draining") == 1
    jobs = {**WEB, "service": "jobs", "endpoint": "10-80-3-1"}
    assert value(found, "endpoint_up", **jobs) == 1
    assert value(found, "endpoint_state", **jobs, state="unknown") == 1
    assert sum(name == "sightline_endpoint_state" for name, _ in found) == 8


def test_tiers_have_shares(operated: Operating) -> None:
    """Of services with failover; a ratio."""
    found = scrape(operated)
    assert value(found, "service_tier_share", **WEB, tier="0") == 1
    assert value(found, "service_tier_share", **WEB, tier="1") == 0
    assert sum(name == "sightline_service_tier_share" for name, _ in found) == 2
    for address in ("10.80.1.1", "10.80.1.2"):
        operated.judge(address, DOWN, TRACK_DOWN)
    assert value(scrape(operated), "service_tier_share", **WEB, tier="1") == 1


def test_what_was_counted_is_told(operated: Operating) -> None:
    """Durations by kind; failures, moves and ages by service; the checker's own state."""
    found = scrape(operated)
    seconds = "check_duration_seconds"
    assert value(found, f"{seconds}_bucket", kind="tcp", le="0.1") == 3
    assert value(found, f"{seconds}_bucket", kind="tcp", le="+Inf") == 4
    assert value(found, f"{seconds}_count", kind="tcp") == 4
    assert value(found, f"{seconds}_sum", kind="tcp") == 1.5
    assert value(found, "check_failures_total", **WEB, reason="refused") == 3
    assert value(found, "health_transitions_total", **WEB, to="down") == 1
    assert value(found, "check_age_seconds", **WEB) == 2.5
    assert value(found, "check_overdue") == 1
    assert value(found, "checker_suspect") == 0
    assert value(found, "generation") == operated.generation.number
    assert value(found, "build_info", version="0.1.0", revision="abc") == 1
    operated.frozen_since = CHECKER_NOW
    assert value(scrape(operated), "checker_suspect") == 1


def test_a_token_sees_its_environments_only(operated: Operating) -> None:
    """Nor the durations, in which all are counted together."""
    found = scrape(operated, DEV_ONLY)
    values = {value for _, labels in found for _, value in labels}
    assert "dev" in values
    assert not values & {"prod", "secret", "vault", "10-64-1-1", "timeout", "-", "tcp"}
    assert value(found, "check_overdue") == 0


def test_services_that_share_a_name_are_one_series(zones_dir: Callable[..., Path]) -> None:
    """In zones of several environments it may be; the best of them counts."""
    zone = "zone: %s.test\nvisible_to: all\nservices: {a: {endpoints: [{name: x, address: %s}]}}\n"
    files = {**FILES, "a.yaml": zone % ("one", "10.9.0.1"), "b.yaml": zone % ("two", "10.9.0.2")}
    operated = operating(zones_dir(files))
    operated.judge("10.9.0.1", DOWN)
    labels = {"environment": "-", "region": "-", "service": "a", "endpoint": "x"}
    assert value(scrape(operated), "endpoint_up", **labels) == 1
    operated.judge("10.9.0.2", DOWN)
    assert value(scrape(operated), "endpoint_up", **labels) == 0


async def test_scrapes_are_served_to_scrapers(operated: Operating) -> None:
    """From networks of their own, in the text format or in OpenMetrics."""
    async with admin(operated, metrics_allow="127.0.0.1/32", allow="192.0.2.1/32") as client:
        reply = await client.get("/metrics")
        assert reply.status == 200
        assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert value(series(reply.text), "build_info", version="0.1.0", revision="abc") == 1
        assert (await client.get("/api/v1/status")).status == 403
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        reply = await client.get("/metrics", headers=accept)
        assert reply.headers["Content-Type"].startswith("application/openmetrics-text")
        assert "sightline_generation" in {family.name for family in read_openmetrics(reply.text)}


async def test_who_scrapes_meanwhile_gets_the_same(operated: Operating) -> None:
    """One is made at a time, in a thread: the loop turns on."""
    begun, go_on, made = threading.Event(), threading.Event(), []

    def wait() -> None:
        made.append(threading.current_thread())
        begun.set()
        go_on.wait(PATIENCE)

    async with admin(operated) as client:
        operated.before_reports = wait
        first = asyncio.create_task(client.get("/metrics"))
        async with asyncio.timeout(PATIENCE):
            await asyncio.to_thread(begun.wait, PATIENCE)
            others = [asyncio.create_task(client.get("/metrics")) for _ in range(3)]
            assert (await client.get("/healthz")).status == 200
            protocols = client.server._protocols
            assert protocols is not None
            while protocols.requests_count < 5:  # noqa: ASYNC110  # no event tells it
                await asyncio.sleep(0)
            go_on.set()
            texts = {reply.text for reply in await asyncio.gather(first, *others)}
        assert len(texts) == 1
        assert len(made) == 1
        assert made[0] is not threading.main_thread()
        operated.before_reports = lambda: None
        assert (await client.get("/metrics")).status == 200


@pytest.mark.slow
def test_a_scrape_of_5000_endpoints_is_quick(zones_dir: Callable[..., Path]) -> None:
    """Under 200 ms of work, once selections are known; generous here, since tests share a core."""
    files: dict[str, str] = {"environments.yaml": PLAN}
    for number, region in ((80, "east"), (81, "west")):
        lines = [f"zone: dev.{region}", "services:"]
        for service in range(250):
            first, second = divmod(service, 20)
            found = ", ".join(f"10.{number}.{first}.{second * 10 + n}" for n in range(10))
            other = "west" if region == "east" else "east"
            lines.append(f"  s{service}: {{endpoints: [{found}], failover: [{other}]}}")
        files[f"{region}.yaml"] = "\n".join(lines) + "\n"
    operated = operating(zones_dir(files))
    reports = operated.reports()
    assert len(reports) == 5000
    known = Selections()
    quick = replace_reports(operated, reports)
    spent = []
    for _ in range(4):
        begun = time.process_time()
        encode(HealthCollector(quick, Figures(), EVERYTHING, known))
        spent.append(time.process_time() - begun)
    assert min(spent) < 0.4


def replace_reports(operated: Operating, reports: list) -> Operating:
    """The same server, which has its reports ready."""
    found = replace(operated)
    found._reports = lambda: reports  # type: ignore[method-assign]  # made once
    return found


def test_odd_names_stay_values(zones_dir: Callable[..., Path]) -> None:
    """Whatever characters an owner name may hold."""
    zone = DEV.replace("name: blue", "name: 'a{b}=,c'")
    operated = operating(zones_dir({**FILES, "dev.yaml": zone}))
    assert value(scrape(operated), "endpoint_up", **WEB, endpoint="a{b}=,c") == 1
