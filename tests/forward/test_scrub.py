"""What of a reply is believed."""

from __future__ import annotations

import struct
from collections.abc import Callable

import dns.message
import dns.rcode
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolver import names
from resolver.forward import wire as reading
from resolver.forward.scrub import (
    MAX_LINKS,
    MAX_RECORDS,
    SPECIAL,
    Limits,
    Scrubbed,
    read_reply,
    scrub,
    scrub_simple,
    unpack,
)
from resolver.forward.wire import COMPRESSIBLE, NAPTR, Malformed
from resolver.outcome import Rcode, Reason
from resolver.rrsets import ANY
from tests.forward.replies import kept, key_of, message_of, packed, question_of, read, scrubbed
from tests.properties.profile import PROFILE

SOA = "example. 900 IN SOA ns.example. admin.example. 1 2 3 4 300"
SHOWN_SOA = "example. 300 IN SOA ns.example. admin.example. 1 2 3 4 300"
SIGNATURE = "5 2 300 20300101000000 20250101000000 1 example. AAAA"


def key(text: str) -> bytes:
    """A name as a key."""
    return names.key(names.from_text(text))


def at_or_below(text: str) -> Callable[[bytes], bool]:
    """Responsible for a suffix and nothing else."""
    suffix = key(text)
    return lambda name: names.is_at_or_below(name, suffix)


# ---------------------------------------------------------------- the answer


def test_the_records_asked_for_are_kept_and_nothing_else() -> None:
    """RFC 2181 5.4.1: neither other owners and types nor authority and additional data."""
    wire = packed(
        "www.example. IN A",
        """www.example. 300 IN A 192.0.2.1
        www.example. 300 IN A 192.0.2.2
        www.example. 300 IN TXT "more"
        other.example. 300 IN A 192.0.2.9""",
        "example. 300 IN NS ns.evil.",
        "ns.evil. 300 IN A 192.0.2.66",
    )
    found = scrubbed(wire)
    answer = ["www.example. 300 IN A 192.0.2.1", "www.example. 300 IN A 192.0.2.2"]
    assert kept(found, wire) == (answer, [])
    assert (found.rcode, found.lifetime, found.tail, found.denies) == (0, 300, None, None)
    assert found.reason is Reason.ANSWERED


@pytest.mark.parametrize(
    ("qtype", "rdata"),
    [
        ("A", "192.0.2.1"),
        ("AAAA", "2001:db8::1"),
        ("TXT", '"hello"'),
        ("MX", "10 www.example."),
        ("NS", "www.example."),
        ("SOA", "ns.www.example. admin.example. 1 2 3 4 300"),
        ("SRV", "1 2 80 host.www.example."),
        ("NAPTR", '1 2 "s" "x" "" www.example.'),
        ("PTR", "www.example."),
        ("CNAME", "other.example."),
        ("HTTPS", '1 . alpn="h2"'),
        ("TYPE65280", r"\# 3 010203"),
    ],
)
def test_every_type_is_kept_with_its_rdata(qtype: str, rdata: str) -> None:
    """Names inside are whole again, since the octets around them are others."""
    wire = packed(f"www.example. IN {qtype}", f"www.example. 60 IN {qtype} {rdata}")
    assert kept(scrubbed(wire), wire) == ([f"www.example. 60 IN {qtype} {rdata}"], [])


def test_the_types_with_names_inside_are_those_that_reading_knows() -> None:
    """No other type needs more than a look at owner and type."""
    assert {*COMPRESSIBLE, NAPTR, ANY} == SPECIAL


def test_any_keeps_all_types_of_the_name() -> None:
    """And no other name's."""
    wire = packed(
        "www.example. IN ANY",
        """www.example. 300 IN A 192.0.2.1
        www.example. 60 IN MX 1 mx.example.
        mx.example. 60 IN A 192.0.2.2""",
    )
    answer = ["www.example. 60 IN A 192.0.2.1", "www.example. 60 IN MX 1 mx.example."]
    assert kept(scrubbed(wire), wire) == (answer, [])


