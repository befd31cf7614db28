"""The event loop of a process that answers: uvloop, where it is installed.

A question to upstreams passes through the loop several times, and that is a fifth of what it
costs; a process that only reads and probes has no such hurry.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

try:
    import uvloop
except ImportError:  # not a platform that it is made for
    FASTEST: Callable[[], asyncio.AbstractEventLoop] | None = None
else:
    FASTEST = uvloop.new_event_loop


def run(main: Coroutine[Any, Any, None], *, answers: bool = True) -> None:
    """Run `main` to its end, as `asyncio.run` does; `answers`: this process answers questions."""
    with asyncio.Runner(loop_factory=FASTEST if answers else None) as runner:
        runner.run(main)
