"""The store of heartbeats."""

from hypothesis import given
from hypothesis import strategies as st

from healthcheck.heartbeats import MAX_TEXT, Heartbeat, Heartbeats, Word

ONE, TWO = "web.prod.east/one", "web.prod.east/two"


def test_the_last_heartbeat_counts() -> None:
    """A later one takes the place of an earlier one, whatever either says."""
    heartbeats = Heartbeats()
    heartbeats.receive(ONE, Word.DOWN, "starting", 10.0)
    heartbeats.receive(ONE, Word.UP, "fine", 11.5)
    assert heartbeats.last(ONE) == Heartbeat(Word.UP, "fine", 11.5)


def test_endpoints_speak_for_themselves_only() -> None:
    """Who was never heard of has no heartbeat."""
    heartbeats = Heartbeats()
    heartbeats.receive(ONE, Word.UP, "", 1.0)
    assert heartbeats.last(TWO) is None


def test_what_is_not_kept_is_forgotten() -> None:
    """Endpoints that left the zones; those that stay keep theirs."""
    heartbeats = Heartbeats()
    heartbeats.receive(ONE, Word.UP, "", 1.0)
    heartbeats.receive(TWO, Word.WARN, "", 2.0)
    heartbeats.forget({TWO, "web.prod.east/three"})
    assert heartbeats.last(ONE) is None
    assert heartbeats.last(TWO) == Heartbeat(Word.WARN, "", 2.0)


def test_text_is_one_line_without_control_characters() -> None:
    """Escapes of terminals and characters that turn the reading direction among them."""
    heartbeats = Heartbeats()
    heartbeats.receive(ONE, Word.DOWN, "disk\n full:\x1b[31m 99 %\u202e\x00\ud800\tüber ", 1.0)
    found = heartbeats.last(ONE)
    assert found is not None
    assert found.text == "disk full: [31m 99 % über"


@given(st.text(max_size=2 * MAX_TEXT))
def test_text_is_bounded_and_printable(text: str) -> None:
    """500 characters at most."""
    heartbeats = Heartbeats()
    heartbeats.receive(ONE, Word.UP, text, 0.0)
    found = heartbeats.last(ONE)
    assert found is not None
    assert len(found.text) <= MAX_TEXT
    assert found.text.isprintable()


def test_words_are_those_of_the_api() -> None:
    """up, warn, down."""
    assert [Word("up"), Word("warn"), Word("down")] == [Word.UP, Word.WARN, Word.DOWN]
