"""Scenarios of answering: what a query costs, ordinary or of a flood, and against the baseline."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

from bench.effort import Effort, Figures
from bench.measure import Dnsperf, Load, cpu_seconds, median, memory_mb, spread
from bench.peers import BASELINE, SIGHTLINE, Server, Site
from bench.report import Figure
from bench.zones import DOMAIN, NOWHERE, write_random_questions

LATENCY_RATE = 5000  # queries a second


def queries(site: Site, effort: Effort) -> Figures:
    """CPU of an answer, against the baseline; the servers take turns, one at a time under load."""
    variants: list[tuple[str, tuple[str, ...]]] = [("plain", ()), ("EDNS", ("-e",))]
    cost: dict[tuple[str, str], list[float]] = {}
    rate: dict[tuple[str, str], list[float]] = {}
    busy: dict[tuple[str, str], list[float]] = {}
    lost: dict[tuple[str, str], int] = {}
    with ExitStack() as stack:
        servers = {p.name: stack.enter_context(Server(p, site)) for p in (SIGHTLINE, BASELINE)}
        for server in servers.values():  # every name once, so that nothing is prepared later
            Dnsperf(server.port, site.questions, 600, "-n", "1").result()
        for _ in range(effort.repetitions):
            for name, server in servers.items():
                for word, options in variants:
                    before = cpu_seconds(server.pid)
                    load = Dnsperf(server.port, site.questions, effort.run, *options).result()
                    used = cpu_seconds(server.pid) - before
                    key = (name, word)
                    cost.setdefault(key, []).append(used / load.completed * 1e6)
                    busy.setdefault(key, []).append(used / load.seconds)
                    rate.setdefault(key, []).append(load.rate)
                    lost[key] = lost.get(key, 0) + load.lost
        for (name, word), values in cost.items():
            what = f"{name}, {word}"
            yield Figure(
                "queries", f"{what}: CPU per query", median(values), f"{spread(values)} µs"
            )
            rates, gone = rate[name, word], lost[name, word]
            share = median(busy[name, word])
            text = f"{spread([r / 1000 for r in rates])} k/s, core {share:.0%} busy, {gone} lost"
            yield Figure("queries", f"{what}: rate on one core", median(rates), text)
        for word, _ in variants:
            ours, theirs = cost[SIGHTLINE.name, word], cost[BASELINE.name, word]
            ratios = [slow / fast for slow, fast in zip(theirs, ours, strict=True)]
            what = f"{word}: times cheaper than {BASELINE.name}"
            yield Figure("queries", what, median(ratios), spread(ratios), at_least=10)
        yield from _latency(site, effort, servers[SIGHTLINE.name])


def _latency(site: Site, effort: Effort, server: Server) -> Figures:
    run = Dnsperf(server.port, site.questions, effort.run, rate=LATENCY_RATE, is_verbose=True)
    load = run.result()
    p50, p99 = (load.percentile(part) * 1000 for part in (0.5, 0.99))
    yield Figure("queries", "latency at 5 k/s", p99, f"p50 {p50:.2f} ms, p99 {p99:.2f} ms")


HERE = f"here.{DOMAIN}"  # names below it are looked up in the caller's region


def flood(site: Site, effort: Effort) -> Figures:
    """Names that do not exist and never repeat: at length, then in turns with ordinary answers."""
    cost: dict[str, list[float]] = {"ordinary": [], "random": [], "random below here": []}
    with Server(SIGHTLINE, site) as server:

        def run(kind: str, questions: Path, seconds: float) -> Load:
            before = cpu_seconds(server.pid)
            load = Dnsperf(server.port, questions, seconds).result()
            cost[kind].append((cpu_seconds(server.pid) - before) / load.completed * 1e6)
            return load

        rate = run("ordinary", site.questions, effort.run).rate
        questions = site.scratch / "random.txt"
        everywhere = (*NOWHERE, HERE, HERE, HERE)
        write_random_questions(
            questions, int(rate * effort.flood * 1.5), effort.repetitions, everywhere
        )
        start_mb = memory_mb(server.pid)
        flood = Dnsperf(server.port, questions, effort.flood)
        time.sleep(effort.flood / 3)
        third_mb = memory_mb(server.pid)
        load = flood.result()
        end_mb = memory_mb(server.pid)
        short = int(rate * effort.run * 1.5)
        for number in range(effort.repetitions):
            write_random_questions(questions, short, number)
            run("random", questions, effort.run)
            write_random_questions(questions, short, number, (HERE,))
            run("random below here", questions, effort.run)
            run("ordinary", site.questions, effort.run)
        questions.unlink()
    for kind, values in cost.items():
        yield Figure("flood", f"CPU per {kind} name", median(values), f"{spread(values)} µs")
    for kind in ("random", "random below here"):
        ratio = median(cost[kind]) / median(cost["ordinary"])
        yield Figure("flood", f"{kind}: against ordinary", ratio, f"{ratio:.2f} times", 1.5)
    share = load.rcodes.get("NXDOMAIN", 0) / load.completed
    text = f"{load.rate / 1000:.1f} k/s, {share:.0%} NXDOMAIN, {load.lost} lost"
    yield Figure("flood", f"{effort.flood:g} s of {load.completed} names", load.rate, text)
    growth = end_mb - third_mb
    text = f"{start_mb:.0f} → {third_mb:.0f} → {end_mb:.0f} MB"
    yield Figure("flood", "memory: before, after a third, at the end", end_mb, text)
    yield Figure("flood", "growth after a third", growth, f"{growth:.1f} MB", 5, unit=" MB")
