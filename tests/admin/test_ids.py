"""Ids and their environments."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from resolver.admin.ids import Ids
from tests.admin.operated import FILES, operating


def test_each_id_has_its_environments(zones_dir: Callable[..., Path]) -> None:
    """`-`: a zone of several."""
    zones = operating(zones_dir(FILES)).generation.zones
    ids = Ids()
    assert ids.known(zones) is None
    made = ids.make(zones)
    assert made["web.dev.east/blue"] == {"dev"}
    assert made["wiki.tools.test/10-99-0-1"] == {"-"}
    assert len(made) == 8
    assert ids.known(zones) is made


def test_other_zones_have_others(zones_dir: Callable[..., Path]) -> None:
    """What is known goes with the zones."""
    zones = operating(zones_dir(FILES)).generation.zones
    ids = Ids()
    ids.make(zones)
    assert ids.known(replace(zones)) is None


def test_an_id_may_be_of_several_environments(zones_dir: Callable[..., Path]) -> None:
    """Where namesakes share it."""
    zone = "zone: lab.test\nvisible_to: [%s]\nservices: {a: {endpoints: [10.9.0.1]}}\n"
    files = {
        **FILES,
        "a.yaml": zone % "dev",
        "b.yaml": zone % "prod",
    }
    made = Ids().make(operating(zones_dir(files)).generation.zones)
    assert made["a.lab.test/10-9-0-1"] == {"-"}
