"""What one environment sees: grants, overrides, `visible_to`, pointers."""

from collections.abc import Callable

import dns.rcode

from resolver.generation import Generation
from tests.support import DEV_CLIENT, FILES, PROD_CLIENT, addresses, ask
from tests.test_populate import ONE, WEST, pointer

Compile = Callable[..., Generation]


def test_a_pointer_is_visible_where_its_name_is(generation: Compile) -> None:
    """Nobody learns names by walking the reverse tree."""
    made = generation({**FILES, "dev.yaml": ONE, "west.yaml": WEST})
    assert pointer(made, "10.80.1.9", PROD_CLIENT) == "10-80-1-9.shared.dev.east.corp.test."
    assert pointer(made, "10.80.1.1", PROD_CLIENT) == 3
    assert pointer(made, "10.64.1.1", DEV_CLIENT) == 3


def test_a_grant_shows_the_granted_names_only(generation: Compile) -> None:
    """The zone that holds them is, there, a zone of these names alone."""
    made = generation({**FILES, "dev.yaml": ONE, "west.yaml": WEST})

    def rcode(name: str) -> int:
        return int(ask(made, f"{name}dev.east.corp.test.", source=PROD_CLIENT).rcode())

    assert addresses(ask(made, "shared.dev.east.corp.test.", source=PROD_CLIENT)) == ["10.80.1.9"]
    assert addresses(ask(made, "given.dev.east.corp.test.", source=PROD_CLIENT)) == ["10.80.2.5"]
    assert rcode("web.") == rcode("w.") == rcode("x.w.") == dns.rcode.NXDOMAIN
    assert rcode("") == 0
    assert addresses(ask(made, "shared.dev.corp.test.", source=PROD_CLIENT)) == ["10.80.1.9"]


def test_overrides_replace_and_remove_for_one_environment(generation: Compile) -> None:
    """Everybody else sees the common records; services are overridden alike."""
    shared = """\
zone: infra
visible_to: all
services: {svc: {endpoints: [10.255.1.1]}}
records: {api: {A: 10.255.0.1, TXT: common}, old: {A: 10.255.0.2}}
overrides:
  dev: {api: {A: 10.80.1.1}, old: null, svc: {A: 10.80.1.5}, new: {A: 10.80.1.6}}
"""
    made = generation({**FILES, "infra.yaml": shared})

    def seen(name: str, source: str) -> list[str]:
        return addresses(ask(made, f"{name}.infra.corp.test.", source=source))

    names_asked = ("api", "old", "svc", "new")
    assert [seen(n, PROD_CLIENT) for n in names_asked] == [
        ["10.255.0.1"],
        ["10.255.0.2"],
        ["10.255.1.1"],
        [],
    ]
    assert [seen(n, DEV_CLIENT) for n in names_asked] == [
        ["10.80.1.1"],
        [],
        ["10.80.1.5"],
        ["10.80.1.6"],
    ]
    assert ask(made, "api.infra.corp.test.", "TXT").answer == []
    assert ask(made, "old.infra.corp.test.").rcode() == dns.rcode.NXDOMAIN
    assert ask(made, "10-255-1-1.svc.infra.corp.test.").rcode() == dns.rcode.NXDOMAIN


def test_one_name_may_be_two_zones(generation: Compile) -> None:
    """The classic split horizon: disjoint `visible_to`."""
    files = {
        **FILES,
        "a.yaml": "zone: shop.example.\nvisible_to: [dev]\nrecords: {'@': {A: 10.80.1.1}}\n",
        "b.yaml": "zone: shop.example.\nvisible_to: [prod]\nrecords: {'@': {A: 10.64.1.1}}\n",
    }
    made = generation(files)
    assert addresses(ask(made, "shop.example.", source=DEV_CLIENT)) == ["10.80.1.1"]
    assert addresses(ask(made, "shop.example.", source=PROD_CLIENT)) == ["10.64.1.1"]
