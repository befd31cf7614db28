"""What the admin address asks of a server."""

from collections.abc import Callable
from pathlib import Path

from resolver.admin.operated import Operated
from tests.admin.operated import FILES, operating


def test_the_stand_in_of_these_tests_is_a_server(zones_dir: Callable[..., Path]) -> None:
    """So that they hold for the real one; the type checker compares the methods."""
    operated: Operated = operating(zones_dir(FILES))
    assert operated.generation.number == 1
    assert len(operated.reports()) == 9
