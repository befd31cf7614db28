"""The tokens of RFC 1035 master files → their records, one by one, in wire octets.

dnspython reads tokens and rdata; owners, TTLs, classes and directives are followed here, since
its zone objects drop and merge records without a word. Files are opened by the caller.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn, cast

import dns.exception
import dns.grange
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tokenizer
import dns.ttl
import dns.zonefile

from resolver.zones import records

SOA = 6
MAX_INCLUDES = 20  # files within files
MAX_GENERATED = 65536  # records of one $GENERATE

Load = Callable[[str, str], tuple[str, bytes]]
"""(the name in $INCLUDE, the file that it stands in) → the file's name and octets; or OSError."""


class MasterSyntaxError(Exception):
    """A master file that cannot be read on; the text begins with `file:line:`."""


class Position(NamedTuple):
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
    place: Position


class Entries(NamedTuple):
    """What the files hold; `lost` is what is of another class than IN."""

    entries: list[Entry]
    first_origin: bytes | None
    lost: list[str]


def read_entries(octets: bytes, file: str, load: Load, origin: bytes | None = None) -> Entries:
    """Read a master file with its $INCLUDEs. Raises MasterSyntaxError."""
    reader = _Reader(load, None if origin is None else dns.name.from_wire(origin, 0)[0])
    reader.read_file(octets, file)
    first = reader.first_origin
    return Entries(reader.entries, None if first is None else _wire(first), reader.lost)


class _Malformed(ValueError):
    """What is wrong with an entry; `_Reader.read_file` adds the place."""


_ODD = re.compile(rb"\\[\x00-\x7f]|(\\?[\x80-\xff])")


def _ascii(octets: bytes) -> str:
    """Octets above 127 as the escapes \\DDD that mean them, so that none is taken for Unicode."""

    def escape(match: re.Match[bytes]) -> bytes:
        return b"\\%03d" % match[1][-1] if match[1] else match[0]

    octets = octets.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    return _ODD.sub(escape, octets).decode("ascii")


def _wire(name: dns.name.Name) -> bytes:
    return cast("bytes", name.to_wire())


class _Reader:
    """Follows the entries of a file, and of those that it includes."""

    def __init__(self, load: Load, origin: dns.name.Name | None) -> None:
        self.load = load
        self.origin = self.first_origin = origin
        self.owner: dns.name.Name | None = None
        self.default_ttl: int | None = None  # of $TTL
        self.last_ttl: int | None = None  # stated by a record (RFC 1035 5.1)
        self.place = Position("", 1)
        self.depth = 0
        self.entries: list[Entry] = []
        self.lost: list[str] = []

    def read_file(self, octets: bytes, file: str) -> None:
        """Read all entries of one file."""
        tokenizer = dns.tokenizer.Tokenizer(_ascii(octets), file)
        more = True
        while more:
            self.place = Position(file, tokenizer.where()[1])
            try:
                more = self._read_entry(tokenizer)
            except dns.exception.UnexpectedEnd:
                self._fail("the file ends within an entry, or a quote has no end")
            except (dns.exception.DNSException, ValueError, KeyError) as error:
                self._fail(str(error) or "syntax error")

    def _fail(self, message: str) -> NoReturn:
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
            raise _Malformed(f"{token.value!r} is relative to an unknown origin: give --origin")
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
            raise _Malformed(f"unknown directive {directive}")

    def _include(self, tok: dns.tokenizer.Tokenizer) -> None:
        # RFC 1035 5.1: an origin for the included file; that of this one does not change.
        wanted = tok.get()
        if not wanted.is_identifier() and not wanted.is_quoted_string():
            raise _Malformed("$INCLUDE needs the name of a file")
        token, before = tok.get(), (self.origin, self.owner, self.place)
        if not token.is_eol_or_eof():
            self.origin = self._name(tok, token)
            tok.get_eol()
        path = cast("bytes", wanted.unescape_to_bytes().value).decode("utf-8", "surrogateescape")
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
            raise _Malformed(f"more than {MAX_GENERATED} records")
        ttl = self.default_ttl if self.default_ttl is not None else self.last_ttl
        line = dns.tokenizer.Tokenizer(" ".join(words))
        made = _Generated()
        reader = dns.zonefile.Reader(line, dns.rdataclass.IN, cast("Any", made), default_ttl=ttl)
        reader.current_origin = self.origin
        reader.read()
        for name, ttl, rdata in made.records:
            octets = cast("bytes", rdata.to_wire())
            self.entries.append(Entry(_wire(name), ttl, int(rdata.rdtype), octets, self.place))

    def _read_record(self, tok: dns.tokenizer.Tokenizer) -> None:
        if self.owner is None:
            raise _Malformed("a record without an owner before it")
        ttl, rclass, word = self._read_head(tok)
        if ttl is not None:
            self.last_ttl = ttl
        if rclass not in (None, dns.rdataclass.IN):
            self._pass_over(tok, word, f"class {dns.rdataclass.to_text(rclass)}")
            return
        rtype = _type_number(word)
        if rtype == records.ALIAS and word.upper() != "ALIAS":
            self._pass_over(tok, word, "this server uses the number for ALIAS")
            return
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

    def _pass_over(self, tok: dns.tokenizer.Tokenizer, rtype: str, reason: str) -> None:
        tok.get_remaining()
        tok.get_eol()
        self.lost.append(f"{self.place}: {self.owner} {rtype}: not kept: {reason}")

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
        return cast("bytes", found.to_wire())

    def _implied_ttl(self, rtype: int, octets: bytes) -> int:
        if self.default_ttl is None and self.last_ttl is None and rtype == SOA:
            # Older than RFC 2308 4: the minimum is the default for the whole zone.
            self.default_ttl = int.from_bytes(octets[-4:], "big")
        ttl = self.default_ttl if self.default_ttl is not None else self.last_ttl
        if ttl is None:
            raise _Malformed("no TTL: neither here, nor before, nor by $TTL")
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
