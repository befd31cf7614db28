"""Every server is told the same names."""

from __future__ import annotations

from pathlib import Path

import dns.message
import dns.zone

from bench.dataset import (
    Dataset,
    hosts_lines,
    master_lines,
    of_records,
    of_services,
    query_with_cookie,
    write_cookies,
)
from bench.peers import Site
from bench.zones import DOMAIN
from tests.support import compiled

COUNT = 12


def site(scratch: Path) -> Site:
    """Nothing but a scratch directory."""
    return Site(scratch, scratch, scratch, scratch, scratch, 0)


def check(dataset: Dataset) -> None:
    """Questions, the master file and ours agree about the names."""
    asked = {line.split()[0] for line in dataset.site.questions.read_text().splitlines()}
    assert asked == set(dataset.names)
    zone = dns.zone.from_text("\n".join(master_lines(dataset.addresses)), origin=f"{DOMAIN}.")
    for name, addresses in dataset.addresses.items():
        found = zone.get_rdataset(f"{name}.", "A")
        assert found is not None
        assert sorted(rdata.to_text() for rdata in found) == sorted(addresses)
    compiled(dataset.site.zones)  # without a problem


def test_services(tmp_path: Path) -> None:
    """With three endpoints each, some of which are given one at a time."""
    dataset = of_services(site(tmp_path), COUNT)
    assert len(dataset.names) == COUNT
    assert {len(found) for found in dataset.addresses.values()} <= {1, 3}
    check(dataset)


def test_records(tmp_path: Path) -> None:
    """With one address each."""
    dataset = of_records(site(tmp_path), COUNT)
    assert len(dataset.names) == COUNT
    assert {len(found) for found in dataset.addresses.values()} == {1}
    check(dataset)


def test_hosts_lines() -> None:
    """One for each address."""
    assert list(hosts_lines({"a.b": ["192.0.2.1", "192.0.2.2"]})) == [
        "192.0.2.1 a.b",
        "192.0.2.2 a.b",
    ]


def test_a_query_with_a_cookie_is_what_dig_sends() -> None:
    """RFC 7873 4.1: a client's cookie is of eight octets."""
    message = dns.message.from_wire(query_with_cookie("a.corp.internal", b"12345678"))
    assert message.question[0].to_text() == "a.corp.internal. IN A"
    assert (message.edns, message.payload) == (0, 1232)
    assert [(int(o.otype), o.to_wire()) for o in message.options] == [(10, b"12345678")]


def test_no_cookie_comes_twice(tmp_path: Path) -> None:
    """Each message has its length before it."""
    octets = write_cookies(tmp_path / "cookies", ["a.b", "c.d"], 100).read_bytes()
    cookies = set()
    while octets:
        length = int.from_bytes(octets[:2], "big")
        cookies.add(octets[2 : 2 + length][-8:])
        octets = octets[2 + length :]
    assert len(cookies) == 100