def test_an_answer_to_something_else_is_malformed() -> None:
    """Nothing of it is of the chain that begins at the question."""
    for rcode in ("NOERROR", "NXDOMAIN"):
        wire = packed("www.example. IN A", "evil.example. 1 IN A 192.0.2.1", SOA, rcode=rcode)
        with pytest.raises(Malformed):
            scrubbed(wire)


def test_an_answer_of_another_class_is_none() -> None:
    """And no denial either: it is not a reply to the question."""
    head = b"\0\1\x81\x80" + struct.pack("!4H", 1, 1, 0, 0) + names.from_text("w.example.")
    wire = head + b"\0\1\0\1" + b"\xc0\x0c\0\1\0\3" + struct.pack("!IH", 60, 4) + bytes(4)
    with pytest.raises(Malformed, match="another class"):
        scrubbed(wire)


@pytest.mark.parametrize("guarded", [False, True])
@pytest.mark.parametrize("chain", [0, 1])
@pytest.mark.parametrize(("qtype", "size"), [(1, 3), (1, 5), (1, 0), (28, 4), (28, 17)])
def test_an_address_of_another_length_is_malformed(
    qtype: int, size: int, chain: int, guarded: bool
) -> None:
    """Whoever reads it later counts on its length."""
    name = names.from_text("w.example.")
    links = (b"\xc0\x0c\0\5\0\1\0\0\0\1\0\x04\1x\xc0\x0e",)[:chain]
    owner = b"\xc0\x2b" if chain else b"\xc0\x0c"
    owner = b"\1x\7example\0" if chain else owner
    counts = struct.pack("!4H", 1, 1 + chain, 0, 0)
    head = b"\0\1\x81\x80" + counts + name + struct.pack("!HH", qtype, 1)
    rdata = struct.pack("!HHIH", qtype, 1, 60, size) + bytes(range(1, size + 1))
    wire = head + b"".join(links) + owner + rdata
    with pytest.raises(Malformed, match="length"):
        scrubbed(wire, guarded=guarded)


# ---------------------------------------------------------------- chains

CHAIN = """www.example. 300 IN CNAME a.example.
a.example. 200 IN CNAME b.other.
b.other. 100 IN A 192.0.2.1"""


def test_a_chain_is_followed_to_its_end() -> None:
    """In its own order, whatever the order in the reply; it lives as long as its first to end."""
    wire = packed("www.example. IN A", "\n".join(reversed(CHAIN.splitlines())))
    found = scrubbed(wire)
    assert kept(found, wire)[0] == [line.strip() for line in CHAIN.splitlines()]
    assert (found.lifetime, found.tail) == (100, None)


def test_a_chain_that_leaves_the_route_has_a_tail() -> None:
    """What the reply says of a name that is asked elsewhere is not believed."""
    wire = packed("www.example. IN A", CHAIN, SOA, rcode="NXDOMAIN")
    found = scrubbed(wire, at_or_below("example."))
    assert kept(found, wire) == ([line.strip() for line in CHAIN.splitlines()[:2]], [])
    assert (found.tail, found.rcode, found.lifetime) == (names.from_text("b.other."), 0, 200)
    assert found.denies is None


def test_a_chain_without_its_end_has_a_tail() -> None:
    """Whoever gave half of it is asked for the rest; the tail is spelled as it was."""
    wire = packed("www.example. IN A", "www.example. 300 IN CNAME B.Other.")
    found = scrubbed(wire)
    assert kept(found, wire) == (["www.example. 300 IN CNAME B.Other."], [])
    assert found.tail == names.from_text("B.Other.")


def test_a_chain_may_end_in_a_denial() -> None:
    """NODATA or NXDOMAIN of its last name, with the SOA; the first name exists (RFC 2308 2.1)."""
    alias = "www.example. 30 IN CNAME gone.example."
    for rcode in ("NOERROR", "NXDOMAIN"):
        wire = packed("www.example. IN A", alias, SOA, rcode=rcode)
        found = scrubbed(wire)
        assert kept(found, wire) == ([alias], [SHOWN_SOA])
        assert dns.rcode.to_text(dns.rcode.Rcode(found.rcode)) == rcode
        assert (found.lifetime, found.tail, found.denies) == (30, None, None)


