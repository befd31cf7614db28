"""`check:` as written → how a service is checked: profiles followed, options read, times set.

A profile follows `use` key by key, the nearest wins. Every problem has the place of what was
written; what only the machine can tell (`CheckNeeds`) is asked elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, NamedTuple

from pydantic import ValidationError

from healthcheck.check import Check, CheckedBy, Timing
from resolver.zones.kinds import (
    COMBINED,
    EVERY_OPTION,
    KINDS,
    NEEDS_PORT,
    OPTIONS,
    PARTS,
    PORT,
    TAKES_PORT,
)
from resolver.zones.leaves import is_null
from resolver.zones.model import CheckSpec, locate
from resolver.zones.places import Place, Problem, Severity, Text, did_you_mean, place_of
from resolver.zones.zone import CheckNeeds

NONE = "none"  # what a service says that is deliberately not checked
MAX_DEPTH = 4  # combined checks within each other
MAX_PROBES = 100  # of one check
SHORTEST = 0.1  # seconds between probes
_OWN_RULES = frozenset({"bad-check", "missing-key"})
_UNSAID_PORT = 1  # stands for a port nobody said, so that the other options are judged


@dataclass(frozen=True, slots=True)
class Resolved:
    """What came of one check; without `checked_by`, its problems or the port are in the way."""

    checked_by: CheckedBy | None
    problems: tuple[Problem, ...]
    needs: CheckNeeds
    lacks_port: bool


class CheckReader:
    """Resolves the checks of services by the profiles of the plan; equal ones once."""

    def __init__(self, profiles: Mapping[str, CheckSpec]) -> None:
        self.profiles = profiles
        self._known: dict[tuple[object, int | None], tuple[CheckSpec, Resolved]] = {}

    def read(self, spec: CheckSpec, port: int | None) -> Resolved:
        """Resolve the check of a service; `port` is its only one, if it has just one."""
        mark = (_mark(spec), port)
        known = self._known.get(mark)
        if known is not None:
            return known[1]
        resolved = _Resolution(self.profiles, port).resolve(spec)
        if resolved.checked_by is not None and not resolved.problems:
            self._known[mark] = (spec, resolved)  # the spec lives on: its identity stays its own
        return resolved


def _mark(spec: CheckSpec) -> object:
    """What equals for checks that come to the same: thousands say no more than a profile."""
    if spec.written is None or spec.written.keys() <= {"use", PORT}:
        return spec.use, spec.port
    return id(spec)


def judge_plan(
    profiles: Mapping[Text, CheckSpec], defaults: Iterable[CheckSpec]
) -> tuple[tuple[Problem, ...], CheckNeeds]:
    """What is wrong with the profiles and default checks, used or not, and what they need."""
    found = [
        _Resolution(profiles, None).resolve(spec, profile=str(name))
        for name, spec in profiles.items()
    ]
    found += [_Resolution(profiles, None).resolve(spec) for spec in defaults if spec.use != NONE]
    problems = dict.fromkeys(problem for item in found for problem in item.problems)
    files = dict.fromkeys(file for item in found for file in item.needs.ca_files)
    commands = dict.fromkeys(place for item in found for place in item.needs.commands)
    return tuple(problems), CheckNeeds(tuple(files), tuple(commands))


class _Chain(NamedTuple):
    """A check and the profiles it follows, nearest first; `names` are those on the way to it."""

    layers: tuple[CheckSpec, ...]
    names: tuple[str, ...]

    def value(self, key: str) -> Any:
        """What the nearest layer says of a common key; None: none says anything."""
        values = (getattr(layer, key) for layer in self.layers)
        return next((value for value in values if value is not None), None)

    def rank(self, key: str) -> int:
        """How far away it is said; beyond the last layer when it is not."""
        said = (rank for rank, layer in enumerate(self.layers) if getattr(layer, key) is not None)
        return next(said, len(self.layers))

    def place(self, key: str) -> Place:
        """Where the nearest value of a common key is written."""
        layer = self.layers[self.rank(key)]
        return place_of((layer.written or {}).get(key, layer), layer.place.file)


class _Said(NamedTuple):
    """An option as written: its key, its value, its file."""

    key: Text
    node: Any
    layer: CheckSpec

    @property
    def file(self) -> str:
        return self.layer.place.file

    @property
    def place(self) -> Place:
        node = self.node if hasattr(self.node, "line") else self.key
        return place_of(node, self.file)


class _Built(NamedTuple):
    """A check and how many probes it makes."""

    check: Check
    probes: int


class _Resolution:
    """The resolution of one check with its parts; collects what it meets on the way."""

    def __init__(self, profiles: Mapping[Any, CheckSpec], port: int | None) -> None:
        self.profiles = profiles
        self.port = port
        self.problems: list[Problem] = []
        self.ca_files: list[tuple[str, Place]] = []
        self.commands: list[Place] = []
        self.lacks_port = False
        self._outermost = Place("")
        self._parts: dict[tuple[object, ...], _Built | None] = {}

    def resolve(self, spec: CheckSpec, profile: str | None = None) -> Resolved:
        """All of it; a profile may leave the kind to those that use it."""
        checked_by = None
        chain = self._follow(spec, () if profile is None else (profile,))
        if chain is not None and not (profile is not None and chain.value("kind") is None):
            built = self._build(chain, self.port, 0)
            check = None if built is None else built.check
            timing = _time(chain, check)
            self.problems += _judge_timing(chain, timing)
            if check is not None and not self.problems and not self.lacks_port:
                checked_by = CheckedBy(check, timing, chain.value("enforce") is not False)
        needs = CheckNeeds(tuple(self.ca_files), tuple(self.commands))
        return Resolved(checked_by, tuple(self.problems), needs, self.lacks_port)

    def _error(self, place: Place, rule: str, message: str) -> None:
        self.problems.append(Problem(place, Severity.ERROR, rule, message))

    def _follow(self, spec: CheckSpec, names: tuple[str, ...]) -> _Chain | None:
        """The profiles that a check follows; `names` are those that led to it."""
        layers = [spec]
        while (use := layers[-1].use) is not None:
            place = place_of(use, layers[-1].place.file)
            if use in names:
                self._error(place, "unknown-check", f"check {str(use)!r} uses itself")
                return None
            profile = self.profiles.get(use)
            if profile is None:
                hint = did_you_mean(use, self.profiles)
                if use == NONE:
                    hint = ": 'none' stands alone, at a service or in defaults"
                self._error(place, "unknown-check", f"unknown check {str(use)!r}{hint}")
                return None
            names = (*names, str(use))
            layers.append(profile)
        return _Chain(tuple(layers), names)

    def _build(self, chain: _Chain, port: int | None, depth: int) -> _Built | None:
        kind = chain.value("kind")
        if kind is None:
            self._error(chain.layers[0].place, "unknown-check", "this check has no kind")
        if kind not in KINDS:
            return None  # told when its file was read
        place = chain.place("kind")
        if kind == "command":
            self.commands.append(place)
        said = dict(self._options(kind, chain))
        values = self._values(kind, said, chain, port)
        probes = 1
        if kind in COMBINED and PARTS in said:
            parts = self._build_parts(said[PARTS], chain, chain.value(PORT) or port, depth)
            if parts is None:
                return None
            values[PARTS] = [part.check for part in parts]
            probes = sum(part.probes for part in parts)
        try:
            check: Check = KINDS[kind](**values)
        except ValidationError as error:
            self.problems += _translate(error, said, place)
            return None
        return _Built(check, probes)

    def _values(
        self, kind: str, said: Mapping[str, _Said], chain: _Chain, port: int | None
    ) -> dict[str, Any]:
        """What the class of the kind is given, but for the parts."""
        values = {name: _plain(item.node) for name, item in said.items() if name != PARTS}
        if isinstance(values.get("ca_file"), str):
            values["ca_file"] = self._ca_file(said["ca_file"])
        own = chain.value(PORT)
        if kind in TAKES_PORT and (own is not None or kind in NEEDS_PORT):
            values[PORT] = self._find_port(own or port)
        return values

    def _find_port(self, port: int | None) -> int:
        if port is None:
            self.lacks_port = True
        return port or _UNSAID_PORT

    def _options(self, kind: str, chain: _Chain) -> Iterator[tuple[str, _Said]]:
        """The nearest of each option of the kind; those of other kinds are problems."""
        taken = frozenset(OPTIONS[kind])
        seen: set[str] = set()
        for layer in chain.layers:
            for key, node in (layer.written or {}).items():
                if key in taken:
                    if key not in seen and not is_null(node):
                        seen.add(key)
                        yield str(key), _Said(key, node, layer)
                elif _is_foreign(key, kind, layer):
                    message = f"a check of kind {kind} has no {str(key)!r}"
                    self._error(place_of(key, layer.place.file), "unknown-key", message)

    def _ca_file(self, said: _Said) -> str:
        """A relative name is relative to the directory of the file that says it."""
        path = str(PurePath(said.file).parent / str(said.node))
        self.ca_files.append((path, said.place))
        return path

    def _build_parts(
        self, said: _Said, chain: _Chain, port: int | None, depth: int
    ) -> list[_Built] | None:
        """The parts of a combined check; None with a problem when one cannot be built."""
        if depth == 0:
            self._outermost = said.place
        if depth == MAX_DEPTH:
            message = f"checks are combined {MAX_DEPTH} deep at most"
            self._error(self._outermost, "bad-check", message)
            return None
        built = [self._part(part, chain.names, port, depth + 1) for part in said.layer.of]
        found = [part for part in built if part is not None]
        if len(found) < len(built):
            return None
        if sum(part.probes for part in found) > MAX_PROBES:
            self._error(said.place, "bad-check", f"a check makes {MAX_PROBES} probes at most")
            return None
        return found

    def _part(
        self, spec: CheckSpec, names: tuple[str, ...], port: int | None, depth: int
    ) -> _Built | None:
        """One part; a profile that is named again and again is built once."""
        mark = (_mark(spec), port, depth)
        if mark not in self._parts:
            chain = self._follow(spec, names)
            if chain is None:
                return None
            self._parts[mark] = self._build(chain, port, depth)
        return self._parts[mark]


def _is_foreign(key: Text, kind: str, layer: CheckSpec) -> bool:
    """Whether a key is of other kinds, and nobody could tell while its file was read."""
    if key == PORT:
        return kind not in TAKES_PORT and kind not in COMBINED
    told = layer.kind is not None and key not in OPTIONS.get(layer.kind, EVERY_OPTION)
    return key in EVERY_OPTION and not told


def _plain(node: Any) -> Any:
    """YAML without places."""
    if isinstance(node, dict):
        return {str(key): _plain(value) for key, value in node.items()}
    return [_plain(item) for item in node] if isinstance(node, list) else str(node)


def _translate(
    error: ValidationError, said: Mapping[str, _Said], place: Place
) -> Iterator[Problem]:
    """What a kind says of its options; of what has no value of its own, where the kind is said."""
    for item in error.errors(include_url=False):
        name = str(item["loc"][0]) if item["loc"] else ""
        # What is wrong with the whole of a check is wrong with how many parts it asks for.
        at = said["n"].place if not name and "n" in said else place
        if name in said:
            deepest = locate(said[name].node, item["loc"][1:])
            at = (
                place_of(deepest, said[name].file) if hasattr(deepest, "line") else said[name].place
            )
        rule, message = item["type"], item["msg"]
        if rule.startswith("missing"):
            rule, message = "missing-key", f"{name!r} is missing"
        elif name:
            message = f"{name}: {message}"
        yield Problem(at, Severity.ERROR, rule if rule in _OWN_RULES else "bad-type", message)


def _time(chain: _Chain, check: Check | None) -> Timing:
    """The times of a check: as said, else as usual for its kind."""
    usual = Timing()
    # Silence is counted by the check itself: one look is enough.
    within = getattr(check, "within", None)
    interval = usual.interval if within is None else max(0.5, min(usual.interval, within / 5))
    fall, rise = (usual.fall, usual.rise) if within is None else (1, 1)
    interval = _or(chain.value("interval"), interval)
    return Timing(
        interval=interval,
        fast_interval=_or(chain.value("fast_interval"), min(interval, max(interval / 5, 0.5))),
        timeout=_or(chain.value("timeout"), min(usual.timeout, 0.4 * interval)),
        fall=_or(chain.value("fall"), fall),
        rise=_or(chain.value("rise"), rise),
    )


def _or(said: Any, usual: Any) -> Any:
    return usual if said is None else said


def _judge_timing(chain: _Chain, timing: Timing) -> Iterator[Problem]:
    """Times that do not go together, at the one that is written nearest to the service."""

    def wrong(key: str, message: str) -> Problem:
        return Problem(chain.place(key), Severity.ERROR, "check-timing", message)

    def nearer(key: str) -> str:
        return key if chain.rank(key) <= chain.rank("interval") else "interval"

    interval, fast, timeout = timing.interval, timing.fast_interval, timing.timeout
    if interval < SHORTEST:
        yield wrong(
            "interval", f"an interval of {interval:g} s is too short: {SHORTEST:g} s at least"
        )
    elif timeout >= interval:
        message = f"a timeout of {timeout:g} s is not below the interval of {interval:g} s"
        yield wrong(nearer("timeout"), message)
    elif timeout <= 0:
        yield wrong("timeout", "a timeout of 0 s lets nothing pass")
    if fast > interval:
        message = f"a fast_interval of {fast:g} s is above the interval of {interval:g} s"
        yield wrong(nearer("fast_interval"), message)
    elif fast < min(SHORTEST, interval):
        yield wrong(
            "fast_interval", f"a fast_interval of {fast:g} s is too short: {SHORTEST:g} s at least"
        )
