"""Pings, in namespaces of the test's own: one that probes and a neighbour that routes."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from pydantic import TypeAdapter, ValidationError

from healthcheck.kinds.icmp import IcmpCheck
from tests.network.conftest import why_not
from tests.support import ROOT

ALLOWED, FORBIDDEN = "0 2147483647", "1 0"
PING_GROUP_RANGE = "/proc/sys/net/ipv4/ping_group_range"
SILENT, UNREACHABLE, NO_ROUTE = "10.71.0.1", "10.72.0.1", "192.0.2.1"
NEIGHBOUR, NEIGHBOUR_6, UNREACHABLE_6 = "10.70.0.2", "fd70::2", "fd72::1"

# For each address: what came of it, and what is left open.
PROBE = """
import asyncio, json, os, sys
from healthcheck.heartbeats import Heartbeats
from healthcheck.kinds.icmp import IcmpCheck
from healthcheck.probe import probe
from healthcheck.tools import open_tools

async def look(address, tools):
    try:
        timeout = 0.3 if address == "SILENT" else 20
        found = await probe(IcmpCheck(), address, timeout, tools)
    except Exception as error:
        return type(error).__name__, str(error)
    return found.failure and found.failure.name, found.detail

async def main():
    async with open_tools(Heartbeats()) as tools:
        before = len(os.listdir("/proc/self/fd"))
        found = await asyncio.gather(*(look(address, tools) for address in sys.argv[1:]))
        assert len(os.listdir("/proc/self/fd")) == before
    print(json.dumps(dict(zip(sys.argv[1:], found))))

asyncio.run(main())
""".replace("SILENT", SILENT)

Found = dict[str, list[str | None]]
"""Address → failure (or the name of what was raised) and detail."""


def look(namespace: str, groups: str, *addresses: str) -> Found:
    """Ping addresses at the same time, with ping sockets for these groups."""
    script = f'echo "{groups}" > {PING_GROUP_RANGE} && exec "$@"'
    python = [sys.executable, "-W", "error", "-c", PROBE, *addresses]
    done = subprocess.run(
        ["ip", "netns", "exec", namespace, "sh", "-c", script, "sh", *python],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    found: Found = json.loads(done.stdout)
    return found


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def _join(near: str, far: str) -> None:
    """A cable between both; the far one routes, drops one network and refuses two others."""
    _ip("-n", near, "link", "add", "cable", "type", "veth", "peer", "cable", "netns", far)
    for name, last in ((near, 1), (far, 2)):
        _ip("-n", name, "addr", "add", f"10.70.0.{last}/24", "dev", "cable")
        _ip("-n", name, "addr", "add", f"fd70::{last}/64", "dev", "cable", "nodad")
        for device in ("cable", "lo"):
            _ip("-n", name, "link", "set", device, "up")
    _ip("-n", near, "route", "add", "10.64.0.0/10", "via", NEIGHBOUR)
    _ip("-n", near, "route", "add", "fd72::/64", "via", NEIGHBOUR_6)
    forward = (
        "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding"
    )
    _ip("netns", "exec", far, "sh", "-c", forward)
    _ip("-n", far, "route", "add", "blackhole", "10.71.0.0/16")
    _ip("-n", far, "route", "add", "unreachable", "10.72.0.0/16")
    _ip("-n", far, "route", "add", "unreachable", "fd72::/64")


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    """The namespace that probes."""
    reason = why_not()
    if reason is not None:
        pytest.skip(f"network: {reason}")
    names = [f"sightline-{os.getpid()}-ping-{word}" for word in ("near", "far")]
    with contextlib.ExitStack() as stack:
        for name in names:
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "del", name)
        _join(*names)
        yield names[0]


@pytest.fixture(scope="module")
def found(namespace: str) -> Found:
    """What came of each address, all pinged at once."""
    answering = ("127.0.0.1", "::1", NEIGHBOUR, NEIGHBOUR_6)
    failing = (SILENT, UNREACHABLE, UNREACHABLE_6, NO_ROUTE)
    return look(namespace, ALLOWED, *answering, *failing)


@pytest.mark.network
@pytest.mark.parametrize("address", ["127.0.0.1", "::1", NEIGHBOUR, NEIGHBOUR_6])
def test_an_address_that_echoes_passes(found: Found, address: str) -> None:
    """Of both families, as anybody whom the setting allows."""
    assert found[address] == [None, ""]


@pytest.mark.network
def test_silence_is_a_timeout(found: Found) -> None:
    """What is dropped on the way is never answered."""
    assert found[SILENT] == ["TIMEOUT", "no answer within 0.3 s"]


@pytest.mark.network
@pytest.mark.parametrize(
    ("address", "said"),
    [(UNREACHABLE, "No route to host"), (UNREACHABLE_6, "Network is unreachable")],
)
def test_a_router_that_says_unreachable_is_believed(found: Found, address: str, said: str) -> None:
    """Before the deadline: its message ends the wait."""
    assert found[address] == ["UNREACHABLE", said]


@pytest.mark.network
def test_without_a_route_nothing_is_learnt(found: Found) -> None:
    """Our own side has none."""
    assert found[NO_ROUTE] == ["NoObservation", "Network is unreachable"]


@pytest.mark.network
def test_without_permission_nothing_is_learnt(namespace: str) -> None:
    """The setting is named, and asks even of root."""
    missing = "net.ipv4.ping_group_range does not hold the group of this process"
    found = look(namespace, FORBIDDEN, "127.0.0.1", "::1")
    assert found == {address: ["NoObservation", missing] for address in ("127.0.0.1", "::1")}


def test_there_are_no_options() -> None:
    """Every ping is like every other."""
    assert TypeAdapter(IcmpCheck).validate_python({}) == IcmpCheck()
    assert len({IcmpCheck(), IcmpCheck()}) == 1
    with pytest.raises(ValidationError, match="Unexpected keyword argument"):
        TypeAdapter(IcmpCheck).validate_python({"port": "1"})