def test_nxdomain_of_a_chain_without_an_soa_is_not_kept() -> None:
    """RFC 2308 5."""
    wire = packed("www.example. IN A", "www.example. 30 IN CNAME gone.example.", rcode="NXDOMAIN")
    found = scrubbed(wire)
    assert (found.rcode, found.lifetime, found.tail) == (Rcode.NXDOMAIN, 0, None)


@pytest.mark.parametrize("links", [1, MAX_LINKS, MAX_LINKS + 1])
def test_a_chain_has_at_most_twenty_links(links: int) -> None:
    """A longer one is malformed."""
    chain = [f"n{n}.example. 60 IN CNAME n{n + 1}.example." for n in range(links)]
    wire = packed("n0.example. IN A", "\n".join([*chain, f"n{links}.example. 60 IN A 192.0.2.1"]))
    if links > MAX_LINKS:
        with pytest.raises(Malformed):
            scrubbed(wire)
    else:
        assert scrubbed(wire).answers == links + 1


@pytest.mark.parametrize(
    "chain",
    [
        "www.example. 1 IN CNAME WWW.example.",
        "www.example. 1 IN CNAME a.example.\na.example. 1 IN CNAME www.example.",
        "example. 1 IN DNAME www.example.",
    ],
)
def test_a_chain_that_returns_is_malformed(chain: str) -> None:
    """However it is spelled."""
    with pytest.raises(Malformed):
        scrubbed(packed("www.example. IN A", chain))


def test_a_question_for_the_alias_ends_there() -> None:
    """CNAME is data then."""
    wire = packed("www.example. IN CNAME", CHAIN)
    assert kept(scrubbed(wire), wire)[0] == ["www.example. 300 IN CNAME a.example."]


def test_a_dname_makes_the_alias() -> None:
    """RFC 6672 3.1: whatever CNAME came with it, with the TTL of the DNAME."""
    wire = packed(
        "x.Old.example. IN A",
        """old.example. 120 IN DNAME new.example.
        x.old.example. 0 IN CNAME evil.test.
        x.new.example. 60 IN A 192.0.2.1
        evil.test. 60 IN A 192.0.2.66""",
    )
    found = scrubbed(wire)
    assert kept(found, wire)[0] == [
        "Old.example. 120 IN DNAME new.example.",
        "x.Old.example. 120 IN CNAME x.new.example.",
        "x.new.example. 60 IN A 192.0.2.1",
    ]
    assert found.lifetime == 60


def test_a_dname_that_makes_too_long_a_name_is_the_end() -> None:
    """RFC 6672 2.2: YXDOMAIN, with the DNAME that says so."""
    long = ".".join(["a" * 60] * 3)
    wire = packed(
        f"{long}.old.example. IN A",
        f"old.example. 60 IN DNAME {'b' * 60}.{'c' * 60}.example.",
        rcode="YXDOMAIN",
    )
    found = scrubbed(wire)
    assert (found.answers, found.rcode, found.tail) == (1, Rcode.YXDOMAIN, None)


def test_a_dname_at_the_name_itself_makes_nothing_of_it() -> None:
    """RFC 6672 2.3: it is about what is below."""
    wire = packed(
        "old.example. IN A",
        "old.example. 60 IN DNAME new.example.\nold.example. 60 IN A 192.0.2.1",
    )
    assert kept(scrubbed(wire), wire)[0] == ["old.example. 60 IN A 192.0.2.1"]


# ---------------------------------------------------------------- denials


