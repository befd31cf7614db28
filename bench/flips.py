"""Scenario of flips: what it does to answers when endpoints go up and down all the time."""

from __future__ import annotations

import dataclasses
import json
import shutil
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator

from bench.effort import Effort, Figures
from bench.measure import Dnsperf, Load
from bench.peers import ADMIN, SIGHTLINE_PROBING, Server, Site
from bench.prober import told
from bench.report import Figure
from bench.rig import Checked, Targets, service_lines

RATE = 2000  # queries a second
FLIP_EVERY = 0.5  # seconds
SERVICES, ENDPOINTS = 20, 6
ADDED = 5.0  # ms
QUIET = "{kind: heartbeat, within: 1h, interval: 1h, timeout: 2s}"  # until somebody reports


def flips(site: Site, effort: Effort) -> Figures:
    """One endpoint of 10,000 services every 500 ms: by its check, then by the admin API."""
    with Targets() as targets:
        services = list(_services(targets))
        flipping = _flipping_site(site, services)
        addresses = [a for service in services for a in service.addresses[1:]]
        with Server(SIGHTLINE_PROBING, flipping, roams=True) as server:
            admin = server.wait_for(ADMIN)[1][1]
            Dnsperf(server.port, flipping.questions, 600, "-n", "1").result()
            time.sleep(effort.steady / 2)  # the first round of 30,000 is no flip
            ways: dict[str, Callable[[int], None]] = {
                "by check": lambda number: _fail(targets, addresses, number),
                "by API": lambda number: _override(admin, services, number),
            }
            for word, flip in ways.items():
                calm = [_loaded(server, flipping, effort.steady / 2)]
                load, done = _flipped(server, flipping, effort.steady, flip)
                calm.append(_loaded(server, flipping, effort.steady / 2))
                yield from _figures(word, calm, load, done)


def _services(targets: Targets) -> Iterator[Checked]:
    port = "0"
    for number in range(SERVICES):
        first = 1 + number * ENDPOINTS
        addresses = tuple(f"127.0.2.{first + place}" for place in range(ENDPOINTS))
        for address in addresses:
            port = targets.tell("listen", "tcp", address, port)
        check = f"kind: tcp, port: {port}, interval: 500ms, timeout: 200ms, fall: 1, rise: 1"
        yield Checked(f"flip-{number}", addresses, check)


def _flipping_site(site: Site, services: list[Checked]) -> Site:
    """The generated services, whose checks only listen, and some that flip."""
    zones, questions = site.scratch / "zones-flips", site.scratch / "flips.txt"
    shutil.copytree(site.zones, zones)
    plan = zones / "environments.yaml"
    text = plan.read_text()
    for kind in ("web", "grpc"):
        start = text.index(f"  {kind}: {{")
        text = text.replace(text[start : text.index("\n", start)], f"  {kind}: {QUIET}")
    plan.write_text(text)
    for path in zones.glob("*/*.yaml"):
        path.write_text(path.read_text().replace("{use: grpc, port: 9090}", "grpc"))
    (zones / "prod" / "flips.yaml").write_text("\n".join(service_lines(services)) + "\n")
    asked = "".join(f"{service.owner} A\n" for service in services)
    questions.write_text(site.questions.read_text() + asked)
    return dataclasses.replace(site, zones=zones, questions=questions)


def _fail(targets: Targets, addresses: list[str], number: int) -> None:
    """The next one dies, or the one that died comes back: each but once, against damping."""
    address = addresses[number // 2 % len(addresses)]
    targets.tell("revive" if number % 2 else "kill", address)


def _override(admin: str, services: list[Checked], number: int) -> None:
    """One goes into maintenance, or the one that did is resumed."""
    service = services[number // 2 % len(services)]
    name = service.addresses[0].replace(".", "-")
    state = "normal" if number % 2 else "maintenance"
    urllib.request.urlopen(
        urllib.request.Request(
            f"http://{admin}/api/v1/endpoints/{service.name}.prod.us-east-1%2F{name}/state",
            json.dumps({"state": state, "reason": "bench"}).encode(),
            method="PUT",
        ),
        timeout=10,
    ).close()


def _flipped(
    server: Server, site: Site, seconds: float, flip: Callable[[int], None]
) -> tuple[Load, int]:
    """Load with flips; how many there were."""
    stop = threading.Event()
    done = 0

    def flip_on() -> None:
        nonlocal done
        while not stop.wait(FLIP_EVERY):
            flip(done)
            done += 1

    thread = threading.Thread(target=flip_on, daemon=True)
    thread.start()
    try:
        load = _loaded(server, site, seconds)
    finally:
        stop.set()
        thread.join()
    if done % 2:  # all are up afterwards
        flip(done)
    return load, done


def _loaded(server: Server, site: Site, seconds: float) -> Load:
    return Dnsperf(server.port, site.questions, seconds, rate=RATE, is_verbose=True).result()


def _figures(word: str, calm: list[Load], load: Load, done: int) -> Figures:
    usual = dataclasses.replace(
        calm[0], latencies=tuple(sorted(calm[0].latencies + calm[1].latencies))
    )
    p99 = usual.percentile(0.99) * 1000
    yield Figure("flips", f"{word}, before and after: latency", p99, told(usual.latencies))
    p99 = load.percentile(0.99) * 1000
    yield Figure("flips", f"{word}, {done} flips: latency", p99, told(load.latencies))
    added = p99 - usual.percentile(0.99) * 1000
    yield Figure("flips", f"{word}: added to p99", added, f"{added:.2f} ms", ADDED, unit=" ms")
    yield Figure("flips", f"{word}: queries lost", load.lost, f"{load.lost} of {load.sent}", 0)
