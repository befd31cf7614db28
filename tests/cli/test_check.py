"""`sightline check`: exit codes and formats."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import DEV, FILES, PLAN

ZonesDir = Callable[..., Path]
Sightline = Callable[..., tuple[int, str, str]]
CLEAN = {"environments.yaml": PLAN, "dev.yaml": "zone: dev.east\nrecords: {x: {A: 10.80.0.1}}\n"}
WARNED = {**CLEAN, "dev.yaml": "zone: dev.east\nrecords: {x: {A: [10.80.0.1, 10.80.0.1]}}\n"}
WRONG = {**CLEAN, "dev.yaml": "zone: dev.east\nrecords: {x: {A: 10.80.0.256}, y: {AA: 1}}\n"}


@pytest.mark.parametrize(
    ("files", "plain", "strict"), [(CLEAN, 0, 0), (WARNED, 0, 1), (WRONG, 1, 1)]
)
def test_exit_codes(
    sightline: Sightline, zones_dir: ZonesDir, files: dict[str, str], plain: int, strict: int
) -> None:
    """0 clean, 1 problems; warnings count with --strict."""
    directory = zones_dir(files)
    assert sightline("check", "--zones", directory)[0] == plain
    assert sightline("check", "--zones", directory, "--strict")[0] == strict


def test_a_clean_directory_says_nothing(sightline: Sightline, zones_dir: ZonesDir) -> None:
    """To who is no terminal."""
    assert sightline("check", "--zones", zones_dir(CLEAN)) == (0, "", "")


@pytest.mark.parametrize("kind", ["empty", "missing", "no environments"])
def test_a_directory_that_cannot_be_checked(
    sightline: Sightline, zones_dir: ZonesDir, tmp_path: Path, kind: str
) -> None:
    """Exit 2: it could not run."""
    files = {"dev.yaml": "zone: dev.east\n"} if kind == "no environments" else {}
    directory = tmp_path / "nothing" if kind == "missing" else zones_dir(files)
    code, out, err = sightline("check", "--zones", directory)
    assert code == 2
    assert str(directory) in out + err


def test_a_file_that_cannot_be_read_is_a_problem(sightline: Sightline, zones_dir: ZonesDir) -> None:
    """Exit 1: the rest was checked."""
    directory = zones_dir(CLEAN)
    (directory / "gone.yaml").symlink_to("nothing.yaml")
    assert sightline("check", "--zones", directory)[0] == 1


def test_a_wrong_configuration(sightline: Sightline, tmp_path: Path) -> None:
    """Exit 2, with its problems on stderr."""
    (tmp_path / "sightline.yaml").write_text("lisen: x\n")
    code, _, err = sightline("check")
    assert (code, err.split(" ")[2]) == (2, "unknown-key:")


def test_text_is_one_line_for_each_problem(sightline: Sightline, zones_dir: ZonesDir) -> None:
    """FILE:LINE:COLUMN: severity: RULE-ID: message, in the order of the files."""
    _, out, _ = sightline("check", "--zones", zones_dir(WRONG))
    first, second = out.splitlines()
    assert f"{zones_dir()}/dev.yaml:2:18: error: bad-rdata: " in first or first
    assert [line.split(" ")[2] for line in (first, second)] == ["bad-rdata:", "unknown-key:"]


def test_json(sightline: Sightline, zones_dir: ZonesDir) -> None:
    """A list of objects, also when it is empty."""
    _, out, _ = sightline("check", "--zones", zones_dir(WRONG), "--format", "json")
    assert [(p["line"], p["column"], p["severity"], p["rule"]) for p in json.loads(out)] == [
        (2, 18, "error", "bad-rdata"),
        (2, 36, "error", "unknown-key"),
    ]
    _, out, _ = sightline("check", "--zones", zones_dir(CLEAN), "--format", "json")
    assert json.loads(out) == []


def test_github(sightline: Sightline, zones_dir: ZonesDir) -> None:
    """Workflow commands; what would end a property is escaped."""
    _, out, _ = sightline("check", "--zones", zones_dir(WRONG), "--format", "github")
    first = out.splitlines()[0]
    assert first.startswith("::error file=")
    assert ",line=2,col=18,title=bad-rdata::" in first
    odd = zones_dir({**CLEAN, "a,b:c%.yaml": "zone: x\n"})
    _, out, _ = sightline("check", "--zones", odd, "--format", "github")
    assert "a%2Cb%3Ac%25.yaml,line=1" in out


def test_check_passed_means_reload_will_pass(sightline: Sightline, zones_dir: ZonesDir) -> None:
    """Lint rules included."""
    dangling = DEV.replace("{CNAME: web}", "{CNAME: nothing}")
    code, out, _ = sightline("check", "--zones", zones_dir({**FILES, "dev.yaml": dangling}))
    assert code == (1 if ": error: " in out else 0)


def test_the_directory_of_the_configuration(
    sightline: Sightline, zones_dir: ZonesDir, tmp_path: Path
) -> None:
    """Of ./sightline.yaml, of a variable, of --config."""
    directory = zones_dir(WRONG)
    (tmp_path / "other.yaml").write_text(f"zones: {directory}\n")
    assert sightline("check", "--config", "other.yaml")[0] == 1
    (tmp_path / "other.yaml").rename(tmp_path / "sightline.yaml")
    assert sightline("check")[0] == 1
