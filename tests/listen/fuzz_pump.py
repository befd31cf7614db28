"""Random use of memos and pumps, held to what was kept in them; not collected as a test.

`python -m tests.listen.fuzz_pump --seconds 5 --seed 1 [--module PATH]` tries the compiled ones,
of the installed module or of another file, beside those in Python.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib.machinery
import importlib.util
import random
import socket
import struct
import sys
import zlib
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from time import monotonic
from typing import Any, NamedTuple

from resolver.config import SocketAddress
from resolver.counters import LATENCY_BOUNDS
from resolver.listen.pumps import Control, Peer, Pump, PythonPump
from resolver.listen.sockets import IP_PKTINFO, Bound, bind
from resolver.memo import Kept, Memo, PythonMemo

MakeMemo = Callable[[int, int], Memo]
PLENTY = (1 << 40, 1 << 40)  # entries and octets that are never reached
KEYS = 24


# ---------------------------------------------------------------- memos


class Arrays(NamedTuple):
    """What an entry counts in, in the order of `Kept`."""

    place: array[int] | None
    handed: array[float] | None
    guard: array[int] | None
    counted: array[int]
    hits: array[int] | None
    latency: array[float]

    def numbers(self) -> list[list[float] | None]:
        return [None if found is None else list(found) for found in self]


@dataclass(eq=False)
class Version:
    """What is kept under one query, until something else is."""

    octets: bytes
    number: int
    turns: int
    expires: float
    arrays: Arrays
    kept: set[int] = field(default_factory=set)

    def tail(self, turn: int) -> bytes:
        """That of one turn: no other version has it."""
        size = zlib.crc32(self.octets, self.number) % 300
        return struct.pack("!IH", self.number, turn) + self.octets + bytes(size)

    def kept_as(self, turn: int) -> Kept:
        return Kept(self.octets, self.tail(turn), turn, self.turns, self.expires, *self.arrays)

    def next_turn(self) -> int:
        return 0 if self.arrays.place is None else (self.arrays.place[0] + 1) % self.turns

    def is_good(self, now: float) -> bool:
        guard = self.arrays.guard
        return now < self.expires and (guard is None or guard[0] == 1)


def new_arrays(turns: int, kind: int, place: array[int] | None = None) -> Arrays:
    """Arrays of zeros; which of them there are is said by the bits of `kind`."""
    wheel = place if place is not None else array("Q", (kind, 0))
    return Arrays(
        wheel if turns > 1 or kind & 1 else None,
        array("d", bytes(8 * turns)) if kind & 2 else None,
        array("Q", (1,)) if kind & 4 else None,
        array("Q", (0,)),
        array("Q", (0,)) if kind & 8 else None,
        array("d", bytes(8 * (len(LATENCY_BOUNDS) + 2))),
    )


def octets_of(key: int) -> bytes:
    """The query of a key; sizes go through a word of the hash and beyond."""
    return bytes([key + 1]) * (1 + key * 3)


class Side:
    """A memo, and what was kept in it: every reply that it gives is judged."""

    def __init__(self, memo: Memo, most: int, most_octets: int) -> None:
        self.memo = memo
        self.most = most
        self.most_octets = most_octets
        self.versions: dict[int, Version] = {}
        self.numbers = 0

    def renew(self, key: int, turns: int, kind: int, now: float) -> None:
        """Something else is to be kept of a query; bit 16: its wheel is the next query's too."""
        other = self.versions.get((key + 1) % KEYS)
        shared = other.arrays.place if other is not None and kind & 16 else None
        expires = now + kind % 7 if kind & 32 else inf
        self.numbers += 1
        arrays = new_arrays(turns, kind, shared)
        self.versions[key] = Version(octets_of(key), self.numbers, turns, expires, arrays)

    def keep(self, key: int, turn: int) -> None:
        version = self.versions.get(key)
        if version is not None:
            turn %= version.turns
            self.memo.keep(version.kept_as(turn))
            version.kept.add(turn)
            assert len(self.memo) <= self.most
            assert self.memo.octets <= self.most_octets

    def give(self, key: int, now: float) -> bytes | bool:
        """What the memo gives, after a look at it."""
        version = self.versions.get(key)
        if version is None:
            found = self.memo.give(octets_of(key), now)
            # An older version is gone from here, but the memo may have it until something is kept.
            assert isinstance(found, bool)
            return found
        turn, before = version.next_turn(), version.arrays.numbers()
        found = self.memo.give(version.octets, now)
        if isinstance(found, bytes) and found != version.tail(turn):
            raise AssertionError(f"{found!r} is no turn {turn} of version {version.number}")
        if isinstance(found, bytes):
            assert version.is_good(now)
            assert turn in version.kept
            place, handed, guard, counted, hits, latency = before
            if place is not None:
                place[0] += 1
            if handed is not None:
                handed[turn] = now
            if hits is not None:
                hits[0] += 1
            assert counted is not None
            counted[0] += 1
            before = [place, handed, guard, counted, hits, latency]
        assert version.arrays.numbers() == before
        return found

    def set_guard(self, key: int, value: int) -> None:
        version = self.versions.get(key)
        if version is not None and version.arrays.guard is not None:
            version.arrays.guard[0] = value


