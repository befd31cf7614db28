"""Networks, and whose addresses are written where."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.zones.linting import PLAN, assert_as_marked


def plan(clients: str) -> str:
    return f"""\
domain: corp.internal
regions: [r1, r2]
environments:
{clients}
"""


OVERLAPS = {
    "nesting of two environments": """\
  prod: {clients: {r1: [10.0.0.0/8]}, forward: none}
  dev: {clients: {r1: [«cidr-overlap»10.8.0.0/16]}, forward: none}""",
    "nesting, the outer one written later": """\
  dev: {clients: {r1: [«cidr-overlap»10.8.0.0/16]}, forward: none}
  prod: {clients: {r1: [10.0.0.0/8]}, forward: none}""",
    "the very same network": """\
  prod: {clients: {r1: [10.8.0.0/16]}, forward: none}
  dev: {clients: {r1: [«cidr-overlap»10.8.0.0/16]}, forward: none}""",
    "the very same network for two regions": """\
  prod: {clients: {r1: [10.8.0.0/16], r2: [«cidr-overlap»10.8.0.0/16]}, forward: none}""",
    "a carve-out that is too small": """\
  prod: {clients: {r1: [{network: 10.0.0.0/8, except: [10.8.0.0/17]}]}, forward: none}
  dev: {clients: {r1: [«cidr-overlap»10.8.0.0/16]}, forward: none}""",
    "IPv6": """\
  prod: {clients: {r1: ["fd00::/8"]}, forward: none}
  dev: {clients: {r1: [«cidr-overlap»"fd00:1::/48"]}, forward: none}""",
    "an IPv4-mapped network is its IPv4 network": """\
  prod: {clients: {r1: [10.0.0.0/8]}, forward: none}
  dev: {clients: {r1: [«cidr-overlap»"::ffff:10.8.0.0/112"]}, forward: none}""",
    "two levels of nesting": """\
  prod: {clients: {r1: [10.0.0.0/8, 10.8.0.0/16]}, forward: none}
  dev: {clients: {r1: [«cidr-overlap»«cidr-overlap»10.8.8.0/24]}, forward: none}""",
    "CLEAN: regions of one environment may nest": """\
  prod: {clients: {r1: [10.0.0.0/8], r2: [10.8.0.0/16]}, forward: none}""",
    "CLEAN: neighbours": """\
  prod: {clients: {r1: [10.8.0.0/16]}, forward: none}
  dev: {clients: {r1: [10.9.0.0/16]}, forward: none}""",
    "CLEAN: carved out": """\
  prod: {clients: {r1: [{network: 10.0.0.0/8, except: [10.8.0.0/15]}]}, forward: none}
  dev: {clients: {r1: [10.8.0.0/16]}, forward: none}""",
    "CLEAN: two families": """\
  prod: {clients: {r1: [0.0.0.0/0]}, forward: none}
  dev: {clients: {r1: ["::/0"]}, forward: none}""",
}


@pytest.mark.parametrize("clients", OVERLAPS.values(), ids=OVERLAPS.keys())
def test_networks_of_environments_do_not_overlap(tmp_path: Path, clients: str) -> None:
    assert_as_marked(tmp_path, environments=plan(clients))


def test_an_overlap_names_both_places(tmp_path: Path) -> None:
    clients = OVERLAPS["nesting, the outer one written later"]
    built = assert_as_marked(tmp_path, environments=plan(clients))
    assert "10.8.0.0/16 of dev r1 overlaps 10.0.0.0/8 of prod r1" in built.problems[0].message
    assert "environments.yaml:5:25" in built.problems[0].message


@pytest.mark.parametrize(
    "networks",
    ["[«warning cidr-overlap»10.0.0.53]", "[«warning cidr-overlap»10.0.0.0/8]", "[172.16.0.0/12]"],
)
def test_trusted_forwarders_are_no_clients(tmp_path: Path, networks: str) -> None:
    environments = plan("  prod: {clients: {r1: [10.0.0.0/16]}, forward: none}")
    assert_as_marked(tmp_path, environments=f"{environments}trusted_forwarders: {networks}\n")


ENDPOINTS = {
    "outside of all its networks": """\
zone: dev.r1
services: {a: {endpoints: [10.8.0.1, «warning endpoint-outside-environment»192.168.0.9]}}""",
    "in a network of another environment": """\
zone: dev.r1
services: {a: {endpoints: [«warning endpoint-outside-environment»10.0.0.9]}}""",
    "CLEAN: in another region's network": """\
zone: prod.r1
services: {a: {endpoints: [10.1.0.1]}}""",
    "CLEAN: of a family without networks": """\
zone: dev.r1
services: {a: {endpoints: ["fd00::1"]}}""",
    "CLEAN: of a zone that belongs to no environment": """\
