"""What leaves for upstreams, and what must not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.zones.linting import assert_as_marked, build, findings


def plan(forward: str, more: str = "") -> str:
    return f"""\
domain: corp.internal
domains: [lan.]
regions: [r1, r2]
environments:
  prod:
    clients: {{r1: [10.0.0.0/16]}}
    forward: {forward}
  dev: {{clients: {{r1: [10.8.0.0/16]}}, forward: none}}
{more}"""


SERVERS = {
    "no address": "{upstreams: [«bad-address»resolver.example]}",
    "a port out of range": '{upstreams: [10.0.0.2, «bad-address»"10.0.0.3:99999"]}',
    "a name that TLS would need": '{upstreams: [«bad-address»"tls://9.9.9.9"]}',
    "HTTPS by name without an address": '{upstreams: [«bad-address»"https://dns.example/q"]}',
    "an unknown transport": '{upstreams: [«bad-address»"quic://9.9.9.9"]}',
    "in a route": "{upstreams: [10.0.0.2], routes: {x.example: [«bad-address»10.0.0]}}",
    "system in a route": "{upstreams: [10.0.0.2], routes: {x.example: [«bad-address»system]}}",
    "by region": "{upstreams: {r1: [«bad-address»10.0.0]}}",
    "none at all": "{upstreams: {«bad-address»r1: []}}",
    "a route to nobody": "{upstreams: system, routes: {«bad-address»x.example: []}}",
    "CLEAN: every way to write one": '{upstreams: [10.0.0.2, "10.0.0.2:5353", "::1", "[::1]:53",'
    ' "tcp://10.0.0.2", "tls://9.9.9.9#dns.quad9.net", "https://dns.example/q#9.9.9.9",'
    ' "https://9.9.9.9/dns-query"]}',
    "CLEAN: the system's": "{upstreams: system}",
}


@pytest.mark.parametrize("forward", SERVERS.values(), ids=SERVERS.keys())
def test_upstreams_are_addresses(tmp_path: Path, forward: str) -> None:
    assert_as_marked(tmp_path, environments=plan(forward))


NONE = {
    "nothing said": "  «warning no-upstream»prod: {clients: {r1: [10.0.0.0/16]}}",
    "routes alone": "  «warning no-upstream»prod: {forward: {routes: {x.example: [10.0.0.2]}}}",
    "one of two regions": "  «warning no-upstream»prod: {clients: {r1: [10.0.0.0/16], r2:"
    " [10.1.0.0/16]}, forward: {upstreams: {r1: [10.0.0.2]}}}",
    "CLEAN: none": "  prod: {clients: {r1: [10.0.0.0/16]}, forward: none}",
    "CLEAN: each region": "  prod: {clients: {r1: [10.0.0.0/16]},"
    " forward: {upstreams: {r1: [10.0.0.2]}}}",
}


@pytest.mark.parametrize("prod", NONE.values(), ids=NONE.keys())
def test_an_environment_beside_others_says_its_upstreams(tmp_path: Path, prod: str) -> None:
    head = "domain: corp.internal\nregions: [r1, r2]\nenvironments:\n"
    assert_as_marked(tmp_path, environments=f"{head}  dev: {{forward: none}}\n{prod}\n")


def test_defaults_of_the_server_are_upstreams_too(tmp_path: Path) -> None:
    head = "domain: corp.internal\nregions: [r1, r2]\nenvironments:\n"
    text = f"{head}  dev: {{forward: none}}\n{NONE['nothing said']}\n"
    assert findings(build(tmp_path, True, environments=text)) == []


def test_a_single_environment_may_use_the_system_upstreams(tmp_path: Path) -> None:
    assert_as_marked(
        tmp_path, environments="domain: corp.internal\nenvironments: {all-of-us: {}}\n"
    )


HIDDEN = {
    "visible to one": "zone: «hidden-zone-forwarded»x.example.\nvisible_to: [prod]\n"
    'records: {"@": {TXT: x}}',
    "a reverse zone of public addresses": "zone: «hidden-zone-forwarded»1.1.1.in-addr.arpa.\n"
    "visible_to: [prod]",
    "CLEAN: falls through": "zone: x.example.\nvisible_to: [prod]\nfallthrough: true",
    "CLEAN: visible to all": "zone: x.example.\nvisible_to: all",
    "CLEAN: visible to all by namesakes": "zone: x.example.\nvisible_to: [prod]",
    "CLEAN: below the domain": "zone: x\nvisible_to: [prod]",
    "CLEAN: below one of the domains": "zone: x.lan.\nvisible_to: [prod]",
    "CLEAN: a local reverse zone": "zone: 0.10.in-addr.arpa.\nvisible_to: [prod]",
}


@pytest.mark.parametrize("case", HIDDEN)
def test_a_hidden_zone_is_not_asked_upstream(tmp_path: Path, case: str) -> None:
    files = {"z": HIDDEN[case]}
    if "namesakes" in case:
        files["y"] = "zone: X.example.\nvisible_to: [dev]"
    assert_as_marked(tmp_path, environments=plan("none"), **files)


ROUTES = {
    "the apex of a visible zone": "{upstreams: [10.0.0.2], routes: {«route-shadows-zone»X.example:"
    " [10.0.0.3]}}",
    "the domain": "{upstreams: [10.0.0.2], routes: {«route-shadows-zone»corp.internal.:"
    " [10.0.0.3]}}",
    "below a zone that has names there": "{upstreams: [10.0.0.2], routes: {«warning"
    " route-shadows-zone»k8s.x.example: [10.0.0.3]}}",
    "CLEAN: below a zone that has no names there": "{upstreams: [10.0.0.2],"
    " routes: {aws.x.example: [10.0.0.3]}}",
    "CLEAN: above a zone": "{upstreams: [10.0.0.2], routes: {example: [10.0.0.3]}}",
    "CLEAN: a local reverse zone": "{upstreams: [10.0.0.2], routes: {10.in-addr.arpa: [10.0.0.3]}}",
    "CLEAN: a zone that falls through": "{upstreams: [10.0.0.2], routes: {y.example: [10.0.0.3]}}",
}
ZONES = """\
zones:
  x.example.: {visible_to: all, records: {a.k8s: {A: 192.168.0.9}, k8s-2: {A: 192.168.0.8}}}
  y.example.: {visible_to: all, fallthrough: true, records: {a: {A: 192.168.0.7}}}
"""


@pytest.mark.parametrize("forward", ROUTES.values(), ids=ROUTES.keys())
def test_routes_and_zones_do_not_compete(tmp_path: Path, forward: str) -> None:
    assert_as_marked(tmp_path, environments=plan(forward), z=ZONES)