Operation = tuple[str, int, int, int]
OPERATIONS = ("renew", "keep", "keep", "give", "give", "give", "guard", "pass", "shrink")


class World:
    """Memos that are used alike. Where nothing is short of room they are to do the same."""

    def __init__(self, makers: Sequence[MakeMemo], most: int, most_octets: int) -> None:
        self.sides = [Side(make(most, most_octets), most, most_octets) for make in makers]
        self.are_equal = (most, most_octets) == PLENTY
        self.now = 1000.0
        self.operations = 0

    def do(self, operation: Operation) -> None:
        """One operation on every memo."""
        act, key, number, kind = operation
        key %= KEYS
        self.operations += 1
        if act == "renew":
            for side in self.sides:
                side.renew(key, number % 6 + 1, kind, self.now)
                side.keep(key, number)
        elif act == "keep":
            for side in self.sides:
                side.keep(key, number)
        elif act == "give":
            for _ in range(number % 4 + 1):
                self._compare([side.give(key, self.now) for side in self.sides])
        elif act == "guard":
            for side in self.sides:
                side.set_guard(key, int(kind % 4 == 0))
        elif act == "pass":
            self.now += kind % 5 / 2
        elif act == "shrink":
            for side in self.sides:
                left = side.memo.shrink(number % 5)
                assert left == (len(side.memo) > 0)
        if self.are_equal:
            self._compare_sizes()

    def _compare(self, found: Sequence[bytes | bool]) -> None:
        # Whether a query is known to have come before may differ: others may have taken its slot.
        first, *others = [None if isinstance(each, bool) else each for each in found]
        if self.are_equal:
            assert all(other == first for other in others), found

    def _compare_sizes(self) -> None:
        first, *others = [(len(side.memo), side.memo.octets) for side in self.sides]
        assert all(other == first for other in others)


def random_operation(source: random.Random) -> Operation:
    return (
        source.choice(OPERATIONS),
        source.randrange(KEYS),
        source.randrange(1 << 8),
        source.randrange(1 << 8),
    )


# ---------------------------------------------------------------- pumps


class Fault(Exception):
    """Raised where a pump asks; it costs a datagram and nothing else."""


ENVIRONMENTS = 3
HOSTS = ("127.0.0.1", "0.0.0.0", "::1", "::")
NOBODY = ENVIRONMENTS  # clients without a memo


@dataclass
class Sent:
    """A datagram on its way, and what is to come back."""

    wire: bytes
    source: str
    asked: str  # the address it is sent to
    wanted: bytes | None


