"""`_explain` names: for some clients, of their own view; to the others names like any other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from ipaddress import ip_network

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest

from healthcheck.health import Health, State
from resolver.cache import Cache
from resolver.config import SocketAddress
from resolver.counters import Counters
from resolver.explain_names import Explainer, read_question
from resolver.generation import Generation, Published
from resolver.listen.pumps import Kind
from resolver.listen.sockets import bind
from resolver.listen.udp import DatagramListener
from resolver.names import from_text
from resolver.outcome import Reason, Source
from resolver.query import handle
from resolver.views import Door, NetworkTable
from tests.properties.test_received import Played
from tests.support import (
    DEV,
    DEV_CLIENT,
    FILES,
    PLAN,
    PROD_CLIENT,
    TCP,
    UDP,
    ask,
    datagrams,
    question,
    reply_of,
)

Compile = Callable[..., Generation]
NAME = "_explain.web.dev.east.corp.test."
TOLD = "web.dev.east.corp.test. A: NOERROR from zone, answered"


def explaining(*networks: str) -> Explainer:
    return Explainer(NetworkTable((ip_network(network), True) for network in networks))


DOOR = replace(UDP, explain=explaining("10.80.0.0/16", "127.0.0.1/32"))
EVERYBODY = replace(UDP, explain=explaining("0.0.0.0/0"))


def texts(message: dns.message.Message) -> list[str]:
    return [b"".join(r.strings).decode() for rrset in message.answer for r in rrset]


def explained(
    generation: Generation, name: str, source: str = DEV_CLIENT, door: Door = DOOR
) -> list[str]:
    return texts(ask(generation, name, "TXT", source, door, edns=4096))


def test_a_name_is_explained(generation: Compile) -> None:
    """With AA and TTL 0; each text a record."""
    message = ask(generation(), NAME, "TXT", door=DOOR)
    assert message.rcode() == dns.rcode.NOERROR
    assert message.flags & dns.flags.AA
    (rrset,) = message.answer
    assert rrset.ttl == 0
    assert texts(message)[0] == TOLD
    assert any("10.80.1.1 share 33.3 %" in text for text in texts(message))


@pytest.mark.parametrize(
    ("name", "about"),
    [
        ("_explain._aaaa.web.dev.east", "web.dev.east.corp.test. AAAA"),
        ("_EXPLAIN._Srv._http._tcp.web.dev.east", "_http._tcp.web.dev.east.corp.test. SRV"),
        ("_explain._http._tcp.web.dev.east", "_http._tcp.web.dev.east.corp.test. A"),
        ("_explain._a._txt.dev.east", "_txt.dev.east.corp.test. A"),
        ("_explain._type65280.web.dev.east", "web.dev.east.corp.test. TYPE65280"),
        ("_explain._explain.web.dev.east", "_explain.web.dev.east.corp.test. A"),
        ("_explain.nope.dev.east", "nope.dev.east.corp.test. A"),
    ],
)
def test_a_label_may_name_the_type(generation: Compile, name: str, about: str) -> None:
    """A is what is meant without; other labels that begin so are those of the name."""
    assert explained(generation(), f"{name}.corp.test.")[0].startswith(f"{about}: ")


def test_any_name_can_be_read() -> None:
    """The root, and labels of any octets."""
    assert read_question(from_text("_explain.")) == (b"\0", 1)
    assert read_question(b"\x08_explain\x02_\xff\0") == (b"\x02_\xff\0", 1)
    assert read_question(b"\x08_explain\x01_\0") == (b"\x01_\0", 1)


NAMES = (
    *(NAME, "_explain._aaaa.web.dev.east.corp.test.", "_explain.nope.corp.test."),
    *("_explain.a.wild.dev.east.corp.test.", "_explain.example.com.", "_explain."),
    "_explain.web.prod.east.corp.test.",
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("source", [PROD_CLIENT, "10.81.0.1", "192.0.2.1"])
def test_to_others_it_is_a_name_like_any_other(generation: Compile, name: str, source: str) -> None:
    """Octet for octet what they get where nobody is explained anything."""
    made = generation()
    for rdtype in ("TXT", "A", "ANY"):
        for door in (UDP, TCP):
            wire = question(name, rdtype, edns=1232)
            at = replace(door, explain=DOOR.explain)
            plain = reply_of(handle(wire, source, door, made))
            assert reply_of(handle(wire, source, at, made)) == plain
    if name == NAME and source != "192.0.2.1":
        twin = question(name.replace("_explain", "_explaim"), "TXT", edns=1232)
        wire = question(name, "TXT", edns=1232)
        found, other = (reply_of(handle(w, source, DOOR, made)).wire for w in (wire, twin))
        assert found.replace(b"_explain", b"_explaim") == other


def test_other_types_are_as_for_everybody(generation: Compile) -> None:
    """There is nothing but TXT."""
    made = generation()
    for rdtype in ("A", "ANY", "CNAME"):
        wire = question(NAME, rdtype)
        plain = reply_of(handle(wire, DEV_CLIENT, UDP, made))
        assert reply_of(handle(wire, DEV_CLIENT, DOOR, made)) == plain


PROD = """\
zone: prod.east
services:
  web: {endpoints: [10.64.1.1, {address: 10.64.1.2, name: spare}], share_with: [dev], ttl: 20}
  secret: {endpoints: [{name: vault, address: 10.64.2.2}]}
