"""The `sightline` command."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from resolver import __version__
from resolver.cli import COMMANDS
from tests.support import ROOT

Sightline = Callable[..., tuple[int, str, str]]


def test_version(sightline: Sightline) -> None:
    """On stdout."""
    assert sightline("--version") == (0, f"sightline {__version__}\n", "")


def test_python_m(sightline: Sightline) -> None:
    """`python -m resolver.cli` is the same command."""
    words = [sys.executable, "-m", "resolver.cli", "--version"]
    ran = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True)
    assert ran.stdout == sightline("--version")[1]


@pytest.mark.parametrize("words", [["frobnicate"], [], ["check", "--frobnicate"], ["--frobnicate"]])
def test_wrong_usage(sightline: Sightline, words: list[str]) -> None:
    """Exit 2 with the usage on stderr."""
    code, out, err = sightline(*words)
    assert (code, out) == (2, "")
    assert err.startswith("usage: sightline")


def test_an_unknown_command_lists_the_known(sightline: Sightline) -> None:
    """All of them."""
    _, _, err = sightline("frobnicate")
    assert all(command.name in err for command in COMMANDS)


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_has_help(sightline: Sightline, command: str) -> None:
    """And can be imported."""
    code, out, _ = sightline(command, "--help")
    assert code == 0
    assert out.startswith(f"usage: sightline {command}")


def test_help_lists_every_command(sightline: Sightline) -> None:
    """With its summary."""
    code, out, _ = sightline("--help")
    assert code == 0
    assert all(command.name in out for command in COMMANDS)


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    """`sightline schema | head -1`."""
    shell = f"{sys.executable} -m resolver.cli schema | head -c 1"
    ran = subprocess.run(
        ["bash", "-c", shell], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert (ran.stdout, ran.stderr) == ("{", "")
