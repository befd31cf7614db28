"""Field kinds, each by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver import names
from resolver.zones import presentation, rdata
from resolver.zones.presentation import BadRdata
from resolver.zones.svcb import ServiceParameters

KINDS: list[rdata.Kind] = [
    rdata.Number(1),
    rdata.Number(4),
    rdata.Duration(),
    rdata.Name(),
    rdata.IPv4(),
    rdata.IPv6(),
    rdata.String(),
    rdata.Strings(),
    rdata.Tag(),
    rdata.Remainder(),
    rdata.Hex(),
    rdata.Base64(),
    rdata.Salt(),
    rdata.Eui(6),
    ServiceParameters(),
]


@pytest.mark.parametrize("kind", KINDS, ids=repr)
@given(wire=st.binary(max_size=40), position=st.integers(0, 5))
def test_a_field_is_written_so_that_it_reads_back(
    kind: rdata.Kind, wire: bytes, position: int
) -> None:
    """Text of the octets between a position and its end gives these octets; nothing over-reads."""
    position = min(position, len(wire))
    try:
        end = kind.end(wire, position)
    except BadRdata:
        return
    assert position <= end <= len(wire)
    octets = wire[position:end]
    tokens = presentation.split(kind.text(octets), pairs=True)
    assert len(tokens) >= kind.least
    assert kind.rest or len(tokens) == 1
    assert kind.parse(iter(tokens), names.ROOT) == octets


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("1H", 3600), ("1w2d3h4m5s", 788645)])
def test_durations_have_units(text: str, seconds: int) -> None:
    """Seconds, or numbers with units."""
    assert rdata.Duration().parse(iter([text]), b"") == seconds.to_bytes(4, "big")


@pytest.mark.parametrize(
    "text", ["", "h", "1.5h", "-1", "1h5", "²", "1\u017f", "4294967296", "7102w"]
)
def test_other_durations_are_refused(text: str) -> None:
    """Fractions, signs, a number without unit behind one with, and more than 32 bits."""
    with pytest.raises(BadRdata):
        rdata.Duration().parse(iter([text]), b"")


def test_mnemonics_stand_for_numbers() -> None:
    """Written in either case; read back as numbers."""
    kind = rdata.Number(1, (("ED25519", 15),))
    assert kind.parse(iter(["ed25519"]), b"") == kind.parse(iter(["15"]), b"") == b"\x0f"


def test_a_name_over_255_octets_is_refused() -> None:
    """RFC 1035 2.3.4."""
    label = b"\x3f" + b"x" * 63
    assert rdata.end_of_name(label * 3 + b"\x3d" + b"x" * 61 + b"\0", 0) == 255
    with pytest.raises(BadRdata):
        rdata.end_of_name(label * 3 + b"\x3e" + b"x" * 62 + b"\0", 0)
    with pytest.raises(BadRdata):
        rdata.end_of_name(label * 100, 0)


def test_opaque_octets_have_no_presentation() -> None:
    """They are for finding the names behind them."""
    assert rdata.Opaque(2).end(b"abc", 0) == 2
    assert rdata.Opaque().end(b"abc", 1) == 3
    assert rdata.Opaque().text(b"abc") == "616263"
    with pytest.raises(BadRdata):
        rdata.Opaque().parse(iter(["ab"]), b"")
