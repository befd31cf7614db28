"""Scenarios of loading: start, check and reload of many services."""

from __future__ import annotations

import re
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable

from bench.effort import Effort, Figures
from bench.measure import TIMEOUT, Dnsperf, Load, cpu_seconds, median, memory_mb, spread
from bench.peers import ROOT, SIGHTLINE, Server, Site, environment
from bench.report import Figure
from bench.zones import ASKER, ASKER_ZONE

PUBLISHED = re.compile(r"generation \d+ published after ([\d.]+) s")
RELOAD_RATES = (500, 5000)  # queries a second


def start(site: Site, effort: Effort) -> Figures:
    """From the start of the process to `ready`, and to the first answer."""
    ready: list[float] = []
    cpu: list[float] = []
    resident: list[float] = []
    first: list[float] = []
    for _ in range(effort.starts):
        with Server(SIGHTLINE, site) as server:
            ready.append(server.ready - server.started)
            cpu.append(cpu_seconds(server.pid))
            resident.append(memory_mb(server.pid))
            first.append(ask(server.port, f"web-api-0.{ASKER_ZONE}")[1] * 1000)
    size = f"{site.services} services"
    yield Figure("start", f"{size}: to ready", median(ready), f"{spread(ready)} s", 8, unit=" s")
    yield Figure("start", f"{size}: CPU to ready", median(cpu), f"{spread(cpu)} s")
    yield Figure("start", "first answer", median(first), f"{spread(first, '.2f')} ms")
    text = f"{spread(resident, '.0f')} MB"
    yield Figure("start", f"{size}: memory", median(resident), text, 300, unit=" MB")


def check(site: Site, effort: Effort) -> Figures:
    """`sightline check` on the same zones."""
    seconds: list[float] = []
    problems = 0
    for _ in range(effort.starts):
        began = time.monotonic()
        command = [sys.executable, "-m", "resolver.cli", "check", "--zones", str(site.zones)]
        done = subprocess.run(
            command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
        )
        seconds.append(time.monotonic() - began)
        problems = len(done.stdout.splitlines())
    text = f"{spread(seconds)} s, {problems} problems"
    yield Figure("check", f"{site.services} services", median(seconds), text, 8, unit=" s")


def reload(site: Site, effort: Effort) -> Figures:
    """One file changes while queries come, few and many."""
    for rate in RELOAD_RATES:
        yield from _reload(site, effort, rate)


def _reload(site: Site, effort: Effort, rate: int) -> Figures:
    seconds: list[float] = []
    worst: list[float] = []
    calm: list[float] = []
    late, lost, sent = 0, 0, 0
    original = site.changing.read_text()
    try:
        with Server(SIGHTLINE, site, roams=True) as server:
            Dnsperf(server.port, site.questions, 600, "-n", "1").result()
            for number in range(effort.reloads):
                quiet = _run_beside(server, site, rate, lambda: time.sleep(1))
                calm.append(quiet.percentile(1.0) * 1000)
                address = f"10.64.250.{number + 1}"  # of no other endpoint
                took: list[float] = []

                def change(address: str = address, took: list[float] = took) -> None:
                    time.sleep(1)
                    seen = len(server.lines)
                    began = time.monotonic()
                    site.changing.write_text(original.replace("10.64.1.0\n", f"{address}\n", 1))
                    moment, _ = server.wait_for(PUBLISHED, seen)
                    took.append(moment - began)

                load = _run_beside(server, site, rate, change)
                seconds += took
                worst.append(load.percentile(1.0) * 1000)
                late += sum(latency > 0.1 for latency in load.latencies)
                lost, sent = lost + load.lost, sent + load.sent
                if socket.inet_aton(address) not in ask(server.port, f"web-api-0.{ASKER_ZONE}")[0]:
                    lost += 1  # published, and yet the old answer
            peak, resident = memory_mb(server.pid, "VmHWM"), memory_mb(server.pid)
    finally:
        site.changing.write_text(original)
    at = f"at {rate}/s"
    text = f"{spread(seconds, '.2f')} s"
    yield Figure("reload", f"{at}: change to published", median(seconds), text, 2, unit=" s")
    yield Figure("reload", f"{at}: queries lost", lost, f"{lost} of {sent}", 0)
    text = f"{spread(worst, '.0f')} ms; without a reload {spread(calm, '.0f')} ms"
    yield Figure("reload", f"{at}: slowest answer", median(worst), text)
    yield Figure("reload", f"{at}: answers after more than 100 ms", late, f"{late} of {sent}")
    text = f"{peak:.0f} MB, {resident:.0f} MB afterwards"
    yield Figure("reload", f"{at}: most memory", peak, text, 300, unit=" MB")


def _run_beside(server: Server, site: Site, rate: int, act: Callable[[], None]) -> Load:
    """Load from before `act` until every query sent during it is answered or lost."""
    run = Dnsperf(server.port, site.questions, 600, rate=rate, is_verbose=True)
    try:
        act()
        time.sleep(TIMEOUT + 0.5)
    finally:
        run.stop()
    return run.result()


def ask(port: int, name: str) -> tuple[bytes, float]:
    """One question for A, by hand; the reply and the seconds that it took."""
    labels = b"".join(bytes((len(word),)) + word.encode() for word in name.split("."))
    query = struct.pack("!6H", 4711, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\x01\0\x01"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.bind((ASKER, 0))
        began = time.perf_counter()
        client.sendto(query, ("127.0.0.1", port))
        return client.recv(4096), time.perf_counter() - began
