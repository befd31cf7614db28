"""What goes on beside queries: endpoints that flap, and zone files that change again and again.

An operator's word turns endpoints off and on: damping would soon hold out what its check finds
flapping, and nothing would flap any more.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil
import threading
import time
import urllib.request
from typing import Self

from bench.changes import PUBLISHED
from bench.measure import CannotMeasure
from bench.peers import ADMIN, Server, Site
from bench.zones import ASKER_ZONE, ENDPOINTS

SERVICES = 100  # one endpoint of each flaps
EVERY = 0.1  # seconds: one of them changes, so each does every ten
STATES = ("maintenance", "normal")
PAUSE = 0.5  # seconds between a reload and the next


def flapping_site(site: Site) -> Site:
    """The generated services, and some that flap; those are asked for as often as others."""
    zones, questions = site.scratch / "zones-flapping", site.scratch / "flapping.txt"
    if not zones.exists():
        shutil.copytree(site.zones, zones)
    names = [f"flap-{number}" for number in range(SERVICES)]
    lines = ["zone: prod.us-east-1", "services:"]
    for number, name in enumerate(names):
        network, first = 200 + number // 50, 1 + number % 50 * ENDPOINTS
        steady = ", ".join(f"10.64.{network}.{first + place}" for place in range(1, ENDPOINTS))
        flaps = f"{{address: 10.64.{network}.{first}, name: flaps}}"
        lines += [f"  {name}:", "    owner: team-bench", "    ports: {http: 8080}"]
        lines += [f"    endpoints: [{flaps}, {steady}]"]
    (zones / "prod" / "flapping.yaml").write_text("\n".join(lines) + "\n")
    asked = "".join(f"{name}.{ASKER_ZONE} A\n" for name in names)
    questions.write_text(site.questions.read_text() + asked)
    changing = zones / site.changing.relative_to(site.zones)
    return dataclasses.replace(site, zones=zones, changing=changing, questions=questions)


class Flapping:
    """Endpoints that go and come back as long as the context lasts; at its end all are back."""

    def __init__(self, server: Server) -> None:
        self.changes = 0
        self.trouble: OSError | None = None
        self._admin = server.wait_for(ADMIN)[1][1]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self.trouble is not None:
            raise CannotMeasure(f"the admin address: {self.trouble}")
        self._say("*", "normal")

    def _run(self) -> None:
        due = time.monotonic()
        for number in itertools.count():
            due += EVERY
            if self._stop.wait(max(0.0, due - time.monotonic())):
                return
            try:
                self._say(str(number % SERVICES), STATES[number // SERVICES % 2])
            except OSError as error:
                self.trouble = error
                return
            self.changes += 1

    def _say(self, number: str, state: str) -> None:
        endpoint = f"flap-{number}.prod.us-east-1%2Fflaps"
        urllib.request.urlopen(
            urllib.request.Request(
                f"http://{self._admin}/api/v1/endpoints/{endpoint}/state",
                json.dumps({"state": state, "reason": "bench"}).encode(),
                method="PUT",
            ),
            timeout=10,
        ).close()


class Reloading:
    """One file changes again and again as long as the context lasts."""

    def __init__(self, server: Server, site: Site) -> None:
        self.took: list[float] = []  # seconds until published
        self._server = server
        self._site = site
        self._original = site.changing.read_text()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._site.changing.write_text(self._original)

    def _run(self) -> None:
        for number in itertools.count(1):
            seen, began = len(self._server.lines), time.monotonic()
            address = f"10.64.250.{number % 250 + 1}"  # of no other endpoint
            text = self._original.replace("10.64.1.0\n", f"{address}\n", 1)
            self._site.changing.write_text(text)
            self.took.append(self._server.wait_for(PUBLISHED, seen)[0] - began)
            if self._stop.wait(PAUSE):
                return
