"""Owner names: text to wire and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver import names
from resolver.names import BadName, from_text, to_text

ORIGIN = from_text("corp.test.")
LABELS = st.lists(st.binary(min_size=1, max_size=20), max_size=6)


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        (".", b"\0"),
        ("@", ORIGIN),
        ("www", b"\3www" + ORIGIN),
        ("www.", b"\3www\0"),
        ("a.B.", b"\1a\1B\0"),
        (r"a\.b.", b"\3a.b\0"),
        (r"\065\066.", b"\2AB\0"),
        (r"\000\255.", b"\2\0\xff\0"),
        (r"a\ b.", b"\3a b\0"),
        ("*.x.", b"\1*\1x\0"),
        ("_sip._tcp.", b"\4_sip\4_tcp\0"),
        ("010.", b"\x03010\0"),
    ],
)
def test_text_to_wire(text: str, wire: bytes) -> None:
    """Relative names are completed, escapes give octets, case is kept."""
    assert from_text(text, ORIGIN) == wire


def test_a_name_without_an_origin_is_absolute() -> None:
    """The final dot may be left out where nothing could be meant but the root."""
    assert from_text("a.b") == from_text("a.b.")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty label"),
        ("a..b.", "empty label"),
        (".a.", "empty label"),
        (r"a\.b..c.", "empty label"),
        ("..", "empty label"),
        ("é.test.", "not ASCII"),
        (r"é\.test.", "escape"),
        ("a b.", "escape"),
        ('a"b.', "escape"),
        ("a;b.", "escape"),
        ("\\", "broken escape"),
        ("a\\", "broken escape"),
        (r"a\1.", "broken escape"),
        (r"a\12", "broken escape"),
        (r"a\256.", "above 255"),
        ("\\é.", "broken escape"),
        ("x" * 64 + ".", "64 octets, 63 at most"),
        (".".join(["x" * 63] * 4) + ".", "257 octets, 255 at most"),
    ],
)
def test_bad_names_say_why(text: str, reason: str) -> None:
    """Every text is a name or a BadName."""
    with pytest.raises(BadName, match=reason):
        from_text(text)


def test_an_at_sign_needs_an_origin() -> None:
    """`@` stands for the origin and nothing else."""
    with pytest.raises(BadName, match="origin"):
        from_text("@")


def test_the_longest_name_has_255_octets() -> None:
    """The root octet counts (RFC 1035 3.1)."""
    longest = ".".join(["x" * 61] + ["x" * 63] * 3) + "."
    assert len(from_text(longest)) == 255
    with pytest.raises(BadName, match="256 octets"):
        from_text("x" + longest)


@given(LABELS)
def test_any_labels_survive_text(labels: list[bytes]) -> None:
    """What is written is read again as the same octets."""
    name = names.from_labels(labels)
    assert from_text(to_text(name)) == name
    assert names.labels(name) == labels


@given(st.text(max_size=30))
def test_any_text_is_a_name_or_a_bad_name(text: str) -> None:
    """Nothing else is ever raised."""
    try:
        name = from_text(text, ORIGIN)
    except BadName:
        return
    assert from_text(to_text(name)) == name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("corp.test.", "@"),
        ("CORP.test.", "@"),
        ("a.b.corp.test.", "a.b"),
        ("xcorp.test.", "xcorp.test."),
        ("test.", "test."),
    ],
)
def test_relative_text(name: str, text: str) -> None:
    """Names within the origin are relative, others absolute."""
    assert names.relative_text(from_text(name), ORIGIN) == text


def test_keys_fold_ascii_only() -> None:
    """Length octets and octets above 127 stay as they are (RFC 4343 3)."""
    assert names.key(from_text(r"AbC\192.")) == b"\4abc\xc0\0"
    long_label = b"\x41" + b"A" * 65
    assert names.key(names.from_labels([b"A" * 63]))[0] == 63
    assert long_label.lower()[0] != 0x41  # why labels are at most 63 octets


def test_a_canonical_name_is_its_own_key() -> None:
    """So that names and keys that are kept together are kept once."""
    name = names.from_text("web.dev.east.corp.test.")
    assert names.key(name) is name


def test_parents_and_ancestors() -> None:
    """The root has no parent."""
    name = from_text("a.b.")
    assert names.parent(name) == from_text("b.")
    assert names.parent(names.ROOT) == names.ROOT
    assert list(names.ancestors(name)) == [from_text("b."), names.ROOT]
    assert list(names.ancestors(names.ROOT)) == []


def test_being_below_counts_whole_labels() -> None:
    """A label that ends like the apex is no descendant, even when its octets look like one."""
    assert names.is_below(from_text("a.corp.test."), ORIGIN)
    assert not names.is_below(from_text("xcorp.test."), ORIGIN)
    assert not names.is_below(ORIGIN, ORIGIN)
    assert names.is_at_or_below(ORIGIN, ORIGIN)
    assert names.is_below(ORIGIN, names.ROOT)
    disguised = names.from_labels([b"x" + ORIGIN[:-1]])
    assert disguised.endswith(ORIGIN)
    assert not names.is_below(disguised, ORIGIN)


def test_reverse_names() -> None:
    """RFC 1035 3.5 and RFC 3596 2.5."""
    assert names.reverse(bytes([10, 64, 16, 255])) == from_text("255.16.64.10.in-addr.arpa.")
    nibbles = ".".join("1" + "0" * 30 + "e"[::-1]) + ".ip6.arpa."
    assert names.reverse(bytes([0xE0, *bytes(14), 0x01])) == from_text(nibbles)