class Answers:
    """What a pump asks: replies are the same whether a memo gives them or this does."""

    def __init__(self, make: MakeMemo, most: int, most_octets: int, *, raises: bool) -> None:
        self.memos = [make(most, most_octets) for _ in range(ENVIRONMENTS)]
        self.versions: dict[tuple[int, bytes], Version] = {}
        self.places: dict[tuple[int, bytes], array[int]] = {}
        self.asked: dict[tuple[int, bytes], int] = {}
        self.random = random.Random(0)  # disturbs; no reply depends on it
        self.raises = raises
        self.pump: Pump | None = None
        self.calls = self.failures = 0

    def environment_of(self, host: str) -> int:
        return zlib.crc32(host.encode()) % (ENVIRONMENTS + 1)

    def find_memo(self, host: str) -> Memo | None:
        environment = self.environment_of(host)
        if environment != NOBODY:
            return self.memos[environment]
        if self.raises and self.random.random() < 0.1:
            raise Fault
        return None

    def answer(
        self, wire: bytes, peer: Peer, control: Control | None, memo: Memo | None
    ) -> bytes | None:
        """The next turn; some datagrams have no reply."""
        self.calls += 1
        environment, octets = self.environment_of(peer[0]), wire[2:]
        if not self.deserves_reply(wire):
            return None
        if self.raises and zlib.crc32(octets) % 31 == 3:
            raise Fault
        if self.random.random() < 0.005:
            self.disturb()
        key = environment, octets
        place = self.places.setdefault(key, array("Q", (0, 0)))
        version = self.versions.get(key)
        if version is None or self.random.random() < 0.02:
            version = self.versions[key] = self._new_version(octets, place)
        place[0] += 1
        turn = place[0] % version.turns
        if memo is not None and self.random.random() < 0.9:
            assert memo is self.memos[environment]
            assert len(wire) >= 12 or isinstance(memo, PythonMemo)
            memo.keep(version.kept_as(turn)._replace(tail=self.reply_to(key, turn)))
        return wire[:2] + self.reply_to(key, turn)

    def _new_version(self, octets: bytes, place: array[int]) -> Version:
        kind = self.random.randrange(16) | 4
        turns = zlib.crc32(octets) % 5 + 1
        arrays = new_arrays(turns, kind, place)
        # Counted from the first reply on, whatever is kept.
        arrays = arrays._replace(place=place)
        expires = self.random.choice((inf, inf, inf, 0.0, monotonic() + 0.001))
        return Version(octets, 0, turns, expires, arrays)

    def reply_to(self, key: tuple[int, bytes], turn: int) -> bytes:
        """Few octets or many, and those of one environment alone."""
        mark = zlib.crc32(key[1], key[0])
        size = (0, 9, 100, 1200, 9000)[mark % 5]
        return struct.pack("!IBB", mark, key[0], turn) + bytes([turn]) * size

    def wanted(self, wire: bytes, host: str) -> bytes | None:
        """What is to come back of a datagram, told before it is sent."""
        if not self.deserves_reply(wire):
            return None
        key = self.environment_of(host), wire[2:]
        if self.raises and zlib.crc32(wire[2:]) % 31 == 3:
            return None
        asked = self.asked[key] = self.asked.get(key, 0) + 1
        return wire[:2] + self.reply_to(key, asked % (zlib.crc32(wire[2:]) % 5 + 1))

    def deserves_reply(self, wire: bytes) -> bool:
        return len(wire) >= 12 and zlib.crc32(wire[2:]) % 7 > 0

    def disturb(self) -> None:
        """What happens to memos and pumps, at any time."""
        act = self.random.randrange(5)
        if act == 0 and self.pump is not None:
            self.pump.forget_sources()
        elif act == 1:
            self.random.choice(self.memos).shrink(self.random.randrange(20))
        elif act == 2 and self.versions:
            self.versions.pop(self.random.choice(list(self.versions)))  # its arrays are the memo's
        elif act == 3 and self.versions:
            version = self.random.choice(list(self.versions.values()))
            assert version.arrays.guard is not None
            version.arrays.guard[0] = 0
        elif act == 4 and self.random.random() < 0.01:
            gc.collect()

    def failed(self, number: int) -> None:
        self.failures += 1


