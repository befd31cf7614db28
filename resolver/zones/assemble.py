"""Zone files + Plan → zones: names completed, defaults followed, rdata packed; then merged.

`read_parts` gives what one file says, which stays good while the file and the plan do; `merge`
joins the parts of all files. What depends on who sees what is judged by `rules`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from resolver import names
from resolver.zones import records
from resolver.zones.model import OwnerSpec, SoaSpec, ZoneFileSpec, ZoneSpec
from resolver.zones.places import Place, Text, did_you_mean, place_of
from resolver.zones.plan import HERE, Findings, read_name
from resolver.zones.services import ServiceReader, read_grants, stable_digest
from resolver.zones.zone import Override, Plan, RecordSet, Soa, Zone

A, CNAME, AAAA, DNAME = 1, 5, 28, 39
META_TYPES = frozenset({0, 41, *range(128, 256)})


def read_parts(plan: Plan, file: str, spec: ZoneFileSpec, findings: Findings) -> tuple[Zone, ...]:
    """What one file says: a zone for each that it has a part of."""
    named: list[tuple[Text, ZoneSpec]] = list(spec.zones.items()) if spec.zones else []
    if spec.zone is not None:
        named.append((spec.zone, spec))
    elif spec.services or spec.records or spec.overrides or spec.soa:
        findings.error(spec.place, "missing-key", "'zone' says which zone this is")
    reader = _PartReader(plan, file, spec, findings)
    parts = [reader.read(name, part) for name, part in named]
    return tuple(part for part in parts if part is not None)


def merge(parts: Iterable[Zone], findings: Findings) -> tuple[Zone, ...]:
    """Join the parts of the same zone; no part is changed. Said twice is an error."""
    zones: dict[tuple[bytes, frozenset[str]], Zone] = {}
    joined: set[tuple[bytes, frozenset[str]]] = set()
    for part in parts:
        mark = (names.key(part.apex), part.visible)
        known = zones.get(mark)
        if known is None:
            zones[mark] = part
            continue
        if mark not in joined:
            joined.add(mark)
            zones[mark] = known = _copy(known)
        _join(known, part, findings)
    return tuple(zones.values())


def _copy(zone: Zone) -> Zone:
    """A zone that can be added to."""
    return replace(
        zone,
        services=dict(zone.services),
        records=dict(zone.records),
        overrides={target: dict(owners) for target, owners in zone.overrides.items()},
    )


def _join(zone: Zone, part: Zone, findings: Findings) -> None:
    def twice(place: Place, what: str, owner: bytes, first: Place) -> None:
        message = f"{what}{names.relative_text(owner, zone.apex)!r} stands at {first} already"
        findings.error(place, "duplicate-record", message)

    zone.fallthrough = zone.fallthrough or part.fallthrough
    if part.soa_place is not None:
        if zone.soa_place is not None:
            message = f"soa stands at {zone.soa_place} already"
            findings.error(part.soa_place, "duplicate-record", message)
        else:
            zone.soa, zone.soa_place = part.soa, part.soa_place
    for key, service in part.services.items():
        first = zone.services.setdefault(key, service)
        if first is not service:
            twice(service.place, "service ", service.owner, first.place)
    for key, sets in part.records.items():
        known = zone.records.setdefault(key, sets)
        for item in sets if known is not sets else ():
            before = zone.find(key, item.rtype)
            if before is None:
                zone.records[key] += (item,)
            else:
                what = f"{records.type_text(item.rtype)} of "
                twice(item.place, what, item.owner, before.place)
    for target, owners in part.overrides.items():
        replaced = zone.overrides.setdefault(target, {})
        for key, override in owners.items():
            if replaced.setdefault(key, override) is not override:
                twice(override.place, "override of ", override.owner, replaced[key].place)


class _PartReader:
    """Reads what one file says of one zone."""

    def __init__(self, plan: Plan, file: str, spec: ZoneFileSpec, findings: Findings) -> None:
        self.plan = plan
        self.file = file
        self.file_defaults = (spec.defaults,) if spec.defaults is not None else ()
        self.findings = findings

    def read(self, name: Text, spec: ZoneSpec) -> Zone | None:
        zone = self._find_zone(name, spec)
        if zone is None:
            return None
        zone.fallthrough = bool(spec.fallthrough)
        if spec.soa is not None:
            self._read_soa(zone, spec.soa)
        environment = self.plan.environments.get(zone.environment or "")
        defaults = (
            *self.file_defaults,
            *(environment.defaults if environment else self.plan.defaults),
        )
        zone.ttl = environment.ttl if environment else self.plan.ttl
        ttl = next((d.ttl for d in self.file_defaults if d.ttl is not None), zone.ttl)
        reader = ServiceReader(self.plan, self.file, defaults, ttl, self.findings)
        for text, service_spec in spec.services.items():
            service = reader.read(text, service_spec, zone)
            if service is None:
                continue
            known = zone.services.get(names.key(service.owner))
            if known is not None:
                message = f"service {text!r} stands at {known.place} already"
                self.findings.error(place_of(text, self.file), "duplicate-record", message)
            else:
                zone.services[names.key(service.owner)] = service
        for text, owner_spec in spec.records.items():
            for item in self._record_sets(text, owner_spec, zone, ttl):
                key = names.key(item.owner)
                before = zone.find(key, item.rtype)
                if before is None:
                    zone.records[key] = (*zone.records.get(key, ()), item)
                else:
                    what = f"{records.type_text(item.rtype)} of {text!r}"
                    message = f"{what} stands at {before.place} already"
                    self.findings.error(item.place, "duplicate-record", message)
        for target, owners in spec.overrides.items():
            self._read_overrides(target, owners, zone, ttl)
        return zone

    def _find_zone(self, name: Text, spec: ZoneSpec) -> Zone | None:
        place = place_of(name, self.file)
        apex = read_name(name, self.plan.domain, self.file, self.findings)
        if apex is None:
            return None
        if b"*" in names.labels(apex):
            self.findings.error(place, "bad-name", f"{name!r}: a zone is no wildcard")
            return None
        words = [label.decode("latin-1").lower() for label in _labels_below(apex, self.plan.domain)]
        environments, regions = self.plan.environments, self.plan.regions
        clash = len(words) == 1 and (words[0] in environments or words[0] in regions)
        if clash or (words and words[-1] == HERE):
            message = f"no zone is named {name!r}: it is the name of an environment or region"
            self.findings.error(place, "name-clash", message)
            return None
        if len(words) == 2 and (words[0] in environments or words[1] in regions):
            if words[0] not in environments:
                hint = did_you_mean(words[0], environments)
                message = f"unknown environment {words[0]!r}{hint}"
                self.findings.error(place, "unknown-environment", message)
                return None
            if words[1] not in regions:
                message = f"unknown region {words[1]!r}{did_you_mean(words[1], regions)}"
                self.findings.error(place, "unknown-region", message)
                return None
            if spec.visible_to is not None:
                message = "only its environment sees an env.region zone; grants are share_with"
                at = place_of(spec.visible_to[0], self.file) if spec.visible_to else place
                self.findings.error(at, "visible-to", message)
            return Zone(apex, words[0], words[1], frozenset({words[0]}), place)
        if spec.visible_to is None:
            message = f"zone {name!r} needs visible_to: a list of environments, or all"
            self.findings.error(place, "visible-to", message)
            return None
        if [str(word) for word in spec.visible_to] == ["all"]:
            visible = frozenset(environments)
        else:
            visible = read_grants(spec.visible_to, self.plan, self.file, self.findings)
        return Zone(apex, None, None, visible, place)

    def _read_soa(self, zone: Zone, spec: SoaSpec) -> None:
        given = {
            field: getattr(spec, field)
            for field in ("serial", "refresh", "retry", "expire", "minimum", "ttl")
            if getattr(spec, field) is not None
        }
        for field in ("mname", "rname"):
            text = getattr(spec, field)
            name = text and read_name(text, zone.apex, self.file, self.findings)
            if name is not None:
                given[field] = name
        zone.soa = Soa(**given)
        zone.soa_place = spec.place

    def _record_sets(self, text: Text, spec: OwnerSpec, zone: Zone, ttl: int) -> list[RecordSet]:
        owner = read_owner(text, zone, self.file, self.findings)
        if owner is None:
            return []
        grants = read_grants(spec.share_with or (), self.plan, self.file, self.findings)
        owner_ttl = ttl if spec.ttl is None else spec.ttl
        found = []
        for type_name, item in spec.sets.items():
            rtype = records.type_number(type_name)
            place = place_of(type_name, self.file)
            if rtype in META_TYPES or rtype == 6:
                what = "use the key soa" if rtype == 6 else "it is no type of data"
                self.findings.error(
                    place, "bad-rdata", f"{type_name} cannot be written here: {what}"
                )
                continue
            rdatas: dict[bytes, Place] = {}
            for value in item.values:
                at = place_of(value, self.file)
                try:
                    rdata = records.parse(rtype, value, zone.apex)
                except (records.BadRdata, names.BadName) as error:
                    self.findings.error(at, "bad-rdata", f"{type_name} of {text!r}: {error}")
                    continue
                if rdata in rdatas:
                    message = f"{type_name} of {text!r}: {value!r} is written twice"
                    self.findings.warning(at, "duplicate-record", message)
                rdatas.setdefault(rdata, at)
            if not rdatas:
                if not item.values:
                    self.findings.error(
                        place, "bad-rdata", f"{type_name} of {text!r} has no values"
                    )
                continue
            if rtype in (CNAME, DNAME, records.ALIAS) and len(rdatas) > 1:
                self.findings.error(
                    place, "cname-and-other", f"{text!r} has more than one {type_name}"
                )
                continue
            ptr = self._ptr(spec.ptr, owner, zone) if rtype in (A, AAAA) else None
            item_ttl = owner_ttl if item.ttl is None else item.ttl
            values, places = tuple(rdatas), tuple(rdatas.values())
            digest = stable_digest(owner, rtype, item_ttl, values)
            found.append(
                RecordSet(owner, rtype, item_ttl, values, grants, ptr, place, places, digest)
            )
        return found

    def _ptr(self, choice: Text | str | None, owner: bytes, zone: Zone) -> bytes | None:
        if choice is None or owner.startswith(b"\x01*"):
            return None
        if isinstance(choice, Text):
            return read_name(choice, zone.apex, self.file, self.findings)
        return owner

    def _read_overrides(
        self, target: Text, owners: Mapping[Text, OwnerSpec | None], zone: Zone, ttl: int
    ) -> None:
        place = place_of(target, self.file)
        if target not in self.plan.environments:
            hint = did_you_mean(target, self.plan.environments)
            self.findings.error(
                place, "unknown-environment", f"unknown environment {target!r}{hint}"
            )
            return
        if target not in zone.visible:
            message = f"{target!r} does not see this zone: nothing to override"
            self.findings.error(place, "unknown-environment", message)
            return
        known = zone.overrides.setdefault(str(target), {})
        for text, spec in owners.items():
            owner = read_owner(text, zone, self.file, self.findings)
            if owner is None:
                continue
            at = place_of(text, self.file)
            sets = () if spec is None else tuple(self._record_sets(text, spec, zone, ttl))
            if names.key(owner) in known:
                message = f"override of {text!r} stands at {known[names.key(owner)].place} already"
                self.findings.error(at, "duplicate-record", message)
            known[names.key(owner)] = Override(owner, sets, at)


def read_owner(text: Text, zone: Zone, file: str, findings: Findings) -> bytes | None:
    """An owner name within the zone, or None with a finding."""
    owner = read_name(text, zone.apex, file, findings)
    if owner is None:
        return None
    if not names.is_at_or_below(names.key(owner), names.key(zone.apex)):
        message = f"{text!r} is outside of the zone {names.to_text(zone.apex)}"
        findings.error(place_of(text, file), "bad-name", message)
        return None
    return owner


def _labels_below(apex: bytes, domain: bytes) -> list[bytes]:
    """The labels of an apex before the domain; none when it is elsewhere."""
    if not names.is_below(names.key(apex), names.key(domain)):
        return []
    return names.labels(apex)[: len(names.labels(apex)) - len(names.labels(domain))]
