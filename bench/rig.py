"""What the scenarios of health checks stand on: the process of targets, zones of checked services.

The targets are addresses of 127.0.0.0/8, so nothing leaves the machine.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bench.measure import LOAD_CORE, CannotMeasure
from bench.peers import ROOT, Site
from bench.zones import ASKER_ZONE, DOMAIN


@dataclass(frozen=True, slots=True)
class Checked:
    """One service; `check` is the YAML of its check."""

    name: str
    addresses: tuple[str, ...]
    check: str

    @property
    def owner(self) -> str:
        return f"{self.name}.{ASKER_ZONE}"


def checked_site(site: Site, name: str, services: Iterable[Checked]) -> Site:
    """A zones directory of its own, with these services for ASKER."""
    directory = site.scratch / name
    directory.mkdir()
    (directory / "environments.yaml").write_text(
        f"domain: {DOMAIN}\n"
        "nameservers: {ns1: [10.255.0.53]}\n"
        "regions: [us-east-1]\n"
        "environments:\n"
        "  prod: {forward: none, clients: {us-east-1: [127.64.0.0/16]}}\n"
    )
    (directory / "services.yaml").write_text("\n".join(service_lines(services)) + "\n")
    questions = site.scratch / f"{name}.txt"
    questions.write_text("".join(f"{service.owner} A\n" for service in services))
    return dataclasses.replace(site, zones=directory, questions=questions)


def service_lines(services: Iterable[Checked]) -> list[str]:
    """The zone file of the services."""
    lines = ["zone: prod.us-east-1", "services:"]
    for service in services:
        lines += [
            f"  {service.name}:",
            "    owner: team-bench",
            f"    endpoints: [{', '.join(service.addresses)}]",
            f"    check: {{{service.check}}}",
        ]
    return lines


class Player:
    """A process that obeys commands on stdin: a context that ends with it."""

    def __init__(self, module: str) -> None:
        self._lock = threading.Lock()
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        os.sched_setaffinity(self._process.pid, {LOAD_CORE})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End the process without a word."""
        self._process.kill()
        self._process.communicate()

    def tell(self, *words: str) -> str:
        """Give a command and wait for the reply."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(" ".join(words) + "\n")
            self._process.stdin.flush()
            reply = self._process.stdout.readline()
        if not reply:
            raise CannotMeasure(f"the process of {self._module} has ended")
        return reply.strip()


class Targets(Player):
    """The process of `bench.targets`."""

    def __init__(self) -> None:
        super().__init__("bench.targets")

    def counts(self) -> dict[str, tuple[int, float, float, float]]:
        """Per address what came since the last time: number, first, last, longest gap."""
        return {host: tuple(found) for host, found in json.loads(self.tell("counts")).items()}


def certificate(directory: Path) -> tuple[str, str]:
    """The files of a new certificate and its key."""
    key, cert = directory / "key.pem", directory / "cert.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    words = [*command.split(), "-subj", "/CN=bench", "-keyout", str(key), "-out", str(cert)]
    try:
        subprocess.run(words, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotMeasure(f"openssl made no certificate: {error}") from None
    return str(cert), str(key)
