"""Who may do what at the admin address: one decision for each request, before anything is done.

Pure. Without a tokens file, sources decide: networks for reads, this machine for changes. With
one, every change needs a token, and a token that is sent narrows what is read.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from dataclasses import dataclass
from enum import Enum

from resolver.admin.routes import Need
from resolver.views import NetworkTable
from resolver.zones.leaves import IPNetwork


class Right(Enum):
    """What a token may do."""

    READ = "read"
    HEARTBEAT = "heartbeat"
    OVERRIDE = "override"
    RELOAD = "reload"
    CACHE = "cache"


@dataclass(frozen=True, slots=True)
class Token:
    """One entry of the tokens file; the token itself is not kept."""

    name: str
    digest: bytes  # SHA-256 of the token
    environments: frozenset[str] | None  # None: all
    may: frozenset[Right]


@dataclass(frozen=True, slots=True)
class Caller:
    """What a decision is made from."""

    source: str
    host: str | None = None
    origin: str | None = None
    authorization: str | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """What an allowed caller sees and may change; for it, nothing else exists."""

    environments: frozenset[str] | None  # None: all, and what belongs to several
    token: str | None = None  # the name of the token that allowed it

    @property
    def sees_all(self) -> bool:
        return self.environments is None

    def covers(self, environment: str) -> bool:
        """Whether it sees an environment; `-`, what belongs to several, takes all of them."""
        return self.environments is None or environment in self.environments


@dataclass(frozen=True, slots=True)
class Denied:
    """Why not: 401 asks for a token, 403 does not."""

    status: int
    detail: str


EVERYTHING = Sight(None)
NOTHING = Sight(frozenset())

_RIGHTS = {
    Need.METRICS: Right.READ,
    Need.READ: Right.READ,
    Need.HEARTBEAT: Right.HEARTBEAT,
    Need.OVERRIDE: Right.OVERRIDE,
    Need.RELOAD: Right.RELOAD,
    Need.CACHE: Right.CACHE,
}
_READS = {Need.READ: "admin.allow", Need.METRICS: "admin.metrics_allow"}


@dataclass(frozen=True, slots=True)
class Rules:
    """Which sources may read, and the tokens; None: there is no tokens file."""

    allow: NetworkTable[bool]
    metrics_allow: NetworkTable[bool]
    tokens: tuple[Token, ...] | None = None
    hosts: frozenset[str] = frozenset()  # names of this server, and of all below them

    def decide(self, need: Need, caller: Caller) -> Sight | Denied:
        """What a caller may see and change, or why it may not."""
        if need is Need.OPEN:
            seen = self.decide(Need.READ, caller)
            return seen if isinstance(seen, Sight) else NOTHING
        if self.tokens is not None and caller.authorization is not None:
            return _decide_by_token(_RIGHTS[need], caller.authorization, self.tokens)
        if need in _READS:
            networks = self.metrics_allow if need is Need.METRICS else self.allow
            if not _is_in(networks, caller.source):
                return Denied(403, f"{caller.source} is in no network of {_READS[need]}")
            return _decide_by_name(caller, self.hosts)
        if self.tokens is not None:
            return Denied(401, "a change needs a token: Authorization: Bearer TOKEN")
        return _decide_by_place(caller)


def table(networks: tuple[IPNetwork, ...]) -> NetworkTable[bool]:
    """Networks as a table that sources are looked up in."""
    return NetworkTable((network, True) for network in networks)


def _is_in(networks: NetworkTable[bool], source: str) -> bool:
    try:
        return bool(networks.find(source))
    except ValueError:
        return False


def _decide_by_token(right: Right, authorization: str, tokens: tuple[Token, ...]) -> Sight | Denied:
    token = _find_token(authorization, tokens)
    if token is None:
        return Denied(401, "no such token")
    if right not in token.may:
        return Denied(403, f"the token {token.name} may not {right.value}")
    return Sight(token.environments, token.name)


def _find_token(authorization: str, tokens: tuple[Token, ...]) -> Token | None:
    """The token that an `Authorization: Bearer TOKEN` names; each is compared, in equal time."""
    scheme, _, secret = authorization.partition(" ")
    digest = hashlib.sha256(secret.strip().encode("utf-8", "surrogateescape")).digest()
    found = None
    for token in tokens:
        if hmac.compare_digest(digest, token.digest):
            found = token
    return found if scheme.lower() == "bearer" else None


def _decide_by_place(caller: Caller) -> Sight | Denied:
    """A change without tokens: from this machine, and not by a page in somebody's browser."""
    if not _is_loopback(caller.source):
        return Denied(403, "without a tokens_file, changes are made from this machine only")
    # A page whose name was made to mean 127.0.0.1 sends that name (DNS rebinding).
    if caller.host is None or not _is_literal(caller.host):
        return Denied(403, "the Host of a change is an address or localhost")
    # A browser says which page sends a request; programs say nothing.
    if caller.origin is not None and not _is_same_host(caller.origin, caller.host):
        return Denied(403, "a change comes from no page of another host")
    return EVERYTHING


def _decide_by_name(caller: Caller, hosts: frozenset[str]) -> Sight | Denied:
    """A read without a token: by a name of this server, and by no page of another host.

    A page whose name was made to mean us runs in the browser of one who may read (DNS rebinding).
    """
    if caller.host is not None and not _is_ours(caller.host, hosts):
        return Denied(403, "the Host is no name of this server: see admin.hosts")
    if caller.origin is not None and not _is_same_host(caller.origin, caller.host or ""):
        return Denied(403, "a page of another host reads nothing here")
    return EVERYTHING


def _is_ours(host: str, hosts: frozenset[str]) -> bool:
    """An address, a single label, or one of the names, or below one.

    Nobody outside can have a single label: it is a name of this machine or of its search list.
    """
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    if _is_literal(host):
        return True
    labels = (match[2] or "").lower().removesuffix(".").split(".")
    if len(labels) == 1:
        return bool(labels[0])
    return any(".".join(labels[start:]) in hosts for start in range(len(labels)))


def _is_loopback(source: str) -> bool:
    try:
        address = ipaddress.ip_address(source.partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]+))(?::[0-9]{1,5})?")


def _is_literal(host: str) -> bool:
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    try:
        ipaddress.ip_address(match[1] or match[2])
    except ValueError:
        return bool(match[2]) and match[2].lower() == "localhost"
    return True


def _is_same_host(origin: str, host: str) -> bool:
    scheme, separator, place = origin.lower().partition("://")
    return bool(separator) and scheme in ("http", "https") and place == host.lower()
