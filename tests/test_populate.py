"""The names of one environment: generated ones, pointers, empty non-terminals, zones."""

from collections.abc import Callable

import dns.rcode

from resolver import names
from resolver.generation import Generation
from tests.support import DEV_CLIENT, FILES, addresses, ask

Compile = Callable[..., Generation]
ONE = """\
zone: dev.east
services:
  web:
    endpoints:
      - {addresses: [10.80.1.1, "fd80::1"], name: Blue}
      - {address: 10.80.1.2, ptr: false}
      - {address: 10.80.1.3, ptr: other}
    ports: {http: 8080, syslog: 514/udp}
    failover: [west]
  shared: {endpoints: [10.80.1.9], share_with: [prod]}
records:
  host: {A: [10.80.2.1, 10.80.2.2]}
  second: {A: 10.80.2.1}
  "*.w": {A: 10.80.2.3}
  quiet: {A: 10.80.2.4, ptr: false}
  given: {A: 10.80.2.5, share_with: [prod]}
"""
WEST = """\
zone: dev.west
services:
  web: {endpoints: [10.81.1.1], ports: {http: 9090}}
"""


def pointer(generation: Generation, address: str, source: str = DEV_CLIENT) -> str | int:
    """The target of an address' PTR, or the rcode."""
    packed = bytes(int(part) for part in address.split("."))
    reply = ask(generation, names.to_text(names.reverse(packed)), "PTR", source)
    return str(reply.answer[0][0]) if reply.answer else int(reply.rcode())


def test_each_address_has_one_pointer(generation: Compile) -> None:
    """The endpoint's or the record's name; none where none is wanted or makes sense."""
    made = generation({**FILES, "dev.yaml": ONE, "west.yaml": WEST})
    base = "dev.east.corp.test."
    assert pointer(made, "10.80.1.1").lower() == f"blue.web.{base}"  # type: ignore[union-attr]  # a name
    assert pointer(made, "10.80.1.2") == 3
    assert pointer(made, "10.80.1.3") == f"other.{base}"
    assert pointer(made, "10.80.2.1") == f"host.{base}"
    assert pointer(made, "10.80.2.2") == f"host.{base}"
    assert pointer(made, "10.80.2.3") == 3
    assert pointer(made, "10.80.2.4") == 3


def test_an_endpoint_is_a_name_below_its_service(generation: Compile) -> None:
    """At all times; by its label in any spelling."""
    made = generation({**FILES, "dev.yaml": ONE, "west.yaml": WEST})
    assert addresses(ask(made, "blue.web.dev.east.corp.test.")) == ["10.80.1.1"]
    assert addresses(ask(made, "blue.web.dev.east.corp.test.", "AAAA")) == ["fd80::1"]
    assert addresses(ask(made, "10-80-1-2.web.dev.east.corp.test.")) == ["10.80.1.2"]


def test_ports_give_srv_with_addresses(generation: Compile) -> None:
    """Priority is the tier, weight the share, target the endpoint's name."""
    made = generation({**FILES, "dev.yaml": ONE, "west.yaml": WEST})
    reply = ask(made, "_http._tcp.web.dev.east.corp.test.", "SRV")
    assert sorted((r.priority, r.weight, r.port) for r in reply.answer[0]) == [(0, 3333, 8080)] * 3
    found = {str(r.target).lower(): r for r in reply.answer[0]}
    assert "blue.web.dev.east.corp.test." in found
    assert {str(rrset.name).lower() for rrset in reply.additional} == set(found)
    assert ask(made, "_syslog._udp.web.dev.east.corp.test.", "SRV").answer[0][0].port == 514
    assert ask(made, "_syslog._tcp.web.dev.east.corp.test.", "SRV").rcode() == dns.rcode.NXDOMAIN


def test_srv_names_the_port_of_the_tier_that_serves(generation: Compile) -> None:
    """In another region the same service may listen elsewhere."""
    drained = ONE
    for address in ("10.80.1.2", "10.80.1.3"):
        drained = drained.replace(
            f"{{address: {address}", f"{{address: {address}, state: maintenance"
        )
    drained = drained.replace("name: Blue", "name: Blue, state: maintenance")
    made = generation({**FILES, "dev.yaml": drained, "west.yaml": WEST})
    assert addresses(ask(made, "web.dev.east.corp.test.")) == ["10.81.1.1"]
    (srv,) = ask(made, "_http._tcp.web.dev.east.corp.test.", "SRV").answer[0]
    assert (srv.priority, srv.weight, srv.port) == (1, 10000, 9090)


def test_a_longer_zone_owns_its_names(generation: Compile) -> None:
    """Each name belongs to the zone with the longest apex, also for negative answers."""
    files = {**FILES, "x.yaml": "zone: x\nvisible_to: all\nrecords: {a: {A: 10.255.0.1}}\n"}
    (soa,) = ask(generation(files), "nothing.x.corp.test.").authority
    assert str(soa.name) == "x.corp.test."


def test_soa_fields_and_negative_ttl(generation: Compile) -> None:
    """RFC 2308 5: the lower of TTL and minimum; written fields replace generated ones."""
    soa = "soa: {mname: m.x., rname: r.x., refresh: 1h, retry: 2, expire: 3, minimum: 7, ttl: 1m}\n"
    made = generation({**FILES, "dev.yaml": ONE + soa, "west.yaml": WEST})
    (found,) = ask(made, "dev.east.corp.test.", "SOA").answer
    assert str(found[0]).split()[:2] == ["m.x.", "r.x."]
    assert (found.ttl, str(found[0]).split()[3:]) == (60, ["3600", "2", "3", "7"])
    assert ask(made, "nothing.dev.east.corp.test.").authority[0].ttl == 7
