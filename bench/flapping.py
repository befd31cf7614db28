"""Scenarios of change: 100 endpoints that flap, and reloads, beside many queries."""

from __future__ import annotations

import itertools
import time
from contextlib import ExitStack
from functools import partial

from bench.beginning import begin, start_ours
from bench.commotion import Flapping, Reloading, flapping_site
from bench.contest import answered
from bench.effort import Effort, Figures
from bench.measure import CannotMeasure, Dnsperf, Load, median, prefer, release, spread
from bench.peers import Server, Site, pumps
from bench.prober import Prober, percentile, told
from bench.report import Figure
from bench.tally import Kind, Tally

FLAP_BOUND = 1.1
P99_BOUND = 10.0  # ms
PROBES = 1000  # queries a second that are timed


def _fast(server: Server, site: Site, seconds: float) -> Load:
    return answered(Dnsperf(server.port, site.questions, seconds).result())


def flapping(site: Site, effort: Effort) -> Figures:
    """CPU of an answer while 100 endpoints flap, in turns with calm."""
    site = flapping_site(site)
    tally = Tally()
    changes = 0
    with ExitStack() as stack:
        servers = start_ours(stack, site)
        for server in servers.values():
            Dnsperf(server.port, site.questions, 600, "-n", "1").result()
        for _, (name, server) in itertools.product(range(effort.repetitions), servers.items()):
            tally.run(Kind(name, "calm"), server, partial(_fast, server, site, effort.run))
            with Flapping(server) as flapping:
                time.sleep(0.3)  # the first changes are published
                tally.run(Kind(name, "flapping"), server, partial(_fast, server, site, effort.run))
            changes += flapping.changes
    yield from tally.figures("flapping")
    for name in servers:
        calm = Kind(name, "calm")
        yield from tally.compared("flapping", Kind(name, "flapping"), calm, FLAP_BOUND)
    yield Figure("flapping", "changes of endpoints", changes, f"{changes}")


def storm(site: Site, effort: Effort) -> Figures:
    """Latency at half of the highest rate, while services reload and 100 endpoints flap.

    The highest rate is that of one core; then the server may use all, as the load does, and the
    process that answers goes before the load.
    """
    site = flapping_site(site)
    has_begun = False
    for peer in pumps():
        with ExitStack() as stack:
            for server in begin(stack, {peer.name: partial(Server, peer, site)}).values():
                has_begun = True
                yield from _storm(peer.name, server, site, effort)
    if not has_begun:
        raise CannotMeasure("sightline does not start")


def _storm(name: str, server: Server, site: Site, effort: Effort) -> Figures:
    names = [line.split()[0] for line in site.questions.read_text().splitlines()]
    Dnsperf(server.port, site.questions, 600, "-n", "1").result()
    highest = median([_fast(server, site, effort.turn).rate for _ in range(3)])
    rate = int(highest / 2)
    release(server.pid)
    prefer(server.pid)
    calm, _ = _timed(server, site, names, rate, effort.steady)
    reloading = Reloading(server, site)
    with reloading, Flapping(server):
        prober, load = _timed(server, site, names, rate, effort.steady)
    lost, sent = load.lost + prober.lost, load.sent + prober.sent
    seen = prober.since(0)
    p99 = percentile(seen, 0.99) * 1000
    kind = f"{name} at {rate / 1000:.1f} k/s"
    yield Figure("storm", f"{kind}, calm: latency", 0, told(calm.since(0)))
    yield Figure("storm", f"{kind}: p99", p99, told(seen), P99_BOUND, unit=" ms")
    yield Figure("storm", f"{kind}: queries lost", lost, f"{lost} of {sent}", 0)
    text = f"{len(reloading.took)}, each {spread(reloading.took, '.2f')} s to published"
    yield Figure("storm", f"{kind}: reloads", len(reloading.took), text)


def _timed(
    server: Server, site: Site, names: list[str], rate: int, seconds: float
) -> tuple[Prober, Load]:
    run = Dnsperf(server.port, site.questions, seconds, rate=rate, roams=True)
    with Prober(server.port, names, PROBES) as prober:
        load = run.result()
    return prober, load
