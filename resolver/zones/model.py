"""What may stand in the YAML files: one pydantic dataclass for each mapping.

These are the values as written, each with its place. Nothing here knows other files: names are
not yet completed, references not yet followed. The JSON Schema of `sightline schema` is theirs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field, fields
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator
from pydantic.dataclasses import dataclass
from pydantic.json_schema import SkipJsonSchema

from resolver.zones.kinds import EVERY_OPTION, OPTIONS, PARTS
from resolver.zones.leaves import (
    Address,
    Duration,
    Flag,
    Network,
    Percent,
    ServicePort,
    Spillover,
    Str,
    Ttl,
    choice,
    describe,
    integer,
    is_null,
    leaf,
    one_or_list,
    read_text,
    wrong,
)
from resolver.zones.places import (
    Mapping,
    Place,
    Problem,
    Sequence,
    Severity,
    Text,
    did_you_mean,
    place_of,
)
from resolver.zones.records import BadRdata, type_number

_PLACE = "\0place"  # no YAML key can be this
_CONFIG = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
Number = Annotated[int, integer(0, 2**32 - 1)]
Many = BeforeValidator(one_or_list, json_schema_input_type=Any)
Names = Annotated[tuple[Str, ...], Many]
Addresses = Annotated[tuple[Address, ...], Many]


class Reading:
    """The context of one file's validation: its name, and the problems met on the way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def add(self, node: Any, rule: str, message: str) -> None:
        self.problems.append(Problem(place_of(node, self.file), Severity.ERROR, rule, message))


def known_keys(model: type, mapping: Mapping, reading: Reading) -> dict[str, Any]:
    """The entries that `model` knows; empty ones and `x-…` left out, others reported."""
    known = {f.metadata.get("key", f.name) for f in fields(model)} - {"place"}
    kept: dict[str, Any] = {}
    for name, value in mapping.items():
        if name in known:
            if not is_null(value):
                kept[name] = value
        elif not name.startswith("x-"):
            reading.add(name, "unknown-key", f"unknown key {name!r}{did_you_mean(name, known)}")
    return kept


@dataclass(frozen=True, slots=True, config=_CONFIG)
class Located:
    """A mapping of the files, with the place at which it begins."""

    place: Annotated[SkipJsonSchema[Place], Field(validation_alias=_PLACE)] = field(
        default=Place(""), kw_only=True, compare=False, repr=False
    )

    # A value that is not a mapping stands for a mapping with this key alone.
    SHORTHAND: ClassVar[str | None] = None

    @model_validator(mode="before")
    @classmethod
    def _read(cls, node: Any, info: ValidationInfo) -> Any:
        reading = info.context
        assert isinstance(reading, Reading)
        if not isinstance(node, Mapping):
            if cls.SHORTHAND is None or is_null(node):
                raise wrong("bad-type", f"expected a mapping, got {describe(node)}")
            return {cls.SHORTHAND: node, _PLACE: place_of(node, reading.file)}
        values = cls._arrange(node, reading)
        values[_PLACE] = place_of(node, reading.file)
        return values

    @classmethod
    def _arrange(cls, mapping: Mapping, reading: Reading) -> dict[str, Any]:
        return known_keys(cls, mapping, reading)


def _read_ptr(node: Any) -> Text | None:
    """A name, or `false`."""
    return None if isinstance(node, Text) and node.plain and node == "false" else read_text(node)


# "" where nothing was said, None for `false`.
PtrChoice = Annotated[
    Text | str | None,
    leaf(
        _read_ptr,
        {"type": ["string", "boolean"]},
    ),
]
Weight = Annotated[int, integer(0, 65535)]


@dataclass(frozen=True, slots=True, config=_CONFIG)
class EndpointSpec(Located):
    """One endpoint of a service: one address of each family at most."""

    SHORTHAND: ClassVar[str | None] = "address"

    address: Address | None = None
    addresses: Addresses = ()
    name: Str | None = None
    weight: Weight = 1
    standby: Flag = False
    state: Annotated[str, choice("normal", "drain", "maintenance")] = "normal"
    ptr: PtrChoice = ""  # "": the default; None: `false`


TIMING_KEYS = ("interval", "fast_interval", "timeout", "fall", "rise", "enforce")
CHECK_KEYS = ("use", "kind", "port", *TIMING_KEYS)


