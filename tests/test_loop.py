"""The event loop of a process that answers."""

import asyncio

import uvloop

from resolver import loop


def test_it_is_the_faster_one() -> None:
    """Where it is installed, as it is for the tests."""
    seen = []

    async def look() -> None:
        seen.append(asyncio.get_running_loop())

    loop.run(look())
    assert isinstance(seen[0], uvloop.Loop)
    assert seen[0].is_closed()
