"""Fixtures of the tests of listeners."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from resolver.listen.pumps import Kind
from tests.listen.pumping import FILES, Pumped, chosen
from tests.support import compiled, write


@pytest.fixture(params=["compiled", "python"])
def pump(request: pytest.FixtureRequest) -> Kind:
    """Each kind of pump."""
    return chosen(request.param)


@pytest.fixture
def pumped(pump: Kind, tmp_path: Path) -> Iterator[Callable[..., Pumped]]:
    """Listeners with each kind of pump, for the company of `pumping` or other files."""
    with ExitStack() as stack:

        def make(files: Any = FILES, **options: Any) -> Pumped:
            directory = write(tmp_path / "zones", files)
            return stack.enter_context(Pumped(compiled(directory), pump, **options))

        yield make
