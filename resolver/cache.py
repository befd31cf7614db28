"""What upstreams said, kept while it is true: one bounded partition for each environment. Pure.

The key is the full tuple (question in lower case, DO and CD, environment and, where upstreams are
regional, region), compared for equality. Only upstream data is kept here; what our zones add is
joined when answering. An entry is good for the routes it came by: under other routes it is
judged again before it is used.
"""

from __future__ import annotations

import struct
from array import array
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from cachetools import Cache as PlainCache
from cachetools import LRUCache

from resolver import names
from resolver.forward.scrub import Scrubbed
from resolver.offenders import Offenders
from resolver.outcome import Reason
from resolver.packing import Turn, plain_turn
from resolver.routes import Forwarding, Route

Key = tuple[bytes, int, str]
"""Name in lower case with type and class; flags DO and CD; the place, `env` or `env.region`."""

STALE_TTL = 30  # seconds (RFC 8767 4)
STALE_AGE = -1  # in place of an age: every TTL is STALE_TTL
RECHECK = 30.0  # seconds during which a name whose refresh failed is stale at once (RFC 8767 5)
FAILURE_TIME = 5.0  # seconds that a failure is remembered (RFC 9520 3.2: at most five minutes)
MAX_FAILURES = 4096  # of one partition
MEAN_OCTETS = 1024  # of an entry: what bounds a partition in octets
OVERHEAD = 700  # octets that an entry takes beside its body
PART_BEFORE_REFRESH = 0.9  # of the lifetime; names asked again in the rest are refreshed
NXDOMAIN_MARK = b"\xff\xff\0\1"  # in place of type and class: the name has no records at all
ROOT_QUESTIONS = frozenset({(b"\0\0\2\0\1", 0), (b"\0\0\6\0\1", 0)})  # . NS and . SOA
TTL = struct.Struct("!I")
HIT_KINDS = ("positive", "negative", "stale")


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """How much is kept and for how long; durations in seconds."""

    entries: int = 100_000
    serve_stale: float = 86400.0
    prefetch: bool = True


class Entry:
    """What one reply said of one question."""

    __slots__ = (
        *("answers", "authorities", "authentic", "body", "expires", "guard", "name_size"),
        *("offsets", "rcode", "reason", "recheck_at", "refresh_at", "route", "stored", "tail"),
        *("token", "upstream", "was_asked"),
    )

    def __init__(
        self,
        scrubbed: Scrubbed,
        name_size: int,
        now: float,
        route: Route,
        token: Forwarding,
        authentic: bool = False,
        upstream: str = "",
    ) -> None:
        self.name_size = name_size  # octets of the name that the body was packed to follow
        self.body = scrubbed.body
        self.offsets = scrubbed.offsets
        self.answers = scrubbed.answers
        self.authorities = scrubbed.authorities
        self.rcode = scrubbed.rcode
        self.tail = scrubbed.tail
        self.reason = scrubbed.reason
        self.authentic = authentic
        self.stored = now
        self.expires = now + scrubbed.lifetime
        self.refresh_at = now + PART_BEFORE_REFRESH * scrubbed.lifetime
        self.recheck_at = 0.0  # until then nobody is asked again, and stale is good enough
        self.route = route
        self.token = token  # the forwarding under which the route is right
        self.was_asked = False  # again, since it was stored
        self.upstream = upstream
        # While it reads 1, replies made of this entry may be given again; None: nobody keeps any.
        self.guard: array[int] | None = None

    @property
    def is_negative(self) -> bool:
        return not self.answers

    def watch(self) -> array[int]:
        """The guard, for who keeps replies made of this entry."""
        if self.guard is None:
            self.guard = array("Q", (1,))
        return self.guard

    def turn(self, age: int) -> Turn:
        """The sections with TTLs counted down by `age` seconds, or STALE_AGE."""
        body = self.body
        if age:
            counted = bytearray(body)
            for offset in self.offsets:
                ttl = TTL.unpack_from(body, offset)[0] - age if age > 0 else STALE_TTL
                TTL.pack_into(counted, offset, max(ttl, 0))
            body = bytes(counted)
        return plain_turn(self.answers, self.authorities, body)


def _size_of(entry: Entry) -> int:
    return len(entry.body) + OVERHEAD


