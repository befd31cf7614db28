"""What every kind has in common."""

import pytest

from healthcheck.kinds import CHECK_KINDS
from healthcheck.kinds.kind import Kind
from healthcheck.kinds.tcp import TcpCheck


def test_a_check_is_the_same_for_every_endpoint() -> None:
    """So that equal ones are one probe."""
    check = TcpCheck(port=80)
    assert check.bound("web.prod.east/a") is check.bound("web.prod.east/b") is check
    assert check == TcpCheck(port=80)
    assert hash(check) == hash(TcpCheck(port=80))


@pytest.mark.parametrize("kind", CHECK_KINDS, ids=lambda kind: kind.kind)
def test_kinds_have_names_of_their_own(kind: type[Kind]) -> None:
    """One class a name."""
    assert [other.kind for other in CHECK_KINDS].count(kind.kind) == 1
    assert issubclass(kind, Kind)
