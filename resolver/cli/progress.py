"""What a command that takes long says meanwhile: a line on the terminal that goes away again.

Where stderr is no terminal nothing is said: whoever reads it later need not know.
"""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TextIO

from resolver.cli.wording import printable, to_span

EVERY = 0.5  # seconds
CLEAR = "\r\x1b[K"


class Progress:
    """Shows words and how long it has taken; `say` changes the words."""

    def __init__(self, words: str, stream: TextIO | None = None) -> None:
        self._words = words
        self._stream = sys.stderr if stream is None else stream
        self._is_seen = self._stream.isatty()
        self._has_ended = threading.Event()
        self._began = 0.0
        self._showing = threading.Thread(target=self._show_on, daemon=True)

    def __enter__(self) -> Progress:
        self._began = time.monotonic()
        if self._is_seen:
            self._showing.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._has_ended.set()
        if self._is_seen:
            self._showing.join()
            self._stream.write(CLEAR)
            self._stream.flush()

    def say(self, words: str) -> None:
        """What is waited for now."""
        self._words = words

    def _show_on(self) -> None:
        """Nothing at first: most commands take no time."""
        while not self._has_ended.wait(EVERY):
            taken = to_span(time.monotonic() - self._began)
            self._stream.write(f"{CLEAR}{printable(self._words)} ({taken})")
            self._stream.flush()