class _Entries(LRUCache[Key, Entry]):
    """Entries within two bounds, number and octets; counts what had to go.

    The octets are counted here: cachetools would keep a dictionary of sizes beside the entries.
    """

    def __init__(self, entries: int) -> None:
        super().__init__(max(entries, 1))
        self.most = entries
        self.most_octets = entries * MEAN_OCTETS
        self.octets = 0
        self.evicted = 0
        self.denials: set[Key] = set()  # the keys of names that do not exist

    def keep(self, key: Key, entry: Entry) -> None:
        """Take an entry; those not used for longest make room."""
        size = _size_of(entry)
        if size > self.most_octets:
            return
        self.pop(key, None)
        while self.octets + size > self.most_octets:
            self.popitem()
        self[key] = entry
        self.octets += size

    def peek(self, key: Key) -> Entry | None:
        """An entry that does not count as used."""
        return PlainCache.__getitem__(self, key) if key in self else None

    def __delitem__(self, key: Key) -> None:
        entry = PlainCache.__getitem__(self, key)
        self.octets -= _size_of(entry)
        if entry.guard is not None:
            entry.guard[0] = 0
        super().__delitem__(key)
        self.denials.discard(key)

    def popitem(self) -> tuple[Key, Entry]:
        self.evicted += 1
        return super().popitem()


class Partition:
    """What one environment's clients have asked for, and how often it was there."""

    __slots__ = (
        *("_entries", "_failures", "hit_counts", "kept_inside", "misses", "pinned"),
        *("prefetches", "shown", "shown_until"),
    )

    def __init__(self, entries: int) -> None:
        self._entries = _Entries(entries)
        self._failures: OrderedDict[Key, tuple[float, Reason]] = OrderedDict()
        self.pinned: dict[Key, Entry] = {}  # of the root: others use it as a question of health
        self.kept_inside = Offenders()
        # Arrays of one number, since compiled code counts as well.
        self.hit_counts = {kind: array("Q", (0,)) for kind in HIT_KINDS}
        self.misses = 0
        self.prefetches = 0
        # What was answered within this second, ready to be answered again: TTLs are whole seconds.
        self.shown: dict[Key, tuple[Turn, Entry]] = {}
        self.shown_until = 0.0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def hits(self) -> Counter[str]:
        """How often an entry was there, by kind."""
        return Counter({kind: n for kind, count in self.hit_counts.items() if (n := count[0])})

    @property
    def evictions(self) -> int:
        return self._entries.evicted

    @property
    def octets(self) -> int:
        return self._entries.octets

    def find(self, key: Key) -> Entry | None:
        """The entry of a question, fresh or stale."""
        entry = self._entries.get(key)
        return entry if entry is not None else self.pinned.get(key)

    def show(self, key: Key, entry: Entry, now: float) -> Turn:
        """The sections of a fresh entry, kept for what is left of this second."""
        turn = entry.turn(int(now - entry.stored))
        self.shown[key] = (turn, entry)
        return turn

    def turn_over(self, now: float) -> None:
        """Begin another second."""
        self.shown.clear()
        self.shown_until = now + 1.0

    def look_again(self) -> None:
        """Have what was shown looked at anew: its names may be ours now."""
        for _, entry in self.shown.values():
            if entry.guard is not None:
                entry.guard[0] = 0
                entry.guard = None
        self.shown.clear()

    def peek(self, key: Key, now: float) -> Entry | None:
        """The entry or denial of a question, left as it is."""
        entry = _Entries.peek(self._entries, key)
        return entry or self.pinned.get(key) or self.find_denial(key, now)

    def find_denial(self, key: Key, now: float) -> Entry | None:
        """What says that the name does not exist: its own denial, or one above (RFC 8020 2)."""
        denials = self._entries.denials
        if not denials:
            return None
        question, flags, place = key
        name = question[:-4]
        while len(name) > 1:
            denial = (name + NXDOMAIN_MARK, flags, place)
            if denial in denials:
                entry = self._entries[denial]
                if now < entry.expires or len(name) == len(question) - 4:
                    return entry
            name = name[name[0] + 1 :]
        return None

    def put(self, key: Key, entry: Entry, denies: bytes | None = None) -> None:
        """Keep what is true for a while; a denial is of the name, whatever the type."""
        entries = self._entries
        if self._failures:
            self._failures.pop(key, None)
        self.shown.pop(key, None)
        if key[:2] in ROOT_QUESTIONS:
            self.pinned[key] = entry
            return
        if not entries.most:
            return
        if denies is not None:
            entries.pop(key, None)  # it would be found before the denial
            key = (denies + NXDOMAIN_MARK, key[1], key[2])
        elif entries.denials:
            entries.pop((key[0][:-4] + NXDOMAIN_MARK, key[1], key[2]), None)  # the name exists
        entries.keep(key, entry)
        if denies is not None and key in entries:
            entries.denials.add(key)

    def fail(self, key: Key, reason: Reason, now: float) -> None:
        """Remember that a question could not be answered."""
        failures = self._failures
        failures.pop(key, None)
        if len(failures) >= MAX_FAILURES:  # the oldest end first
            failures.popitem(last=False)
        failures[key] = (now + FAILURE_TIME, reason)

    def find_failure(self, key: Key, now: float) -> Reason | None:
        """Why a question cannot be answered at present."""
        if not self._failures:
            return None
        found = self._failures.get(key)
        return found[1] if found is not None and now < found[0] else None

    def forget_failures(self) -> None:
        """Ask again for everything that could not be answered."""
        self._failures.clear()

    def drop(self, key: Key) -> None:
        """Forget one entry."""
        self.shown.pop(key, None)
        self._entries.pop(key, None)
        self.pinned.pop(key, None)

    def forget(self, name: bytes | None = None, suffix: bytes | None = None) -> int:
        """Forget a name, all at or below a suffix, or everything; how many entries that were."""
        self.shown.clear()
        gone = [key for key in self._entries if _is_meant(key, name, suffix)]
        for key in gone:
            self.drop(key)
        pinned = [key for key in self.pinned if _is_meant(key, name, suffix)]
        for key in pinned:
            del self.pinned[key]
        for key in [key for key in self._failures if _is_meant(key, name, suffix)]:
            del self._failures[key]
        return len(gone) + len(pinned)

    def items(self) -> Iterator[tuple[Key, Entry]]:
        """Every entry, for the tests and for people; touches none."""
        for key in list(self._entries):
            entry = self._entries.peek(key)
            if entry is not None:
                yield key, entry


