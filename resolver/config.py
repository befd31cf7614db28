"""The server's configuration: `sightline.yaml`, under `SIGHTLINE_*` variables, under options.

Each source is judged alone first, so that a message names the file and line, or the variable.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from resolver import names
from resolver.cafile import find_fault
from resolver.log_config import DnstapConfig, LogConfig
from resolver.zones.leaves import (
    Duration,
    Flag,
    Network,
    Str,
    choice,
    integer,
    is_null,
    leaf,
    read_text,
    wrong,
)
from resolver.zones.model import _CONFIG, Located, Many, Names, Reading
from resolver.zones.places import (
    Mapping,
    Place,
    Problem,
    Rejected,
    Sequence,
    Severity,
    place_of,
    text_at,
)
from resolver.zones.reading import translate
from resolver.zones.upstream import SYSTEM, BadUpstream, read_upstream
from resolver.zones.yaml_source import parse

PREFIX = "SIGHTLINE_"
DEFAULT_LISTEN = "127.0.0.1:1053"
# Variables of the command line client, not of the server.
CLIENT_VARIABLES = frozenset({"SIGHTLINE_TOKEN", "SIGHTLINE_CONFIG"})
# What Kubernetes puts into every pod of a namespace with a Service `sightline` or `sightline-…`.
_SERVICE_LINK = re.compile(
    r"SIGHTLINE_(?:[A-Z0-9]+_)*"
    r"(?:SERVICE_HOST=|SERVICE_PORT(?:_[A-Z0-9]+)*=|PORT=[a-z]+://|PORT_[0-9]+_(?:TCP|UDP|SCTP)).*"
)
LISTS = frozenset(
    {
        ("listen",),
        ("admin", "allow"),
        ("admin", "metrics_allow"),
        ("admin", "hosts"),
        ("forward", "upstreams"),
        ("forward", "allow_private"),
        ("explain_to",),
        ("dnstap", "messages"),
    }
)


class SocketAddress(NamedTuple):
    """A local address to listen on."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


_SOCKET = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]{1,5})")


def read_socket_address(node: Any) -> SocketAddress:
    """`127.0.0.1:1053` or `[::1]:53`; port 0 lets the system choose."""
    text = read_text(node)
    match = _SOCKET.fullmatch(text)
    try:
        if match is None or int(match[3]) > 65535:
            raise ValueError
        host = ipaddress.ip_address(match[1] or match[2])
    except ValueError:
        message = f"{text!r} is no address and port (write 127.0.0.1:1053 or [::1]:1053)"
        raise wrong("bad-address", message) from None
    return SocketAddress(str(host), int(match[3]))


Listen = Annotated[SocketAddress, leaf(read_socket_address, {"type": "string"})]
NetworkList = Annotated[tuple[Network, ...], Many]
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@dataclass(frozen=True, slots=True, config=_CONFIG)
class ListenSpec(Located):
    """One address to answer on; pinned when it names an environment and region."""

    SHORTHAND: ClassVar[str | None] = "address"

    address: Listen = field()
    environment: Str | None = None
    region: Str | None = None
    allow: NetworkList | None = None


@dataclass(frozen=True, slots=True, config=_CONFIG)
class AdminConfig(Located):
    """The admin address and who may read it."""

    listen: Listen = SocketAddress("127.0.0.1", 9153)
    allow: NetworkList = LOOPBACK
    metrics_allow: NetworkList = LOOPBACK
    tokens_file: Str | None = None
    hosts: Names = ()  # by which it is called, beside addresses and names of the zones' domains


@dataclass(frozen=True, slots=True, config=_CONFIG)
class ForwardConfig(Located):
    """The server's default upstreams and how they are asked."""

    upstreams: Names = ()
    policy: Annotated[str, choice("fastest", "sequential", "round_robin")] = "fastest"
    timeout: Duration = 2.0
    deadline: Duration = 4.0
    private_answers: Annotated[str, choice("default", "allow", "deny")] = "default"
    allow_private: Names = ()
    trust_ad: Flag = False  # pass on AD of upstreams over TLS or loopback
    ca_file: Str | None = None  # of tls and https upstreams; None: the CAs of the system
    resolv_conf: Str = text_at("/etc/resolv.conf", 1, 1)  # what `system` reads


