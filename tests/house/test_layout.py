"""Where things are, and how large they may grow."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from tests.support import ROOT

MODULES = sorted(
    path.relative_to(ROOT)
    for package in ("resolver", "healthcheck")
    for path in (ROOT / package).rglob("*.py")
)


def is_table(path: Path) -> bool:
    """Whether a package says nothing that could be tested by itself."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return not any(isinstance(node, kinds) for node in ast.parse(path.read_text()).body)


def test_file(module: Path) -> Path:
    """resolver/listen/udp.py → tests/listen/test_udp.py; a package's own code is its `main`."""
    parts = module.with_suffix("").parts
    if parts[0] == "resolver":
        parts = parts[1:]
    name = parts[-1]
    if name in {"__init__", "__main__"}:
        name = {"rules": "rules"}.get(parts[-2] if len(parts) > 1 else "", "main")
    return ROOT.joinpath("tests", *parts[:-1], f"test_{name}.py")


test_file.__test__ = False  # type: ignore[attr-defined]  # a helper


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_each_module_has_a_test_file(module: Path) -> None:
    """In the same place below tests/; the rules share theirs by subject."""
    if module.name == "__init__.py" and is_table(ROOT / module):
        return
    wanted = test_file(module)
    beside = wanted.parent.parent / f"test_{wanted.parent.name}.py"  # a package under one test
    assert wanted.exists() or beside.exists(), f"{wanted.relative_to(ROOT)} is missing"


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_no_module_is_too_long(module: Path) -> None:
    """400 lines; the journey fits on one page."""
    length = len((ROOT / module).read_text().splitlines())
    assert length <= (130 if module == Path("resolver/query.py") else 400)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_says_what_it_is_responsible_for(module: Path) -> None:
    """In its docstring."""
    assert ast.get_docstring(ast.parse((ROOT / module).read_text()))


def project_files() -> list[Path]:
    """What Git knows or would know; everything below the tests' root where there is no Git."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(words, cwd=ROOT, check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return [ROOT / module for module in MODULES]
    return [
        path for name in listed.decode().split("\0") if name and (path := ROOT / name).is_file()
    ]


MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:home|root|Users|mnt)/\w")
OWN = Path(__file__).resolve()


def test_no_file_names_a_machine() -> None:
    """Paths of somebody's machine mean nothing on another."""
    found = []
    for path in project_files():
        if path.resolve() == OWN:
            continue
        try:
            text = path.read_text()
        except (UnicodeDecodeError, OSError):
            continue
        found += [f"{path.relative_to(ROOT)}: {hit}" for hit in MACHINE_PATH.findall(text)]
    assert found == []