@pytest.mark.parametrize("rcode", ["NOERROR", "NXDOMAIN"])
@pytest.mark.parametrize(
    ("ttl", "minimum", "limit", "lifetime"),
    [(900, 300, 3600, 300), (60, 300, 3600, 60), (900, 800, 120, 120), (0, 300, 3600, 0)],
)
def test_a_denial_lives_as_long_as_its_soa_says(
    rcode: str, ttl: int, minimum: int, limit: int, lifetime: int
) -> None:
    """RFC 2308 5: the lower of its TTL and minimum, and no longer than is configured."""
    soa = f"example. {ttl} IN SOA ns.example. admin.example. 1 2 3 4 {minimum}"
    wire = packed("www.example. IN A", "", f"{soa}\nexample. 5 IN NS ns.example.", rcode=rcode)
    found = scrubbed(wire, limits=Limits(most_negative=limit))
    _, authority = kept(found, wire)
    assert authority == [f"example. {lifetime} {soa.partition(f' {ttl} ')[2]}"]
    assert found.lifetime == lifetime
    assert found.denies == (key("www.example.") if rcode == "NXDOMAIN" else None)


def test_a_denial_without_an_soa_is_not_kept() -> None:
    """RFC 2308 5; nor is one whose SOA is of another zone."""
    elsewhere = "other. 900 IN SOA ns.other. admin.other. 1 2 3 4 300"
    below = "x.www.example. 900 IN SOA ns.other. admin.other. 1 2 3 4 300"
    for authority in ("", elsewhere, below):
        for rcode in ("NOERROR", "NXDOMAIN"):
            wire = packed("www.example. IN A", "", authority, rcode=rcode)
            found = scrubbed(wire, dnssec_ok=True)
            assert (found.lifetime, found.authorities, found.denies) == (0, 0, None)


def test_the_octets_of_a_denial_follow_the_question() -> None:
    """The SOA of the name itself points at it."""
    wire = packed("example. IN A", "", SOA)
    found = scrubbed(wire)
    assert found.body.startswith(b"\xc0\x0c\0\6\0\1")
    assert kept(found, wire) == ([], [SHOWN_SOA])


@pytest.mark.parametrize(
    ("answer", "authority", "rcode", "is_lame"),
    [
        ("", "example. 60 IN NS ns.example.", "NOERROR", True),
        ("", f"{SOA}\nexample. 60 IN NS ns.example.", "NOERROR", False),
        ("", "example. 60 IN NS ns.example.", "NXDOMAIN", False),
        ("", "", "NOERROR", False),
        ("www.example. 1 IN A 192.0.2.1", "example. 60 IN NS ns.example.", "NOERROR", False),
    ],
)
def test_a_referral_is_lame(answer: str, authority: str, rcode: str, is_lame: bool) -> None:
    """NS without answer, denial or SOA."""
    assert read(packed("www.example. IN A", answer, authority, rcode=rcode)).is_lame is is_lame


# ---------------------------------------------------------------- DNSSEC

SIGNED = f"""www.example. 300 IN CNAME a.example.
www.example. 300 IN RRSIG CNAME {SIGNATURE}
a.example. 300 IN A 192.0.2.1
a.example. 200 IN RRSIG A {SIGNATURE}
a.example. 300 IN RRSIG MX {SIGNATURE}"""
NSEC = f"a.example. 100 IN NSEC z.example. A\na.example. 100 IN RRSIG NSEC {SIGNATURE}"


def test_signatures_are_kept_with_do_only() -> None:
    """RFC 4035 3.1.1: of what is given; proofs too (RFC 4035 3.1.3)."""
    wire = packed("www.example. IN A", SIGNED, NSEC)
    found = scrubbed(wire, dnssec_ok=True)
    answer, authority = kept(found, wire)
    assert [line.split()[3:5] for line in answer] == [
        ["CNAME", "a.example."],
        ["RRSIG", "CNAME"],
        ["A", "192.0.2.1"],
        ["RRSIG", "A"],
    ]
    assert [line.split()[3] for line in authority] == ["NSEC", "RRSIG"]
    assert found.lifetime == 100
    plain = scrubbed(wire)
    assert [line.split()[3] for line in kept(plain, wire)[0]] == ["CNAME", "A"]
    assert not plain.authorities
    assert plain.lifetime == 300


