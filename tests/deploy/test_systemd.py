"""The systemd unit: well formed, sandboxed, and what it says is what the program does."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from resolver.config import load_config
from tests.support import ROOT

UNIT = ROOT / "deploy" / "systemd" / "sightline.service"
SYSUSERS = ROOT / "deploy" / "systemd" / "sightline.sysusers"
MOST_EXPOSED = 2.0


def analyze(*arguments: str | Path) -> str:
    """Run systemd-analyze; what it prints."""
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is not installed (Debian: apt install systemd)")
    ran = subprocess.run(
        [found, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    printed = ran.stdout + ran.stderr
    assert ran.returncode == 0, printed
    return printed


def settings(section: str) -> dict[str, list[str]]:
    """What the unit says in a section; a key may stand several times."""
    found: dict[str, list[str]] = {}
    within = ""
    for line in UNIT.read_text().splitlines():
        if line.startswith("["):
            within = line.strip("[]")
        elif within == section and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_the_unit_is_well_formed(tmp_path: Path) -> None:
    """No unknown key, no wrong value; the program stands in for one that is installed."""
    text = UNIT.read_text().replace("/opt/sightline/bin/sightline", sys.executable)
    unit = tmp_path / UNIT.name
    unit.write_text(text)
    printed = analyze("verify", "--man=no", unit)
    assert [line for line in printed.splitlines() if unit.name in line] == []


def test_the_sandbox_is_tight() -> None:
    """Of 10, nothing above 2 is exposed; only what a DNS server needs is left."""
    threshold = f"--threshold={MOST_EXPOSED * 10:.0f}"
    printed = analyze("security", "--offline=true", "--no-pager", threshold, UNIT)
    assert "Overall exposure level" in printed


def test_a_reload_is_a_hangup_and_the_start_is_awaited() -> None:
    """The server says when it is ready, and gives signs of life."""
    service = settings("Service")
    assert service["Type"] == ["notify"]
    assert service["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert service["ExecStart"] == ["/opt/sightline/bin/sightline serve"]
    assert "WatchdogSec" in service


def test_its_variables_are_those_of_the_server(tmp_path: Path) -> None:
    """Nothing that the server would refuse to start with."""
    words = [value.partition("=") for value in settings("Service")["Environment"]]
    variables = {name: value.replace("%S", str(tmp_path)) for name, _, value in words}
    assert load_config(None, variables, {}).state_dir == f"{tmp_path}/sightline"


def test_the_user_is_that_of_the_image() -> None:
    """So that files of one can be read by the other."""
    words = [line.split() for line in SYSUSERS.read_text().splitlines() if line.startswith("u ")]
    assert [word[1:3] for word in words] == [["sightline", "10053"]]
    assert settings("Service")["User"] == ["sightline"]
    assert "USER 10053:" in (ROOT / "Dockerfile").read_text()