class Client:
    """Sends from any address of this machine, by one socket."""

    def __init__(self, family: socket.AddressFamily, port: int) -> None:
        self.family = family
        self.port = port
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(("::" if family is socket.AF_INET6 else "0.0.0.0", 0))

    def send(self, sent: Sent) -> None:
        if self.family is socket.AF_INET6:
            self.socket.sendto(sent.wire, (sent.asked, self.port))
            return
        source = bytes(4) + socket.inet_aton(sent.source) + bytes(4)
        control = [(socket.IPPROTO_IP, IP_PKTINFO, source)]
        self.socket.sendmsg([sent.wire], control, 0, (sent.asked, self.port))

    def receive(self) -> dict[int, tuple[bytes, str]]:
        """What has come back, by ID, and whence."""
        found = {}
        with contextlib.suppress(BlockingIOError):
            while True:
                octets, peer = self.socket.recvfrom(65535)
                found[int.from_bytes(octets[:2], "big")] = octets, peer[0]
        return found


class Pumping:
    """A pump on a socket of its own, with clients that know what they should be told."""

    def __init__(self, kind: str, module: Any, host: str, make: MakeMemo, bounds: Any) -> None:
        self.bound: Bound = bind(SocketAddress(host, 0))
        is_compiled = kind == "compiled"
        self.answers = Answers(make, *bounds, raises=is_compiled)
        what = (self.answers.find_memo, self.answers.answer, self.answers.failed)
        is_wildcard = self.bound.is_wildcard
        if is_compiled:
            descriptor = self.bound.udp.fileno()
            self.pump: Pump = module.Pump(descriptor, is_wildcard, *what, LATENCY_BOUNDS)
        else:
            self.pump = PythonPump(self.bound.udp, is_wildcard, *what)
        self.answers.pump = self.pump
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.client = Client(family, self.bound.address.port)
        self.hosts = [host]
        if is_wildcard:
            self.hosts = ["::1"] if ":" in host else [f"127.0.0.{n}" for n in range(1, 5)]
        self.datagrams = 0
        self.strangers = 0

    def close(self) -> None:
        self.bound.close()
        self.client.socket.close()

    def exchange(self, source: random.Random, *, strangers: bool) -> None:
        """Send some datagrams, let the pump drain, and judge what comes back."""
        room, sent = 100_000, list[Sent]()
        for ident in range(source.randrange(1, 97)):
            wire = ident.to_bytes(2, "big") + self._octets(source)
            if len(wire) == 2 + 1:
                wire = wire[: source.randrange(3)]
            room -= len(wire) + 800
            if room < 0 and sent:
                break
            host = self._host(source, strangers=strangers)
            asked = source.choice(self.hosts)
            each = Sent(wire, host, asked, self.answers.wanted(wire, host))
            room -= len(each.wanted or b"")
            sent.append(each)
            self.client.send(each)
        while self.pump.drain():
            pass
        self.datagrams += len(sent)
        found = self.client.receive()
        wanted = {n: each for n, each in enumerate(sent) if each.wanted is not None}
        assert found.keys() == wanted.keys(), (found.keys() ^ wanted.keys(), len(sent))
        for ident, (octets, whence) in found.items():
            assert octets == wanted[ident].wanted
            assert whence == wanted[ident].asked

    def _host(self, source: random.Random, *, strangers: bool) -> str:
        if self.client.family is socket.AF_INET6:
            return "::1"
        if strangers:
            self.strangers += 1
            return socket.inet_ntoa(struct.pack("!I", 0x7F100000 + self.strangers % 0xE00000))
        return f"127.1.0.{source.randrange(1, 12)}"

    def _octets(self, source: random.Random) -> bytes:
        """Those of an ordinary query most often; some of any size and value."""
        kind = source.randrange(100)
        if kind < 90:
            number = source.randrange(16)
            return bytes([number]) * (10 + number * 3)
        if kind < 99:
            return source.randbytes(source.choice((0, 1, 9, 10, 11, 50, 500, 1500)))
        return source.randbytes(source.choice((9000, 40000, 65505)))


