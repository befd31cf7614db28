"""Reasons are one closed list."""

from resolver.outcome import NOT_A_QUERY, Reason


def test_words_are_unique() -> None:
    """Logs, metrics and explain name a reason by its word."""
    assert len({reason.word for reason in Reason}) == len(Reason)


def test_extended_errors_are_registered_codes() -> None:
    """RFC 8914 5.2, INFO-CODE 0 to 24; extra text tells nothing of other environments."""
    for reason in Reason:
        assert reason.code is None or 0 <= reason.code <= 24
        assert reason.text.isascii()
        assert reason.code is not None or not reason.text


def test_a_drop_says_why() -> None:
    """Counted under this word."""
    assert NOT_A_QUERY.reason == "not_a_query"
