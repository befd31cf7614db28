"""The rdata table: every record type that zones can be written with, field by field.

One table packs the presentation format, writes it again, and finds the names and addresses that
the isolation proof walks. Rdata is uncompressed wire octets. Pure: text and bytes in and out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from resolver.zones import presentation, svcb
from resolver.zones import rdata as kinds
from resolver.zones.presentation import BadRdata

__all__ = [
    "ALIAS",
    "TABLE",
    "BadRdata",
    "Field",
    "RecordType",
    "addresses_in",
    "check",
    "names_in",
    "parse",
    "to_text",
    "type_number",
    "type_text",
]

ALIAS = 65401  # our pseudo type, private use (RFC 6895 3.1); never on the wire
MAX_RDATA = 65535

# https://www.iana.org/assignments/dns-parameters: "Resource Record (RR) TYPEs"
_REGISTRY = """
    A 1 NS 2 MD 3 MF 4 CNAME 5 SOA 6 MB 7 MG 8 MR 9 NULL 10 WKS 11 PTR 12 HINFO 13 MINFO 14 MX 15
    TXT 16 RP 17 AFSDB 18 X25 19 ISDN 20 RT 21 NSAP 22 NSAP-PTR 23 SIG 24 KEY 25 PX 26 GPOS 27
    AAAA 28 LOC 29 NXT 30 EID 31 NIMLOC 32 SRV 33 ATMA 34 NAPTR 35 KX 36 CERT 37 A6 38 DNAME 39
    SINK 40 OPT 41 APL 42 DS 43 SSHFP 44 IPSECKEY 45 RRSIG 46 NSEC 47 DNSKEY 48 DHCID 49 NSEC3 50
    NSEC3PARAM 51 TLSA 52 SMIMEA 53 HIP 55 NINFO 56 RKEY 57 TALINK 58 CDS 59 CDNSKEY 60
    OPENPGPKEY 61 CSYNC 62 ZONEMD 63 SVCB 64 HTTPS 65 DSYNC 66 HHIT 67 BRID 68 SPF 99 UINFO 100
    UID 101 GID 102 UNSPEC 103 NID 104 L32 105 L64 106 LP 107 EUI48 108 EUI64 109 NXNAME 128
    TKEY 249 TSIG 250 IXFR 251 AXFR 252 MAILB 253 MAILA 254 ANY 255 URI 256 CAA 257 AVC 258
    DOA 259 AMTRELAY 260 RESINFO 261 WALLET 262 CLA 263 IPN 264 TA 32768 DLV 32769
"""
_PAIRS = re.findall(r"(\S+) ([0-9]+)", _REGISTRY)
_NUMBERS = {mnemonic: int(number) for mnemonic, number in _PAIRS} | {"ALIAS": ALIAS}
_MNEMONICS = {number: mnemonic for mnemonic, number in _NUMBERS.items()}
_is_generic_type = re.compile(r"TYPE(?:0|[1-9][0-9]{0,4})").fullmatch
_is_generic_rdata = re.compile(r"\\#[ \t\r\n]+[0-9]").match

Check = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an rdata."""

    name: str
    kind: kinds.Kind


@dataclass(frozen=True, slots=True)
class RecordType:
    """A type whose fields are known, in the order of the wire, which is that of the text.

    `check` sees well-formed fields and judges what holds between them. `literal` types take a
    text without quotes as it is; `generic` ones are written as `\\# LENGTH HEX` only.
    """

    number: int
    mnemonic: str
    fields: tuple[Field, ...]
    check: Check | None = None
    literal: bool = False
    generic: bool = False

    def pack(self, tokens: list[str], origin: bytes) -> bytes:
        """Pack the tokens of a presentation format. Raises BadRdata."""
        fields = self.fields
        if len(tokens) != len(fields):
            self._check_count(len(tokens))
        remaining, parts = iter(tokens), []
        for field in fields:
            try:
                parts.append(field.kind.parse(remaining, origin))
            except BadRdata as problem:
                raise BadRdata(f"{field.name} {problem}") from None
        packed = b"".join(parts)
        if self.check is not None:
            self.check(packed)
        return packed

    def spans(self, rdata: bytes) -> list[tuple[Field, bytes]]:
        """Cut rdata into its fields. Raises BadRdata for octets that are no such rdata."""
        found, position = [], 0
        for field in self.fields:
            try:
                end = field.kind.end(rdata, position)
            except BadRdata as problem:
                raise BadRdata(f"{field.name} {problem}") from None
            found.append((field, rdata[position:end]))
            position = end
        if position != len(rdata):
            raise BadRdata(f"{self.mnemonic} ends after {position} of {len(rdata)} octets")
        if self.check is not None:
            self.check(rdata)
        return found

    def _check_count(self, given: int) -> None:
        last = self.fields[-1].kind
        least = len(self.fields) - 1 + last.least
        if given < least or (given > len(self.fields) and not last.rest):
            more = " or more" if last.rest else ""
            one = "" if least == 1 else "s"
            written = " ".join([field.name for field in self.fields]) + ("…" if last.rest else "")
            fields = f"{least}{more} field{one} ({written})"
            raise BadRdata(f"{self.mnemonic} needs {fields}, got {given}")