zone: infra
visible_to: all
services: {a: {endpoints: [192.168.0.9]}}""",
}


@pytest.mark.parametrize("zone", ENDPOINTS.values(), ids=ENDPOINTS.keys())
def test_endpoints_lie_in_networks_of_their_environment(tmp_path: Path, zone: str) -> None:
    assert_as_marked(tmp_path, z=zone)


def test_an_endpoint_in_a_carve_out_is_outside(tmp_path: Path) -> None:
    clients = "[{network: 10.0.0.0/16, except: [10.0.9.0/24]}]"
    assert_as_marked(
        tmp_path,
        environments=PLAN.replace("[10.0.0.0/16]", clients),
        z="zone: prod.r1\nservices:\n  a:\n    endpoints: [10.0.8.1,"
        " «warning endpoint-outside-environment»10.0.9.1]\n",
    )


def test_networks_smaller_than_a_block_are_told_apart(tmp_path: Path) -> None:
    """Neighbours in a /24 and a /64 are judged one by one where a network ends between them."""
    clients = '[10.0.0.0/28, "fd00::/72", {network: 10.7.0.0/16, except: [10.7.7.7]}]'
    assert_as_marked(
        tmp_path,
        environments=PLAN.replace("[10.0.0.0/16]", clients),
        z="zone: prod.r1\nservices:\n  a:\n    endpoints: [10.0.0.1,"
        " «warning endpoint-outside-environment»10.0.0.16, 10.7.7.6,"
        " «warning endpoint-outside-environment»10.7.7.7, 10.7.7.8,"
        ' "fd00::1", «warning endpoint-outside-environment»"fd00:0:0:0:0100::"]\n',
    )


PROD = "zone: prod.r1\nservices: {a: {endpoints: [10.0.0.1]}}\n"
ADDRESSES = {
    "a record in a shared zone": """\
zone: infra
visible_to: [prod, dev]
records: {a: {A: [10.0.0.2, «warning address-of-other-environment»10.0.0.1]}}""",
    "an override": """\
zone: infra
visible_to: all
records: {a: {A: 192.168.0.9}}
overrides: {dev: {a: {A: «warning address-of-other-environment»10.0.0.1}}}""",
    "a hint": """\
zone: infra
visible_to: all
records: {a: {HTTPS: «warning address-of-other-environment»1 . ipv4hint=10.0.0.1}}""",
    "CLEAN: a record of its own environment": """\
zone: infra
visible_to: [prod]
records: {a: {A: 10.0.0.1, ptr: false}}""",
    "CLEAN: an address that is no endpoint": """\
zone: infra
visible_to: all
records: {a: {A: 10.0.0.2}}""",
}


@pytest.mark.parametrize("zone", ADDRESSES.values(), ids=ADDRESSES.keys())
def test_addresses_of_others_endpoints_are_not_written(tmp_path: Path, zone: str) -> None:
    if "[prod, dev]" in zone or "visible_to: all" in zone:
        zone = zone.replace("{a: {A:", "{a: {ptr: false, A:")
    assert_as_marked(tmp_path, prod=PROD, z=zone)


def test_an_endpoint_of_two_environments_is_told_once(tmp_path: Path) -> None:
    assert_as_marked(
        tmp_path,
        dev="zone: dev.r1\nservices:\n  a:\n    endpoints:\n      - «warning "
        "endpoint-outside-environment»«warning address-of-other-environment»10.0.0.1\n",
        prod=PROD,
    )


def test_an_address_that_was_granted_by_a_service_may_be_written(tmp_path: Path) -> None:
    assert_as_marked(
        tmp_path,
        prod="zone: prod.r1\nservices: {a: {endpoints: [10.0.0.1], share_with: [dev]}}\n",
        z="zone: infra\nvisible_to: [prod, dev]\nrecords: {b: {A: 10.0.0.1, ptr: false}}\n",
    )


SERVERS = {
    "its address in a network of one": "nameservers: {«warning nameserver-in-environment»ns1:"
    " [10.0.0.53]}",
    "CLEAN: its address in no network": "nameservers: {ns1: [192.168.0.53]}",
}


@pytest.mark.parametrize("servers", SERVERS.values(), ids=SERVERS.keys())
def test_a_name_server_of_all_belongs_to_none(tmp_path: Path, servers: str) -> None:
    environments = PLAN.replace("nameservers: {ns1: [192.168.0.1]}", servers)
    assert_as_marked(tmp_path, environments=environments)


def test_a_name_server_of_one_environment_may_lie_in_it(tmp_path: Path) -> None:
    own = "forward: none, nameservers: {ns9: [10.8.0.53]}}\n  qa"
    assert_as_marked(tmp_path, environments=PLAN.replace("forward: none}\n  qa", own))


def test_a_name_server_of_all_has_no_name_in_the_zone_of_one(tmp_path: Path) -> None:
    servers = (
        "nameservers: {«warning nameserver-in-environment»«isolation»ns.prod.r1: [192.168.0.1]}"
    )
    assert_as_marked(
        tmp_path,
        environments=PLAN.replace("nameservers: {ns1: [192.168.0.1]}", servers),
        z='zone: prod.r1\nrecords: {"@": {TXT: x}}\n',
    )
