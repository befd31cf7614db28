"""What commands share."""

import argparse
from pathlib import Path

import pytest

from resolver.cli.common import add_zone_arguments, read_config, show
from resolver.zones.places import Place, Problem, Severity


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to be in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def zones(*words: str) -> str:
    """The directory that the arguments come to."""
    parser = argparse.ArgumentParser()
    add_zone_arguments(parser)
    return str(read_config(parser.parse_args(words), {}).zones)


def test_where_the_configuration_is(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nowhere, ./sightline.yaml, SIGHTLINE_CONFIG, --config; --zones over all of them."""
    assert zones() == "./zones"
    for name in ("sightline", "variable", "option"):
        (here / f"{name}.yaml").write_text(f"zones: {name}\n")
    assert zones() == "sightline"
    monkeypatch.setenv("SIGHTLINE_CONFIG", "variable.yaml")
    assert zones() == "variable"
    assert zones("--config", "option.yaml") == "option"
    assert zones("--config", "option.yaml", "--zones", "x") == "x"


def test_problems_are_shown_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """A line each."""
    show([Problem(Place("f"), Severity.ERROR, "r", "m")] * 2)
    assert capsys.readouterr() == ("", "f:1:1: error: r: m\n" * 2)