def test_the_proofs_of_a_denial_are_kept_with_do_only() -> None:
    """Behind the SOA."""
    wire = packed("b.example. IN A", "", f"{SOA}\n{NSEC}", rcode="NXDOMAIN")
    found = scrubbed(wire, dnssec_ok=True)
    assert [line.split()[3] for line in kept(found, wire)[1]] == ["SOA", "NSEC", "RRSIG"]
    assert (found.answers, found.authorities) == (0, 3)
    assert kept(scrubbed(wire), wire) == ([], [SHOWN_SOA])


def test_signatures_that_are_asked_for_are_data() -> None:
    """With or without DO."""
    wire = packed("a.example. IN RRSIG", f"a.example. 60 IN RRSIG A {SIGNATURE}")
    assert scrubbed(wire).answers == scrubbed(wire, dnssec_ok=True).answers == 1


# ---------------------------------------------------------------- the rebinding guard


def test_private_addresses_are_withheld_where_they_are_guarded() -> None:
    """What is left is given, without a signature that covers more."""
    wire = packed(
        "www.example. IN A",
        f"""www.example. 300 IN A 10.0.0.1
        www.example. 300 IN A 192.0.2.1
        www.example. 300 IN RRSIG A {SIGNATURE}""",
    )
    found = scrubbed(wire, guarded=True, dnssec_ok=True)
    assert kept(found, wire)[0] == ["www.example. 300 IN A 192.0.2.1"]
    assert found.reason is Reason.ANSWERED
    assert scrubbed(wire, dnssec_ok=True).answers == 3


@pytest.mark.parametrize(("kind", "text"), [("A", "127.0.0.1"), ("AAAA", "::ffff:10.0.0.1")])
def test_nothing_but_private_addresses_is_nodata(kind: str, text: str) -> None:
    """With a reason of its own; it lives no longer than a denial, or than the chain to it."""
    for chain, owner, lifetime in (
        ("", "www", 3600),
        ("www.example. 7 IN CNAME a.example.\n", "a", 7),
    ):
        wire = packed(f"www.example. IN {kind}", f"{chain}{owner}.example. 86400 IN {kind} {text}")
        found = scrubbed(wire, guarded=True)
        assert found == Scrubbed(
            *(b"", (), 0, 0, 0, lifetime, None, None, Reason.PRIVATE_WITHHELD, True)
        )


def test_private_hints_are_withheld() -> None:
    """A record that is changed goes without its signature."""
    wire = packed(
        "www.example. IN HTTPS",
        f"""www.example. 300 IN HTTPS 1 . alpn="h2" ipv4hint="10.0.0.1"
        www.example. 300 IN RRSIG HTTPS {SIGNATURE}""",
    )
    found = scrubbed(wire, guarded=True, dnssec_ok=True)
    assert kept(found, wire)[0] == ['www.example. 300 IN HTTPS 1 . alpn="h2"']
    assert scrubbed(wire, dnssec_ok=True).answers == 2


def test_other_types_are_not_guarded() -> None:
    """And a guarded reply without private addresses is whole."""
    text = 'www.example. 300 IN TXT "10.0.0.1"'
    wire = packed("www.example. IN TXT", text)
    assert kept(scrubbed(wire, guarded=True), wire)[0] == [text]
    wire = packed("www.example. IN A", "www.example. 300 IN A 192.0.2.1")
    assert scrubbed(wire, guarded=True) == scrubbed(wire)


# ---------------------------------------------------------------- TTLs and bounds


