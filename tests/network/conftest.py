"""A network of the test's own: a server's and a client's namespace, joined by a cable."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

START_TIMEOUT = 20.0
ZONES = {
    "environments.yaml": """
domain: corp.internal
regions: [east]
environments:
  prod: {clients: {east: [10.64.0.0/16, "fd64:0:1::/48"]}, forward: {upstreams: [10.64.0.7]}}
  dev: {clients: {east: [10.80.0.0/16, "fd80:0:1::/48"]}}
""",
    "prod.yaml": """
zone: prod.east
services:
  web: {endpoints: [{addresses: [10.64.1.1, "fd64:0:1::a1"], name: one}, 10.64.1.2]}
records:
  pay: {CNAME: web}
  many: {A: [MANY]}
""".replace("MANY", ", ".join(f"10.64.9.{n}" for n in range(1, 121))),
    "dev.yaml": """
zone: dev.east
services:
  web: {endpoints: [10.80.1.1]}
  tool: {endpoints: [10.80.1.9]}
""",
}
SERVER_ADDRESSES = ("10.64.0.53/16", "10.80.0.53/16", "fd64:0:1::53/48", "fd80:0:1::53/48")
CLIENT_ADDRESSES = ("10.64.0.7/16", "10.80.0.7/16", "fd64:0:1::7/48", "fd80:0:1::7/48")


def why_not() -> str | None:
    """What keeps this machine from making network namespaces, if anything does."""
    if not sys.platform.startswith("linux"):
        return "network namespaces are a thing of Linux"
    if os.geteuid():
        return "only root may make network namespaces"
    for command in ("ip", "getent", "unshare"):
        if shutil.which(command) is None:
            return f"{command} is not installed"
    name = f"sightline-{os.getpid()}-try"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    if made.returncode:
        return f"ip netns add: {made.stderr.strip()}"
    return None


@dataclass(frozen=True)
class Network:
    """Two namespaces: the server's, and that of clients of both environments."""

    client: str
    directory: Path
    server: str

    def run(self, command: str, resolv_conf: str) -> subprocess.CompletedProcess[str]:
        """Run a shell command as a client whose /etc/resolv.conf is as given."""
        text = self.directory / "resolv.conf"
        text.write_text(resolv_conf)
        switch = self.directory / "nsswitch.conf"
        switch.write_text("hosts: dns\n")
        binds = f"mount --bind {text} /etc/resolv.conf && mount --bind {switch} /etc/nsswitch.conf"
        inside = ["unshare", "--mount", "--propagation", "private", "sh", "-c"]
        return subprocess.run(
            ["ip", "netns", "exec", self.client, *inside, f"{binds} && {command}"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def dig(self, namespace: str, *words: str) -> str:
        """What dig says in one of the namespaces."""
        done = subprocess.run(
            ["ip", "netns", "exec", namespace, "dig", "+tries=1", "+timeout=5", *words],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        return done.stdout

    def resolve(self, database: str, name: str, resolv_conf: str) -> set[str]:
        """What glibc's stub resolver finds; empty when it finds nothing."""
        done = self.run(f"getent {database} {name}", resolv_conf)
        assert done.returncode in (0, 2), done.stderr
        return {line.split()[0] for line in done.stdout.splitlines()}


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


@contextlib.contextmanager
def _namespaces() -> Iterator[tuple[str, str]]:
    server, client = (f"sightline-{os.getpid()}-{word}" for word in ("s", "c"))
    made = []
    try:
        for name in (server, client):
            _ip("netns", "add", name)
            made.append(name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", server, "link", "add", "cable", "type", "veth", "peer", "cable", "netns", client)
        for name, addresses in ((server, SERVER_ADDRESSES), (client, CLIENT_ADDRESSES)):
            for address in addresses:
                words = ["nodad"] if ":" in address else []
                _ip("-n", name, "addr", "add", address, "dev", "cable", *words)
            _ip("-n", name, "link", "set", "cable", "up")
        yield server, client
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


@contextlib.contextmanager
def _server(namespace: str, directory: Path) -> Iterator[None]:
    """The real command, on port 53 of every address, IPv4 and IPv6."""
    zones = directory / "zones"
    zones.mkdir()
    for name, text in ZONES.items():
        (zones / name).write_text(text)
    command = [sys.executable, "-m", "resolver.cli", "serve", "--zones", str(zones)]
    command += ["--listen", "0.0.0.0:53", "--listen", "[::]:53"]
    process = subprocess.Popen(
        ["ip", "netns", "exec", namespace, *command],
        env={**os.environ, "SIGHTLINE_FORWARD__DEADLINE": "500ms"},
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    try:
        _wait_until_ready(process)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _wait_until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    said, end = "", time.monotonic() + START_TIMEOUT
    while "ready" not in said.rpartition("\n")[0]:
        left = end - time.monotonic()
        assert left > 0, f"not ready after {START_TIMEOUT} s: {said}"
        assert select.select([process.stderr], [], [], left)[0], f"not ready: {said}"
        more = os.read(process.stderr.fileno(), 4096).decode()
        assert more, f"the server ended: {said}"
        said += more


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    reason = why_not()
    if reason is not None:
        pytest.skip(f"network: {reason}")
    directory = tmp_path_factory.mktemp("network")
    with _namespaces() as (server, client), _server(server, directory):
        yield Network(client, directory, server)