@dataclass(frozen=True, slots=True, config=_CONFIG)
class CacheConfig(Located):
    """The cache of each environment and process."""

    entries: Annotated[int, integer(0, 100_000_000)] = 100_000
    max_ttl: Duration = 86400.0
    min_ttl: Duration = 0.0
    negative_max_ttl: Duration = 3600.0
    serve_stale: Duration = 86400.0
    prefetch: Flag = True


@dataclass(frozen=True, slots=True, config=_CONFIG)
class LimitsConfig(Located):
    """Bounds of the whole server."""

    tcp_connections: Annotated[int, integer(1, 1_000_000)] = 1000
    tcp_idle: Duration = 10.0
    udp_payload: Annotated[int, integer(512, 4096)] = 1232
    in_flight: Annotated[int, integer(1, 1_000_000)] = 5000
    responses_per_second: Annotated[int, integer(0, 1_000_000)] = 0


@dataclass(frozen=True, slots=True, config=_CONFIG)
class ChecksConfig(Located):
    """Whether and how much endpoints are probed."""

    probe: Flag = True
    commands: Flag = False  # of the kind `command`
    in_flight: Annotated[int, integer(1, 100_000)] = 1000


def _read_workers(node: Any) -> int | None:
    """A number of query processes; `auto` → None."""
    text = read_text(node)
    if text == "auto":
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 5 and int(text) <= 1024):
        raise wrong("bad-type", f"{text!r} is neither 'auto' nor a number from 0 to 1024")
    return int(text)


Pump = Annotated[Literal["auto", "compiled", "python"], choice("auto", "compiled", "python")]
Workers = Annotated[int | None, leaf(_read_workers, {"type": ["integer", "string"]})]
Usual = TypeVar("Usual", bound=Located)


def _usual(model: type[Usual]) -> Usual:
    """A part of the configuration of which nothing is said."""
    part: Usual = TypeAdapter(model).validate_python(
        _located(Mapping()), context=Reading("defaults")
    )
    return part


EXPLAIN_TO = (ipaddress.ip_network("127.0.0.0/16"), ipaddress.ip_network("::1/128"))


@dataclass(frozen=True, slots=True, config=_CONFIG)
class ServerConfig(Located):
    """All of it; the defaults are those of the contract."""

    zones: Str = text_at("./zones", 1, 1)
    listen: Annotated[tuple[ListenSpec, ...], Many] = ()
    admin: AdminConfig = field(default_factory=lambda: _usual(AdminConfig))
    workers: Workers = 1
    forward: ForwardConfig = field(default_factory=lambda: _usual(ForwardConfig))
    cache: CacheConfig = field(default_factory=lambda: _usual(CacheConfig))
    limits: LimitsConfig = field(default_factory=lambda: _usual(LimitsConfig))
    checks: ChecksConfig = field(default_factory=lambda: _usual(ChecksConfig))
    explain_to: NetworkList = EXPLAIN_TO
    log: LogConfig = field(default_factory=lambda: _usual(LogConfig))
    dnstap: DnstapConfig = field(default_factory=lambda: _usual(DnstapConfig))
    state_dir: Str | None = None
    pump: Pump = "auto"  # what reads and writes datagrams
    user: Str | None = None  # whom the server becomes when its sockets are bound


_SERVER = TypeAdapter(ServerConfig)


def load_config(
    file: Path | None,
    environ: AnyMapping[str, str],
    options: AnyMapping[str, Any],
    pin: tuple[str, str] | None = None,
) -> ServerConfig:
    """Merge the sources; `options` maps keys (`listen`, `admin.listen`) to text or lists of text.
    `pin` makes every listener one for that environment and region.

    Raises Rejected with every problem of every source.
    """
    problems: list[Problem] = []
    sources: list[tuple[str, Mapping]] = []
    if file is not None:
        try:
            sources.append((str(file), parse(file.read_bytes(), str(file))))
        except OSError as error:
            message = f"cannot be read: {error.strerror}"
            problems.append(_problem(str(file), "unreadable", message))
        except Rejected as error:
            problems += error.problems
    sources += _variables(environ)
    for key, value in options.items():
        if value is not None:
            sources.append((f"--{key.partition('.')[0]}", _tree(tuple(key.split(".")), value)))
    merged = _located(Mapping())
    for name, tree in sources:
        problems += _judge(name, tree)
        _overlay(merged, tree)
    if problems:
        raise Rejected(problems)
    _complete_listeners(merged, pin)
    return _SERVER.validate_python(merged, context=Reading(str(file or "sightline.yaml")))


