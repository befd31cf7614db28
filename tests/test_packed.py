"""Packed namespaces: whatever is asked of them, they answer as those they were made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings

from healthcheck.check import CheckedBy, Timing
from healthcheck.kinds.heartbeat import HeartbeatCheck
from resolver import packed as packed_module
from resolver.generation import Generation
from resolver.namespace import Namespace, Node
from resolver.packed import PackedNamespace
from resolver.parcel import pack
from tests.properties.profile import PROFILE
from tests.properties.worlds import World, worlds
from tests.support import FILES, ROOT, compiled

STAND_IN = CheckedBy(HeartbeatCheck(within=60.0), Timing())
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


def test_without_checks_services_are_checked_still(generation: Compile) -> None:
    """Whether they are is all that an answer asks."""
    dev = FILES["dev.yaml"].replace("ttl: 20", "check: {kind: tcp, port: 80}")
    parcel = pack(generation(files={**FILES, "dev.yaml": dev}).namespaces["dev"])
    whole = PackedNamespace(parcel)
    parcel = replace(parcel, checks={})
    bare = PackedNamespace(parcel, lambda octets: STAND_IN)
    key = b"\3web\3dev\4east\4corp\4test\0"
    found = [space.node(key).sets[1].tiers.fixed.named for space in (whole, bare)]  # type: ignore[union-attr]  # it is there
    assert found[0].checked_by != found[1].checked_by == STAND_IN
    assert replace(found[0], checked_by=None) == replace(found[1], checked_by=None)