"""


def test_nothing_is_told_of_other_environments(generation: Compile) -> None:
    """A name that only they have is one that nobody has; of a grant, what its answers show."""
    made = generation({**FILES, "prod.yaml": PROD})
    services = [s for zone in made.zones.zones for s in zone.services.values()]
    (key,) = (e.key for s in services for e in s.endpoints if e.label == "spare")
    changed = {(key, b"\x0a\x40\x01\x02"): Health(State.DOWN, "classified")}
    made = made.judged_anew(2, made.health.replace(changed), changed)
    nobodys = explained(made, "_explain.xxxxxx.prod.east.corp.test.")
    theirs = explained(made, "_explain.secret.prod.east.corp.test.")
    assert [text.replace("secret", "xxxxxx") for text in theirs] == nobodys
    granted = explained(made, "_explain.web.prod.east.corp.test.")
    assert granted[0] == "web.prod.east.corp.test. A: NOERROR from zone, answered"
    for text in (*theirs, *granted):
        assert not [word for word in ("vault", "10.64.2.", "classified") if word in text]
    ours = explained(made, "_explain.web.prod.east.corp.test.", PROD_CLIENT, EVERYBODY)
    assert any("classified" in text for text in ours)


def test_the_listener_of_a_view_decides(generation: Compile) -> None:
    """Whatever the address says."""
    made = generation({**FILES, "prod.yaml": PROD})
    door = replace(EVERYBODY, environment="prod", region="east")
    found = explained(made, "_explain.secret.prod.east.corp.test.", "192.0.2.1", door)
    assert found[:2] == [
        "secret.prod.east.corp.test. A: NOERROR from zone, answered",
        "client 192.0.2.1: prod.east by this listener",
    ]


def test_whose_view_is_another_s_word_is_told_nothing(generation: Compile) -> None:
    """A trusted forwarder asks for anybody."""
    plan = PLAN + "trusted_forwarders: [192.0.2.0/24]\n"
    made = generation({**FILES, "environments.yaml": plan})
    query = dns.message.make_query(NAME, "TXT", use_edns=0)
    query.use_edns(0, options=[dns.edns.ECSOption("10.80.9.0", 24)])
    wire = query.to_wire()
    plain = reply_of(handle(wire, "192.0.2.9", UDP, made))
    assert reply_of(handle(wire, "192.0.2.9", EVERYBODY, made)) == plain
    assert plain.rcode == dns.rcode.NXDOMAIN


def test_what_does_not_fit_is_truncated(generation: Compile) -> None:
    """As anything else: TC and nothing over UDP, all of it over TCP."""
    many = DEV.replace("10.80.1.3]", ", ".join(f"10.80.3.{n}" for n in range(1, 50)) + "]")
    made = generation({**FILES, "dev.yaml": many})
    over_udp = ask(made, NAME, "TXT", door=DOOR, edns=4096)
    assert over_udp.flags & dns.flags.TC
    assert not over_udp.answer
    over_tcp = ask(made, NAME, "TXT", door=replace(TCP, explain=DOOR.explain))
    assert not over_tcp.flags & dns.flags.TC
    assert len(texts(over_tcp)) > 50
    small = ask(generation(), NAME, "TXT", door=DOOR, edns=1232)
    assert not small.flags & dns.flags.TC


def test_it_counts_as_policy_and_is_nothing_that_was_kept(generation: Compile) -> None:
    """What is remembered of names that do not exist is not touched."""
    made, cache = generation(), Cache()
    outcome = reply_of(handle(question(NAME, "TXT"), DEV_CLIENT, DOOR, made, 1.0, cache))
    assert (outcome.source, outcome.reason) == (Source.POLICY, Reason.EXPLAINED)
    assert len(cache.partitions) == 0


def test_a_worker_explains_as_the_files_do(generation: Compile) -> None:
    """It has packed namespaces and no files."""
    made = generation({**FILES, "prod.yaml": PROD})
    served = Played().serve(made)
    names = [
        *NAMES,
        "_explain.alias.dev.east.corp.test.",
        "_explain._srv._http._tcp.web.dev.east.corp.test.",
    ]
    for name in names:
        assert explained(served, name) == explained(made, name)


@contextlib.asynccontextmanager
async def listener(generation: Generation, pump: Kind) -> AsyncIterator[int]:
    """A UDP listener that explains to 127.0.0.1, and not to 127.0.0.2 beside it in its view."""
    bound = bind(SocketAddress("127.0.0.1", 0))
    udp = DatagramListener(bound, DOOR, Published(generation), Counters(), pump=pump)
    loop = asyncio.get_running_loop()
    udp.start(loop)
    try:
        yield bound.address.port
    finally:
        udp.stop(loop)
        bound.close()


@pytest.mark.parametrize("pump", ["python", "auto"])
@pytest.mark.parametrize("first", ["127.0.0.1", "127.0.0.2"])
async def test_no_memo_mixes_up_who_asks(generation: Compile, pump: Kind, first: str) -> None:
    """Two clients of one view that send the same octets, again and again."""
    wire = question(NAME, "TXT", edns=1232)
    order = [first, "127.0.0.2" if first == "127.0.0.1" else "127.0.0.1"]
    async with listener(generation(), pump) as port:
        for source in (*order, *order):
            async with datagrams("127.0.0.1", port, source) as client:
                for _ in range(4):
                    message = await client.ask(wire)
                    if source == "127.0.0.1":
                        assert texts(message)[0] == TOLD
                    else:
                        assert message.rcode() == dns.rcode.NXDOMAIN
