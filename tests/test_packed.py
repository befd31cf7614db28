"""Packed namespaces: whatever is asked of them, they answer as those they were made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings

from resolver import packed as packed_module
from resolver.generation import Generation
from resolver.namespace import Namespace, Node
from resolver.packed import BARELY, NOWHERE, PackedNamespace
from resolver.parcel import pack
from tests.properties.profile import PROFILE
from tests.properties.worlds import World, worlds
from tests.support import FILES, ROOT, compiled

Compile = Callable[..., Generation]


def facts(node: Node | None) -> object:
    """All of a node, its zone and its wildcard."""
    if node is None:
        return None
    zone = tuple(getattr(node.zone, field.name) for field in fields(node.zone))
    return (node.owner, zone, node.sets, node.below, facts(node.wildcard), node.is_open)


def assert_same(made: Namespace, opened: PackedNamespace) -> None:
    """Every name, and what is beside them."""
    assert len(opened) == len(made)
    assert opened.environment == made.environment
    assert opened.digests == made.digests
    assert opened.glue == made.glue
    assert list(opened.zones) == list(made.zones)
    for key, node in made.items():
        assert key in opened
        assert facts(opened.node(key)) == facts(node)
        assert list(opened.node(key).sets) == list(node.sets)  # type: ignore[union-attr]  # it is there
        for below in (b"\5below" + key, b"\1a\1b" + key):
            assert facts(opened.enclose(below)) == facts(made.enclose(below))
            assert opened.has(below) == made.has(below)


def test_the_sample_zones_come_out_as_they_went_in() -> None:
    """With all that is in them."""
    for space in compiled(ROOT / "zones").namespaces.values():
        assert_same(space, PackedNamespace(pack(space)))


@settings(PROFILE, max_examples=60)
@given(world=worlds())
def test_any_zones_come_out_as_they_went_in(world: World) -> None:
    """Cuts, wildcards, DNAMEs, grants and namesakes included."""
    for space in world.compile().namespaces.values():
        assert_same(space, PackedNamespace(pack(space)))


def test_names_stay_open_within_a_bound(
    generation: Compile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever walks through all of them, or asks for one after the other."""
    monkeypatch.setattr(packed_module, "MAX_OPEN", 8)
    monkeypatch.setattr(packed_module, "EVICTED", 2)
    space = generation().namespaces["dev"]
    opened = PackedNamespace(pack(space))
    assert [facts(node) for node in opened.values()] == [facts(n) for n in space.values()]
    assert len(opened.nodes) <= 8
    for _ in range(2):
        for key in space.nodes:
            node = opened.node(key)
            assert node is not None
            assert opened.node(key) is node
            assert len(opened.nodes) <= 10


def test_a_miss_opens_nothing(generation: Compile) -> None:
    """A flood of names that are not there meets one closest encloser."""
    opened = PackedNamespace(pack(generation().namespaces["dev"]))
    for number in range(50):
        key = b"\4x%03d" % number + b"\3dev\4east\4corp\4test\0"
        assert opened.node(key) is None
        assert opened.enclose(key) is not None
    assert len(opened.nodes) == 1


def test_without_places_and_checks_answers_are_the_same(generation: Compile) -> None:
    """That a service is checked is all that an answer asks."""
    dev = FILES["dev.yaml"].replace("ttl: 20", "check: {kind: tcp, port: 80}")
    space = generation(files={**FILES, "dev.yaml": dev}).namespaces["dev"]
    parcel = pack(space)
    whole = PackedNamespace(parcel)
    bare = PackedNamespace(replace(parcel, places={}, checks={}), is_lazy=True)
    key = b"\3web\3dev\4east\4corp\4test\0"
    found = [opened.node(key).sets[1].tiers.fixed.named for opened in (whole, bare)]  # type: ignore[union-attr]  # it is there
    assert found[0].checked_by != found[1].checked_by == BARELY
    assert [service.endpoints[0].v4 for service in found] == [b"\x0aP\1\1"] * 2
    assert found[1].place == NOWHERE != found[0].place
    assert len(bare) == len(whole)
