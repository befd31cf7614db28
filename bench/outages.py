"""Scenarios of forwarding: a crowd that asks for one name, and an upstream that dies or hangs."""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections import Counter
from contextlib import ExitStack

from bench.effort import Effort, Figures
from bench.measure import spread
from bench.outside import (
    Asker,
    Upstreams,
    forwarding_site,
    has_answer,
    own_name,
    sightline,
)
from bench.peers import Server, Site
from bench.prober import NS, Prober, packed_question, percentile, told
from bench.programs import Running, installed
from bench.report import Figure
from bench.resolvers import FORWARDERS, UPSTREAM, ZONE, forwarder

CROWD = 1000  # clients
SLOW = 0.3  # seconds that the upstream takes: less than a forwarder waits before it asks again
STALE_NAMES = 200
FIRST_STALE = 1.9  # seconds
NEXT_STALE = 50.0  # ms
DOWN = re.compile(r"upstream \S+ of prod is down")
UP = re.compile(r"upstream \S+ of prod answers again")


def coldname(site: Site, effort: Effort) -> Figures:
    """A thousand clients ask for one name that nobody knows yet; the upstream counts questions."""
    with ExitStack() as stack:
        upstreams = stack.enter_context(Upstreams())
        place = upstreams.listen(UPSTREAM, delay=SLOW)
        ours = forwarding_site(site, "zones-coldname", {"prod": (place,)})
        servers: dict[str, Running] = {"sightline": stack.enter_context(Server(sightline(), ours))}
        asked = int(place.rpartition(":")[2])
        for program in installed(FORWARDERS):
            servers[program.name] = stack.enter_context(forwarder(program, site.scratch, asked))
        of = CROWD * effort.repetitions
        for kind, server in servers.items():
            counts, answered = [], 0
            for number in range(effort.repetitions):
                name = f"cold{number}.{kind.split()[0].lower()}.{ZONE}"
                answered += ask_at_once(server.port, name)
                counts.append(float(upstreams.tell("count", name)))
            text, bound = f"{spread(counts, '.0f')}", 1 if kind == "sightline" else None
            yield Figure("coldname", f"{kind}: questions to the upstream", max(counts), text, bound)
            least = of if kind == "sightline" else None
            text = f"{answered} of {of}"
            yield Figure("coldname", f"{kind}: answered", answered, text, at_least=least)


def ask_at_once(port: int, name: str, patience: float = 6.0) -> int:
    """A thousand clients, each with an address and a socket of its own; how many get an answer."""
    query = b"\1\0\0\1\0\0\0\0\0\0" + packed_question(name)
    answered = 0
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        clients = []
        for number in range(CROWD):
            client = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
            client.bind((f"127.64.{1 + number // 250}.{number % 250 + 1}", 0))
            client.connect(("127.0.0.1", port))
            selector.register(client, selectors.EVENT_READ, client)
            clients.append(client)
        for number, client in enumerate(clients):
            client.send(number.to_bytes(2, "big") + query)
        deadline = time.monotonic() + patience
        while selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                answered += has_answer(key.data.recv(4096))
                selector.unregister(key.data)
    return answered


class Beside:
    """What is asked all the while: names of our own zones, and the root."""

    def __init__(self, stack: ExitStack, port: int) -> None:
        self.wrong: Counter[str] = Counter()  # replies without an answer
        names = [own_name(number) for number in range(100)]
        self.zone = stack.enter_context(Prober(port, names, 100, self._note))
        self.root = stack.enter_context(Prober(port, [""], 20, self._note, qtype=NS))

    def _note(self, name: str, _: float, reply: bytes) -> None:
        self.wrong["zone" if name else "root"] += not has_answer(reply)

    def figures(self, word: str, since: float, until: float) -> Figures:
        """What it was like in that time."""
        probers = {"own zone": ("zone", self.zone), "the root": ("root", self.root)}
        for kind, (key, prober) in probers.items():
            found = prober.since(since, until)
            wrong = self.wrong[key] + prober.lost
            text = f"{told(found)}; {wrong} not answered"
            yield Figure("stale", f"{word}: {kind} meanwhile", wrong, text, 0)


def stale(site: Site, effort: Effort) -> Figures:
    """The upstream goes while names are in the cache whose time is over: killed, then hung."""
    yield from _outage(site, "killed")
    yield from _outage(site, "hung")


def _outage(site: Site, word: str) -> Figures:
    names = [f"stale{number}.{ZONE}" for number in range(STALE_NAMES)]
    with ExitStack() as stack:
        upstreams = stack.enter_context(Upstreams())
        place = upstreams.listen(UPSTREAM, ttl=1)
        ours = forwarding_site(site, f"zones-stale-{word}", {"prod": (place,)})
        server = stack.enter_context(Server(sightline(), ours))
        asker = stack.enter_context(Asker(server.port))
        fresh = sorted(asker.ask(name)[0] for name in names)
        with ExitStack() as meanwhile:
            beside = Beside(meanwhile, server.port)
            time.sleep(2)  # until the time of each is over
            gone, began = time.monotonic(), time.time()
            if word == "killed":
                upstreams.kill()
            else:
                upstreams.tell("hang", UPSTREAM)
            first, again = (asker.ask(names[0]) for _ in range(2))
            down, _ = server.wait_for(DOWN)
            further = [asker.ask(name) for name in names[1:]]
            ended = time.time()
        back = time.monotonic()
        if word == "killed":
            upstreams = stack.enter_context(Upstreams())
            upstreams.listen(UPSTREAM, port=int(place.rpartition(":")[2]), ttl=1)
        else:
            upstreams.tell("revive", UPSTREAM)
        up, _ = server.wait_for(UP)
    text = f"{first[0]:.2f} s; while the upstream was there {percentile(fresh, 0.5) * 1000:.1f} ms"
    yield Figure("stale", f"{word}: first name", first[0], text, FIRST_STALE, unit=" s")
    ms = again[0] * 1000
    what = f"{word}: the same once more"
    yield Figure("stale", what, ms, f"{ms:.1f} ms", NEXT_STALE, unit=" ms")
    text = f"after {down - gone:.1f} s"
    yield Figure("stale", f"{word}: known to be down", down - gone, text)
    took = sorted(seconds for seconds, _ in further)
    p99 = percentile(took, 0.99) * 1000
    what = f"{word}: {len(took)} further names: p99"
    yield Figure("stale", what, p99, told(took), NEXT_STALE, unit=" ms")
    wrong = sum(not has_answer(reply) for _, reply in (first, again, *further))
    text = f"{wrong} of {len(further) + 2}"
    yield Figure("stale", f"{word}: without an answer", wrong, text, 0)
    yield from beside.figures(word, began, ended)
    yield Figure("stale", f"{word}: known to be back", up - back, f"after {up - back:.1f} s")
