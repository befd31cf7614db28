"""What the kinds of checks take, read off their classes: options and ports.

The classes' fields are the only list of options: a new kind needs no word here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from types import MappingProxyType
from typing import Any

from healthcheck.kinds import CHECK_KINDS

PORT = "port"
PARTS = "of"
"""The option whose values are checks themselves."""


def _options(kind: Any) -> tuple[Field[Any], ...]:
    return tuple(option for option in fields(kind) if option.init)


KINDS: Mapping[str, Any] = MappingProxyType({kind.kind: kind for kind in CHECK_KINDS})
"""The word of `kind:` → the class to build."""

OPTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        word: tuple(option.name for option in _options(kind) if option.name != PORT)
        for word, kind in KINDS.items()
    }
)
"""The options of each kind beside the keys that all have in common."""

EVERY_OPTION = frozenset(option for options in OPTIONS.values() for option in options)
COMBINED = frozenset(word for word, options in OPTIONS.items() if PARTS in options)
TAKES_PORT = frozenset(
    word for word, kind in KINDS.items() if PORT in {option.name for option in _options(kind)}
)
NEEDS_PORT = frozenset(
    word
    for word, kind in KINDS.items()
    for option in _options(kind)
    if option.name == PORT and option.default is MISSING
)
"""Kinds that cannot know their port by themselves."""