@pytest.mark.parametrize("dnssec_ok", [False, True])
@pytest.mark.parametrize(
    ("ttls", "limits", "ttl"),
    [
        ((300, 60), Limits(), 60),
        ((0,), Limits(), 0),
        ((2**31 - 1,), Limits(), 86400),
        ((2**31,), Limits(), 0),
        ((2**32 - 1, 300), Limits(), 0),
        ((5,), Limits(least=30), 30),
        ((2**31,), Limits(least=30), 30),
        ((500,), Limits(most=100), 100),
    ],
)
def test_a_set_has_one_ttl_within_the_limits(
    ttls: tuple[int, ...], limits: Limits, ttl: int, dnssec_ok: bool
) -> None:
    """RFC 2181 5.2: the lowest; RFC 2181 8: with its top bit set it is 0."""
    name = names.from_text("w.example.")
    counts = struct.pack("!4H", 1, len(ttls), 0, 0)
    wire = b"\0\1\x81\x80" + counts + name + b"\0\x10\0\1"
    for n, each in enumerate(ttls):
        wire += b"\xc0\x0c\0\x10\0\1" + struct.pack("!IH", each, 2) + bytes((1, n))
    found = scrubbed(wire, limits=limits, dnssec_ok=dnssec_ok)
    records = unpack(name, found.body, found.answers)
    assert [record.ttl for record in records] == [ttl] * len(ttls)
    assert found.lifetime == ttl


@pytest.mark.parametrize("dnssec_ok", [False, True])
@pytest.mark.parametrize("count", [MAX_RECORDS, MAX_RECORDS + 1])
def test_at_most_500_records_are_kept(count: int, dnssec_ok: bool) -> None:
    """A reply with more is malformed."""
    rows = [f"w.example. 60 IN A 192.0.{n >> 8}.{n & 255}" for n in range(count)]
    wire = packed("w.example. IN A", "\n".join(rows))
    if count > MAX_RECORDS:
        with pytest.raises(Malformed):
            scrubbed(wire, dnssec_ok=dnssec_ok)
    else:
        assert scrubbed(wire, dnssec_ok=dnssec_ok).answers == count


@pytest.mark.parametrize(
    ("additional", "rcode"),
    [
        (b"\0\0\x29\x04\xd0\0\0\0\0\0\0", 0),
        (b"\0\0\x29\x04\xd0\1\0\0\0\0\0", 16),
        (b"\0\0\x29\x04\xd0\xff\0\0\0\0\0", 0xFF0),
    ],
)
@pytest.mark.parametrize("before", [b"", b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\1\2\3\4"])
def test_opt_has_the_upper_bits_of_the_rcode(additional: bytes, rcode: int, before: bytes) -> None:
    """RFC 6891 6.1.3: wherever in the additional section it is."""
    count = 1 + bool(before)
    head = b"\0\1\x81\x80" + struct.pack("!4H", 1, 0, 0, count)
    wire = head + names.from_text("w.example.") + b"\0\1\0\1" + before + additional
    assert read(wire).rcode == rcode
    for size in range(1, len(additional)):
        with pytest.raises(Malformed):
            read(wire[:-size])


def test_flags_are_read() -> None:
    """RA and AD."""
    for flags, expected in (("QR RD RA AD", (True, True)), ("QR RD", (False, False))):
        reply = read(packed("w.example. IN A", "w.example. 1 IN A 192.0.2.1", flags=flags))
        assert (reply.is_recursive, reply.is_authentic) == expected


# ---------------------------------------------------------------- any reply

SAMPLES = (
    packed("www.example. IN A", CHAIN, SOA),
    packed("www.example. IN A", SIGNED, NSEC),
    packed("b.example. IN A", "", f"{SOA}\n{NSEC}", rcode="NXDOMAIN"),
    packed(
        "x.old.example. IN AAAA",
        "old.example. 120 IN DNAME new.example.\nx.new.example. 60 IN AAAA fd00::1",
    ),
    packed("www.example. IN MX", "www.example. 60 IN MX 1 a.example.\nwww.example. 5 IN MX 2 ."),
    packed("www.example. IN HTTPS", "www.example. 60 IN HTTPS 1 . ipv4hint=10.0.0.1,192.0.2.1"),
    packed("www.example. IN ANY", f'{SOA}\nwww.example. 60 IN TXT "a"\n{SIGNED}'),
    packed("example. IN SOA", SOA, "example. 60 IN NS ns.example.", "ns.example. 1 IN A 192.0.2.1"),
)
MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(("set", "cut", "insert", "repeat")),
        st.integers(0, 9999),
        st.binary(max_size=6),
    ),
    max_size=6,
)


