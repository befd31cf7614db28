"""The shapes of what is sent."""

from resolver.admin.shapes import StateChange, members


def test_members_are_named_as_they_are_sent() -> None:
    """`for` is a word of Python."""
    assert members(StateChange) == ("state", "reason", "for", "by")
