"""Scenarios of forwarding: one of two upstreams hangs; one environment floods beside another."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack

from bench.effort import Effort, Figures
from bench.measure import Dnsperf
from bench.outside import (
    OTHER_ASKER,
    Asker,
    Upstreams,
    forwarding_site,
    has_answer,
    own_name,
    sightline,
    write_names,
)
from bench.peers import Server, Site
from bench.prober import Prober, percentile, told
from bench.report import Figure
from bench.resolvers import UPSTREAM, ZONE

SILENT, OTHER = "127.0.0.10", "127.0.0.11"
POLICIES = ("fastest", "sequential", "round_robin")
FIRST_QUERIES = 20
PAUSE = 0.01  # seconds between an answer and the next question
HANGING_BOUND = 50.0  # ms
STEADY_RATE = 100  # queries a second
FLOODS = {1000: 2.0, 4000: None}  # queries a second, and the bound of the other's p99
SETTLE = 5.0  # seconds until nothing is in flight
DISTANCE = 0.01  # seconds that the upstream of the steady one takes


def hanging(site: Site, effort: Effort) -> Figures:
    """Two upstreams, of which the one that is written first swallows everything."""
    with Upstreams() as upstreams:
        silent, well = upstreams.listen(SILENT), upstreams.listen(UPSTREAM)
        upstreams.tell("hang", SILENT)
        ours = forwarding_site(site, "zones-hanging", {"prod": (silent, well)})
        for policy in POLICIES:
            with Server(sightline(FORWARD__POLICY=policy), ours) as server:
                yield from _one_by_one(server, policy, effort)
            with Server(sightline(FORWARD__POLICY=policy), ours) as server:
                yield from _steadily(server, policy, effort)


def _one_by_one(server: Server, policy: str, effort: Effort) -> Figures:
    count = FIRST_QUERIES + int(effort.steady / 3 / PAUSE)
    took, wrong = [], 0
    with Asker(server.port) as asker:
        for number in range(count):
            seconds, reply = asker.ask(f"{policy}{number}.{ZONE}".replace("_", "-"))
            took.append(seconds)
            wrong += not has_answer(reply)
            time.sleep(PAUSE)
    first, rest = took[:FIRST_QUERIES], sorted(took[FIRST_QUERIES:])
    text = f"{sum(seconds > HANGING_BOUND / 1000 for seconds in first)} slow ones"
    text = f"max {max(first) * 1000:.0f} ms, {text}"
    yield Figure("hanging", f"{policy}: first {FIRST_QUERIES}", max(first) * 1000, text)
    p99 = percentile(rest, 0.99) * 1000
    what = f"{policy}: next {len(rest)}: p99"
    yield Figure("hanging", what, p99, told(rest), HANGING_BOUND, unit=" ms")
    yield Figure("hanging", f"{policy}: without an answer", wrong, f"{wrong} of {count}", 0)


def _steadily(server: Server, policy: str, effort: Effort) -> Figures:
    """The same from a standing start with a question every so often, whatever comes back."""
    names = [
        f"{policy}-steady{number}.{ZONE}".replace("_", "-")
        for number in range(int(STEADY_RATE * effort.steady))
    ]
    with Prober(server.port, names, STEADY_RATE) as prober:
        time.sleep(effort.steady / 3)
    began = min(at for at, _ in prober.latencies)
    slow = [at - began for at, took in prober.latencies if took > HANGING_BOUND / 1000]
    last = f", the last was asked after {max(slow):.2f} s" if slow else ""
    text = f"{len(slow)} of {prober.sent}{last}"
    yield Figure("hanging", f"{policy}, {STEADY_RATE}/s: over 50 ms", len(slow), text)


def fairness(site: Site, effort: Effort) -> Figures:
    """One environment floods, half with names that its upstream never answers; another asks on."""
    with ExitStack() as stack:
        # A process for each, so that the one does not wait for the other there.
        flooded = stack.enter_context(Upstreams()).listen(UPSTREAM)
        other = stack.enter_context(Upstreams()).listen(OTHER, delay=DISTANCE)
        ours = forwarding_site(site, "zones-fair", {"prod": (flooded,), "staging": (other,)})
        server = stack.enter_context(Server(sightline(), ours))
        for rate, bound in FLOODS.items():
            yield from _beside_flood(server, ours, rate, bound, effort)


def _beside_flood(
    server: Server, site: Site, rate: int, bound: float | None, effort: Effort
) -> Figures:
    """Calm and flood in turns."""
    seconds, loads, spans = effort.steady / 6, [], []
    questions = site.scratch / "fairness.txt"
    with ExitStack() as stack:
        steady = Steady(stack, server.port, rate, 6 * (seconds + 2 * SETTLE))
        for number in range(3):
            name = f"r{number}.f{rate}.{ZONE}"
            count = int(rate * seconds * 1.1)
            write_names(questions, (f"{('n', 'never')[n % 2]}{n}.{name}" for n in range(count)))
            start = time.time()
            time.sleep(seconds)
            began = time.time()
            loads.append(Dnsperf(server.port, questions, seconds, rate=rate).result())
            spans.append((start, began, began + seconds))
            time.sleep(SETTLE)
    word = f"flood of {rate}/s"
    got = Counter[str]()
    for load in loads:
        got.update(load.rcodes)
        got["lost"] += load.lost
    text = ", ".join(f"{count} {kind}" for kind, count in got.items())
    yield Figure("fairness", f"{word}: what it got", got.total(), text)
    for kind, prober in (("its upstream", steady.outside), ("own zone", steady.inside)):
        calm = sorted(t for a, b, _ in spans for t in prober.since(a, b))
        beside = sorted(t for _, b, c in spans for t in prober.since(b, c))
        p99, flooded = percentile(calm, 0.99), percentile(beside, 0.99)
        yield Figure("fairness", f"{word}: {kind}, calm", p99, told(calm))
        yield Figure("fairness", f"{word}: {kind}, beside it", flooded, told(beside))
        ratio = flooded / p99
        limit = bound if prober is steady.outside else None
        yield Figure("fairness", f"{word}: {kind}: times the p99", ratio, f"{ratio:.2f}", limit)
    lost = steady.outside.lost + steady.inside.lost
    sent = steady.outside.sent + steady.inside.sent
    text = f"{steady.wrong} refused or failed, {lost} lost, of {sent}"
    yield Figure("fairness", f"{word}: without an answer", steady.wrong + lost, text, 0)


class Steady:
    """The other environment: names that its upstream knows, and names of its own zones."""

    def __init__(self, stack: ExitStack, port: int, rate: int, seconds: float) -> None:
        self.wrong = 0
        names = [f"b{number}.beside{rate}.{ZONE}" for number in range(int(STEADY_RATE * seconds))]
        own = [own_name(number, "staging") for number in range(100)]
        self.outside, self.inside = (
            stack.enter_context(Prober(port, asked, STEADY_RATE, self._note, source=OTHER_ASKER))
            for asked in (names, own)
        )

    def _note(self, _: str, __: float, reply: bytes) -> None:
        self.wrong += not has_answer(reply)
