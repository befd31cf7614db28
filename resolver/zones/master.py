"""RFC 1035 master files → one zone's record sets, with the reason for everything not kept.

Each rdata gets the text that zone files write it with. `master_reader` reads the files.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from resolver import names
from resolver.zones import rdata as kinds
from resolver.zones import records
from resolver.zones.assemble import META_TYPES
from resolver.zones.leaves import MAX_TTL
from resolver.zones.master_reader import Entry, Load, MasterSyntaxError, read_entries

SOA, CNAME, DNAME = 6, 5, 39
ALONE = frozenset({CNAME, DNAME, records.ALIAS})  # one rdata at most
BESIDE_CNAME = frozenset({25, 46, 47})  # KEY, RRSIG, NSEC (RFC 2181 10.1, RFC 4035 2.5)


@dataclass(slots=True)
class MasterSet:
    """The records of one owner and type, as zone files write them."""

    rtype: int
    ttl: int
    values: dict[bytes, str] = field(default_factory=dict)  # rdata → its text


@dataclass(slots=True)
class MasterOwner:
    """One owner, spelled as it was met first, with its sets in the order of the file."""

    name: bytes
    sets: dict[int, MasterSet] = field(default_factory=dict)


@dataclass(slots=True)
class MasterZone:
    """What one master file holds; `lost` says what it held besides."""

    apex: bytes
    soa: Entry | None = None
    owners: dict[bytes, MasterOwner] = field(default_factory=dict)  # by key
    lost: list[str] = field(default_factory=list)


def read(octets: bytes, file: str, load: Load, origin: bytes | None = None) -> MasterZone:
    """Read a master file with its $INCLUDEs.

    The apex is `origin`, else the owner of the first SOA, else the first $ORIGIN. Raises
    MasterSyntaxError.
    """
    found = read_entries(octets, file, load, origin)
    apex = origin or next((e.owner for e in found.entries if e.rtype == SOA), found.first_origin)
    if apex is None:
        raise MasterSyntaxError(f"{file}:1: the file does not say its origin: give --origin")
    zone = MasterZone(apex, lost=found.lost)
    for entry in found.entries:
        reason = _keep(zone, entry)
        if reason:
            what = f"{names.to_text(entry.owner)} {records.type_text(entry.rtype)}"
            zone.lost.append(f"{entry.place}: {what}: {reason}")
    return zone


# ---------------------------------------------------------------- what a zone can hold


def _keep(zone: MasterZone, entry: Entry) -> str:
    """Add one record to the zone; else, or if something of it changes, the reason."""
    key, apex = names.key(entry.owner), names.key(zone.apex)
    if not names.is_at_or_below(key, apex):
        return f"not kept: outside of the zone {names.to_text(zone.apex)}"
    if entry.rtype == SOA:
        return _keep_soa(zone, entry)
    if entry.rtype in META_TYPES:
        return "not kept: no type of data"
    try:
        text = rdata_text(entry.rtype, entry.rdata, zone.apex)
    except records.BadRdata as error:
        return f"not kept: {error}"
    owner = zone.owners.setdefault(key, MasterOwner(entry.owner))
    others = owner.sets.keys() - BESIDE_CNAME - {entry.rtype}
    if CNAME in others or (entry.rtype == CNAME and others):
        return "not kept: a CNAME and other records at one name (RFC 1034 3.6.2)"
    known = owner.sets.setdefault(entry.rtype, MasterSet(entry.rtype, _ttl(entry)))
    if entry.rtype in ALONE and known.values and entry.rdata not in known.values:
        return "not kept: the name has another one already"
    known.values.setdefault(entry.rdata, text)
    if known.ttl != _ttl(entry):
        # RFC 2181 5.2: differing TTLs are an error; clients take the lowest.
        known.ttl, highest = sorted((known.ttl, _ttl(entry)))
        return f"TTL {highest} not kept: other records of this set have {known.ttl}"
    if entry.ttl > MAX_TTL:
        return f"TTL {entry.ttl} not kept: above {MAX_TTL} it means 0 (RFC 2181 8)"
    return ""


def _keep_soa(zone: MasterZone, entry: Entry) -> str:
    if names.key(entry.owner) != names.key(zone.apex):
        return "not kept: not at the apex"
    if zone.soa is not None:
        is_same = zone.soa.rdata == entry.rdata and zone.soa.ttl == entry.ttl
        return "" if is_same else "not kept: the zone has another one already"
    zone.soa = entry._replace(ttl=_ttl(entry))
    times = [int.from_bytes(entry.rdata[-4 * n :][:4], "big") for n in (4, 3, 2, 1)]
    if max(*times, entry.ttl) > MAX_TTL:
        return f"times above {MAX_TTL} not kept"
    return ""


def _ttl(entry: Entry) -> int:
    return entry.ttl if entry.ttl <= MAX_TTL else 0


def rdata_text(rtype: int, rdata: bytes, origin: bytes) -> str:
    """The nicest text that zone files read as exactly these octets. Raises BadRdata."""
    error = records.BadRdata("has no presentation that reads back to the same octets")
    for write in (_literal_text, _relative_text, _absolute_text, _generic_text):
        try:
            text = write(rtype, rdata, origin)
            if text and records.parse(rtype, text, origin) == rdata:
                return text
        except (records.BadRdata, names.BadName) as problem:
            error = records.BadRdata(str(problem))
    raise error


def _literal_text(rtype: int, rdata: bytes, origin: bytes) -> str | None:
    """TXT as one text without zone-file syntax, if printable."""
    record = records.TABLE.get(rtype)
    if record is None or not record.literal:
        return None
    octets, position = bytearray(), 0
    while position < len(rdata):
        end = kinds.String().end(rdata, position)
        octets += rdata[position + 1 : end]
        position = end
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


def _relative_text(rtype: int, rdata: bytes, origin: bytes) -> str | None:
    record = records.TABLE.get(rtype)
    if record is None or record.generic:
        return None
    written = [
        name_text(octets, origin) if isinstance(field.kind, kinds.Name) else field.kind.text(octets)
        for field, octets in record.spans(rdata)
    ]
    return " ".join(part for part in written if part)


def _absolute_text(rtype: int, rdata: bytes, origin: bytes) -> str:
    return records.to_text(rtype, rdata)


def _generic_text(rtype: int, rdata: bytes, origin: bytes) -> str:
    return f"\\# {len(rdata)} {rdata.hex().upper()}".rstrip()


def name_text(name: bytes, origin: bytes) -> str:
    """A name relative to the origin, unless its spelling would change."""
    text = names.relative_text(name, origin)
    return text if names.from_text(text, origin) == name else names.to_text(name)
