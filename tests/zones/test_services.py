"""Services: endpoints, ports, failover, checks, defaults."""

from collections.abc import Callable
from pathlib import Path

import pytest

from healthcheck.health import DeclaredState
from healthcheck.kinds.http import HttpCheck
from resolver import names
from resolver.generation import Generation
from resolver.zones.load import ZonesDirectory
from resolver.zones.places import Severity
from resolver.zones.zone import Fail, Service
from tests.support import PLAN, judged

ZonesDir = Callable[..., Path]
Compile = Callable[..., Generation]
CHECKS = PLAN + "checks: {web: {kind: http}, bare: {interval: 5s}}\n"


def zone(service: str, name: str = "w") -> str:
    """A zone with one service."""
    return f"zone: dev.east\nservices: {{{name}: {service}}}\n"


def read(generation: Compile, service: str, plan: str = CHECKS) -> Service:
    """One service, complete."""
    made = generation({"environments.yaml": plan, "z.yaml": zone(service)})
    (found,) = made.zones.zones[0].services.values()
    return found


@pytest.mark.parametrize(
    ("service", "found"),
    [
        ("{ttl: 5}", "2:12 missing-key"),
        ("{endpoints: []}", "2:12 missing-key"),
        ("{endpoints: {name: x}}", "2:27 missing-key"),
        ("{endpoints: {addresses: [10.80.0.1, 10.80.0.2]}}", "2:27 bad-address"),
        ("{endpoints: {address: 10.80.0.1, name: a.b}}", "2:27 bad-name"),
        ("{endpoints: {address: 10.80.0.1, name: '*'}}", "2:27 bad-name"),
        ("{endpoints: [10.80.0.1, 10.80.0.1]}", "2:39 duplicate-record"),
        ("{endpoints: [10.80.0.1, {address: 10.80.0.1, name: x}]}", "2:39 duplicate-record"),
        ("{endpoints: [{address: 10.80.0.1, name: x}, {address: 10.80.0.2, name: X}]}",
         "2:59 duplicate-record"),
        ("{endpoints: 10.80.0.1, failover: [nowhere]}", "2:49 unknown-region"),
        ("{endpoints: 10.80.0.1, share_with: [nobody]}", "2:51 unknown-environment"),
        ("{endpoints: 10.80.0.1, check: wbe}", "2:45 unknown-check"),
        ("{endpoints: 10.80.0.1, check: {interval: 5s}}", "2:45 unknown-check"),
        ("{endpoints: 10.80.0.1, check: web}", "2:12 check-port"),
        ("{endpoints: 10.80.0.1, check: web, ports: {a: 1, b: 2}}", "2:12 check-port"),
        ("{endpoints: 10.80.0.1, ports: {a..b: 1}}", "2:46 bad-name"),
    ],
)  # fmt: skip
def test_problems(zones_dir: ZonesDir, service: str, found: str) -> None:
    """Each at the word that is wrong."""
    files = {"environments.yaml": CHECKS, "z.yaml": zone(service)}
    assert judged(zones_dir(files)) == [f"z.yaml:{found}"]


@pytest.mark.parametrize("name", ["'*'", "'*.x'", "'@'", "a..b", "x.other.test."])
def test_a_service_is_a_name_below_its_zone(zones_dir: ZonesDir, name: str) -> None:
    """Not the apex, no wildcard, nowhere else."""
    files = {"environments.yaml": PLAN, "z.yaml": zone("{endpoints: 10.80.0.1}", name)}
    assert judged(zones_dir(files)) == ["z.yaml:2:12 bad-name"]


def test_failover_needs_a_region(zones_dir: ZonesDir) -> None:
    """A zone of several environments has none."""
    text = (
        "zone: infra\nvisible_to: all\nservices: {w: {endpoints: 10.255.0.1, failover: [west]}}\n"
    )
    directory = zones_dir({"environments.yaml": PLAN, "z.yaml": text})
    assert judged(directory) == ["z.yaml:3:50 unknown-region"]


def test_a_profile_without_a_kind_leaves_it_to_the_service(zones_dir: ZonesDir) -> None:
    """Which has to say it."""
    for check, found in (("bare", ["z.yaml:2:60 unknown-check"]), ("{use: bare, kind: tcp}", [])):
        service = f"{{endpoints: 10.80.0.1, ports: {{a: 1}}, check: {check}}}"
        files = {"environments.yaml": CHECKS, "z.yaml": zone(service)}
        assert judged(zones_dir(files)) == found


