"""Looking names up: chains, wildcards, cuts, DNAME, ALIAS, here and fall-through."""

from collections.abc import Callable

import dns.rcode
import pytest

from resolver import names
from resolver.chain import MAX_CHAIN
from resolver.generation import Generation
from tests.support import DEV, FILES, PLAN, addresses, ask

Compile = Callable[..., Generation]

ZONE = """\
zone: dev.east
services:
  web: {endpoints: [10.80.1.1, "fd80::1"]}
  only: {endpoints: [10.80.1.9]}
records:
  a.b.c: {A: 10.80.2.1}
  "*.w": {TXT: wild}
  x.y.w: {A: 10.80.2.2}
  loop1: {CNAME: loop2}
  loop2: {CNAME: loop1}
  out: {CNAME: www.example.com.}
  dangling: {CNAME: nothing.c}
  d: {DNAME: target}
  h.target: {A: 10.80.2.3}
  "@": {ALIAS: web}
  aka: {ALIAS: only, TXT: beside}
  lost: {ALIAS: www.example.com.}
  self: {ALIAS: self}
  "*.wc": {CNAME: web}
  %s
"""
CHAIN = "\n  ".join(
    [f"k{n}: {{CNAME: k{n + 1}}}" for n in range(MAX_CHAIN - 1)]
    + [f"k{MAX_CHAIN - 1}: {{A: 10.80.2.4}}"]
    + [f"m{n}: {{CNAME: m{n + 1}}}" for n in range(3 * MAX_CHAIN)]
    + [f"m{3 * MAX_CHAIN}: {{A: 10.80.2.4}}"]
)


@pytest.fixture
def made(generation: Compile) -> Generation:
    """The names of these tests, as dev sees them."""
    return generation({**FILES, "dev.yaml": ZONE % CHAIN}, is_judged=False)


@pytest.mark.parametrize(
    ("name", "rdtype", "rcode", "found"),
    [
        ("a.b.c", "A", 0, ["10.80.2.1"]),
        ("b.c", "A", 0, []),
        ("c", "TXT", 0, []),
        ("x.b.c", "A", 3, []),
        ("A.B.C", "A", 0, ["10.80.2.1"]),
        ("q.w", "A", 0, []),
        ("y.w", "A", 0, []),
        ("z.y.w", "TXT", 3, []),  # RFC 4592 2.2.1: y.w exists
        ("w", "TXT", 0, []),
        ("h.d", "A", 0, ["10.80.2.3"]),
        ("d", "A", 0, []),
        ("nothing.d", "A", 3, []),
        ("dangling", "A", 3, []),
        ("dangling", "TXT", 3, []),
        ("out", "A", 0, []),
        ("loop1", "A", 2, []),
        ("self", "A", 2, []),
        ("lost", "A", 2, []),
        ("lost", "TXT", 0, []),
        ("aka", "A", 0, ["10.80.1.9"]),
        ("aka", "AAAA", 0, []),
        ("q.wc", "A", 0, ["10.80.1.1"]),
        ("q.wc", "TXT", 0, []),
        ("k0", "A", 0, ["10.80.2.4"]),
        ("m0", "A", 2, []),
    ],
)
def test_lookups(made: Generation, name: str, rdtype: str, rcode: int, found: list[str]) -> None:
    """Empty non-terminals exist, chains are followed, loops and lost targets fail."""
    reply = ask(made, f"{name}.dev.east.corp.test.", rdtype)
    assert (int(reply.rcode()), addresses(reply)) == (rcode, found)


def test_an_apex_may_be_an_alias(made: Generation) -> None:
    """ALIAS beside SOA and NS, in both families."""
    assert addresses(ask(made, "dev.east.corp.test.")) == ["10.80.1.1"]
    assert addresses(ask(made, "dev.east.corp.test.", "AAAA")) == ["fd80::1"]
    assert str(ask(made, "dev.east.corp.test.").answer[0].name) == "dev.east.corp.test."


def test_a_wildcard_answers_under_the_name_asked(made: Generation) -> None:
    """RFC 4592 2.1: synthesized."""
    (rrset,) = ask(made, "Any.Thing.w.dev.east.corp.test.", "TXT").answer
    assert str(rrset.name) == "Any.Thing.w.dev.east.corp.test."


def test_a_dname_makes_a_cname_with_its_ttl(made: Generation) -> None:
    """RFC 6672 3.1."""
    dname, cname, _ = ask(made, "h.D.dev.east.corp.test.").answer
    assert (str(dname.name).lower(), dname.ttl) == ("d.dev.east.corp.test.", cname.ttl)
    assert str(cname[0]).lower() == "h.target.dev.east.corp.test."


