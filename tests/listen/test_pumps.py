"""Pumps by themselves: what they read, whom they ask, what they send, and what they survive."""

from __future__ import annotations

import errno
import gc
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import sysconfig
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from math import inf
from pathlib import Path
from typing import Any

import pytest

from resolver.config import SocketAddress
from resolver.counters import LATENCY_BOUNDS
from resolver.listen import pumps
from resolver.listen.pumps import (
    Control,
    Kind,
    NoCompiledPump,
    Peer,
    PythonPump,
    choose,
    make_memo,
    make_pump,
)
from resolver.listen.sockets import bind
from resolver.memo import Kept, Memo, PythonMemo
from tests.listen.fuzz_pump import Client, Sent, new_arrays
from tests.listen.pumping import chosen
from tests.support import ROOT

QUERY = b"\0\7" + bytes(10) + b"a query"


class Asked:
    """A pump on a socket, and what it asks of whom it serves."""

    def __init__(self, kind: Kind, host: str = "127.0.0.1") -> None:
        self.bound = bind(SocketAddress(host, 0))
        self.kind = kind
        self.sources: list[str] = []  # whose memo was asked for
        self.answered: list[tuple[bytes, Peer, Control | None, Memo | None]] = []
        self.errors: list[int] = []
        self.memo: Any = make_memo(kind)
        self.reply: bytes | None = b"\0\7reply"
        what = (self.find_memo, self.answer, self.failed)
        self.pump = make_pump(kind, self.bound.udp, self.bound.is_wildcard, *what)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.client = Client(family, self.bound.address.port)
        self.to = {"0.0.0.0": "127.0.0.3", "::": "::1"}.get(host, host)

    def find_memo(self, host: str) -> Memo | None:
        self.sources.append(host)
        found: Memo | None = self.memo
        return found

    def answer(
        self, wire: bytes, peer: Peer, control: Control | None, memo: Memo | None
    ) -> bytes | None:
        self.answered.append((wire, peer, control, memo))
        return self.reply

    def failed(self, number: int) -> None:
        self.errors.append(number)

    def send(self, wire: bytes = QUERY, source: str = "127.0.0.1") -> None:
        self.client.send(Sent(wire, source, self.to, None))

    def ask(self, wire: bytes = QUERY, source: str = "127.0.0.1") -> list[tuple[bytes, str]]:
        self.send(wire, source)
        while self.pump.drain():
            pass
        return list(self.client.receive().values())

    def close(self) -> None:
        self.bound.close()
        self.client.socket.close()


@pytest.fixture
def asked(pump: Kind) -> Iterator[Any]:
    """Makes pumps of a kind."""
    with ExitStack() as stack:

        def make(host: str = "127.0.0.1") -> Asked:
            made = Asked(pump, host)
            stack.callback(made.close)
            return made

        yield make


def keep(memo: Memo, wire: bytes = QUERY, tail: bytes = b"known") -> Kept:
    """Keep one reply."""
    kept = Kept(wire[2:], tail, 0, 1, inf, *new_arrays(1, 0))
    memo.keep(kept)
    return kept


# ---------------------------------------------------------------- the choice


