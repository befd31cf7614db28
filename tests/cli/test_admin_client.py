"""Which servers are meant, and one request to one of them."""

from __future__ import annotations

import argparse
import functools
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from resolver.cli import Ended
from resolver.cli.admin_client import (
    AdminServer,
    NoServer,
    Refused,
    Reply,
    add_admin_arguments,
    ask_each,
    endpoint_path,
    exit_code,
    find_servers,
    read_url,
)
from tests.played_server import PlayedServer
from tests.support import ROOT


def find(*words: str) -> list[str]:
    """The URLs that the arguments come to."""
    parser = argparse.ArgumentParser()
    parser.set_defaults(command="status")
    add_admin_arguments(parser)
    return [str(server) for server in find_servers(parser.parse_args(words))]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to be in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIGHTLINE_TOKEN", raising=False)
    return tmp_path


@pytest.fixture
def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://10.0.0.1:9000", ("10.0.0.1", 9000)),
        ("http://10.0.0.1:9000/", ("10.0.0.1", 9000)),
        ("dns.corp.test:9000", ("dns.corp.test", 9000)),
        ("[::1]:9000", ("::1", 9000)),
        ("10.0.0.1", ("10.0.0.1", 9153)),
    ],
)
def test_addresses_of_servers(text: str, expected: tuple[str, int]) -> None:
    """With and without the scheme; the port is that of the default configuration."""
    assert read_url(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "http://", "https://a:1", "a:b", "a:99999", "a:0", "::1", "http://a:1/api"),
        *("http://me@a:1", "http://a:1?x", "[::1", "ftp://a:1"),
    ],
)
def test_what_is_no_address_of_a_server(text: str) -> None:
    """A path, a user or another scheme means something else is meant."""
    with pytest.raises(ValueError, match="no admin address"):
        read_url(text)


def test_without_option_the_configuration_says_which(here: Path) -> None:
    """An address that means every one is the loopback one."""
    assert find() == ["http://127.0.0.1:9153"]
    for listen, url in (
        ("0.0.0.0:9000", "http://127.0.0.1:9000"),
        ("[::]:9000", "http://[::1]:9000"),
        ("10.0.0.1:9000", "http://10.0.0.1:9000"),
    ):
        (here / "sightline.yaml").write_text(f'admin: {{listen: "{listen}"}}\n')
        assert find() == [url]
    assert find("--admin", "10.0.0.2:1", "--admin", "10.0.0.2:1", "--admin", "10.0.0.3:1") == [
        "http://10.0.0.2:1",
        "http://10.0.0.3:1",
    ]


