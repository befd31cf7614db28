"""`check:` → checks: inheritance, ports, times, parts, and the place of each mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from healthcheck.check import CheckedBy, Timing
from healthcheck.kinds.combined import AllCheck, AtLeastCheck
from healthcheck.kinds.heartbeat import HeartbeatCheck
from healthcheck.kinds.http import HttpCheck
from healthcheck.kinds.icmp import IcmpCheck
from healthcheck.kinds.tcp import TcpCheck
from resolver.reload import Builder, Built
from resolver.zones.places import Severity
from resolver.zones.zone import Service
from tests.zones.linting import PLAN, assert_as_marked, build

PROFILES = """\
  web: {kind: http, path: /healthz, interval: 10s, fall: 4}
  deep: {use: web, path: /deep, timeout: 3s}
  tcp: {kind: tcp}
  base: {rise: 5}
"""


def plan(profiles: str = PROFILES) -> str:
    """The plan of the lint tests with profiles of ours and without a default."""
    head = PLAN.partition("checks:")[0]
    return f"{head}checks:\n{profiles}"


def zone(check: str, ports: str = "{http: 8080}") -> str:
    """A zone with one checked service."""
    text = f"{{endpoints: [10.0.0.1], ports: {ports}, check: {check}}}"
    return f"zone: prod.r1\nservices:\n  a: {text}\n"


def read(directory: Path, check: str, **more: Any) -> CheckedBy:
    """How a service is checked."""
    built = build(directory, environments=plan(), z=zone(check, **more))
    found = service(built).checked_by
    assert found is not None
    return found


def service(built: Built) -> Service:
    """The one service."""
    assert built.generation is not None, built.problems
    (found,) = (s for z in built.generation.zones.zones for s in z.services.values())
    return found


def test_a_profile_is_followed_key_by_key(tmp_path: Path) -> None:
    """The nearest wins; the rest is inherited, options one by one."""
    found = read(tmp_path, "{use: deep, method: HEAD, fall: 2}")
    assert found.check == HttpCheck(port=8080, path="/deep", method="HEAD")
    assert found.timing == Timing(interval=10.0, fast_interval=2.0, timeout=3.0, fall=2, rise=2)
    assert found.enforce


def test_times_that_nobody_says_follow_the_interval(tmp_path: Path) -> None:
    """They are fit for short intervals, too."""
    assert read(tmp_path, "tcp").timing == Timing(5.0, 1.0, 2.0, 3, 2)
    assert read(tmp_path, "{use: tcp, interval: 1s}").timing == Timing(1.0, 0.5, 0.4, 3, 2)
    assert read(tmp_path, "{use: tcp, interval: 200ms}").timing.fast_interval == 0.2
    assert read(tmp_path, "{use: base, kind: icmp}").timing.rise == 5


@pytest.mark.parametrize(("within", "interval"), [("30s", 5.0), ("5s", 1.0), ("1s", 0.5)])
def test_one_look_at_a_heartbeat_decides(tmp_path: Path, within: str, interval: float) -> None:
    """The silence has lasted long enough already."""
    found = read(tmp_path, f"{{kind: heartbeat, within: {within}}}")
    assert isinstance(found.check, HeartbeatCheck)
    assert (found.timing.interval, found.timing.fall, found.timing.rise) == (interval, 1, 1)


def test_a_check_may_only_watch(tmp_path: Path) -> None:
    """Its profile or the service says so."""
    assert not read(tmp_path, "{use: web, enforce: false}").enforce


@pytest.mark.parametrize(
    ("check", "ports", "port"),
    [("web", "{x: 1}", 1), ("{use: web, port: 2}", "{x: 1}", 2), ("{use: web, port: 2}", "{}", 2)],
)
def test_the_port_is_said_or_the_only_one(
    tmp_path: Path, check: str, ports: str, port: int
) -> None:
    """Said by the check, it need not be one of the service's."""
    found = read(tmp_path, check, ports=ports).check
    assert isinstance(found, HttpCheck)
    assert found.port == port


