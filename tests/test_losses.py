"""What a worker that is no more may have handed out."""

from __future__ import annotations

from collections.abc import Callable

from resolver.generation import Generation
from resolver.losses import Losses, longest_ttls
from tests.properties import flipping
from tests.support import FILES

Compile = Callable[..., Generation]
WEST = "zone: dev.west\nservices: {web: {endpoints: [10.81.1.1], ttl: 300}}\n"


async def test_nothing_is_held_before_a_loss(generation: Compile) -> None:
    """Workers tell of their own hand-outs."""
    made = generation()
    assert await Losses().until(flipping.targets(made), made.zones, 5.0) == {}


async def test_a_loss_holds_each_target_for_the_longest_ttl(generation: Compile) -> None:
    """That of any service of its name: failover and region-less names hold its endpoints too."""
    made, losses = generation({**FILES, "west.yaml": WEST}), Losses()
    targets = flipping.targets(made)
    losses.note(100.0)
    held = await losses.until(targets, made.zones, 120.0)
    assert set(held.values()) == {400.0}
    assert {t for t in targets if t in held} == {t for t in targets if b"\3web" in t[0]}
    assert await losses.until(targets, made.zones, 401.0) == {}
    losses.note(200.0)
    assert set((await losses.until(targets, made.zones, 401.0)).values()) == {500.0}


async def test_other_files_have_other_ttls(generation: Compile) -> None:
    """They are looked up when they are needed."""
    first, losses = generation(), Losses()
    second = generation({**FILES, "west.yaml": WEST})
    losses.note(0.0)
    targets = flipping.targets(first)
    before = await losses.until(targets, first.zones, 1.0)
    after = await losses.until(targets, second.zones, 1.0)
    assert max(before.values()) < max(after.values()) == 300.0


def test_every_endpoint_has_one(generation: Compile) -> None:
    """By the key of its targets."""
    found = longest_ttls(generation().zones)
    assert {target[0] for target in flipping.targets(generation())} == set(found)
