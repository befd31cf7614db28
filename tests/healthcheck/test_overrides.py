"""Operators' words on endpoints."""

import pytest

from healthcheck.health import DeclaredState
from healthcheck.overrides import KEPT_ABSENT, MAX_BY, MAX_REASON, Overrides
from healthcheck.report import Override

DRAIN = Override(DeclaredState.DRAIN, "new kernel", "ann", 100.0, 160.0)
FOREVER = Override(DeclaredState.MAINTENANCE, "", "ben", 100.0, None)


def test_it_holds_until_it_is_cleared_or_over() -> None:
    """The moment it names is the first without it."""
    table = Overrides()
    table.set("a", DRAIN)
    table.set("b", FOREVER)
    assert (table.of("a"), table.state_of("b")) == (DRAIN, DeclaredState.MAINTENANCE)
    assert table.expire(159.9) == []
    assert table.expire(160) == ["a"]
    assert (table.of("a"), table.state_of("a")) == (None, DeclaredState.NORMAL)
    assert table.clear("b")
    assert not table.clear("b")
    assert table.snapshot() == {}


def test_texts_are_one_bounded_line() -> None:
    """They end in logs and terminals."""
    table = Overrides()
    table.set("a", Override(DeclaredState.DRAIN, "a\n\x1b[31mb" + "x" * 999, "c\0" * 999, 1, None))
    found = table.of("a")
    assert found is not None
    assert found.reason.startswith("a [31mbxxx")
    assert (len(found.reason), len(found.by)) == (MAX_REASON, MAX_BY)


def test_the_normal_state_is_no_override() -> None:
    """That would hide what the zone file says."""
    with pytest.raises(ValueError, match="resume"):
        Overrides().set("a", Override(DeclaredState.NORMAL, "", "", 1, None))


def test_an_override_outlives_its_endpoint_for_a_day() -> None:
    """A reload may bring it back; then nothing is counted any more."""
    table = Overrides({"a": FOREVER, "b": FOREVER})
    table.keep({"b"}, 1000)
    table.keep({"b"}, 2000)
    assert table.expire_absent(1000 + KEPT_ABSENT) == []
    assert table.expire_absent(1001 + KEPT_ABSENT) == ["a"]
    table.keep({}, 1000)
    table.keep({"b"}, 2000)
    assert table.expire_absent(1e9) == []
    assert table.of("b") == FOREVER
