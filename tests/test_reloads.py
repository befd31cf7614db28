"""How reloads went."""

from __future__ import annotations

from pathlib import Path

from resolver.reloads import Reloads
from tests.support import write

ONE, TWO, THREE = ("1" * 40, "2" * 40, "3" * 40)


def test_what_is_served_has_a_revision(tmp_path: Path) -> None:
    """A reload that fails does not move it, whatever the checkout says; the next good one does."""
    head = write(tmp_path, {".git/HEAD": ONE}) / ".git" / "HEAD"
    reloads = Reloads(tmp_path, 100.0)
    assert (reloads.revision(), reloads.loaded_at) == (ONE, 100.0)
    head.write_text(TWO)
    assert reloads.begin() == TWO
    reloads.fail()
    assert (reloads.revision(), reloads.loaded_at) == (ONE, 100.0)
    reloads.succeed(200.0, reloads.begin())
    assert (reloads.revision(), reloads.loaded_at) == (TWO, 200.0)
    assert reloads.counts == {"ok": 1, "failed": 1}
    head.write_text(THREE)  # of no zone file
    assert reloads.revision() == THREE
