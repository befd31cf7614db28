"""Scenario of failures: how long an address stays in answers after its target died or hung.

Every endpoint fails once, as one that fails again and again is held out on purpose (damping).
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.effort import Effort, Figures
from bench.measure import CannotMeasure, median
from bench.peers import SIGHTLINE_PROBING, Server, Site
from bench.prober import Prober
from bench.report import Figure, histogram
from bench.rig import Checked, Targets, checked_site

SERVICES = 20  # that fail independently, at the same time
SPARED = 1  # endpoint of each that stays up: with none up, all are in answers
INTERVAL, FAST, TIMEOUT, FALL, RISE = 2.0, 0.5, 1.0, 3, 2
LIMIT = 1.1 * (INTERVAL + (FALL - 1) * FAST) + 0.5
CALM = 0.5  # seconds without the address in an answer: it is out
PATIENCE = 60.0  # seconds
ASK_EVERY = 0.01  # seconds, each name


@dataclass
class Watched:
    """One service and when its addresses were last seen in an answer, since the epoch."""

    service: Checked
    seen: dict[str, float] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)  # seconds from failing to the last answer
    trouble: str | None = None

    def note(self, arrived: float, reply: bytes) -> None:
        """Look which addresses a reply holds."""
        for address in self.service.addresses:
            if socket.inet_aton(address) in reply:
                self.seen[address] = arrived

    def wait_until_out(self, address: str) -> None:
        """Wait until no answer holds it for a while."""
        self._wait(
            lambda: time.time() - self.seen.get(address, 0.0) > CALM, f"{address} stays in answers"
        )

    def wait_until_back(self, address: str, since: float) -> None:
        """Wait until an answer holds it again."""
        self._wait(lambda: self.seen.get(address, 0.0) > since, f"{address} does not come back")

    def _wait(self, is_so: Callable[[], bool], trouble: str) -> None:
        end = time.monotonic() + PATIENCE
        while not is_so():
            if time.monotonic() > end:
                raise CannotMeasure(trouble)
            time.sleep(0.02)


def kills(site: Site, effort: Effort) -> Figures:
    """Targets that are killed (port closed, connections reset), then ones that only hang."""
    yield from _fail_all(site, effort, "kill", "killed", LIMIT)
    yield from _fail_all(site, effort, "hang", "hung", LIMIT + FALL * TIMEOUT)


def _fail_all(site: Site, effort: Effort, command: str, word: str, limit: float) -> Figures:
    with Targets() as targets:
        services = _services(targets, effort.kills + SPARED)
        checked = checked_site(site, f"zones-{word}", services)
        watched = {service.owner: Watched(service) for service in services}
        with (
            Server(SIGHTLINE_PROBING, checked, roams=True) as server,
            Prober(
                server.port,
                list(watched),
                len(watched) / ASK_EVERY,
                lambda name, at, reply: watched[name].note(at, reply),
            ) as prober,
        ):
            threads = [
                threading.Thread(target=_fail_each, args=(one, targets, command), daemon=True)
                for one in watched.values()
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    took = sorted(seconds for one in watched.values() for seconds in one.took)
    for one in watched.values():
        if one.trouble is not None:
            raise CannotMeasure(one.trouble)
    print(f"{len(took)} {word}: seconds until no answer held the address\n{histogram(took, 0.25)}")
    what = f"{len(took)} {word}: until out of the answers"
    yield Figure("kills", f"{what}, longest", took[-1], f"{took[-1]:.2f} s", limit, unit=" s")
    half = 0.7 * limit
    text = f"{median(took):.2f} s"
    yield Figure("kills", f"{what}, median", median(took), text, half, unit=" s")
    text = f"{prober.lost} of {prober.sent}"
    yield Figure("kills", f"{word}: queries lost meanwhile", prober.lost, text, 0)


def _services(targets: Targets, endpoints: int) -> list[Checked]:
    found = []
    for number in range(SERVICES):
        first = 1 + number * endpoints
        addresses = tuple(f"127.0.1.{first + place}" for place in range(endpoints))
        port = targets.tell("listen", "http", addresses[0], "0")
        for address in addresses[1:]:
            targets.tell("listen", "http", address, port)
        timing = f"interval: {INTERVAL}s, fast_interval: {FAST}s, timeout: {TIMEOUT}s"
        check = f"kind: http, port: {port}, {timing}, fall: {FALL}, rise: {RISE}"
        found.append(Checked(f"victim-{number}", addresses, check))
    return found


def _fail_each(one: Watched, targets: Targets, command: str) -> None:
    """Let each address fail at a random moment, and come back."""
    chance = random.Random(one.service.name)
    try:
        for address in one.service.addresses[SPARED:]:
            one.wait_until_back(address, 0.0)
            time.sleep(chance.random() * INTERVAL)
            failed = time.time()
            targets.tell(command, address)
            one.wait_until_out(address)
            one.took.append(one.seen[address] - failed)
            targets.tell("revive", address)
            one.wait_until_back(address, time.time())
    except CannotMeasure as error:
        one.trouble = str(error)
