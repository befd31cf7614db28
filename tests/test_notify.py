"""What the service manager is told, on real sockets."""

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from resolver.notify import Manager
from tests.support import DEV, PATIENCE, Server, start

ZonesDir = Callable[..., Path]
Run = Callable[..., Awaitable[Server]]


class Listener:
    """The manager's side."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0", 1) if address.startswith("@") else address)
        self.socket.setblocking(False)

    def heard(self) -> list[str]:
        """What has come so far."""
        found = []
        while True:
            try:
                found.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return found

    async def next(self) -> dict[str, str]:
        """The next message that is no sign of life."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE):
            while True:
                message = (await loop.sock_recv(self.socket, 4096)).decode()
                if message != "WATCHDOG=1":
                    return dict(line.split("=", 1) for line in message.splitlines())


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Either kind of socket."""
    return str(tmp_path / "notify") if request.param == "path" else f"@{tmp_path}/notify"


@pytest.fixture
def listener(address: str) -> Iterator[Listener]:
    """A manager that listens."""
    found = Listener(address)
    yield found
    found.socket.close()


def test_what_is_said_is_one_datagram_each(listener: Listener, address: str) -> None:
    """In the words of sd_notify(3); a status stays one line."""
    manager = Manager({"NOTIFY_SOCKET": address}, 1)
    manager.ready("generation 1\nREADY=0")
    manager.tell("reload refused")
    manager.stopping()
    assert listener.heard() == [
        "READY=1\nSTATUS=generation 1 READY=0",
        "STATUS=reload refused",
        "STOPPING=1",
    ]


async def test_a_reload_ends_however_it_ends(listener: Listener, address: str) -> None:
    """And one that is asked for before the server is ready does not make it ready."""
    manager = Manager({"NOTIFY_SOCKET": address}, 1)
    async with manager.reloading():
        pass
    assert listener.heard() == []
    manager.ready("")
    with pytest.raises(KeyError):
        async with manager.reloading():
            raise KeyError
    words = listener.heard()
    assert words[1].startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert words[2:] == ["READY=1"]


@pytest.mark.parametrize("address", ["", "relative/path", "vsock:2:1"])
def test_without_a_manager_nothing_is_sent(address: str, caplog: pytest.LogCaptureFixture) -> None:
    """Or with one of a kind that we do not speak to."""
    Manager({"NOTIFY_SOCKET": address}, 1).ready("")
    assert caplog.messages == []


def test_a_manager_that_is_away_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says so, and the server goes on."""
    Manager({"NOTIFY_SOCKET": str(tmp_path / "none")}, 1).ready("")
    assert [text.split(":")[0] for text in caplog.messages] == [
        "the service manager cannot be told READY=1"
    ]


@pytest.mark.parametrize(
    ("environ", "interval"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "often"}, None),
    ],
)
def test_signs_of_life_are_twice_as_frequent_as_asked(
    environ: dict[str, str], interval: float | None
) -> None:
    """Where the manager asks this very process for them."""
    assert Manager(environ, 7).interval == interval


async def test_signs_of_life_go_on(listener: Listener, address: str) -> None:
    """Until nobody wants them any more."""
    manager = Manager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "2000"}, os.getpid())
    alive = asyncio.create_task(manager.stay_alive())
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(PATIENCE):
        words = [await loop.sock_recv(listener.socket, 4096) for _ in range(3)]
    alive.cancel()
    assert words == [b"WATCHDOG=1"] * 3


async def test_nobody_asks_for_signs_of_life() -> None:
    """Then there is nothing to do."""
    async with asyncio.timeout(PATIENCE):
        await Manager({}, 1).stay_alive()


async def test_a_server_says_how_it_stands(
    listener: Listener, address: str, zones_dir: ZonesDir
) -> None:
    """Ready, reloading and ready again, a reload that is refused, stopping."""
    words = ("--zones", str(zones_dir()), "--listen", "127.0.0.1:0")
    server = await start(*words, NOTIFY_SOCKET=address, WATCHDOG_USEC="1000000")
    try:
        assert (await listener.next()) == {"READY": "1", "STATUS": "serving"}
        await server.ready()

        zones_dir({"dev.yaml": DEV + "# another\n"})
        server.process.send_signal(signal.SIGHUP)
        assert (await listener.next())["RELOADING"] == "1"
        assert (await listener.next()) == {"STATUS": "serving"}
        assert (await listener.next()) == {"READY": "1"}

        zones_dir({"dev.yaml": "zone: [}\n"})
        server.process.send_signal(signal.SIGHUP)
        assert (await listener.next())["RELOADING"] == "1"
        assert (await listener.next())["STATUS"].startswith("reload refused")
        assert (await listener.next()) == {"READY": "1"}

        server.process.send_signal(signal.SIGTERM)
        assert (await listener.next()) == {"STOPPING": "1"}
        assert await server.rest() == 0
    finally:
        if server.process.returncode is None:
            server.process.kill()
            await server.rest()