def find_installed() -> str:
    """The file of the module that was compiled when the project was installed."""
    spec = importlib.util.find_spec("resolver.listen._pump")
    if spec is None or spec.origin is None:
        raise SystemExit("there is no compiled pump")
    return spec.origin


def load(path: str) -> Any:
    """The compiled module in a file."""
    loader = importlib.machinery.ExtensionFileLoader("_pump", path)
    spec = importlib.util.spec_from_file_location("_pump", path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@dataclass
class Tried:
    """How often, and what."""

    operations: int = 0
    datagrams: int = 0
    sources: int = 0
    asked: int = 0
    faults: int = 0

    def __str__(self) -> str:
        return (
            f"{self.operations} operations on memos, {self.datagrams} datagrams from"
            f" {self.sources} strangers and others ({self.asked} went to Python),"
            f" {self.faults} faults"
        )


def run(module: Any, seconds: float, seed: int) -> Tried:
    """Try for some seconds; raises AssertionError when something is not as it should be."""
    source, tried = random.Random(seed), Tried()
    end = monotonic() + seconds
    with FaultsCounted(tried):
        while monotonic() < end:
            _try_memos(module, source, tried, 5000)
            for host in HOSTS:
                _try_pump("compiled", module, host, source, tried)
            _try_pump("python", module, source.choice(HOSTS), source, tried)
            if tried.sources < 70_000 * (1 + tried.datagrams // 2_000_000):
                _try_strangers(module, source, tried, min(end, monotonic() + seconds / 3))
    return tried


def _try_memos(module: Any, source: random.Random, tried: Tried, times: int) -> None:
    makers: list[MakeMemo] = [module.Memo, PythonMemo]
    small = (source.randrange(30), source.randrange(20_000))
    worlds = [World(makers, *PLENTY), World(makers, *small), World(makers, small[0], 1 << 30)]
    for _ in range(times):
        operation = random_operation(source)
        for world in worlds:
            world.do(operation)
            tried.operations += len(world.sides)


def _try_pump(kind: str, module: Any, host: str, source: random.Random, tried: Tried) -> None:
    make: MakeMemo = module.Memo if kind == "compiled" else PythonMemo
    bounds = source.choice(((1000, 1 << 20), (20, 1 << 20), (1000, 20_000), (0, 0)))
    pumping = Pumping(kind, module, host, make, bounds)
    try:
        for _ in range(80):
            pumping.exchange(source, strangers=source.random() < 0.05)
    finally:
        pumping.close()
    _note(pumping, tried)


def _try_strangers(module: Any, source: random.Random, tried: Tried, end: float) -> None:
    """More sources than a pump remembers."""
    pumping = Pumping("compiled", module, "127.0.0.1", module.Memo, (1000, 1 << 20))
    try:
        while pumping.strangers < 70_000 and monotonic() < end:
            pumping.exchange(source, strangers=True)
            pumping.exchange(source, strangers=False)
    finally:
        pumping.close()
    _note(pumping, tried)


def _note(pumping: Pumping, tried: Tried) -> None:
    tried.datagrams += pumping.datagrams
    tried.sources += pumping.strangers
    tried.asked += pumping.answers.calls


class FaultsCounted(contextlib.AbstractContextManager[None]):
    """What a pump reports of our own faults is counted, anything else is told as ever."""

    def __init__(self, tried: Tried) -> None:
        self.tried = tried
        self.others: list[str] = []

    def __enter__(self) -> None:
        self._before = sys.unraisablehook
        sys.unraisablehook = self._take

    def _take(self, told: Any) -> None:
        if isinstance(told.exc_value, Fault):
            self.tried.faults += 1
        else:
            self.others.append(repr(told.exc_value))

    def __exit__(self, *exc: object) -> None:
        sys.unraisablehook = self._before
        assert not self.others, self.others[:3]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--module", help="a compiled module; without it, the installed one")
    chosen = parser.parse_args()
    module = load(chosen.module or find_installed())
    sys.stdout.write(f"{run(module, chosen.seconds, chosen.seed)}\n")


if __name__ == "__main__":
    main()