def _record(
    number: int, mnemonic: str, check: Check | None = None, /, **fields: kinds.Kind
) -> RecordType:
    return RecordType(
        number,
        mnemonic,
        tuple(Field(name, kind) for name, kind in fields.items()),
        check,
        literal=any(isinstance(kind, kinds.Strings) for kind in fields.values()),
        generic=any(isinstance(kind, kinds.Opaque) for kind in fields.values()),
    )


def _digest(position: int, lengths: Mapping[int, int]) -> Check:
    """Check the digest behind the octet at `position`, which says its type."""

    def check_length(rdata: bytes) -> None:
        expected, length = lengths.get(rdata[position]), len(rdata) - position - 1
        if expected is not None and length != expected:
            raise BadRdata(f"digest of type {rdata[position]} has {expected} octets, not {length}")

    return check_length


def _check_alias_mode(rdata: bytes) -> None:
    # RFC 9460 2.4.2: in AliasMode, records SHOULD NOT have parameters, and clients ignore them.
    if rdata.startswith(b"\0\0") and kinds.end_of_name(rdata, 2) != len(rdata):
        raise BadRdata("priority 0 (an alias) takes no parameters")


_U8, _U16, _U32 = kinds.Number(1), kinds.Number(2), kinds.Number(4)
_NAME, _TIME, _STRING, _STRINGS = kinds.Name(), kinds.Duration(), kinds.String(), kinds.Strings()
_HEX, _BASE64, _PARAMETERS = kinds.Hex(), kinds.Base64(), svcb.ServiceParameters()
_OPAQUE = kinds.Opaque()
_ALGORITHM = kinds.Number(  # RFC 4034 A.1, RFC 5702, RFC 6605, RFC 8080
    1,
    (
        ("RSAMD5", 1),
        ("DH", 2),
        ("DSA", 3),
        ("RSASHA1", 5),
        ("NSEC3DSA", 6),
        ("NSEC3RSASHA1", 7),
        ("RSASHA256", 8),
        ("RSASHA512", 10),
        ("ECDSAP256SHA256", 13),
        ("ECDSAP384SHA384", 14),
        ("ED25519", 15),
        ("ED448", 16),
    ),
)
_DS_DIGEST = _digest(3, {1: 20, 2: 32, 4: 48})  # RFC 4034 5.1.4, RFC 4509, RFC 6605
_TLSA_DIGEST = _digest(2, {1: 32, 2: 64})  # RFC 6698 2.1.3
_SSHFP_DIGEST = _digest(1, {1: 20, 2: 32})  # RFC 4255 3.1.2, RFC 6594
_DNSKEY = {"flags": _U16, "protocol": _U8, "algorithm": _ALGORITHM, "key": _BASE64}
_DS = {"keytag": _U16, "algorithm": _ALGORITHM, "digest_type": _U8, "digest": _HEX}
_TLSA = {"usage": _U8, "selector": _U8, "matching_type": _U8, "association": _HEX}
_SERVICE = {"priority": _U16, "target": _NAME, "parameter": _PARAMETERS}
_SIGNATURE = {"header": kinds.Opaque(18), "signer": _NAME, "signature": _OPAQUE}

