"""`environments.yaml`: names, regions, networks, name servers."""

from collections.abc import Callable
from pathlib import Path

import pytest

from resolver.generation import Generation
from tests.support import FILES, PLAN, ask, judged

ZonesDir = Callable[..., Path]
Compile = Callable[..., Generation]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("domain: corp.test", "domain: corp..test", "1:9 bad-name"),
        ("domain: corp.test", "domain: .", "1:9 bad-name"),
        ("domain: corp.test", "domain: corp.test\ncontact: ä@x", "2:10 bad-name"),
        ("domain: corp.test", "domain: corp.test\ncontact: a..b", "2:10 bad-name"),
        ("domain: corp.test", "domain: corp.test\ndomains: [ok.test, b..d]", "2:20 bad-name"),
        ("[east, west]", "[east, west, east]", "3:23 name-clash"),
        ("[east, west]", "[east, west, prod]", "3:23 name-clash"),
        ("[east, west]", "[east, west, here]", "3:23 name-clash"),
        ("[east, west]", "[east, west, a.b]", "3:23 bad-name"),
        ("[east, west]", "[east, west, North]", "3:23 bad-name"),
        ("  dev:", "  here: {}\n  dev:", "6:3 name-clash"),
        ("west: [10.65.0.0/16]", "wets: [10.65.0.0/16]", "5:57 unknown-region"),
        ("{ns1: ", "{n..s: ", "2:15 bad-name"),
        ("10.65.0.0/16", "{network: 10.65.0.0/16, except: 10.66.0.0/24}", "5:64 bad-address"),
        ("10.65.0.0/16", '{network: 10.65.0.0/16, except: "fd00::/64"}', "5:64 bad-address"),
        ("environments:", "checks: {none: {kind: tcp, port: 1}}\nenvironments:", "4:10 name-clash"),
        ("environments:", "defaults: {check: wbe}\nenvironments:", "4:19 unknown-check"),
        ("environments:", "checks: {a: {use: b}}\nenvironments:", "4:19 unknown-check"),
        ("environments:", "checks: {a: {kind: icmp, fall: 0}}\nenvironments:", "4:32 bad-type"),
        ("  dev:\n", "  dev:\n    defaults: {check: {kind: tcp, send: ''}}\n", "7:41 bad-check"),
    ],
)
def test_problems(zones_dir: ZonesDir, old: str, new: str, found: str) -> None:
    """Each at the word that is wrong."""
    plan = PLAN.replace(old, new, 1)
    assert plan != PLAN
    assert f"environments.yaml:{found}" in judged(
        zones_dir({"environments.yaml": plan, "x.yaml": ""})
    )


def test_no_environments(zones_dir: ZonesDir) -> None:
    """Nobody could be served."""
    plan = "domain: corp.test\nenvironments: {}\n"
    assert len(judged(zones_dir({"environments.yaml": plan}))) == 1


@pytest.mark.parametrize(
    ("contact", "rname"),
    [
        ("hostmaster@corp.test", "hostmaster.corp.test."),
        ("first.last@example.com", r"first\.last.example.com."),
        ("hostmaster.example.com.", "hostmaster.example.com."),
    ],
)
def test_the_contact_is_the_rname(generation: Compile, contact: str, rname: str) -> None:
    """The local part is one label (RFC 1035 3.3.13)."""
    made = generation({**FILES, "environments.yaml": f"contact: {contact}\n{PLAN}"})
    assert str(ask(made, "corp.test.", "SOA").answer[0][0]).split()[1] == rname


def test_an_environment_has_its_own_name_servers_and_ttl(generation: Compile) -> None:
    """Where it says so; the others keep the common ones."""
    plan = PLAN.replace("  dev:\n", "  dev:\n    ttl: 7\n    nameservers: {ns9: [10.80.0.53]}\n")
    made = generation({**FILES, "environments.yaml": plan})
    (dev,) = ask(made, "dev.east.corp.test.", "NS").answer
    (prod,) = ask(made, "prod.east.corp.test.", "NS", "10.64.0.1").answer
    assert (str(dev[0]), dev.ttl) == ("ns9.corp.test.", 7)
    assert (str(prod[0]), prod.ttl) == ("ns1.corp.test.", 30)


@pytest.mark.parametrize(
    ("where", "ttl"), [("plan", 11), ("environment", 12), ("file", 13), ("service", 14)]
)
def test_the_nearest_default_wins(generation: Compile, where: str, ttl: int) -> None:
    """Plan, environment, file, service."""
    order = ["plan", "environment", "file", "service"]
    said = set(order[: order.index(where) + 1])
    plan = PLAN + ("defaults: {ttl: 11}\n" if "plan" in said else "")
    if "environment" in said:
        plan = plan.replace("  dev:\n", "  dev:\n    defaults: {ttl: 12}\n")
    zone = "zone: dev.east\n" + ("defaults: {ttl: 13}\n" if "file" in said else "")
    own = ", ttl: 14" if "service" in said else ""
    zone += f"services: {{w: {{endpoints: 10.80.0.1{own}}}}}\n"
    made = generation({"environments.yaml": plan, "dev.yaml": zone})
    assert ask(made, "w.dev.east.corp.test.").answer[0].ttl == ttl
