"""A load of TCP connections with one query each."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.once import messages_of, run


class Echo(socketserver.BaseRequestHandler):
    """Sends back what comes; a query for `silent` it hangs up on."""

    def handle(self) -> None:
        query = self.request.recv(512)
        if b"silent" not in query:
            self.request.sendall(query)


@pytest.fixture
def port() -> Iterator[int]:
    """Of a server that echoes."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_each_query_has_a_connection_of_its_own(port: int, tmp_path: Path) -> None:
    """What is answered has a latency; what is not is lost."""
    questions = tmp_path / "questions.txt"
    questions.write_text("one.example A\nsilent.example A\n")
    load = run(port, questions, 0.1, 100)
    assert load.sent == load.completed + load.lost
    assert abs(load.completed - load.lost) <= 1
    assert len(load.latencies) == load.completed > 0


def test_messages_carry_their_length(tmp_path: Path) -> None:
    """RFC 1035 4.2.2."""
    questions = tmp_path / "questions.txt"
    questions.write_text("a.b A\n")
    message = next(messages_of(questions))
    assert int.from_bytes(message[:2], "big") == len(message) - 2
    assert message.endswith(b"\1a\1b\0\0\1\0\1")
