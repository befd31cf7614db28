"""Scenarios of probing: what thousands of probes cost, and what they do to answers meanwhile."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address
from statistics import fmean

from bench.effort import Effort, Figures
from bench.measure import CannotMeasure, Dnsperf, cpu_seconds
from bench.peers import SIGHTLINE, SIGHTLINE_PROBING, Server, Site
from bench.prober import Prober, percentile, told
from bench.report import Figure
from bench.rig import Checked, Targets, certificate, checked_site

TARGETS = 5000  # half of them http, half tcp
HANGING = 1000  # of the http ones
INTERVAL = 5.0  # seconds
SETTLE = 8.0  # seconds until every target was probed and connections are open
FALLING = 20.0  # seconds until all that hang are down and probed less often
RATE = 200  # queries a second
ENDPOINTS = 10  # of a service
ANYWHERE = "0.0.0.0"
FIRST = int(IPv4Address("127.16.0.1"))
CORE_SHARE = 0.5
ADDED = 5.0  # ms
APART = "probed by another process"

ALONE_INTERVAL = 3.0  # seconds, where a probe of one kind is measured
FULL = 4.0  # seconds of as many queries as can be


@dataclass(frozen=True, slots=True)
class Alone:
    """Probes of one kind, to tell what one costs."""

    what: str
    check: str
    target: str  # as `bench.targets` calls it
    targets: int
    is_tls: bool = False


ALONE = (
    Alone("tcp", "tcp", "tcp", 1500),
    Alone("http, connection kept", "http", "http", 1500),
    Alone("http, new connection each", "http", "once", 1500),
    Alone("https, connection kept", "http", "https", 300, is_tls=True),
    Alone("https, new connection each", "http", "onces", 300, is_tls=True),
)


def probes(site: Site, effort: Effort) -> Figures:
    """5,000 targets at 5 s beside a few queries, also while 1,000 of them hang."""
    with Targets() as targets:
        ports = {kind: targets.tell("listen", kind, ANYWHERE, "0") for kind in ("http", "tcp")}
        services = [
            *services_of("http", range(TARGETS // 2), ports["http"], INTERVAL),
            *services_of("tcp", range(TARGETS // 2, TARGETS), ports["tcp"], INTERVAL),
        ]
        checked = checked_site(site, "zones-probes", services)
        apart = yield from _apart(checked, services, effort)
        yield from _beside_probes(checked, services, effort, targets, apart)
    if effort.steady > SETTLE:
        yield from _costs(site, effort)


def services_of(
    kind: str, numbers: Iterable[int], port: str, interval: float, options: str = ""
) -> list[Checked]:
    """Services with a target for each number."""
    addresses = [str(IPv4Address(FIRST + number)) for number in numbers]
    check = f"kind: {kind}, port: {port}, interval: {interval:g}s, timeout: 2s{options}"
    return [
        Checked(f"{kind}-{first}", tuple(addresses[first : first + ENDPOINTS]), check)
        for first in range(0, len(addresses), ENDPOINTS)
    ]


def _apart(
    site: Site, services: list[Checked], effort: Effort
) -> Generator[Figure, None, tuple[list[float], float]]:
    """The control: another process probes, so that only the machine is shared with the probes.

    Gives the latencies, and the share of a core that the queries take.
    """
    others = Server(SIGHTLINE_PROBING, site, roams=True)
    with others, Server(SIGHTLINE, site, roams=True) as server:
        with _prober(server, services) as prober:
            time.sleep(SETTLE)
            start, cpu = time.time(), cpu_seconds(server.pid)
            time.sleep(max(effort.steady, 3 * INTERVAL))
            share = (cpu_seconds(server.pid) - cpu) / (time.time() - start)
        found = prober.since(start)
        yield Figure("probes", f"{APART}: latency at {RATE}/s", found[-1] * 1000, told(found))
        yield _full_load(server, site, APART)
    return found, share


def _full_load(server: Server, site: Site, word: str) -> Figure:
    """As many queries as the server answers; dnsperf and the targets share a core."""
    load = Dnsperf(server.port, site.questions, FULL).result()
    text = f"{load.rate / 1000:.1f} k/s, {load.lost} lost"
    return Figure("probes", f"{word}: most queries", load.rate, text)


def _prober(server: Server, services: list[Checked]) -> Prober:
    return Prober(server.port, [service.owner for service in services], RATE)


def _beside_probes(
    site: Site,
    services: list[Checked],
    effort: Effort,
    targets: Targets,
    apart: tuple[list[float], float],
) -> Figures:
    usual, idle = apart
    hosts = [address for service in services for address in service.addresses]
    window = max(effort.steady, 3 * INTERVAL)
    words = ["all well", f"{HANGING} hang"] if effort.steady > SETTLE else ["all well"]
    with Server(SIGHTLINE_PROBING, site, roams=True) as server:
        with _prober(server, services) as prober:
            time.sleep(SETTLE)
            for word in words:
                if "hang" in word:
                    targets.tell("hang", *hosts[:HANGING])
                    time.sleep(FALLING)
                targets.counts()
                start, cpu = time.time(), cpu_seconds(server.pid)
                time.sleep(window)
                share = (cpu_seconds(server.pid) - cpu) / (time.time() - start)
                counts = targets.counts()
                well = hosts if word == "all well" else hosts[HANGING:]
                yield from _figures(word, share, idle, prober.since(start), usual)
                yield from _drift(word, [counts.get(host) for host in well])
        yield _full_load(server, site, f"{TARGETS} targets, {words[-1]}")
        text = f"{prober.lost} of {prober.sent}"
        yield Figure("probes", "queries lost", prober.lost, text, 0)


def _figures(
    word: str, share: float, idle: float, found: list[float], usual: list[float]
) -> Figures:
    what = f"{TARGETS} targets, {word}"
    text = f"{share:.2f} cores ({idle:.2f} for the queries alone)"
    yield Figure("probes", f"{what}: CPU", share, text, CORE_SHARE, unit=" cores")
    yield Figure("probes", f"{what}: latency at {RATE}/s", found[-1] * 1000, told(found))
    added = (percentile(found, 0.999) - percentile(usual, 0.999)) * 1000
    yield Figure("probes", f"{what}: added to p99.9", added, f"{added:.2f} ms", ADDED, unit=" ms")
    late = sum(seconds > ADDED / 1000 for seconds in found)
    before = sum(seconds > ADDED / 1000 for seconds in usual)
    text = f"{late} of {len(found)} ({before} of {len(usual)} probed by another process)"
    yield Figure("probes", f"{what}: answers after more than {ADDED:g} ms", late, text)


def _drift(word: str, counts: list[tuple[int, float, float, float] | None]) -> Figures:
    """How far the time between probes of a target is from its interval, on average."""
    pauses = sorted(
        (last - first) / (number - 1)
        for number, first, last, _ in (found for found in counts if found is not None)
        if number > 1
    )
    if len(pauses) < len(counts):
        raise CannotMeasure(f"{len(counts) - len(pauses)} targets were not probed twice")
    drift = (fmean(pauses) / INTERVAL - 1) * 100
    worst = max(abs(pause / INTERVAL - 1) for pause in pauses) * 100
    text = f"{drift:+.1f} % (a single target: up to {worst:.0f} %, of which jitter is 10)"
    what = f"{TARGETS} targets, {word}: drift of the schedule"
    yield Figure("probes", what, abs(drift), text, 10, unit=" %")


def _costs(site: Site, effort: Effort) -> Figures:
    """CPU time of a probe for each kind, with all that the server does for it."""
    for alone in ALONE:
        with Targets() as targets:
            files = certificate(site.scratch) if alone.is_tls else ()
            options = ", tls: true, verify: false" if alone.is_tls else ""
            port = targets.tell("listen", alone.target, ANYWHERE, "0", *files)
            every = ALONE_INTERVAL
            services = services_of(alone.check, range(alone.targets), port, every, options)
            checked = checked_site(site, f"zones-{alone.target}-alone", services)
            with Server(SIGHTLINE_PROBING, checked, roams=True) as server:
                time.sleep(ALONE_INTERVAL + 1)
                targets.counts()
                start, cpu = time.monotonic(), cpu_seconds(server.pid)
                time.sleep(effort.steady / 4)
                used = cpu_seconds(server.pid) - cpu
                seconds = time.monotonic() - start
                number = sum(found[0] for found in targets.counts().values())
        if not number:
            raise CannotMeasure(f"{alone.what}: nothing was probed")
        cost = used / number * 1e6
        text = f"{cost:.0f} µs at {number / seconds:.0f}/s"
        yield Figure("probes", f"CPU per probe: {alone.what}", cost, text)