def test_the_compiled_pump_serves_where_it_was_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the one in Python, or a clear word when it was asked for by name."""
    is_there = pumps._pump is not None  # type: ignore[attr-defined]  # not for others
    assert choose("auto") == ("compiled" if is_there else "python")
    assert choose("python") == "python"
    monkeypatch.setattr(pumps, "_pump", None)
    assert choose("auto") == "python"
    with pytest.raises(NoCompiledPump, match="no C compiler"):
        choose("compiled")


def test_each_kind_has_its_memo(pump: Kind) -> None:
    """They are never mixed; both are empty."""
    memo = make_memo(pump)
    assert isinstance(memo, PythonMemo) is (pump == "python")
    assert len(memo) == memo.octets == 0


# ---------------------------------------------------------------- what is asked


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_who_is_asked_learns_all_of_a_datagram(asked: Any, host: str) -> None:
    """Octets, peer as the socket module has it, and on a wildcard where it came to."""
    made = asked(host)
    source = "::1" if ":" in host else "127.5.6.7"
    assert made.ask(QUERY, source) == [(b"\0\7reply", made.to)]
    ((wire, peer, control, memo),) = made.answered
    port = made.client.socket.getsockname()[1]
    assert (wire, memo) == (QUERY, None)
    assert peer == ((source, port, 0, 0) if ":" in host else (source, port))
    assert made.sources == [source]
    if host in ("127.0.0.1", "::1"):
        assert control is None
    else:
        assert control is not None
        assert any(
            socket.inet_pton(made.client.family, made.to) in octets for *_, octets in control
        )


def test_a_reply_is_worth_keeping_when_its_query_comes_again(asked: Any) -> None:
    """Then the memo goes with it; what is kept is given with the ID of each query."""
    made = asked()
    for _ in range(3):
        made.ask()
    assert [memo for *_, memo in made.answered] == [None, made.memo, made.memo]
    keep(made.memo)
    assert made.ask(b"\xab\xcd" + QUERY[2:]) == [(b"\xab\xcdknown", "127.0.0.1")]
    assert len(made.answered) == 3


def test_a_source_without_a_memo_is_looked_at_each_time(asked: Any) -> None:
    """Nothing of it is known or kept; its memo is asked for once."""
    made = asked()
    keep(made.memo)
    made.memo = None
    for _ in range(4):
        assert made.ask() == [(b"\0\7reply", "127.0.0.1")]
    assert [memo for *_, memo in made.answered] == [None] * 4
    assert made.sources == ["127.0.0.1"]


def test_each_source_has_its_own_memo(asked: Any, pump: Kind) -> None:
    """Neighbours of one digit included; forgotten sources are asked for anew."""
    made = asked()
    memos = {}
    for n in range(1, 40):
        made.memo = memos[n] = make_memo(pump)
        keep(made.memo, tail=b"%d" % n)
        made.ask(source=f"127.0.1.{n}")
    made.memo = None
    for n in range(1, 40):
        assert made.ask(source=f"127.0.1.{n}") == [(b"\0\7%d" % n, "127.0.0.1")]
    made.pump.forget_sources()
    assert made.ask(source="127.0.1.7") == [(b"\0\7reply", "127.0.0.1")]
    assert len(made.sources) == 40


def test_nothing_is_sent_where_there_is_no_reply(asked: Any) -> None:
    """It comes later, or never."""
    made = asked()
    made.reply = None
    assert made.ask() == []
    made.reply = b"\0\7there"
    assert made.ask() == [(b"\0\7there", "127.0.0.1")]
    assert made.errors == []


def test_a_drain_has_an_end(asked: Any) -> None:
    """TCP and timers have their turn, though questions never cease; True says that more is here."""
    made = asked()
    answer = made.answer

    def ask_again(*what: Any) -> bytes | None:
        made.send()
        reply: bytes | None = answer(*what)
        return reply

    made.pump = make_pump(made.kind, made.bound.udp, False, made.find_memo, ask_again, made.failed)
    made.send()
    assert made.pump.drain() is True
    assert made.answered


def test_what_cannot_be_sent_is_told_and_the_rest_goes_out(asked: Any) -> None:
    """A reply that is too large for a datagram; those before and after it arrive."""
    made = asked()
    for number in range(5):
        made.send(struct.pack("!H", number) + bytes(12))
    replies = iter([b"\0\0a", b"\0\1b", bytes(65536), b"\0\3d", b"\0\4e"])
    made.pump = None
    what = (made.find_memo, lambda *_: next(replies), made.failed)
    made.pump = make_pump(made.kind, made.bound.udp, False, *what)
    assert made.pump.drain() is False
    assert set(made.client.receive()) == {0, 1, 3, 4}
    assert made.errors == [errno.EMSGSIZE]


def test_what_cannot_be_read_is_told(asked: Any) -> None:
    """And ends the drain, as nothing is left of the socket."""
    made = asked()
    made.bound.udp.close()
    assert made.pump.drain() is False
    assert made.errors == [errno.EBADF]


def test_latencies_are_of_the_replies_out_of_memos(asked: Any) -> None:
    """One for each, in the bucket of its batch, with the seconds in all."""
    made = asked()
    kept = keep(made.memo)
    for _ in range(3):
        made.send()
        made.send(QUERY + b"unknown")
    while made.pump.drain():
        pass
    assert kept.counted[0] == 3
    assert sum(kept.latency[:-1]) == 3.0
    assert kept.latency[-1] > 0.0
    bucket = next(n for n, count in enumerate(kept.latency) if count)
    assert kept.latency[bucket] == 3.0
    assert kept.latency[-1] / 3 <= (*LATENCY_BOUNDS, inf)[bucket]


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was reported instead of raised."""
    found: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: found.append(str(told.exc_value)))
    return found


