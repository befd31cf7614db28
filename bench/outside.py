"""What the scenarios of forwarding stand on: zones of environments with upstreams, and an asker."""

from __future__ import annotations

import dataclasses
import re
import socket
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.measure import CannotMeasure
from bench.peers import ADMIN, SIGHTLINE, Peer, Server, Site
from bench.prober import packed_question
from bench.rig import Player
from bench.zones import ASKER, DOMAIN

OTHER_ASKER = "127.72.0.1"  # of the environment `staging`
CLIENTS = {"prod": "127.64.0.0/16", "staging": "127.72.0.0/16"}
SERVICES = 1000  # of each environment


def own_name(number: int, environment: str = "prod") -> str:
    """A name of our own zones."""
    return f"web-{number}.{environment}.us-east-1.{DOMAIN}"


def forwarding_site(site: Site, name: str, upstreams: Mapping[str, tuple[str, ...]]) -> Site:
    """A zones directory of its own: environments, whom each asks, and some names of our own."""
    directory = site.scratch / name
    directory.mkdir()
    lines = [f"domain: {DOMAIN}", "nameservers: {ns1: [10.255.0.53]}", "regions: [us-east-1]"]
    lines.append("environments:")
    for environment, servers in upstreams.items():
        words = ", ".join(f'"{server}"' for server in servers)
        clients = f"{{us-east-1: [{CLIENTS[environment]}]}}"
        lines.append(f"  {environment}: {{forward: {{upstreams: [{words}]}}, clients: {clients}}}")
        second = CLIENTS[environment].split(".")[1]
        zone = [f"zone: {environment}.us-east-1", "services:"]
        for number in range(SERVICES):
            address = f"10.{second}.{number // 250}.{number % 250 + 1}"
            zone.append(f"  web-{number}: {{owner: team-bench, endpoints: [{address}]}}")
        (directory / f"{environment}.yaml").write_text("\n".join(zone) + "\n")
    (directory / "environments.yaml").write_text("\n".join(lines) + "\n")
    questions = site.scratch / f"{name}.txt"
    write_names(questions, (own_name(number) for number in range(SERVICES)))
    return dataclasses.replace(site, zones=directory, questions=questions)


def write_names(path: Path, names: Iterator[str], qtype: str = "A") -> None:
    """Questions for dnsperf."""
    with path.open("w") as file:
        file.writelines(f"{name} {qtype}\n" for name in names)


def sightline(**settings: str) -> Peer:
    """Ours with variables: `FORWARD__POLICY="sequential"`."""
    named = {f"SIGHTLINE_{key}": value for key, value in settings.items()}
    return dataclasses.replace(SIGHTLINE, settings={**SIGHTLINE.settings, **named})


class Upstreams(Player):
    """The process of `bench.upstream`."""

    def __init__(self) -> None:
        super().__init__("bench.upstream")

    def listen(self, host: str, *, port: int = 0, ttl: int = 3600, delay: float = 0.0) -> str:
        """Listen there; gives the upstream as it is written in zones."""
        found = self.tell("listen", host, str(port), str(ttl), str(delay))
        return f"{host}:{found}"


class Asker:
    """Asks one question after the other, from one address."""

    def __init__(self, port: int, source: str = ASKER) -> None:
        self._number = 0
        self._socket = socket.socket(type=socket.SOCK_DGRAM)
        self._socket.bind((source, 0))
        self._socket.connect(("127.0.0.1", port))

    def __enter__(self) -> Asker:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, name: str, patience: float = 5.0) -> tuple[float, bytes]:
        """How long an answer took, and what it was."""
        self._number = (self._number + 1) % 65536
        ident = self._number.to_bytes(2, "big")
        query = ident + b"\1\0\0\1\0\0\0\0\0\0" + packed_question(name)
        began = time.monotonic()
        self._socket.send(query)
        while (left := began + patience - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                reply = self._socket.recv(4096)
            except TimeoutError:
                break
            if reply[:2] == ident:
                return time.monotonic() - began, reply
        raise CannotMeasure(f"no answer for {name} within {patience:g} s")


def has_answer(reply: bytes) -> bool:
    """Whether a reply gives records."""
    return reply[3] & 15 == 0 and reply[6:8] != b"\0\0"


def metric(server: Server, family: str, **labels: str) -> float:
    """The sum of a family's samples with these labels."""
    admin = server.wait_for(ADMIN)[1][1]
    with urllib.request.urlopen(f"http://{admin}/metrics", timeout=10) as page:
        text = page.read().decode()
    total = 0.0
    for line in re.findall(rf"^{family}{{.*$", text, re.MULTILINE):
        if all(f'{key}="{value}"' in line for key, value in labels.items()):
            total += float(line.rpartition(" ")[2])
    return total