_TYPES = (
    _record(1, "A", address=kinds.IPv4()),
    _record(2, "NS", nameserver=_NAME),
    _record(3, "MD", host=_NAME),
    _record(4, "MF", host=_NAME),
    _record(5, "CNAME", target=_NAME),
    _record(
        6,
        "SOA",
        mname=_NAME,
        rname=_NAME,
        serial=_U32,
        refresh=_TIME,
        retry=_TIME,
        expire=_TIME,
        minimum=_TIME,
    ),
    _record(7, "MB", host=_NAME),
    _record(8, "MG", mailbox=_NAME),
    _record(9, "MR", mailbox=_NAME),
    _record(12, "PTR", target=_NAME),
    _record(13, "HINFO", cpu=_STRING, os=_STRING),
    _record(14, "MINFO", rmailbx=_NAME, emailbx=_NAME),
    _record(15, "MX", preference=_U16, exchange=_NAME),
    _record(16, "TXT", text=_STRINGS),
    _record(17, "RP", mailbox=_NAME, text=_NAME),
    _record(18, "AFSDB", subtype=_U16, host=_NAME),
    _record(21, "RT", preference=_U16, intermediate=_NAME),
    _record(23, "NSAP-PTR", target=_NAME),
    _record(24, "SIG", **_SIGNATURE),
    _record(26, "PX", preference=_U16, map822=_NAME, mapx400=_NAME),
    _record(28, "AAAA", address=kinds.IPv6()),
    _record(30, "NXT", next=_NAME, types=_OPAQUE),
    _record(33, "SRV", priority=_U16, weight=_U16, port=_U16, target=_NAME),
    _record(
        35,
        "NAPTR",
        order=_U16,
        preference=_U16,
        flags=_STRING,
        services=_STRING,
        regexp=_STRING,
        replacement=_NAME,
    ),
    _record(36, "KX", preference=_U16, exchanger=_NAME),
    _record(39, "DNAME", target=_NAME),
    _record(43, "DS", _DS_DIGEST, **_DS),
    _record(44, "SSHFP", _SSHFP_DIGEST, algorithm=_U8, digest_type=_U8, digest=_HEX),
    _record(46, "RRSIG", **_SIGNATURE),
    _record(47, "NSEC", next=_NAME, types=_OPAQUE),
    _record(48, "DNSKEY", **_DNSKEY),
    _record(51, "NSEC3PARAM", algorithm=_U8, flags=_U8, iterations=_U16, salt=kinds.Salt()),
    _record(52, "TLSA", _TLSA_DIGEST, **_TLSA),
    _record(53, "SMIMEA", _TLSA_DIGEST, **_TLSA),
    _record(58, "TALINK", previous=_NAME, next=_NAME),
    _record(59, "CDS", _DS_DIGEST, **_DS),
    _record(60, "CDNSKEY", **_DNSKEY),
    _record(61, "OPENPGPKEY", key=_BASE64),
    _record(64, "SVCB", _check_alias_mode, **_SERVICE),
    _record(65, "HTTPS", _check_alias_mode, **_SERVICE),
    _record(66, "DSYNC", header=kinds.Opaque(5), target=_NAME),
    _record(99, "SPF", text=_STRINGS),
    _record(107, "LP", preference=_U16, target=_NAME),
    _record(108, "EUI48", address=kinds.Eui(6)),
    _record(109, "EUI64", address=kinds.Eui(8)),
    _record(256, "URI", priority=_U16, weight=_U16, target=kinds.Remainder(may_be_empty=False)),
    _record(257, "CAA", flags=_U8, tag=kinds.Tag(), value=kinds.Remainder()),
    _record(ALIAS, "ALIAS", target=_NAME),
)
TABLE: Mapping[int, RecordType] = {record.number: record for record in _TYPES}
_WITH_NAMES = frozenset(
    record.number
    for record in _TYPES
    if any(isinstance(field.kind, kinds.Name) for field in record.fields)
)


def type_number(text: str) -> int:
    """The number of a mnemonic, in either case, or of `TYPEnnn` (RFC 3597 5). Raises BadRdata."""
    mnemonic = text.upper()
    number = _NUMBERS.get(mnemonic)
    if number is not None:
        return number
    if not _is_generic_type(mnemonic) or int(mnemonic[4:]) > 0xFFFF:
        raise BadRdata(f"{text!r} is no record type (a new one is written TYPE and its number)")
    if int(mnemonic[4:]) == ALIAS:
        raise BadRdata(f"{text} is taken: this server uses the number for ALIAS")
    return int(mnemonic[4:])