def test_a_dname_to_too_long_a_name_is_yxdomain(made: Generation) -> None:
    """RFC 6672 2.2: the DNAME is given, the name is not."""
    prefix = ".".join(["x" * 63, "x" * 63, "x" * 63, "x" * 36])
    long = f"{prefix}.d.dev.east.corp.test."
    assert len(names.from_text(long)) == 251
    assert ask(made, long).rcode() == dns.rcode.YXDOMAIN


def test_any_is_one_hinfo(made: Generation) -> None:
    """RFC 8482 4.2, for every name that has data."""
    for name in ("web", "aka", "q.w", "b.w"):
        (rrset,) = ask(made, f"{name}.dev.east.corp.test.", "ANY").answer
        assert str(rrset[0]) == '"RFC8482" ""'
    assert ask(made, "b.c.dev.east.corp.test.", "ANY").answer == []
    assert ask(made, "nothing.dev.east.corp.test.", "ANY").rcode() == dns.rcode.NXDOMAIN


def test_here_is_the_callers_environment_and_region(generation: Compile) -> None:
    """`X.env.region` if the view has it, else `X.env`, else NXDOMAIN without CNAME."""
    made = generation()
    near = ask(made, "web.here.corp.test.")
    assert str(near.answer[0][0]) == "web.dev.east.corp.test."
    far = ask(made, "web.here.corp.test.", source="10.81.0.1")
    assert str(far.answer[0][0]) == "web.dev.corp.test."
    assert len(addresses(far)) == 3
    absent = ask(made, "nothing.here.corp.test.")
    assert (absent.rcode(), absent.answer) == (dns.rcode.NXDOMAIN, [])
    assert ask(made, "here.corp.test.").rcode() == dns.rcode.NOERROR
    assert str(ask(made, "_http._tcp.web.here.corp.test.", "SRV").answer[0][0]).startswith("_http")


def test_a_regionless_name_prefers_the_callers_region(generation: Compile) -> None:
    """Then the service's failover, then the regions in their order."""
    west = "zone: dev.west\nservices: {web: {endpoints: [10.81.1.1]}}\n"
    made = generation({**FILES, "west.yaml": west})
    assert addresses(ask(made, "web.dev.corp.test.", source="10.81.0.1")) == ["10.81.1.1"]
    assert len(addresses(ask(made, "web.dev.corp.test."))) == 3
    assert ask(made, "web.prod.corp.test.").rcode() == dns.rcode.NXDOMAIN


def test_a_fallthrough_zone_answers_for_names_with_records_only(generation: Compile) -> None:
    """Its other names, apex and empty non-terminals included, are somebody else's."""
    zone = """\
zone: shop.example.
visible_to: [dev]
fallthrough: true
records: {a.b: {A: 10.80.2.9}, "*.c": {A: 10.80.2.8}}
"""
    made = generation({**FILES, "shop.yaml": zone})

    def rcode(name: str, rdtype: str = "A") -> int:
        return int(ask(made, f"{name}shop.example.", rdtype).rcode())

    assert rcode("a.b.") == 0
    assert rcode("a.b.", "TXT") == 0
    assert rcode("x.c.") == 0
    for name in ("", "b.", "c.", "x.", "x.b."):
        assert rcode(name) == dns.rcode.REFUSED  # this environment forwards nothing
    assert rcode("", "SOA") == rcode("", "NS") == dns.rcode.REFUSED


def test_ds_of_an_apex_is_its_parents(made: Generation) -> None:
    """RFC 4035 3.1.4.1: NODATA with the SOA of the zone above."""
    (soa,) = ask(made, "dev.east.corp.test.", "DS").authority
    assert str(soa.name) == "corp.test."


def test_a_domain_has_soa_and_ns(generation: Compile) -> None:
    """Every zone has, and the name servers have their addresses."""
    made = generation({**FILES, "environments.yaml": PLAN + "domains: [legacy.test]\n"})
    for apex in ("corp.test.", "legacy.test.", "dev.east.corp.test.", "10.in-addr.arpa."):
        assert len(ask(made, apex, "SOA").answer) == 1
        assert str(ask(made, apex, "NS").answer[0][0]) == "ns1.corp.test."
    assert addresses(ask(made, "ns1.corp.test.")) == ["10.255.0.53"]


def test_names_do_not_exist_below_each_other(generation: Compile) -> None:
    """A name that ends in the octets of another is not below it."""
    made = generation({**FILES, "dev.yaml": DEV})
    assert ask(made, "xdev.east.corp.test.").rcode() == dns.rcode.NXDOMAIN
    (soa,) = ask(made, "xcorp.test.").authority
    assert str(soa.name) == "test."  # a special-use name, answered here (RFC 6761)
