"""Giving up root."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from resolver.privileges import CannotBecome, become
from tests.support import ROOT

BECOME = """\
import os, sys
from resolver.privileges import become
become(sys.argv[1])
print(os.getresuid(), os.getresgid(), os.getgroups())
try:
    os.setuid(0)
except PermissionError:
    print("for good")
"""


def test_a_user_that_nobody_knows_is_refused() -> None:
    """By name."""
    with pytest.raises(CannotBecome, match="there is no user 'nobody-of-that-name'"):
        become("nobody-of-that-name")


def test_only_root_can_become_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to do."""
    monkeypatch.setattr(os, "getuid", lambda: 4242)
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    with pytest.raises(CannotBecome, match="only root"):
        become("root")


def test_who_is_that_user_already_stays_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a unit that sets the user as well does not fail."""
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "setresuid", lambda *_: pytest.fail("it has nothing to give up"))
    become("root")


def test_what_a_container_forbids_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root without the capability."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "setgroups", refuse)
    with pytest.raises(CannotBecome, match="cannot become 'nobody': Operation not permitted"):
        become("nobody")


def test_root_is_given_up_for_good() -> None:
    """With its groups; run by anybody else, it is refused."""
    command = [sys.executable, "-c", BECOME, "nobody"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if os.geteuid() == 0:
        assert "(0, 0, 0)" not in done.stdout
        assert done.stdout.endswith("for good\n")
        assert " 0," not in done.stdout.partition("[")[2]
    else:
        assert "only root can become somebody else" in done.stderr
