"""Zones → uses: ids, labels, targets; and the patterns that find endpoints."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest

from healthcheck.kinds.heartbeat import HeartbeatCheck
from healthcheck.use import Use
from resolver import names
from resolver.checks import Register, find_endpoints, uses
from resolver.reload import Builder
from resolver.zones.load import ZonesDirectory
from tests.support import FILES, NOW, PLAN

ZonesDir = Callable[..., Path]
EAST = """\
zones:
  dev.east:
    services:
      Pay:
        endpoints: [10.80.0.1, {addresses: [10.80.0.2, "fd80::2"], name: Blue}]
        ports: {x: 1}
        check: {kind: tcp}
        slow_start: 5s
      a.b: {endpoints: 10.80.0.3, check: {kind: heartbeat}}
  prod.east: {services: {pay: {endpoints: 10.64.0.1, check: none}}}
  infra: {visible_to: [dev], services: {ntp: {endpoints: 10.255.0.1}}}
  shop.example.: {visible_to: all, services: {web: {endpoints: 10.255.0.2}}}
"""


@pytest.fixture
def found(zones_dir: ZonesDir) -> tuple[Use, ...]:
    """The uses of EAST."""
    zones, problems = ZonesDirectory(zones_dir({"environments.yaml": PLAN, "z.yaml": EAST})).load()
    assert zones is not None
    assert problems == []
    return uses(zones)


def test_each_address_is_a_use(found: tuple[Use, ...]) -> None:
    """Of an endpoint with an id, in lower case; unchecked ones too."""
    assert [(use.endpoint, use.address) for use in found] == [
        ("pay.dev.east/10-80-0-1", "10.80.0.1"),
        ("pay.dev.east/blue", "10.80.0.2"),
        ("pay.dev.east/blue", "fd80::2"),
        ("a.b.dev.east/10-80-0-3", "10.80.0.3"),
        ("pay.prod.east/10-64-0-1", "10.64.0.1"),
        ("ntp.infra/10-255-0-1", "10.255.0.1"),
        ("web.shop.example/10-255-0-2", "10.255.0.2"),
    ]
    assert [use.checked_by is None for use in found] == [False] * 4 + [True] * 3
    assert all(use.endpoint.startswith(f"{use.service}/") for use in found)


def test_a_use_says_whose_it_is(found: tuple[Use, ...]) -> None:
    """For metrics, and for the answers that it decides on."""
    assert found[0].labels == ("dev", "east", "pay")
    assert found[3].labels == ("dev", "east", "a.b")
    assert found[5].labels == ("-", "-", "ntp")
    assert found[1].target == (
        names.from_text("blue.pay.dev.east.corp.test."),
        ip_address("10.80.0.2").packed,
    )
    assert found[5].target[0].endswith(b"|dev")
    assert (found[0].slow_start, found[3].slow_start) == (5.0, 30.0)


def test_a_heartbeat_is_of_its_endpoint(found: tuple[Use, ...]) -> None:
    """Other checks are the same for all."""
    assert found[0].checked_by is found[1].checked_by
    assert found[3].checked_by is not None
    assert found[3].checked_by.check == HeartbeatCheck().bound("a.b.dev.east/10-80-0-3")


@pytest.mark.parametrize(
    ("pattern", "ids"),
    [
        ("pay.dev.east/blue", ["pay.dev.east/blue"]),
        ("PAY.dev.East/BLUE", ["pay.dev.east/blue"]),
        ("pay.dev.east/10.80.0.2", ["pay.dev.east/blue"]),
        ("pay.dev.east/FD80:0::2", ["pay.dev.east/blue"]),
        ("pay.dev.east/10-80-0-1", ["pay.dev.east/10-80-0-1"]),
        ("pay.dev.east/*", ["pay.dev.east/10-80-0-1", "pay.dev.east/blue"]),
        ("pay.*/10.[68]*.0.1", ["pay.dev.east/10-80-0-1", "pay.prod.east/10-64-0-1"]),
        ("*.prod.*/*", ["pay.prod.east/10-64-0-1"]),
        ("pay.dev.east.corp.test./blue", ["pay.dev.east/blue"]),
        ("ntp.*.test./*", ["ntp.infra/10-255-0-1"]),
        ("web.shop.example./*", ["web.shop.example/10-255-0-2"]),
        ("web.shop.example/*", ["web.shop.example/10-255-0-2"]),
        (" pay.dev.east/blue ", ["pay.dev.east/blue"]),
        ("pay.dev.east./blue", []),
        ("pay.dev.east.corp.test/blue", []),
        ("pay.dev.east", []),
        ("pay.dev.east/", []),
        ("pay/blue", []),
        ("[/[", []),
        ("", []),
    ],
)
def test_a_pattern_finds_endpoints(found: tuple[Use, ...], pattern: str, ids: list[str]) -> None:
    """By service and by name or address, each once."""
    assert find_endpoints(pattern, found) == ids


def test_unchanged_services_keep_their_uses(zones_dir: Callable[..., Path]) -> None:
    """The very same objects: a reload of a few lines costs a few lines."""
    directory = zones_dir(FILES)
    builder, register = Builder(directory, 1), Register()
    first = builder.build(NOW).generation
    assert first is not None
    before = register.uses(first.zones)
    (directory / "prod.yaml").write_text(FILES["prod.yaml"].replace("10.64.1.1", "10.64.1.2"))
    second = builder.build(NOW, first).generation
    assert second is not None
    after = register.uses(second.zones)
    assert after == uses(second.zones)
    same = {id(use) for use in before} & {id(use) for use in after}
    assert len(same) == sum(use.labels[0] == "dev" for use in after) > 0
    assert len(after) == len(before)
