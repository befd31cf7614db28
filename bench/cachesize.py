"""Scenario of the cache's bounds: how much memory it takes, and what a flood drives out."""

from __future__ import annotations

import time
from contextlib import ExitStack

from bench.effort import Effort, Figures
from bench.measure import Dnsperf, Load, memory_mb
from bench.outside import forwarding_site, metric, sightline, write_names
from bench.peers import Server, Site
from bench.prober import Prober, told
from bench.report import Figure
from bench.resolvers import LONG_TEXT, UPSTREAM, ZONE, authoritative

ENTRIES = 100_000
MOST_MB = 150.0
POPULAR, POPULAR_RATE = 500, 250  # names, each asked for every two seconds
HITS = 95.0  # percent
WHOLE = 600.0  # seconds that no run takes


def cachesize(site: Site, effort: Effort) -> Figures:
    """Memory with an empty cache, a full one, and after a flood; short answers, then long ones."""
    with ExitStack() as stack:
        asked = stack.enter_context(authoritative(site.scratch))
        ours = forwarding_site(site, "zones-cachesize", {"prod": (f"{UPSTREAM}:{asked.port}",)})
        with Server(sightline(CACHE__ENTRIES=str(ENTRIES)), ours) as server:
            yield from _filled(server, ours, effort, "A")
        with Server(sightline(CACHE__ENTRIES=str(ENTRIES)), ours) as server:
            yield from _filled(server, ours, effort, "TXT")


def _filled(server: Server, site: Site, effort: Effort, qtype: str) -> Figures:
    popular = [f"popular{number}.{ZONE}" for number in range(POPULAR)]
    word = "addresses" if qtype == "A" else f"texts of {LONG_TEXT} octets"
    # Everything once that a process needs at all, but for the entries.
    _ask(server, site, "first", 2000, "A")
    metric(server, "sightline_cache_entries")
    empty = memory_mb(server.pid)
    _ask(server, site, "fill", ENTRIES, qtype)
    full, entries = memory_mb(server.pid), metric(server, "sightline_cache_entries")
    evicted = metric(server, "sightline_cache_evictions_total")
    hits = metric(server, "sightline_cache_hits_total")
    with Prober(server.port, popular, POPULAR_RATE) as prober:
        time.sleep(POPULAR / POPULAR_RATE)  # each is asked for the first time
        flood = _ask(server, site, "flood", effort.names, qtype)
    after = memory_mb(server.pid)
    found = metric(server, "sightline_cache_hits_total") - hits
    gone = metric(server, "sightline_cache_evictions_total") - evicted
    text = f"{empty:.0f} → {full:.0f} MB with {entries:.0f} entries"
    yield Figure("cachesize", f"{word}: memory, full", full, text, MOST_MB, unit=" MB")
    each = (full - empty) * 1e6 / entries
    text = f"{full - empty:.0f} MB, {each:.0f} octets an entry"
    yield Figure("cachesize", f"{word}: growth", full - empty, text, MOST_MB, unit=" MB")
    text = f"{after:.0f} MB"
    what = f"{word}: after {flood.completed} other names"
    yield Figure("cachesize", what, after, text, MOST_MB, unit=" MB")
    text = f"{after - empty:.0f} MB, {after - full:.0f} MB of it by the flood"
    what = f"{word}: growth then"
    yield Figure("cachesize", what, after - empty, text, MOST_MB, unit=" MB")
    text = f"{gone:.0f} at {flood.rate / 1000:.1f} k/s, {flood.lost} lost"
    yield Figure("cachesize", f"{word}: made room", gone, text)
    again = prober.sent - POPULAR
    share = found / again * 100
    text = f"{share:.1f} % of {again}, {prober.lost} lost, {told(prober.since(0))}"
    yield Figure("cachesize", f"{word}: popular names that hit", share, text, None, HITS, " %")


def _ask(server: Server, site: Site, kind: str, count: int, qtype: str) -> Load:
    """So many names that were not asked for before, as fast as they are answered."""
    questions = site.scratch / "cachesize.txt"
    write_names(questions, (f"{kind}{number}.{qtype}.{ZONE}" for number in range(count)), qtype)
    return Dnsperf(server.port, questions, WHOLE, "-n", "1").result()