def test_a_name_means_all_its_addresses(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But this machine is one, whichever of its loopback addresses a name has."""
    known = {"dns": ["10.0.0.1", "10.0.0.2", "fd64::1"], "localhost": ["::1", "127.0.0.1"]}

    def resolve(host: str, port: int, **_: object) -> list[tuple]:
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(0, 0, 0, "", (item, port)) for item in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert find("--admin", "dns:1") == [
        *("http://10.0.0.1:1", "http://10.0.0.2:1", "http://[fd64::1]:1")
    ]
    assert find("--admin", "localhost:1") == ["http://127.0.0.1:1"]
    with pytest.raises(Ended) as ended:
        find("--admin", "nowhere:1")
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ('admin: {listen: "127.0.0.1:0"}\n', "say which with --admin"),
        ("admin: {lisen: 1}\n", "sightline.yaml:1:"),
    ],
)
def test_a_configuration_that_does_not_say_is_exit_2(
    here: Path, capsys: pytest.CaptureFixture[str], config: str, message: str
) -> None:
    """With the reason."""
    (here / "sightline.yaml").write_text(config)
    with pytest.raises(Ended) as ended:
        find()
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_the_token_of_the_variable_or_of_a_file(
    here: Path, monkeypatch: pytest.MonkeyPatch, played: PlayedServer
) -> None:
    """The file goes before; it never shows in a message."""
    played.replies["/x"] = (200, {})

    def authorization(*words: str) -> str | None:
        parser = argparse.ArgumentParser()
        parser.set_defaults(command="status")
        add_admin_arguments(parser)
        (server,) = find_servers(parser.parse_args(["--admin", played.url, *words]))
        assert "secret" not in repr(server) + str(server)
        server.ask("GET", "/x")
        return played.asked[-1].headers.get("Authorization")

    assert authorization() is None
    monkeypatch.setenv("SIGHTLINE_TOKEN", "secret-1")
    assert authorization() == "Bearer secret-1"
    (here / "token").write_text("secret-2\n")
    assert authorization("--token-file", "token") == "Bearer secret-2"


@pytest.mark.parametrize("content", [None, "", "a\nb", "é"])
def test_a_token_that_cannot_be_used_is_exit_2(
    here: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    """No such file, an empty one, several lines, letters that no header takes."""
    if content is not None:
        (here / "token").write_text(content)
    with pytest.raises(Ended) as ended:
        find("--admin", "10.0.0.1:1", "--token-file", "token")
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("sightline status: ")
    assert "token" in error


def test_a_request_names_an_address_as_its_host(played: PlayedServer) -> None:
    """And carries JSON both ways; the time is the server's."""
    played.ahead = 3600.0
    played.replies["/x"] = (200, {"a": 1})
    reply = AdminServer("127.0.0.1", played.port).ask("PUT", "/x", {"b": "é"})
    assert reply.body == {"a": 1}
    assert 3590 < (reply.now - datetime.now(UTC)).total_seconds() < 3610
    assert played.asked[-1].headers["Host"] == f"127.0.0.1:{played.port}"
    assert played.asked[-1].body == {"b": "é"}


def test_proxies_of_the_environment_are_not_asked(
    played: PlayedServer, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An admin address is reached directly or not at all."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port}")
    played.replies["/x"] = (200, {})
    assert AdminServer("127.0.0.1", played.port).ask("GET", "/x").body == {}


def test_nobody_there(closed_port: int) -> None:
    """The message says where to look."""
    with pytest.raises(NoServer) as caught:
        AdminServer("127.0.0.1", closed_port).ask("GET", "/x")
    assert str(caught.value) == (
        f"no server at http://127.0.0.1:{closed_port} (connection refused); is it running, and is "
        "admin.listen right?"
    )


def test_no_answer_in_time() -> None:
    """Whoever accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = AdminServer("127.0.0.1", silent.getsockname()[1])
        with pytest.raises(NoServer, match=r"no answer within 0.05 s"):
            server.ask("GET", "/x", timeout=0.05)


@pytest.mark.parametrize("content", [b"<html>", b"[]", b"", b"\xff"])
def test_something_else_answers(played: PlayedServer, content: bytes) -> None:
    """What is no object of JSON is no answer, whatever its status."""
    for status in (200, 404, 502):
        played.replies["/x"] = (status, content)
        with pytest.raises(NoServer, match=f"status {status} without JSON"):
            AdminServer("127.0.0.1", played.port).ask("GET", "/x")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"title": "No", "detail": "because"}, "No: because"),
        ({"title": "No"}, "No"),
        ({}, "status 403"),
        ({"title": "No", "detail": "x", "nearest": "y"}, "No: x; did you mean 'y'?"),
        ({"title": "No", "detail": "not y", "nearest": "y"}, "No: not y"),
        ({"title": "No", "detail": "\x1b[2J"}, "No: ·[2J"),
    ],
)
def test_a_refusal_in_words(played: PlayedServer, body: dict[str, str], text: str) -> None:
    """The title and detail of the problem."""
    played.replies["/x"] = (403, body)
    with pytest.raises(Refused) as caught:
        AdminServer("127.0.0.1", played.port).ask("GET", "/x")
    assert str(caught.value) == f"{played.url}: {text}"
    assert (caught.value.status, caught.value.body) == (403, body)


def test_an_endpoint_in_a_path() -> None:
    """Globs stay, what would end the path is escaped."""
    assert endpoint_path("pay.prod.*/b[lx]?e#%") == (
        "/api/v1/endpoints/pay.prod.*/b%5Blx%5D%3Fe%23%25"
    )


def test_some_servers_fail(
    played: PlayedServer, closed_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each failure is shown; the code says whether anybody was reached."""
    there, nobody = AdminServer("127.0.0.1", played.port), AdminServer("127.0.0.1", closed_port)

    def ask(path: str, server: AdminServer) -> Reply:
        return server.ask("GET", path)

    played.replies = {"/yes": (200, {}), "/no": (404, {"title": "No"})}
    for servers, path, code in (
        ([there], "/yes", 0),
        ([there, nobody], "/yes", 1),
        ([there, nobody], "/no", 1),
        ([there], "/no", 1),
        ([nobody], "/yes", 2),
    ):
        done, failures = ask_each("status", servers, functools.partial(ask, path))
        assert exit_code(done, failures) == code
        assert capsys.readouterr().err.count("sightline status: ") == len(failures)


def test_an_answer_of_another_version(
    played: PlayedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is missing in it is named."""
    played.replies["/x"] = (200, {})
    server = AdminServer("127.0.0.1", played.port)
    _, failures = ask_each("status", [server], lambda s: s.ask("GET", "/x").body["generation"])
    assert len(failures) == 1
    assert "no 'generation'" in capsys.readouterr().err


def test_what_makes_starting_slow_is_not_imported() -> None:
    """No HTTP library and no models until a configuration is to be read."""
    code = (
        "import sys, resolver.cli.override, resolver.cli.status, resolver.cli.reload\n"
        "print(sorted({'aiohttp', 'asyncio', 'pydantic', 'yaml', 'dns'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert ran.stdout == "[]\n"
