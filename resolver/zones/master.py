"""RFC 1035 master files → one zone's record sets, with the reason for everything not kept.

dnspython reads tokens and rdata; owners, TTLs, classes and directives are followed here, since
its zone objects drop and merge records without a word. Files are opened by the caller.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import dns.exception
import dns.grange
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tokenizer
import dns.ttl
import dns.zonefile

from resolver import names
from resolver.zones import rdata as kinds
from resolver.zones import records
from resolver.zones.assemble import META_TYPES
from resolver.zones.leaves import MAX_TTL

SOA, CNAME, DNAME = 6, 5, 39
ALONE = frozenset({CNAME, DNAME, records.ALIAS})  # one rdata at most
BESIDE_CNAME = frozenset({25, 46, 47})  # KEY, RRSIG, NSEC (RFC 2181 10.1, RFC 4035 2.5)
MAX_INCLUDES = 20  # files within files
MAX_GENERATED = 65536  # records of one $GENERATE

Load = Callable[[str, str], tuple[str, bytes]]
"""(the name in $INCLUDE, the file that it stands in) → the file's name and octets; or OSError."""


class MasterSyntaxError(Exception):
    """A master file that cannot be read on; the text begins with `file:line:`."""


class Origin(NamedTuple):
    """Where a record was written."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Entry(NamedTuple):
    """One record as read; the name and the rdata are wire octets."""

    owner: bytes
    ttl: int
    rtype: int
    rdata: bytes
    place: Origin


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
    reader = _Reader(load, None if origin is None else dns.name.from_wire(origin, 0)[0])
    reader.read_file(octets, file)
    apex = origin or next((e.owner for e in reader.entries if e.rtype == SOA), None)
    if apex is None and reader.first_origin is not None:
        apex = _wire(reader.first_origin)
    if apex is None:
        raise MasterSyntaxError(f"{file}:1: the file does not say its origin: give --origin")
    zone = MasterZone(apex, lost=reader.lost)
    for entry in reader.entries:
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


# ---------------------------------------------------------------- reading


_ODD = re.compile(rb"\\[\x00-\x7f]|(\\?[\x80-\xff])")


def _ascii(octets: bytes) -> str:
    """Octets above 127 as the escapes \\DDD that mean them, so that none is taken for Unicode."""

    def escape(match: re.Match[bytes]) -> bytes:
        return b"\\%03d" % match[1][-1] if match[1] else match[0]

    octets = octets.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    return _ODD.sub(escape, octets).decode("ascii")


def _wire(name: dns.name.Name) -> bytes:
    return cast(bytes, name.to_wire())


class _Reader:
    """Follows the entries of a file, and of those that it includes."""

    def __init__(self, load: Load, origin: dns.name.Name | None) -> None:
        self.load = load
        self.origin = self.first_origin = origin
        self.owner: dns.name.Name | None = None
        self.default_ttl: int | None = None  # of $TTL
        self.last_ttl: int | None = None  # stated by a record (RFC 1035 5.1)
        self.place = Origin("", 1)
        self.depth = 0
        self.entries: list[Entry] = []
        self.lost: list[str] = []

    def read_file(self, octets: bytes, file: str) -> None:
        """Read all entries of one file."""
        tokenizer = dns.tokenizer.Tokenizer(_ascii(octets), file)
        more = True
        while more:
            self.place = Origin(file, tokenizer.where()[1])
            try:
                more = self._read_entry(tokenizer)
            except dns.exception.UnexpectedEnd:
                self._fail("the file ends within an entry, or a quote has no end")
            except (dns.exception.DNSException, ValueError, KeyError) as error:
                self._fail(str(error) or "syntax error")

    def _fail(self, message: str) -> None:
        raise MasterSyntaxError(f"{self.place}: {message}") from None

    def _read_entry(self, tok: dns.tokenizer.Tokenizer) -> bool:
        """One entry; False at the end of the file."""
        token = tok.get(want_leading=True)
        if token.is_whitespace():
            token = tok.get()
            if not token.is_eol_or_eof():
                tok.unget(token)
                self._read_record(tok)
                return True
        if token.is_eol_or_eof():
            return not token.is_eof()
        if token.is_identifier() and token.value.startswith("$"):
            self._follow(token.value.upper(), tok)
        else:
            self.owner = self._name(tok, token)
            self._read_record(tok)
        return True

    def _name(self, tok: dns.tokenizer.Tokenizer, token: dns.tokenizer.Token) -> dns.name.Name:
        name = tok.as_name(token, self.origin)
        if not name.is_absolute():
            raise dns.exception.SyntaxError(
                f"{token.value!r} is relative to an unknown origin: give --origin"
            )
        return name

    def _follow(self, directive: str, tok: dns.tokenizer.Tokenizer) -> None:
        if directive == "$ORIGIN":
            self.origin = self._name(tok, tok.get())
            self.first_origin = self.first_origin or self.origin
            tok.get_eol()
        elif directive == "$TTL":
            self.default_ttl = dns.ttl.from_text(tok.get_identifier())
            tok.get_eol()
        elif directive == "$INCLUDE":
            self._include(tok)
        elif directive == "$GENERATE":
            self._generate(tok)
        else:
            raise dns.exception.SyntaxError(f"unknown directive {directive}")

    def _include(self, tok: dns.tokenizer.Tokenizer) -> None:
        # RFC 1035 5.1: an origin for the included file; that of this one does not change.
        wanted = tok.get()
        if not wanted.is_identifier() and not wanted.is_quoted_string():
            raise dns.exception.SyntaxError("$INCLUDE needs the name of a file")
        token, before = tok.get(), (self.origin, self.owner, self.place)
        if not token.is_eol_or_eof():
            self.origin = self._name(tok, token)
            tok.get_eol()
        path = cast(bytes, wanted.unescape_to_bytes().value).decode("utf-8", "surrogateescape")
        if self.depth == MAX_INCLUDES:
            self._fail(f"more than {MAX_INCLUDES} files within files")
        try:
            file, octets = self.load(path, self.place.file)
        except OSError as error:
            self._fail(f"{path}: {error.strerror}")
        else:
            self.depth += 1
            self.read_file(octets, file)
            self.depth -= 1
        self.origin, self.owner, self.place = before

    def _generate(self, tok: dns.tokenizer.Tokenizer) -> None:
        words = ["$GENERATE"]
        while not (token := tok.get()).is_eol_or_eof():
            words.append(f'"{token.value}"' if token.is_quoted_string() else token.value)
        start, stop, step = dns.grange.from_text(words[1] if len(words) > 1 else "")
        if (stop - start) // step >= MAX_GENERATED:
            raise dns.exception.SyntaxError(f"more than {MAX_GENERATED} records")
        ttl = self.default_ttl if self.default_ttl is not None else self.last_ttl
        line = dns.tokenizer.Tokenizer(" ".join(words))
        made = _Generated()
        reader = dns.zonefile.Reader(line, dns.rdataclass.IN, cast(Any, made), default_ttl=ttl)
        reader.current_origin = self.origin
        reader.read()
        for name, ttl, rdata in made.records:
            octets = cast(bytes, rdata.to_wire())
            self.entries.append(Entry(_wire(name), ttl, int(rdata.rdtype), octets, self.place))

    def _read_record(self, tok: dns.tokenizer.Tokenizer) -> None:
        if self.owner is None:
            raise dns.exception.SyntaxError("a record without an owner before it")
        ttl, rclass, word = self._read_head(tok)
        if ttl is not None:
            self.last_ttl = ttl
        if rclass not in (None, dns.rdataclass.IN):
            tok.get_remaining()
            tok.get_eol()
            what = f"{self.owner} {word}: not kept: class {dns.rdataclass.to_text(rclass)}"
            self.lost.append(f"{self.place}: {what}")
            return
        rtype = _type_number(word)
        if rtype == SOA and self.origin is None:
            self.origin = self.first_origin = self.owner
        if rtype == records.ALIAS:
            octets = _wire(self._name(tok, tok.get()))
            tok.get_eol()
        else:
            octets = self._read_rdata(rtype, tok)
        if ttl is None:
            ttl = self._implied_ttl(rtype, octets)
        self.entries.append(Entry(_wire(self.owner), ttl, rtype, octets, self.place))

    def _read_head(
        self, tok: dns.tokenizer.Tokenizer
    ) -> tuple[int | None, dns.rdataclass.RdataClass | None, str]:
        """TTL and class, in either order, both optional; then the type."""
        ttl: int | None = None
        rclass: dns.rdataclass.RdataClass | None = None
        while True:
            word = tok.get_identifier()
            if ttl is None:
                try:
                    ttl = dns.ttl.from_text(word)
                    continue
                except dns.ttl.BadTTL:
                    pass
            if rclass is None:
                try:
                    rclass = dns.rdataclass.from_text(word)
                    continue
                except (dns.exception.DNSException, ValueError):
                    pass
            return ttl, rclass, word

    def _read_rdata(self, rtype: int, tok: dns.tokenizer.Tokenizer) -> bytes:
        found = dns.rdata.from_text(
            dns.rdataclass.IN, dns.rdatatype.RdataType.make(rtype), tok, self.origin, False
        )
        return cast(bytes, found.to_wire())

    def _implied_ttl(self, rtype: int, octets: bytes) -> int:
        if self.default_ttl is None and self.last_ttl is None and rtype == SOA:
            # Older than RFC 2308 4: the minimum is the default for the whole zone.
            self.default_ttl = int.from_bytes(octets[-4:], "big")
        ttl = self.default_ttl if self.default_ttl is not None else self.last_ttl
        if ttl is None:
            raise dns.exception.SyntaxError("no TTL: neither here, nor before, nor by $TTL")
        return ttl


def _type_number(word: str) -> int:
    try:
        return int(dns.rdatatype.from_text(word))
    except (dns.exception.DNSException, ValueError):
        return records.type_number(word)


class _Generated:
    """Takes what dnspython's reader makes of a $GENERATE line: all of it, wherever it belongs."""

    def __init__(self) -> None:
        self.manager = self
        self.records: list[tuple[dns.name.Name, int, dns.rdata.Rdata]] = []

    def origin_information(self) -> tuple[dns.name.Name, bool, dns.name.Name]:
        return dns.name.root, False, dns.name.root

    def check_put_rdataset(self, check: object) -> None:
        """Nothing is refused here."""

    def add(self, name: dns.name.Name, ttl: int, rdata: dns.rdata.Rdata) -> None:
        self.records.append((name, ttl, rdata))