def type_text(number: int) -> str:
    """The mnemonic of a type, `TYPEnnn` where there is none."""
    return _MNEMONICS.get(number) or f"TYPE{number}"


def parse(rtype: int, text: str, origin: bytes) -> bytes:
    """Pack one rdata in presentation format; relative names are completed with `origin`.

    Every type also takes the generic form (RFC 3597 5). TXT and SPF that begin neither with a
    quote nor as the generic form are one text, as it is. Raises BadRdata.
    """
    record = TABLE.get(rtype)
    if record is None:
        return _parse_unknown(rtype, text)
    if record.literal and not text.startswith('"') and not _is_generic_rdata(text):
        packed = kinds.pack_text(text)
    else:
        tokens = presentation.split(text, pairs=record.fields[-1].kind is _PARAMETERS)
        if tokens and tokens[0] == "\\#":
            packed = _parse_generic(tokens)
            record.spans(packed)
        elif record.generic:
            raise BadRdata(f"{record.mnemonic} can be written as \\# LENGTH HEX only")
        else:
            packed = record.pack(tokens, origin)
    if len(packed) > MAX_RDATA:
        raise BadRdata(f"rdata of {len(packed)} octets, {MAX_RDATA} at most")
    return packed


def _parse_unknown(rtype: int, text: str) -> bytes:
    # RFC 6895 3.1: types 128 to 255 and OPT belong to questions and messages, 0 is reserved.
    if rtype in (0, _NUMBERS["OPT"]) or 128 <= rtype <= 255:
        raise BadRdata(f"{type_text(rtype)} is no type of records in zones")
    tokens = presentation.split(text)
    if not tokens or tokens[0] != "\\#":
        raise BadRdata(f"{type_text(rtype)} can be written as \\# LENGTH HEX only")
    return _parse_generic(tokens)


def _parse_generic(tokens: list[str]) -> bytes:
    if len(tokens) < 2:
        raise BadRdata("the generic form is \\# LENGTH HEX, the length is missing")
    try:
        length = presentation.number(tokens[1], MAX_RDATA)
        packed = presentation.hex_octets("".join(tokens[2:]))
    except BadRdata as problem:
        raise BadRdata(f"generic form: {problem}") from None
    if len(packed) != length:
        raise BadRdata(f"generic form: the length is {length}, but there are {len(packed)} octets")
    return packed


def to_text(rtype: int, rdata: bytes) -> str:
    """Write rdata in the presentation format that `parse` reads back, names absolute, in ASCII.

    Types whose fields are not known are written in the generic form. Raises BadRdata for octets
    that are no rdata of a known type.
    """
    record = TABLE.get(rtype)
    if record is None:
        return _generic_text(rdata)
    spans = record.spans(rdata)
    if record.generic:
        return _generic_text(rdata)
    written = [field.kind.text(octets) for field, octets in spans]
    return " ".join([text for text in written if text])


def _generic_text(rdata: bytes) -> str:
    return f"\\# {len(rdata)} {rdata.hex().upper()}".rstrip()


def check(rtype: int, rdata: bytes) -> None:
    """Raise BadRdata when the octets are no uncompressed rdata of a known type."""
    record = TABLE.get(rtype)
    if record is not None:
        record.spans(rdata)


def names_in(rtype: int, rdata: bytes) -> tuple[tuple[str, bytes], ...]:
    """Every field of type domain name: its field name and its wire name. Raises BadRdata."""
    if rtype not in _WITH_NAMES:
        return ()
    spans = TABLE[rtype].spans(rdata)
    return tuple((field.name, octets) for field, octets in spans if type(field.kind) is kinds.Name)


def addresses_in(rtype: int, rdata: bytes) -> tuple[bytes, ...]:
    """The packed addresses in A, AAAA and the hints of SVCB and HTTPS. Raises BadRdata."""
    record = TABLE.get(rtype)
    if record is None:
        return ()
    spans = record.spans(rdata)
    return tuple(packed for field, octets in spans for packed in field.kind.addresses(octets))
