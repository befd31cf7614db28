"""Scenarios of probing: what thousands of probes cost, and what they do to answers meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterable
from ipaddress import IPv4Address
from statistics import fmean

from bench.effort import Effort, Figures
from bench.measure import CannotMeasure, cpu_seconds
from bench.peers import SIGHTLINE, SIGHTLINE_PROBING, Peer, Server, Site
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
FIRST = int(IPv4Address("127.16.0.1"))
CORE_SHARE = 0.5
ADDED = 5.0  # ms

ALONE = 1500  # targets of one kind, to tell what a probe of it costs
ALONE_INTERVAL = 3.0
KINDS = ("http", "tcp", "https", "once", "onces")
NAMES = {
    "https": "https, connection kept",
    "http": "http, connection kept",
    "once": "http, new connection each",
    "onces": "https, new connection each",
}


def probes(site: Site, effort: Effort) -> Figures:
    """5,000 targets at 5 s beside a few queries, also while 1,000 of them hang."""
    with Targets() as targets:
        ports = {kind: targets.tell("listen", kind, "0.0.0.0", "0") for kind in ("http", "tcp")}
        services = [
            *services_of("http", range(TARGETS // 2), ports["http"], INTERVAL),
            *services_of("tcp", range(TARGETS // 2, TARGETS), ports["tcp"], INTERVAL),
        ]
        checked = checked_site(site, "zones-probes", services)
        before, idle = _beside_none(checked, services, effort)
        yield from _beside_probes(checked, services, effort, targets, (before, idle))
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


def _beside_none(
    site: Site, services: list[Checked], effort: Effort
) -> tuple[list[float], float]:
    """Latencies without probes, and the share of a core that the queries take."""
    with Server(SIGHTLINE, site, roams=True) as server, _prober(server, services) as prober:
        time.sleep(2)
        start, cpu = time.time(), cpu_seconds(server.pid)
        time.sleep(effort.steady)
        share = (cpu_seconds(server.pid) - cpu) / (time.time() - start)
        return prober.since(start), share


def _prober(server: Server, services: list[Checked]) -> Prober:
    return Prober(server.port, [service.owner for service in services], RATE)


def _beside_probes(
    site: Site,
    services: list[Checked],
    effort: Effort,
    targets: Targets,
    alone: tuple[list[float], float],
) -> Figures:
    usual, idle = alone
    yield Figure("probes", f"without probes: latency at {RATE}/s", usual[-1] * 1000, told(usual))
    hosts = [address for service in services for address in service.addresses]
    window = max(effort.steady, 3 * INTERVAL)
    with Server(SIGHTLINE_PROBING, site, roams=True) as server:
        with _prober(server, services) as prober:
            time.sleep(SETTLE)
            for word in ("all well", f"{HANGING} hang"):
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
    text = f"{late} of {len(found)} ({before} of {len(usual)} without probes)"
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
    """CPU time of a probe for each kind; the server idles but for them."""
    idle = 0.0
    for kind in ("none", *KINDS):
        with Targets() as targets:
            plain = {"once": "http", "https": "http", "onces": "http", "none": "tcp"}.get(kind, kind)
            files = certificate(site.scratch) if kind in ("https", "onces") else ()
            target = kind if kind in KINDS else "tcp"
            port = targets.tell("listen", target, "0.0.0.0", "0", *files)
            options = ", tls: true, verify: false" if files else ""
            services = services_of(plain, range(ALONE), port, ALONE_INTERVAL, options)
            checked = checked_site(site, f"zones-cost-{kind}", services)
            peer: Peer = SIGHTLINE if kind == "none" else SIGHTLINE_PROBING
            with Server(peer, checked, roams=True) as server:
                time.sleep(SETTLE / 2)
                targets.counts()
                start, cpu = time.monotonic(), cpu_seconds(server.pid)
                time.sleep(effort.steady / 3)
                used = cpu_seconds(server.pid) - cpu
                seconds = time.monotonic() - start
                number = sum(found[0] for found in targets.counts().values())
        if kind == "none":
            idle = used / seconds
            continue
        cost = (used - idle * seconds) / max(number, 1) * 1e6
        text = f"{cost:.0f} µs at {number / seconds:.0f}/s"
        yield Figure("probes", f"CPU per probe: {NAMES.get(kind, kind)}", cost, text)