def _is_meant(key: Key, name: bytes | None, suffix: bytes | None) -> bool:
    owner = key[0][:-4]
    wanted = name or suffix
    if wanted is None:
        return True
    # What denies a name above denies this one too.
    if key[0].endswith(NXDOMAIN_MARK) and names.is_at_or_below(wanted, owner):
        return True
    return owner == wanted or (name is None and names.is_at_or_below(owner, wanted))


class Cache:
    """The partitions of a process, by environment; one begins with its first question."""

    def __init__(self, policy: CachePolicy | None = None) -> None:
        self.policy = policy or CachePolicy()
        self.partitions: dict[str, Partition] = {}

    def partition(self, environment: str) -> Partition:
        """That of an environment."""
        found = self.partitions.get(environment)
        if found is None:
            found = self.partitions[environment] = Partition(self.policy.entries)
        return found

    def retain(self, environments: Collection[str]) -> None:
        """Files were read: forget the environments that are no more, look again at the rest."""
        for environment in self.partitions.keys() - set(environments):
            del self.partitions[environment]
        for partition in self.partitions.values():
            partition.look_again()

    def forget(
        self,
        environments: frozenset[str] | None = None,
        name: bytes | None = None,
        suffix: bytes | None = None,
    ) -> dict[str, int]:
        """Forget in some environments, or in all; how many entries in each."""
        return {
            environment: partition.forget(name, suffix)
            for environment, partition in self.partitions.items()
            if environments is None or environment in environments
        }

    def statistics(self) -> dict[str, Any]:
        """Numbers of each partition."""
        return {
            environment: {
                "entries": len(partition),
                "octets": partition.octets,
                "hits": dict(partition.hits),
                "misses": partition.misses,
                "prefetches": partition.prefetches,
                "evictions": partition.evictions,
            }
            for environment, partition in self.partitions.items()
        }