@dataclass(frozen=True, slots=True, config=_CONFIG)
class CheckSpec(Located):
    """A check or a check profile; options of one kind stay as written."""

    SHORTHAND: ClassVar[str | None] = "use"

    use: Str | None = None
    kind: Str | None = None
    port: Annotated[int | None, integer(1, 65535)] = None
    interval: Duration | None = None
    fast_interval: Duration | None = None
    timeout: Duration | None = None
    fall: Annotated[int | None, integer(1, 100)] = None
    rise: Annotated[int | None, integer(1, 100)] = None
    enforce: Flag | None = None
    of: Annotated[tuple[CheckSpec, ...], Many] = ()
    options: dict[Any, Any] = field(default_factory=dict)
    written: Any = field(default=None, compare=False, repr=False)  # the mapping, for its places

    @classmethod
    def _arrange(cls, mapping: Mapping, reading: Reading) -> dict[str, Any]:
        kind = mapping.get("kind")  # type: ignore[call-overload]  # a Text is found by its text
        is_known = isinstance(kind, Text) and kind in OPTIONS
        if isinstance(kind, Text) and not is_known and not is_null(kind):
            message = f"unknown kind of check {kind!r}{did_you_mean(kind, OPTIONS)}"
            reading.add(kind, "unknown-check", message)
        taken = {*CHECK_KEYS, *(OPTIONS[kind] if is_known else EVERY_OPTION)}
        options: dict[Any, Any] = {}
        values: dict[str, Any] = {"options": options, "written": mapping}
        for name, value in mapping.items():
            if name in taken:
                if not is_null(value):
                    (values if name in CHECK_KEYS or name == PARTS else options)[name] = value
            elif name in EVERY_OPTION:
                reading.add(name, "unknown-key", f"a check of kind {kind} has no {name!r}")
            elif not name.startswith("x-"):
                reading.add(name, "unknown-key", f"unknown key {name!r}{did_you_mean(name, taken)}")
        for part in one_or_list(values.get(PARTS)):
            for name in part if isinstance(part, Mapping) else ():
                if name in TIMING_KEYS:
                    message = f"a part has no {name!r}: the whole check has one"
                    reading.add(name, "unknown-key", message)
        return values


@dataclass(frozen=True, slots=True, config=_CONFIG)
class ServiceKeys(Located):
    """What a service can say of itself, and `defaults` for many; None: nothing was said."""

    ports: dict[Str, ServicePort] | None = None
    ttl: Ttl | None = None
    ttl_from_health: Annotated[str | None, choice("on", "off")] = None
    check: CheckSpec | None = None
    failover: Names | None = None
    spillover: Spillover = ""  # "": nothing was said; None: off
    fail: Annotated[str | None, choice("open", "closed", "empty")] = None
    panic: Percent | None = None
    max_answers: Annotated[int | None, integer(1, 255)] = None
    slow_start: Duration | None = None
    share_with: Names | None = None
    owner: Str | None = None
    description: Str | None = None
    ptr: PtrChoice = ""


@dataclass(frozen=True, slots=True, config=_CONFIG)
class ServiceSpec(ServiceKeys):
    """A service: a name, its endpoints and how to choose among them."""

    endpoints: Annotated[tuple[EndpointSpec, ...], Many] = ()


@dataclass(frozen=True, slots=True, config=_CONFIG)
class SetSpec(Located):
    """The values of one type at one owner: one, a list, or `{ttl, values}`."""

    SHORTHAND: ClassVar[str | None] = "values"

    values: Names = ()
    ttl: Ttl | None = None


OWNER_KEYS = ("ttl", "owner", "description", "share_with", "ptr")


@dataclass(frozen=True, slots=True, config=_CONFIG)
class OwnerSpec(Located):
    """The plain records of one owner: types beside the keys that rule them all."""

    ttl: Ttl | None = None
    owner: Str | None = None
    description: Str | None = None
    share_with: Names | None = None
    ptr: PtrChoice = ""
    sets: dict[Str, SetSpec] = field(default_factory=dict)

    @classmethod
    def _arrange(cls, mapping: Mapping, reading: Reading) -> dict[str, Any]:
        values: dict[str, Any] = {}
        sets: dict[Text, Any] = {}
        for name, value in mapping.items():
            if name in OWNER_KEYS:
                if not is_null(value):
                    values[name] = value
            elif is_type(name):
                sets[name] = value
            elif not name.startswith("x-"):
                hint = did_you_mean(name.upper(), COMMON_TYPES) or did_you_mean(name, OWNER_KEYS)
                reading.add(name, "unknown-key", f"{name!r} is neither a key nor a type{hint}")
        return {**values, "sets": sets}