def test_parts_are_checks_of_the_same_service(tmp_path: Path) -> None:
    """With ports of their own, of the whole, or of the service; times are of the whole."""
    check = "{kind: at_least, n: 1, of: [deep, {use: tcp, port: 1}, {kind: icmp}], interval: 1s}"
    found = read(tmp_path, check)
    parts = [HttpCheck(port=8080, path="/deep"), TcpCheck(port=1), IcmpCheck()]
    assert found.check == AtLeastCheck(n=1, of=parts)  # type: ignore[arg-type]  # pydantic takes lists
    assert found.timing.interval == 1.0
    found = read(tmp_path, "{kind: all, of: tcp, port: 7}", ports="{x: 1, y: 2}")
    assert found.check == AllCheck(of=[TcpCheck(port=7)])  # type: ignore[arg-type]  # as above


def test_a_ca_file_is_beside_the_file_that_names_it(tmp_path: Path) -> None:
    """Also where a profile elsewhere names it."""
    profile = "  secure: {kind: tls, ca_file: ca.pem}\n"
    (tmp_path / "sub").mkdir()
    (tmp_path / "environments.yaml").write_text(plan(profile))
    (tmp_path / "sub/z.yaml").write_text(
        zone("{kind: any, of: [secure, {use: secure, ca_file: ../own/ca.pem}]}")
    )
    found = [p.message for p in Builder(tmp_path, 1).build(1).problems]
    assert found == [
        f"{tmp_path}/ca.pem: no such file",
        f"{tmp_path}/sub/../own/ca.pem: no such file",
    ]


BAD = {
    "unknown kind": "{kind: «unknown-check»htp}",
    "no kind": "«unknown-check»{interval: 5s}",
    "kind left open by the profile": "«unknown-check»base",
    "unknown profile": "«unknown-check»wbe",
    "unknown profile beside other keys": "{use: «unknown-check»wbe, port: 1}",
    "none is no profile": "{kind: all, of: [«unknown-check»none]}",
    "timeout above the profile's interval": "{use: web, timeout: «check-timing»10s}",
    "interval below the profile's timeout": "{use: deep, interval: «check-timing»3s}",
    "timeout and interval side by side": "{use: tcp, interval: 1s, timeout: «check-timing»1s}",
    "timeout above the usual interval": "{use: tcp, timeout: «check-timing»5s}",
    "no timeout": "{use: tcp, timeout: «check-timing»0}",
    "too short an interval": "{use: tcp, interval: «check-timing»99ms}",
    "too short a fast interval": "{use: tcp, fast_interval: «check-timing»0s}",
    "too long a fast interval": "{use: tcp, fast_interval: «check-timing»6s}",
    "port out of range": "{use: web, port: «bad-type»65536}",
    "a port for a kind without": "{kind: icmp, «unknown-key»port: 1}",
    "an inherited option of another kind": "{use: web, kind: tcp, «unknown-key»path: /x}",
    "bad regex": "{use: web, body_regex: «bad-check»'('}",
    "bad status": "{use: web, status: «bad-check»ok}",
    "bad header": '{use: web, headers: «bad-check»{a: "b\\n"}}',
    "bad flag": "{use: web, tls: «bad-check»yes}",
    "unknown option": "{use: web, «unknown-key»pth: /x}",
    "an option of another kind": "{kind: tcp, «unknown-key»path: /x}",
    "an option of another kind than the profile's": "{use: tcp, «unknown-key»path: /x}",
    "parts unsaid": "{kind: «missing-key»any}",
    "no parts": "{kind: any, of: «bad-check»[]}",
    "at_least n too large": "{kind: at_least, n: «bad-check»3, of: [web, tcp]}",
    "a part with times of its own": "{kind: any, of: [{use: web, «unknown-key»interval: 5s}]}",
    "a part of no kind": "{kind: any, of: [«unknown-check»{port: 1}]}",
    "a bad option of a part": "{kind: any, of: [web, {kind: tcp, send: «bad-check»'\\q'}]}",
    "a bad port of a part": "{kind: any, of: [web, {kind: tcp, port: «bad-type»0}]}",
    "too deep": "{kind: any, of: «bad-check»{kind: any, of: {kind: any, of:"
    " {kind: any, of: {kind: any, of: web}}}}}",
    "a command": "{kind: «command-not-allowed»command, argv: [/bin/true]}",
    "a command in a part": "{kind: any, of: [web, {kind: «command-not-allowed»command, argv: /x}]}",
    "missing CA file": "{use: web, tls: true, ca_file: «missing-ca-file»gone.pem}",
    "a CA file without certificates": "{kind: tls, ca_file: «missing-ca-file»z.yaml}",
}


