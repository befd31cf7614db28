"""A zone's record sets → the YAML text of one zone file: stable, and readable where it can be."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable

import yaml

from resolver import names
from resolver.zones import records
from resolver.zones.leaves import MAX_TTL
from resolver.zones.master import MasterOwner, MasterSet, MasterZone, name_text

WIDTH = 100
_is_plain = re.compile(r"[A-Za-z0-9_./-](?:[A-Za-z0-9_./+=-]| (?=[A-Za-z0-9_./+=-]))*").fullmatch
_TEXT_TAG = "tag:yaml.org,2002:str"
_resolve: Callable[..., str] = yaml.resolver.Resolver().resolve
_UNITS = ((86400, "d"), (3600, "h"), (60, "m"))


def write(zone: MasterZone, visible_to: Iterable[str] | None, source: str | None = None) -> str:
    """The zone file; `visible_to` None means all, `source` is named in a comment."""
    lines = [f"# Imported from {source}"] if source and source.isprintable() else []
    lines.append(f"zone: {scalar(names.to_text(zone.apex))}")
    seers = "all" if visible_to is None else _flow_list([scalar(name) for name in visible_to])
    lines.append(f"visible_to: {seers}")
    ttl = _most_common(item.ttl for owner in zone.owners.values() for item in owner.sets.values())
    if ttl is not None:
        lines.append(f"defaults: {{ttl: {duration(ttl)}}}")
    lines += _soa_lines(zone)
    owners = [owner for owner in zone.owners.values() if owner.sets]
    if owners:
        lines += ["", "records:"]
    for owner in owners:
        lines += _owner_lines(owner, zone.apex, ttl)
    return "\n".join(lines) + "\n"


def scalar(text: str, always_quoted: bool = False) -> str:
    """A YAML scalar that every reader takes as this text, quoted where it must be."""
    if not always_quoted and _is_plain(text) and _is_text(text):
        return text
    if not text.isprintable():
        raise ValueError(f"{text!r} has characters that are not printable")
    if "\\" in text or '"' in text:
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'


def _is_text(text: str) -> bool:
    """Whether YAML 1.1 would not take it for a number, boolean, date or null."""
    return _resolve(yaml.ScalarNode, text, (True, False)) == _TEXT_TAG


def duration(seconds: int) -> str:
    """`1h` for 3600; seconds where no unit fits."""
    for size, unit in _UNITS:
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return str(seconds)


def _most_common(ttls: Iterable[int], favourite: int | None = None) -> int | None:
    """The most common TTL; of equally common ones the favourite, then the first."""
    counts = Counter(ttls)
    if not counts:
        return None
    return max(counts, key=lambda ttl: (counts[ttl], ttl == favourite))


def _soa_lines(zone: MasterZone) -> list[str]:
    if zone.soa is None:
        return []
    spans = records.TABLE[zone.soa.rtype].spans(zone.soa.rdata)
    fields = []
    for found, octets in spans:
        if found.name in ("mname", "rname"):
            text = scalar(name_text(octets, zone.apex))
        elif found.name == "serial":
            text = str(int.from_bytes(octets, "big"))
        else:
            text = duration(min(int.from_bytes(octets, "big"), MAX_TTL))
        fields.append(f"{found.name}: {text}")
    fields.append(f"ttl: {duration(zone.soa.ttl)}")
    line = f"soa: {{{', '.join(fields)}}}"
    return [line] if len(line) <= WIDTH else ["soa:", *(f"  {item}" for item in fields)]


def _owner_lines(owner: MasterOwner, apex: bytes, default: int | None) -> list[str]:
    head = f"  {scalar(name_text(owner.name, apex))}:"
    ttl = _most_common((item.ttl for item in owner.sets.values()), default)
    more = [] if ttl is None or ttl == default else [f"ttl: {duration(ttl)}"]
    flow = [_set_flow(item, ttl) for item in owner.sets.values()]
    line = f"{head} {{{', '.join(flow + more)}}}"
    if len(line) <= WIDTH:
        return [line]
    lines = [head]
    for item, text in zip(owner.sets.values(), flow, strict=True):
        lines += [f"    {text}"] if len(text) <= WIDTH - 4 else _set_lines(item, ttl)
    return lines + [f"    {item}" for item in more]


def _values(item: MasterSet) -> list[str]:
    record = records.TABLE.get(item.rtype)
    is_literal = record is not None and record.literal
    return [scalar(text, always_quoted=is_literal) for text in item.values.values()]


def _flow_list(items: list[str]) -> str:
    return f"[{', '.join(items)}]"


def _set_flow(item: MasterSet, owner_ttl: int | None) -> str:
    values = _values(item)
    written = values[0] if len(values) == 1 else _flow_list(values)
    if item.ttl != owner_ttl:
        written = f"{{ttl: {duration(item.ttl)}, values: {written}}}"
    return f"{records.type_text(item.rtype)}: {written}"


def _set_lines(item: MasterSet, owner_ttl: int | None) -> list[str]:
    lines, indent = [f"    {records.type_text(item.rtype)}:"], "      "
    if item.ttl != owner_ttl:
        lines += [f"{indent}ttl: {duration(item.ttl)}", f"{indent}values:"]
        indent += "  "
    return lines + [f"{indent}- {text}" for text in _values(item)]
