"""Servers that begin one after the other; who does not begin is left out, and that is said."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import TypeVar

from bench.measure import CannotMeasure
from bench.peers import Server, Site, pumps
from bench.programs import Foreign, Running

T = TypeVar("T", bound=Running)
Starts = dict[str, Callable[[], Foreign]]


def begin(
    stack: ExitStack, starts: Mapping[str, Callable[[], AbstractContextManager[T]]]
) -> dict[str, T]:
    """Those that answer, by name; they end with the stack."""
    found = {}
    for name, start in starts.items():
        try:
            found[name] = stack.enter_context(start())
        except CannotMeasure as error:
            print(f"bench: {name} is left out: {error}", file=sys.stderr)
    return found


def start_ours(stack: ExitStack, site: Site) -> dict[str, Server]:
    """Ours with each of its pumps. Raises CannotMeasure when none of them answers."""
    found = begin(stack, {peer.name: partial(Server, peer, site) for peer in pumps()})
    if not found:
        raise CannotMeasure("sightline does not start")
    return found