def _variables(environ: AnyMapping[str, str]) -> Iterator[tuple[str, Mapping]]:
    """Our variables, and the YAML that each stands for."""
    for name, value in sorted(environ.items()):
        is_ours = name.startswith(PREFIX) and name not in CLIENT_VARIABLES
        if is_ours and not _SERVICE_LINK.match(f"{name}={value}"):
            yield name, _tree(tuple(name[len(PREFIX) :].lower().split("__")), value)


def _complete_listeners(tree: Mapping, pin: tuple[str, str] | None) -> None:
    """Give the default listener, and pin them all if so wished."""
    listen = tree.get("listen")  # type: ignore[call-overload]  # a Text is found by its text
    if listen is None or is_null(listen):
        listen = tree[text_at("listen", 1, 1)] = text_at(DEFAULT_LISTEN, 1, 1)
    if pin is None:
        return
    items = _located(Sequence(listen if isinstance(listen, Sequence) else [listen]))
    for number, item in enumerate(items):
        if not isinstance(item, Mapping):
            items[number] = _located(Mapping({text_at("address", 1, 1): item}))
        for key, word in zip(("environment", "region"), pin, strict=True):
            items[number][text_at(key, 1, 1)] = text_at(word, 1, 1)
    tree[text_at("listen", 1, 1)] = items


def _judge(name: str, tree: Mapping) -> list[Problem]:
    reading = Reading(name)
    listen = tree.get("listen")  # type: ignore[call-overload]  # a Text is found by its text
    if isinstance(listen, Sequence) and not listen:
        reading.add(listen, "bad-type", "listen: names no address")
    try:
        config = _SERVER.validate_python(tree, context=reading)
    except ValidationError as error:
        return [*reading.problems, *translate(error, tree, name)]
    reading.problems += _judge_forwarding(config.forward, name)
    for item in config.listen:
        if (item.environment is None) != (item.region is None):
            message = "a pinned listener has an environment and a region"
            reading.problems.append(Problem(item.place, Severity.ERROR, "missing-key", message))
    return reading.problems


def _judge_forwarding(forward: ForwardConfig, file: str) -> Iterator[Problem]:
    """Upstreams and suffixes that cannot be read, and CAs that are not there."""
    for text in forward.upstreams:
        try:
            if text != SYSTEM:
                read_upstream(text)
        except BadUpstream as error:
            yield Problem(place_of(text, file), Severity.ERROR, "bad-address", str(error))
    for text in forward.allow_private:
        try:
            names.from_text(text)
        except names.BadName as error:
            yield Problem(place_of(text, file), Severity.ERROR, "bad-name", str(error))
    fault = None if forward.ca_file is None else find_fault(Path(forward.ca_file))
    if forward.ca_file is not None and fault is not None:
        message = f"{forward.ca_file}: {fault}"
        yield Problem(place_of(forward.ca_file, file), Severity.ERROR, "missing-ca-file", message)


def _problem(place: str, rule: str, message: str) -> Problem:
    return Problem(Place(place), Severity.ERROR, rule, message)


def _located(node: Any) -> Any:
    node.line = node.column = 1
    return node


def _tree(path: tuple[str, ...], value: str | list[str]) -> Mapping:
    """A value of a variable or an option as the YAML that would say the same."""
    node: Any
    if isinstance(value, list):
        node = _located(Sequence(text_at(item, 1, 1) for item in value))
    elif path in LISTS:
        words = [word.strip() for word in value.split(",") if word.strip()]
        node = _located(Sequence(text_at(word, 1, 1) for word in words))
    else:
        node = text_at(value, 1, 1)
    for key in reversed(path):
        node = _located(Mapping({text_at(key, 1, 1): node}))
    tree: Mapping = node
    return tree


def _overlay(base: Mapping, over: Mapping) -> None:
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), Mapping):
            _overlay(base[key], value)
        else:
            base[key] = value