def test_endpoints(generation: Compile) -> None:
    """Short and long, with names, families, states and weights."""
    service = read(
        generation,
        '{endpoints: [10.80.0.1, {addresses: [10.80.0.2, "fd80::2"], name: Blue, weight: 3},'
        ' {address: "fd80::3", state: drain}, {address: 10.80.0.4, weight: 0}]}',
    )
    assert [e.label for e in service.endpoints] == ["10-80-0-1", "blue", "fd80--3", "10-80-0-4"]
    assert [len(e.addresses) for e in service.endpoints] == [1, 2, 1, 1]
    assert [e.weight for e in service.endpoints] == [1, 3, 1, 0]
    assert [e.standby for e in service.endpoints] == [False, False, False, True]
    assert service.endpoints[2].state is DeclaredState.DRAIN
    assert service.identity == "w.dev.east"


@pytest.mark.parametrize("label", ["::1", "fd80::", "::"])
def test_default_labels_are_labels(generation: Compile, label: str) -> None:
    """Of any address."""
    (endpoint,) = read(generation, f'{{endpoints: "{label}"}}').endpoints
    assert endpoint.label == label.replace(":", "-")


def test_one_port_of_several_can_be_checked(generation: Compile) -> None:
    """By saying which; `none` checks nothing."""
    ports = "endpoints: 10.80.0.1, ports: {a: 1, b: 2}"
    checked = read(generation, f"{{{ports}, check: {{use: web, port: 1}}}}")
    assert checked.checked_by is not None
    assert checked.checked_by.check == HttpCheck(port=1)
    unchecked = read(generation, f"{{{ports}, check: none}}")
    assert (unchecked.checked_by, unchecked.says_check) == (None, True)


def test_a_serial_does_not_move_when_only_the_check_does(generation: Compile) -> None:
    """The digest is of what is answered."""
    port = "endpoints: 10.80.0.1, ports: {a: 1}"
    one = read(generation, f"{{{port}, check: web}}")
    other = read(generation, f"{{{port}, check: {{use: web, fall: 9}}}}")
    assert one.checked_by != other.checked_by
    assert one.digest == other.digest


def test_endpoints_of_zones_with_one_name_have_keys_of_their_own(zones_dir: ZonesDir) -> None:
    """Health of the one is never that of the other."""
    text = (
        "zone: infra\nvisible_to: [{}]\n"
        "services: {{w: {{endpoints: {{address: 10.255.0.1, name: B}}}}}}\n"
    )
    files = {
        "environments.yaml": PLAN,
        "a.yaml": text.format("prod"),
        "b.yaml": text.format("dev"),
        "c.yaml": zone("{endpoints: {address: 10.80.0.1, name: B}}", "W"),
    }
    zones, _ = ZonesDirectory(zones_dir(files)).load()
    assert zones is not None
    keys = [e.key for z in zones.zones for s in z.services.values() for e in s.endpoints]
    assert keys == [
        names.from_text("b.w.infra.corp.test.") + b"|prod",
        names.from_text("b.w.infra.corp.test.") + b"|dev",
        names.from_text("b.w.dev.east.corp.test."),
    ]


def test_policies_follow_the_nearest_default(generation: Compile) -> None:
    """Key by key: service, file, environment, plan."""
    plan = (
        PLAN.replace("  dev:\n", "  dev:\n    defaults: {fail: closed, panic: 20%, spillover: 2}\n")
        + "defaults: {fail: empty, max_answers: 3, slow_start: 1m, ttl_from_health: off}\n"
    )
    policy = read(generation, "{endpoints: 10.80.0.1, panic: 30%, spillover: off}", plan).policy
    assert (policy.fail, policy.panic, policy.max_answers) == (Fail.CLOSED, 30.0, 3)
    assert (policy.spillover, policy.slow_start, policy.ttl_from_health) == (None, 60.0, False)


def test_a_region_twice_is_a_warning(zones_dir: ZonesDir) -> None:
    """It is one tier."""
    text = zone("{endpoints: 10.80.0.1, failover: [west, west]}")
    west = "zone: dev.west\nservices: {w: {endpoints: 10.81.0.1}}\n"
    directory = zones_dir({"environments.yaml": PLAN, "z.yaml": text, "y.yaml": west})
    assert judged(directory) == []
    assert "z.yaml:2:55 unknown-region" in judged(directory, Severity.WARNING)
