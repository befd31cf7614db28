"""`sightline query`: a small dig."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from resolver.cli.query_server import DEFAULT_SERVER, read_server, read_words
from tests.support import Server

Sightline = Callable[..., tuple[int, str, str]]
Run = Callable[..., Awaitable[Server]]


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("10.0.0.1", ("10.0.0.1", 53)),
        ("10.0.0.1:5353", ("10.0.0.1", 5353)),
        ("::1", ("::1", 53)),
        ("[::1]", ("::1", 53)),
        ("[::1]:5353", ("::1", 5353)),
    ],
)
def test_server_addresses(text: str, server: tuple[str, int]) -> None:
    """With and without a port."""
    assert read_server(text) == server


@pytest.mark.parametrize(
    "text",
    [
        *("", "localhost", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:x"),
        *("[::1", "::1]", "[::1]:", "[::1]53", "[]", "10.0.0.1:٥٣"),
    ],
)
def test_what_is_no_server(text: str) -> None:
    """A name would have to be asked for first."""
    with pytest.raises(ValueError, match="no address and port"):
        read_server(text)


def test_words_in_any_order() -> None:
    """The type is A, the server the one of `make run`."""
    name, rdtype, *server = read_words(["x.test"])
    assert (str(name), rdtype.name, server) == ("x.test.", "A", [*read_server(DEFAULT_SERVER)])
    name, rdtype, *server = read_words(["@::1", "x.test.", "aaaa"])
    assert (str(name), rdtype.name, server) == ("x.test.", "AAAA", ["::1", 53])


@pytest.mark.parametrize(
    "words", [["x", "NOTYPE"], ["x", "A", "y"], ["@127.0.0.1"], ["a..b"], ["x", "@nowhere"]]
)
def test_wrong_usage(sightline: Sightline, words: list[str]) -> None:
    """Exit 2 and one line."""
    code, out, err = sightline("query", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_no_reply(sightline: Sightline) -> None:
    """Exit 1 and one line that names the server."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        code, _, err = sightline("query", "x.test", f"@{address}", "--timeout", "0.05")
    assert code == 1
    assert "no reply from 127.0.0.1 port" in err


async def test_against_a_server(
    running_server: Run, zones_dir: Callable[..., Path], sightline: Sightline
) -> None:
    """Exit 0 for any reply: answers, NXDOMAIN, REFUSED; over UDP and TCP, from any address."""
    server = await running_server(zones_dir())
    at = f"@127.0.0.1:{server.port}"

    async def query(*words: str) -> tuple[int, str, str]:
        return await asyncio.to_thread(sightline, "query", at, *words)

    code, out, _ = await query("web.dev.east.corp.test", "--short")
    assert (code, sorted(out.split())) == (0, ["10.80.1.1", "10.80.1.2", "10.80.1.3"])
    code, out, _ = await query("--tcp", "web.dev.east.corp.test", "--timeout", "5", "A")
    assert code == 0
    assert "rcode NOERROR" in out
    assert f";SERVER 127.0.0.1 port {server.port}" in out
    for words, rcode in (
        (["nothing.corp.test"], "NXDOMAIN"),
        (["example.com"], "REFUSED"),
        (["web.prod.east.corp.test"], "NXDOMAIN"),
        (["web.prod.east.corp.test", "--source", "127.64.0.1"], "NOERROR"),
    ):
        code, out, _ = await query(*words)
        assert (code, f"rcode {rcode}" in out) == (0, True)
