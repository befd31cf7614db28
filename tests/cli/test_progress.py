"""What long commands say meanwhile."""

from __future__ import annotations

import io
import threading

import pytest

from resolver.cli import progress
from resolver.cli.progress import CLEAR, Progress


class Terminal(io.StringIO):
    """Says when something was written."""

    def __init__(self, *, is_terminal: bool = True) -> None:
        super().__init__()
        self.is_terminal = is_terminal
        self.written = threading.Event()

    def isatty(self) -> bool:
        return self.is_terminal

    def flush(self) -> None:
        self.written.set()


def test_a_terminal_shows_the_words_until_it_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """And then nothing of them; control characters of others are dots."""
    monkeypatch.setattr(progress, "EVERY", 0.001)
    terminal = Terminal()
    with Progress("reading", terminal) as shown:
        assert terminal.written.wait(5)
        shown.say("other\x1bwords")
        while "other·words" not in terminal.getvalue():
            terminal.written.clear()
            assert terminal.written.wait(5)
    assert terminal.getvalue().startswith(f"{CLEAR}reading (0 s)")
    assert terminal.getvalue().endswith(CLEAR)


def test_nothing_is_said_to_a_file_nor_of_what_takes_no_time() -> None:
    """Logs stay clean."""
    file = Terminal(is_terminal=False)
    with Progress("reading", file):
        pass
    assert file.getvalue() == ""
    terminal = Terminal()
    with Progress("reading", terminal):
        pass
    assert terminal.getvalue() == CLEAR


def test_what_is_raised_inside_comes_out() -> None:
    """The line is gone by then."""
    terminal = Terminal()
    with pytest.raises(KeyboardInterrupt), Progress("reading", terminal):
        raise KeyboardInterrupt
    assert terminal.getvalue() == CLEAR