COMMON_TYPES = (
    *("A", "AAAA", "CNAME", "DNAME", "TXT", "SRV", "MX", "NS", "PTR", "CAA"),
    *("SVCB", "HTTPS", "NAPTR", "TLSA", "SSHFP", "ALIAS"),
)


def is_type(word: str) -> bool:
    """Whether a key names a record type; types are written in capitals."""
    try:
        type_number(word)
    except BadRdata:
        return False
    return word == word.upper()


@dataclass(frozen=True, slots=True, config=_CONFIG)
class SoaSpec(Located):
    """Fields that replace those of the generated SOA."""

    mname: Str | None = None
    rname: Str | None = None
    serial: Number | None = None
    refresh: Ttl | None = None
    retry: Ttl | None = None
    expire: Ttl | None = None
    minimum: Ttl | None = None
    ttl: Ttl | None = None


def _absent_or_mapping(node: Any) -> Any:
    return None if is_null(node) else node


Override = Annotated[OwnerSpec | None, BeforeValidator(_absent_or_mapping)]


@dataclass(frozen=True, slots=True, config=_CONFIG)
class ZoneSpec(Located):
    """One zone's part of a file."""

    services: dict[Str, ServiceSpec] = field(default_factory=dict)
    records: dict[Str, OwnerSpec] = field(default_factory=dict)
    overrides: dict[Str, dict[Str, Override]] = field(default_factory=dict)
    visible_to: Names | None = None
    fallthrough: Flag | None = None
    soa: SoaSpec | None = None


@dataclass(frozen=True, slots=True, config=_CONFIG)
class ZoneFileSpec(ZoneSpec):
    """A zone file: `zone` with its parts at the top, or `zones` with several."""

    zone: Str | None = None
    zones: dict[Str, ZoneSpec] | None = None
    defaults: ServiceKeys | None = None


@dataclass(frozen=True, slots=True, config=_CONFIG)
class NetworkSpec(Located):
    """A source network, and what is carved out of it."""

    SHORTHAND: ClassVar[str | None] = "network"

    network: Network = field()
    except_: Annotated[tuple[Network, ...], Many, Field(validation_alias="except")] = field(
        default=(), metadata={"key": "except"}
    )


Networks = Annotated[tuple[NetworkSpec, ...], Many]


def _upstreams(node: Any) -> Any:
    """A list for all regions is written as the mapping with the key `*`."""
    if isinstance(node, Mapping):
        return node
    star = Text("*")
    star.line, star.column, star.plain = node.line, node.column, True
    return {star: node}


@dataclass(frozen=True, slots=True, config=_CONFIG)
class ForwardSpec(Located):
    """An environment's upstreams by region (`*`: all) and routes; `none` stands for neither."""

    SHORTHAND: ClassVar[str | None] = "none"

    none: Annotated[str | None, choice("none")] = None
    upstreams: Annotated[dict[Str, Names], BeforeValidator(_upstreams)] = field(
        default_factory=dict
    )
    routes: dict[Str, Names] = field(default_factory=dict)


NameServers = dict[Str, Addresses]


@dataclass(frozen=True, slots=True, config=_CONFIG)
class EnvironmentSpec(Located):
    """Who belongs to an environment, and what holds for all of it."""

    clients: dict[Str, Networks] = field(default_factory=dict)
    forward: ForwardSpec | None = None
    nameservers: NameServers | None = None
    defaults: ServiceKeys | None = None
    ttl: Ttl | None = None
    owner: Str | None = None
    description: Str | None = None


@dataclass(frozen=True, slots=True, config=_CONFIG)
class PlanSpec(Located):
    """`environments.yaml`: the IP plan and the defaults of every zone."""

    domain: Str = field()
    environments: dict[Str, EnvironmentSpec] = field()
    domains: Names = ()
    contact: Str | None = None
    nameservers: NameServers | None = None
    ttl: Ttl | None = None
    regions: Names = ()
    checks: dict[Str, CheckSpec] = field(default_factory=dict)
    defaults: ServiceKeys | None = None
    trusted_forwarders: Networks = ()


def locate(tree: Any, path: Iterable[Any]) -> Any:
    """The deepest node that exists along a path; steps that name no node are passed over.

    A key gives its own place when its value has none.
    """
    node = tree
    for step in path:
        if isinstance(node, Mapping) and step in node:
            value = node[step]
            key = next(k for k in node if k == step)
            if not hasattr(value, "line"):
                return key
            node = value
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node):
            node = node[step]
    return node
