"""Where a namespace ends although a zone goes on: routes out of zones, and localhost."""

from collections.abc import Callable

import dns.rcode
import pytest

from resolver.generation import Generation
from tests.support import DEV_CLIENT, FILES, PLAN, PROD_CLIENT
from tests.upstream_world import World, answers

Compile = Callable[..., Generation]

ROUTES = "k8s.corp.test: [127.0.0.2], 10.in-addr.arpa: [127.0.0.3]"
ROUTED = PLAN.replace(
    "forward: none}", f"forward: {{upstreams: [127.0.0.1], routes: {{{ROUTES}}}}}}}", 1
)
DOMAIN = """\
zone: "@"
visible_to: all
records:
  "*": {TXT: wild}
  api.k8s: {A: 10.64.5.5}
  "*.pods.k8s": {A: 10.64.5.6}
"""
SAID = {
    "web.k8s.corp.test. A": "web.k8s.corp.test. 30 A 10.64.7.7",
    "k8s.corp.test. SOA": "k8s.corp.test. 30 SOA ns. h. 1 2 3 4 5",
    "x.api.k8s.corp.test. A": "x.api.k8s.corp.test. 30 A 10.64.7.8",
    "9.9.9.10.in-addr.arpa. PTR": "9.9.9.10.in-addr.arpa. 30 PTR far.example.",
}


@pytest.fixture
def made(generation: Compile) -> Generation:
    """Prod has routes into the domain and a local reverse zone; dev has none."""
    files = {**FILES, "environments.yaml": ROUTED, "domain.yaml": DOMAIN}
    return generation(files, is_judged=False)


def test_the_longer_of_zone_and_route_decides(made: Generation) -> None:
    """Names below the route are asked there, whatever wildcard or denial the zone has."""
    world = World(SAID)
    reply = world.ask(made, "web.k8s.corp.test.", source=PROD_CLIENT)
    assert answers(reply) == ["web.k8s.corp.test. 30 A 10.64.7.7"]
    world.ask(made, "k8s.corp.test.", "TXT", source=PROD_CLIENT)
    assert world.asked == ["web.k8s.corp.test. A route", "k8s.corp.test. TXT route"]


def test_names_that_have_records_are_ours(made: Generation) -> None:
    """For all types; names below them are not, unless a wildcard says so."""
    world = World(SAID)
    assert answers(world.ask(made, "api.k8s.corp.test.", source=PROD_CLIENT))[0].endswith("5.5")
    assert world.ask(made, "api.k8s.corp.test.", "TXT", source=PROD_CLIENT).answer == []
    assert answers(world.ask(made, "a.pods.k8s.corp.test.", source=PROD_CLIENT))[0].endswith("5.6")
    assert world.asked == []
    world.ask(made, "x.api.k8s.corp.test.", source=PROD_CLIENT)
    assert world.asked == ["x.api.k8s.corp.test. A route"]


def test_a_route_belongs_to_its_environment(made: Generation) -> None:
    """The other one is told that there is nothing; the cache of the first changes nothing."""
    world = World(SAID)
    world.ask(made, "web.k8s.corp.test.", source=PROD_CLIENT)
    reply = world.ask(made, "web.k8s.corp.test.", source=DEV_CLIENT)
    assert (reply.rcode(), reply.answer) == (dns.rcode.NXDOMAIN, [])
    assert len(world.asked) == 1


def test_a_zone_that_is_written_wins_a_tie(generation: Compile) -> None:
    """`check` calls such a route an error; it is never asked."""
    files = {
        **FILES,
        "environments.yaml": PLAN.replace(
            "west: [10.81.0.0/16]}\n    forward: none",
            "west: [10.81.0.0/16]}\n    forward: {routes: {dev.east.corp.test: [127.0.0.4]}}",
        ),
    }
    world = World(SAID)
    made = generation(files, is_judged=False)
    assert world.ask(made, "no.dev.east.corp.test.").rcode() == dns.rcode.NXDOMAIN
    assert world.asked == []


def test_a_local_reverse_zone_gives_way_to_its_route(made: Generation) -> None:
    """Names that we have a PTR for stay ours."""
    world = World(SAID)
    assert answers(world.ask(made, "9.9.9.10.in-addr.arpa.", "PTR", source=PROD_CLIENT))
    world.ask(made, "10.in-addr.arpa.", "SOA", source=PROD_CLIENT)
    assert len(world.asked) == 2
    assert answers(world.ask(made, "1.1.64.10.in-addr.arpa.", "PTR", source=PROD_CLIENT))
    assert len(world.asked) == 2
    assert world.ask(made, "9.9.9.10.in-addr.arpa.", "PTR").rcode() == dns.rcode.NXDOMAIN


@pytest.mark.parametrize("name", ["localhost.", "a.b.localhost."])
def test_localhost_is_this_machine(made: Generation, name: str) -> None:
    """RFC 6761 6.3: the loopback addresses, for every name below it."""
    world = World(SAID)
    assert answers(world.ask(made, name))[0].endswith(" A 127.0.0.1")
    assert answers(world.ask(made, name, "AAAA"))[0].endswith(" AAAA ::1")
    assert world.ask(made, name, "MX").rcode() == dns.rcode.NOERROR


@pytest.mark.parametrize(
    "name",
    [
        *("x.invalid.", "x.test.", "x.local.", "x.onion.", "x.alt.", "x.home.arpa."),
        *("_dns.resolver.arpa.", "x.service.arpa.", "1.0.0.127.in-addr.arpa."),
    ],
)
def test_special_names_are_answered_here(made: Generation, name: str) -> None:
    """And asked of nobody."""
    world = World(SAID)
    assert world.ask(made, name, source=PROD_CLIENT).rcode() == dns.rcode.NXDOMAIN
    assert world.asked == []


def test_a_route_frees_a_special_name(generation: Compile) -> None:
    """For those whose resolver knows more."""
    plan = PLAN.replace("forward: none", "forward: {routes: {local: [127.0.0.2]}}")
    world = World({"printer.local. A": "printer.local. 30 A 10.0.0.9"})
    made = generation({**FILES, "environments.yaml": plan})
    assert answers(world.ask(made, "printer.local."))
    assert world.ask(made, "x.invalid.").rcode() == dns.rcode.NXDOMAIN
