"""What one environment sees, and whose the other names are."""

from __future__ import annotations

from pathlib import Path

import pytest

from resolver import names
from resolver.zones.rules.survey import Survey
from tests.zones.linting import build

ZONES = """\
zones:
  prod.r1:
    services:
      pay: {endpoints: [10.0.0.1]}
      img: {endpoints: [10.0.0.2], share_with: [dev]}
  secret: {visible_to: [prod, qa]}
"""
KEEPERS = {
    "pay.prod.r1.corp.internal.": "prod's",
    "nothing.prod.r1.corp.internal.": "prod's",
    "pay.prod.corp.internal.": "prod's",
    "a.secret.corp.internal.": "in a zone for prod, qa only",
    "img.prod.r1.corp.internal.": None,
    "img.prod.corp.internal.": None,
    "nothing.corp.internal.": None,
    "a.dev.r1.corp.internal.": None,
    "www.x.example.": None,
    ".": None,
}


@pytest.mark.parametrize(("text", "whose"), KEEPERS.items())
def test_dev_knows_whose_a_name_is(tmp_path: Path, text: str, whose: str | None) -> None:
    generation = build(tmp_path, z=ZONES).generation
    assert generation is not None
    sight = Survey(generation.zones, generation, False).sights["dev"]
    keeper = sight.keeper(names.from_text(text.upper()))
    assert (keeper.whose if keeper else None) == whose