def test_a_fault_costs_one_datagram(reported: list[str]) -> None:
    """Of the compiled pump: what is raised where it asks is reported, and it goes on."""
    made = Asked(chosen("compiled"))
    answers = iter((RuntimeError("a bug"), b"\0\7fine"))
    memos = iter([RuntimeError("another"), None])

    def answer(*_: object) -> bytes:
        found = next(answers)
        if isinstance(found, bytes):
            return found
        raise found

    def find_memo(_: str) -> Memo | None:
        found = next(memos)
        if found is not None:
            raise found
        return None

    pump = make_pump("compiled", made.bound.udp, False, find_memo, answer, made.failed)
    made.send()
    made.send()
    pump.drain()
    assert reported == ["another", "a bug"]
    assert list(made.client.receive().values()) == [(b"\0\7fine", "127.0.0.1")]
    made.close()


# ---------------------------------------------------------------- hostile input


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_any_octets_of_any_size_come_through(asked: Any, host: str) -> None:
    """To whoever is asked, unchanged; and again out of the memo."""
    made, source = asked(host), random.Random(5)
    sizes = (*range(20), 63, 64, 65, 511, 512, 513, 1500, 4096, 9000, 32768, 65000, 65507)
    for size in sizes:
        wire = source.randbytes(size)
        made.reply = (wire[:2] or b"\0\0") + b"reply"
        client = "::1" if ":" in host else f"127.{source.randrange(256)}.1.9"
        found = made.ask(wire, client)
        assert [octets for octets, _ in found] == [made.reply]
        assert made.answered[-1][0] == wire
        if size >= 12:
            keep(made.memo, wire, b"known")
            assert made.ask(wire, client) == [(wire[:2] + b"known", made.to)]
            assert made.answered[-1][0] == wire
    assert made.errors == []


def test_sources_are_remembered_within_a_bound(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is asked for once, until there are too many; then all are asked for anew."""
    made = asked()
    most = 65536 if made.kind == "compiled" else 1000
    monkeypatch.setattr(PythonPump, "MOST_SOURCES", most)
    made.reply = None
    hosts = [f"127.{n >> 14 & 127}.{n >> 7 & 127}.{n & 127 | 128}" for n in range(most)]
    for number, host in enumerate(hosts):
        made.send(b"", host)
        if number % 200 == 199:
            while made.pump.drain():
                pass
    while made.pump.drain():
        pass
    assert made.sources == hosts
    made.ask(b"", hosts[0])
    assert len(made.sources) == most
    made.ask(b"", "127.0.0.1")
    made.ask(b"", hosts[0])
    assert made.sources[most:] == ["127.0.0.1", hosts[0]]


def test_a_pump_goes_with_whom_it_serves(pump: Kind) -> None:
    """It holds them and they hold it, and both are freed."""
    made = Asked(pump)
    made.ask()
    alive = weakref.ref(made)
    made.close()
    del made
    gc.collect()
    assert alive() is None


# ---------------------------------------------------------------- under a sanitizer


def find_sanitizer() -> str:
    """The library to load first; else the test is skipped, and says why."""
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no gcc to build with a sanitizer")
    words = [compiler, "-print-file-name=libasan.so"]
    found = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
    if not Path(found).is_absolute():
        pytest.skip("gcc has no libasan here")
    if not (Path(sysconfig.get_path("include")) / "Python.h").exists():
        pytest.skip("there are no headers of Python here")
    return found


@pytest.mark.slow
def test_a_sanitizer_finds_nothing(tmp_path: Path) -> None:
    """AddressSanitizer and UBSan, while memos and pumps are used at random."""
    library, built = find_sanitizer(), tmp_path / "_pump.so"
    words = ["gcc", "-shared", "-fPIC", "-O1", "-g", "-fno-omit-frame-pointer"]
    words += ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    words += [f"-I{sysconfig.get_path('include')}", str(ROOT / "resolver/listen/_pump.c")]
    subprocess.run([*words, "-o", str(built)], check=True, timeout=60)
    environ = {
        "PATH": os.environ["PATH"],
        "LD_PRELOAD": library,
        "PYTHONMALLOC": "malloc",
        "ASAN_OPTIONS": "detect_leaks=0:halt_on_error=1",
    }
    driver = [sys.executable, "-m", "tests.listen.fuzz_pump"]
    ran = subprocess.run(
        [*driver, "--seconds", "3", "--seed", "3", "--module", str(built)],
        cwd=ROOT,
        env=environ,
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ran.returncode == 0, ran.stderr[-5000:]
    assert "operations on memos" in ran.stdout
