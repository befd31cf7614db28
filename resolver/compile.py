"""Zones + health → the next generation: the one place where they meet. Pure: time is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from healthcheck.health import ALL_UP, HealthTable
from resolver.answers import AnswerTable
from resolver.generation import Generation, Serials, View, ViewKey
from resolver.handouts import Handouts
from resolver.namespace import Namespace
from resolver.packed import PackedNamespace
from resolver.parcel import pack
from resolver.populate import Before, populate
from resolver.routes import NO_DEFAULTS, Forwarding, ServerDefaults, make_forwardings
from resolver.rrsets import Scope
from resolver.views import NetworkTable
from resolver.visible import Part, visible_parts
from resolver.zones.leaves import IPNetwork
from resolver.zones.zone import ClientNetwork, ZoneSet

SERIAL_SPACE = 2**32


class Made(NamedTuple):
    """What was made of some zones, by a process that is no more."""

    namespaces: Mapping[str, Namespace]  # by environment
    serials: Serials


def compile_generation(
    zones: ZoneSet,
    now: int,
    seed: int,
    previous: Generation | None = None,
    health: HealthTable | None = None,
    known: Serials | None = None,
    defaults: ServerDefaults = NO_DEFAULTS,
) -> Generation:
    """Build the generation of a set of zones.

    `now` is in seconds since the epoch and becomes the serial of zones whose visible content is
    new; `seed` (any 32 bits) starts the wheels that `previous` did not have. Without `health`
    it is that of `previous`, else everything counts as up. `known` are the serials of a former
    process, for when there is no `previous`. `defaults` is what the server says of forwarding.
    """
    if health is None:
        health = previous.health if previous is not None else ALL_UP
    handouts = previous.handouts if previous is not None else Handouts()
    known = previous.serials if previous is not None else known or {}
    serials = _Serials(now, known)

    seen = {name: visible_parts(zones, e) for name, e in zones.plan.environments.items()}
    namespaces: dict[str, Namespace] = {}
    views: dict[ViewKey | None, View] = {}
    for name, environment in zones.plan.environments.items():
        forwardings = make_forwardings(zones.plan, environment, defaults)
        kept = _unchanged(name, zones, seen[name], health, previous)
        if kept is not None:
            namespaces[name] = kept.namespaces[name]
            serials.given.update({k: v for k, v in kept.serials.items() if k[0] == name})
            views.update(_kept_views(kept, name, forwardings))
            continue
        before = None
        if previous is not None and previous.zones.plan is zones.plan:
            before = Before(previous.seen[name], previous.namespaces[name])
        space = populate(zones.plan, environment, seen[name], serials.of, before)
        namespaces[name] = space
        for region in zones.plan.regions:
            old = previous.views.get((name, region)) if previous is not None else None
            scope = Scope(name, region, health)
            wheels = old.answers.wheels if old is not None else {}
            answers = AnswerTable(space, scope, seed, wheels, handouts)
            views[name, region] = View(name, region, answers, forwardings[region])
    return Generation(
        number=previous.number + 1 if previous is not None else 1,
        zones=zones,
        views=views,
        networks=NetworkTable(_networks(zones)),
        trusted=_trusted(zones.plan.trusted),
        health=health,
        seen=seen,
        namespaces=namespaces,
        serials=serials.given,
        handouts=handouts,
    )


def resume_generation(
    zones: ZoneSet, seed: int, made: Made, defaults: ServerDefaults = NO_DEFAULTS
) -> Generation:
    """The first generation, of namespaces that were made of these zones before."""
    handouts = Handouts()
    views: dict[ViewKey | None, View] = {}
    for name, environment in zones.plan.environments.items():
        for region, forwarding in make_forwardings(zones.plan, environment, defaults).items():
            scope = Scope(name, region, ALL_UP)
            answers = AnswerTable(made.namespaces[name], scope, seed, {}, handouts)
            views[name, region] = View(name, region, answers, forwarding)
    return Generation(
        number=1,
        zones=zones,
        views=views,
        networks=NetworkTable(_networks(zones)),
        trusted=_trusted(zones.plan.trusted),
        health=ALL_UP,
        seen={name: visible_parts(zones, e) for name, e in zones.plan.environments.items()},
        namespaces=made.namespaces,
        serials=made.serials,
        handouts=handouts,
    )


def pack_up(generation: Generation, seed: int) -> Generation:
    """The same with its namespaces packed: a third of the memory, and ready to be sent or kept.

    Those of `generation` are taken apart; nobody may have been given it yet.
    """
    views, spaces = dict(generation.views), dict(generation.namespaces)
    for name, space in generation.namespaces.items():
        if isinstance(space, PackedNamespace):
            continue
        packed = spaces[name] = PackedNamespace(pack(space))
        for _ in space.release():
            pass
        for key, view in generation.views.items():
            if view.environment == name:
                old = view.answers
                answers = AnswerTable(packed, old.scope, seed, old.wheels, old.handouts)
                views[key] = replace(view, answers=answers)
    return replace(generation, views=views, namespaces=spaces)


def _kept_views(
    kept: Generation, environment: str, forwardings: Mapping[str, Forwarding]
) -> Iterator[tuple[ViewKey | None, View]]:
    """The views of an environment that sees the same; only who is asked may have changed."""
    for key, view in kept.views.items():
        if view.environment == environment:
            forwarding = forwardings[view.region]
            is_same = view.forwarding.is_same(forwarding)
            yield key, view if is_same else replace(view, forwarding=forwarding)


class _Serials:
    """The serials of a generation that is made at a time, after those that are known."""

    def __init__(self, now: int, known: Serials) -> None:
        self._now = now % SERIAL_SPACE
        self._known = known
        self.given: dict[tuple[str, bytes], tuple[int, int]] = {}

    def of(self, environment: str, apex: bytes, digest: int) -> int:
        """That of a zone with this visible content."""
        old_digest, old_serial = self._known.get((environment, apex), (None, None))
        serial = self._now
        if old_serial is not None:
            # A serial only rises, also when two changes fall into one second (RFC 1982).
            serial = old_serial if old_digest == digest else max(serial, old_serial + 1)
        self.given[environment, apex] = (digest, serial)
        return serial


def _unchanged(
    environment: str,
    zones: ZoneSet,
    seen: dict[bytes, Part],
    health: HealthTable,
    previous: Generation | None,
) -> Generation | None:
    """The previous generation, where this environment sees the very same in it.

    Then its namespace and prepared answers are good as they are. Parts of files that did not
    change are the same objects, so comparing is cheap.
    """
    if previous is None or previous.zones.plan is not zones.plan or previous.health is not health:
        return None
    before = previous.seen[environment]
    if before.keys() != seen.keys():
        return None
    return previous if all(part.is_same(before[key]) for key, part in seen.items()) else None


def _networks(zones: ZoneSet) -> list[tuple[IPNetwork, ViewKey | None]]:
    """Every client network with its view, and every carve-out with what is left around it.

    The key of a view is one object wherever it stands, so that equal ones are the same.
    """
    clients = []
    for name, environment in zones.plan.environments.items():
        for region, found in environment.clients.items():
            key = (name, region)
            clients += [(client, key) for client in found]
    table: dict[IPNetwork, ViewKey | None] = {}
    for client, _ in clients:
        for carved in client.carved:
            around = [
                (other.network.prefixlen, key)
                for other, key in clients
                if _contains(other.network, carved)
                and not any(_contains(hole, carved) for hole in other.carved)
            ]
            table[carved] = max(around, key=lambda item: item[0])[1] if around else None
    table.update((client.network, key) for client, key in clients)
    return list(table.items())


def _contains(network: IPNetwork, other: IPNetwork) -> bool:
    return network.version == other.version and other.subnet_of(network)  # type: ignore[arg-type]  # versions compared before


def _trusted(networks: tuple[ClientNetwork, ...]) -> NetworkTable[bool] | None:
    if not networks:
        return None
    table: list[tuple[IPNetwork, bool | None]] = [(item.network, True) for item in networks]
    table += [(carved, None) for item in networks for carved in item.carved]
    return NetworkTable(table)
