"""The map of names of one environment: enclosers, existence, addresses."""

from collections.abc import Callable

from resolver import names
from resolver.generation import Generation
from resolver.namespace import Below, Namespace
from resolver.rrsets import AAAA, A
from tests.support import FILES

Compile = Callable[..., Generation]
ZONE = """\
zone: dev.east
services:
  web: {endpoints: [10.80.1.1, {addresses: [10.80.1.2, "fd80::2"], name: blue}]}
records:
  a.b: {TXT: x}
  "*.wild": {A: 10.80.2.1}
  cut: {NS: ns.cut}
  ns.cut: {A: 10.80.3.1}
"""


def key(text: str) -> bytes:
    return names.from_text(text, names.from_text("dev.east.corp.test."))


def dev(generation: Compile) -> tuple[Generation, Namespace]:
    made = generation({**FILES, "dev.yaml": ZONE})
    return made, made.namespaces["dev"]


def test_the_closest_encloser_is_the_nearest_name_above(generation: Compile) -> None:
    """RFC 4592 3.3.1; empty non-terminals count."""
    _, space = dev(generation)
    for name, above in (("x.web", "web"), ("x.b", "b"), ("y.x.blue.web", "blue.web"), ("x", "@")):
        encloser = space.enclose(key(name))
        assert encloser is not None
        assert encloser.owner == key(above)
    assert space.enclose(names.from_text("example.")) is None


def test_what_exists(generation: Compile) -> None:
    """Names with nodes, and what a wildcard or a delegation stands for."""
    _, space = dev(generation)
    there = ("@", "web", "b", "any.wild", "x.y.wild", "cut", "x.cut")
    assert [name for name in there if not space.has(key(name))] == []
    assert not any(space.has(key(name)) for name in ("no", "x.web", "x.b"))


def test_nothing_of_another_environment_has_a_node(generation: Compile) -> None:
    """Not filtered: absent."""
    _, space = dev(generation)
    assert not any(b"\x04prod" in name for name in space.nodes)


def test_addresses_include_glue(generation: Compile) -> None:
    """For the additional section: of names here, and of servers below a cut."""
    made, space = dev(generation)
    scope = made.views["dev", "east"].answers.scope

    def found(name: str) -> list[tuple[int, int]]:
        return [(rtype, len(pick.rdatas)) for rtype, pick in space.addresses(key(name), scope)]

    assert found("blue.web") == [(A, 1), (AAAA, 1)]
    assert found("ns.cut") == [(A, 1)]
    assert found("nobody") == []
    assert space.nodes[key("cut")].below is Below.CUT


def test_here_leads_to_the_region_and_then_to_the_environment(generation: Compile) -> None:
    """`X.env.region` if it is there, else `X.env`, else nothing."""
    made, space = dev(generation)
    here = space.nodes[names.from_text("here.corp.test.")]

    def target(label: str, region: str) -> str | None:
        scope = made.views["dev", region].answers.scope
        found = space.find_here(here, names.from_text(label, here.owner), scope)
        return names.to_text(found) if found is not None else None

    assert target("web", "east") == "web.dev.east.corp.test."
    assert target("web", "west") == "web.dev.corp.test."
    assert target("nobody", "east") is None
