"""A reload that builds on what was there makes what a fresh start would make."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from resolver.compile import compile_generation, pack_up
from resolver.generation import Generation
from resolver.namespace import Namespace
from resolver.zones.load import ZonesDirectory
from tests.properties.profile import PROFILE
from tests.properties.worlds import World, worlds
from tests.scenarios.runner import NOW


def shape(generation: Generation, space: Namespace) -> dict[bytes, Any]:
    """Everything that can be seen of a namespace, without the identity of its parts."""
    scope = generation.views[space.environment, "r"].answers.scope
    shown: dict[bytes, Any] = {
        key: (
            node.owner,
            node.zone.apex,
            node.zone.soa,
            node.below,
            node.wildcard.owner if node.wildcard else None,
            {rtype: (found.ttl, found.draw(scope)) for rtype, found in node.sets.items()},
        )
        for key, node in space.items()
    }
    for key, sets in space.glue.items():
        shown[b"glue " + key] = {rtype: found.draw(scope) for rtype, found in sets.items()}
    return shown


def change(files: dict[str, str], other: World, choose: int) -> dict[str, str]:
    """The same files, with one of another world in the place of one of them (or beside them)."""
    names = sorted(name for name in files if "environments" not in name)
    replaced, texts = names[choose % len(names)], other.files()
    others = sorted(name for name in texts if "environments" not in name)
    if not others:
        return {name: text for name, text in files.items() if name != replaced}
    return {**files, replaced: texts[others[choose % len(others)]]}


@settings(PROFILE, max_examples=60)
@given(world=worlds(), other=worlds(), choose=st.integers(0, 7), packs=st.booleans())
def test_a_reload_makes_what_a_start_makes(
    world: World, other: World, choose: int, packs: bool
) -> None:
    """Kept nodes, zones and serials are those that would be made anew, packed or not."""
    files = world.files()
    if len(files) < 2:
        return
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        for name, text in files.items():
            (directory / name).write_text(text)
        reused = ZonesDirectory(directory)
        zones, _ = reused.load()
        assert zones is not None
        first = compile_generation(zones, NOW, 0)
        first = pack_up(first, 0) if packs else first
        for name, text in change(files, other, choose).items():
            (directory / name).write_text(text)
        zones, _ = reused.load()
        assert zones is not None
        second = compile_generation(zones, NOW, 0, first)
        second = pack_up(second, 0) if packs else second
        fresh_zones, _ = ZonesDirectory(directory).load()
        assert fresh_zones is not None
        # The serials of the second are given, so that only what is made can differ.
        fresh = compile_generation(fresh_zones, NOW, 0, first)
    for name, space in second.namespaces.items():
        assert shape(second, space) == shape(fresh, fresh.namespaces[name])
