"""What the supervisor and its workers say to each other. Values only.

A generation comes in pieces, so that none of them costs whoever answers more than a moment, and
becomes what is served with the `Commit` after them; a flip of health is one message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from healthcheck.health import Health, Target
from resolver.config import ServerConfig
from resolver.routes import Forwarding

TABLES = ("zones", "nodes", "glue", "shared")
"""Of a parcel: what a worker is sent of it."""

Changes = Mapping[Target, Health | None]
"""Target → what is known of it now; None: nothing."""


class Door(NamedTuple):
    """A listener of the configuration, and the descriptors of its sockets."""

    listen: int  # its place in `config.listen`
    host: str
    port: int
    udp: int
    tcp: int


class Settings(NamedTuple):
    """The first message: what a worker is to be."""

    number: int  # of the worker, from 1
    workers: int  # among whom the limits of the server are divided
    config: ServerConfig
    doors: tuple[Door, ...]


class Begin(NamedTuple):
    """The namespaces of the generation to come; kept: the very ones that are served."""

    kept: frozenset[str]
    altered: frozenset[str]  # as they are, but for the pieces
    fresh: frozenset[str]  # of the pieces alone


class Piece(NamedTuple):
    """A part of one table of one namespace."""

    environment: str
    table: str
    put: Mapping[bytes, bytes]
    gone: tuple[bytes, ...]


class HealthPiece(NamedTuple):
    """A part of what is known of targets, for a worker that knows nothing yet."""

    known: Mapping[Target, Health]


class Staged(NamedTuple):
    """After the last piece; the worker says it too when it has put them together."""


class Commit(NamedTuple):
    """Serve what was staged."""

    number: int
    views: tuple[tuple[str, str, Forwarding], ...]  # environment, region, routes
    networks: bytes | None  # pickled network tables: clients', forwarders'; None: as they are
    unobserved: Health


class Flip(NamedTuple):
    """Health that is judged anew."""

    number: int
    changed: Changes
    unobserved: Health


class Ask(NamedTuple):
    """A question about a worker, to be answered by `Told`."""

    ident: int
    word: str  # one of `answering.ANSWERS`
    arguments: tuple[Any, ...]


class Stop(NamedTuple):
    """Answer what has come, and end."""


class Serving(NamedTuple):
    """A worker serves what has this number, or answers nothing older."""

    number: int


class Alive(NamedTuple):
    """A worker's loop turns; and the upstreams that it calls down, by environment and name."""

    upstreams_down: frozenset[tuple[str, str]] = frozenset()


class Told(NamedTuple):
    """What a worker was asked; a fault is what went wrong, in words."""

    ident: int
    value: Any
    fault: str | None