@pytest.mark.parametrize("check", BAD.values(), ids=BAD.keys())
def test_a_mistake_is_told_at_its_place(tmp_path: Path, check: str) -> None:
    """At the word that is wrong, once."""
    if check == BAD["an inherited option of another kind"]:
        profiles = PROFILES.replace("path: /healthz", "«unknown-key»path: /healthz")
        assert_as_marked(tmp_path, environments=plan(profiles), z=zone(check))
        return
    assert_as_marked(tmp_path, environments=plan(), z=zone(check))


@pytest.mark.parametrize("check", ["web", "{kind: grpc}", "{kind: all, of: [{kind: icmp}, tcp]}"])
@pytest.mark.parametrize("ports", ["{}", "{a: 1, b: 2}"])
def test_a_check_that_cannot_know_its_port(tmp_path: Path, check: str, ports: str) -> None:
    """Is told at the service, which has none or several."""
    text = zone(check, ports).replace("  a:", "  «check-port»a:")
    assert_as_marked(tmp_path, environments=plan(), z=text)


def test_kinds_without_need_of_a_port_have_none_to_know(tmp_path: Path) -> None:
    """A heartbeat, and DNS, whose port is known."""
    for check in ("{kind: heartbeat}", "{kind: dns}", "{kind: any, of: [{kind: icmp}]}"):
        assert read(tmp_path, check, ports="{}").check.kind in check


BAD_PROFILES = {
    "a bad option": "  a: {kind: http, status: «bad-check»fine}",
    "times": "  a: {kind: tcp, interval: 1s, timeout: «check-timing»2s}",
    "uses itself": "  a: {use: «unknown-check»a}",
    "a ring": "  a: {use: b}\n  b: {use: c}\n  c: {use: «unknown-check»b}",
    "a ring of parts": "  a: {kind: all, of: [«unknown-check»a]}",
    "unknown": "  a: {use: «unknown-check»b}",
    "nothing": "  a: {use: «unknown-check»none}",
    "a missing CA file": "  a: {kind: tls, ca_file: «missing-ca-file»gone.pem}",
    "a command": "  a: {kind: «command-not-allowed»command, argv: [/bin/true]}",
}


@pytest.mark.parametrize("is_used", [True, False], ids=["used", "unused"])
@pytest.mark.parametrize("profile", BAD_PROFILES.values(), ids=BAD_PROFILES.keys())
def test_a_profile_is_judged_once(tmp_path: Path, profile: str, is_used: bool) -> None:
    """Whether services use it or not, and how many do."""
    if profile == BAD_PROFILES["a ring"]:
        profile = profile.replace("b: {use: c}", "b: {use: «unknown-check»c}")
    text = zone("a") + "  b: {endpoints: [10.0.0.2], ports: {x: 1}, check: a}\n"
    assert_as_marked(
        tmp_path, environments=plan(f"{profile}\n"), **({"z": text} if is_used else {})
    )


def test_a_profile_need_not_know_its_port_or_kind(tmp_path: Path) -> None:
    """The service does."""
    assert_as_marked(tmp_path, environments=plan("  a: {timeout: 20s}\n  b: {kind: grpc}\n"))


def test_commands_run_where_the_server_allows_them(tmp_path: Path) -> None:
    """Not because the zones say so."""
    (tmp_path / "environments.yaml").write_text(plan())
    (tmp_path / "z.yaml").write_text(zone("{kind: command, argv: [/bin/true]}"))
    problems = Builder(tmp_path, 1, may_run_commands=True).build(1).problems
    assert [p for p in problems if p.severity is Severity.ERROR] == []


def test_nesting_of_profiles_costs_no_more_than_it_says(tmp_path: Path) -> None:
    """A hundred probes at most, however few words ask for them."""
    profiles = "  p0: {kind: tcp, port: 1}\n" + "".join(
        f"  p{n}: {{kind: all, of: [{', '.join([f'p{n - 1}'] * 20)}]}}\n" for n in (1, 2, 3, 4)
    )
    built = build(tmp_path, environments=plan(profiles))
    assert {(p.rule, p.place.line) for p in built.problems} == {("bad-check", 12)}