def mutated(wire: bytes, mutations: list[tuple[str, int, bytes]]) -> bytes:
    """The same reply with other octets behind its question, and other counts of records."""
    first = 12 + len(question_of(wire))
    octets = bytearray(wire)
    for kind, number, more in mutations:
        place = first + number % max(1, len(octets) - first)
        if number % 7 == 0:
            octets[6 + number % 6] = (more or b"\1")[0] & 3
        elif kind == "set":
            octets[place : place + len(more)] = more
        elif kind == "cut":
            del octets[place : place + len(more) + 1]
        elif kind == "insert":
            octets[place:place] = more
        else:
            octets += octets[place : place + 40]
    return bytes(octets)


@settings(PROFILE, max_examples=400)
@given(
    st.sampled_from(SAMPLES),
    MUTATIONS,
    st.booleans(),
    st.booleans(),
    st.sampled_from(("", "example.", "other.")),
)
def test_any_reply_is_scrubbed_or_malformed(
    sample: bytes,
    mutations: list[tuple[str, int, bytes]],
    dnssec_ok: bool,
    guarded: bool,
    suffix: str,
) -> None:
    """And nothing else; what is kept is a well-formed chain with its TTLs where they are said."""
    wire, limits = mutated(sample, mutations), Limits(most=1000, most_negative=100)
    is_same = at_or_below(suffix or ".")
    try:
        reply = read_reply(wire, len(question_of(wire)), key_of(wire))
        simple = scrub_simple(reply, limits)
        if simple is not None:  # the short way comes to the same
            assert simple == scrub(reply, limits, is_same, dnssec_ok=False, guarded=False)
        found = scrub(reply, limits, is_same, dnssec_ok=dnssec_ok, guarded=guarded)
    except Malformed:
        return
    check(found, reply.qname, limits)
    if not dnssec_ok and reply.qtype not in (46, ANY):
        assert not {46, 47, 50} & {r.rtype for r in unpack(reply.qname, found.body, found.answers)}


def check(found: Scrubbed, qname: bytes, limits: Limits) -> None:
    """What holds for everything that is kept."""
    count = found.answers + found.authorities
    records = unpack(qname, found.body, count)
    assert len(found.offsets) == len(records) == count <= MAX_RECORDS + 1
    for offset, record in zip(found.offsets, records, strict=True):
        (ttl,) = struct.unpack_from("!I", found.body, offset)
        assert ttl == record.ttl <= limits.most
        assert found.lifetime <= ttl
    size = 12 + len(qname) + 4
    _, end = reading.read_records(bytes(12) + qname + bytes(4) + found.body, size, count, qname)
    assert end == size + len(found.body)
    chain = {qname}
    for record in records[: found.answers]:
        owner = record.owner.lower()
        assert owner in chain or (record.rtype in (39, 46) and is_above_any(owner, chain))
        if record.rtype == 5:
            chain.add(record.rdata.lower())
    assert found.tail is None or found.tail.lower() in chain


def is_above_any(owner: bytes, chain: set[bytes]) -> bool:
    """Where a DNAME of the chain may be."""
    return any(names.is_below(name, owner) for name in chain)


@given(st.sampled_from(SAMPLES), st.booleans())
def test_unpack_is_what_dnspython_reads(sample: bytes, dnssec_ok: bool) -> None:
    """Owners as spelled, types, TTLs, and rdata without compression."""
    found = scrubbed(sample, dnssec_ok=dnssec_ok)
    message: dns.message.Message = message_of(found, question_of(sample))
    rrsets = message.answer + message.authority
    records = unpack(question_of(sample)[:-4], found.body, found.answers + found.authorities)
    assert [(r.owner, r.rtype, r.ttl, r.rdata) for r in records] == [
        (rrset.name.to_wire(), int(rrset.rdtype), rrset.ttl, rrset[0].to_wire()) for rrset in rrsets
    ]
    assert unpack(question_of(sample)[:-4], found.body, 1) == records[:1]
