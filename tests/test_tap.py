"""Copies of messages for dnstap."""

import socket
from collections.abc import Iterable
from typing import Any

import pytest

from resolver import __version__
from resolver.config import load_config
from resolver.dnstap import KINDS
from resolver.forward.exchange import Attempt
from resolver.forward.standing import Standing
from resolver.listen.witness import Seen
from resolver.log_config import DNSTAP_MESSAGES
from resolver.outcome import NOT_A_QUERY, Reason, Reply, Source
from resolver.tap import Tap
from resolver.zones.upstream import read_upstream
from tests.support import TCP, UDP, question
from tests.tapped import decoded

WIRE = question("web.dev.east.corp.test.")
SEEN = Seen(WIRE, "10.80.9.9", 53124, ("127.0.0.1", 53), UDP, 1000.0)
REPLY = Reply(b"reply", "dev", 1, 0, Source.ZONE, Reason.ANSWERED)


class Tapping:
    """A tap whose frames are kept; a quarter of a second after what is seen began."""

    def __init__(self, messages: Iterable[str] = DNSTAP_MESSAGES, **said: str) -> None:
        environ = {f"SIGHTLINE_DNSTAP__{key.upper()}": value for key, value in said.items()}
        environ["SIGHTLINE_DNSTAP__MESSAGES"] = ",".join(messages)
        self.frames: list[bytes] = []
        self.tap = Tap(
            load_config(None, environ, {}).dnstap,
            self.frames.append,
            wall=lambda: 1_800_000_000.5,
            clock=lambda: 1000.25,
        )

    @property
    def said(self) -> list[dict[str, Any]]:
        return [decoded(frame) for frame in self.frames]


def attempt(text: str, transport: str) -> Attempt:
    """A question to an upstream."""
    standing = Standing(read_upstream(text), "dev")
    return Attempt(standing, transport, WIRE[:2], WIRE[12:], WIRE, 1000.0, True, None)


def test_a_clients_messages_have_both_ends_and_their_times() -> None:
    """The query's time is when it was read."""
    tapping = Tapping(identity="ns1", version="9")
    tapping.tap.asks(SEEN)
    tapping.tap.answers(SEEN, REPLY)
    query, response = tapping.said
    assert (query["identity"], query["version"]) == (b"ns1", b"9")
    assert query["message"] == {
        "type": KINDS["client_query"],
        "socket_family": 1,
        "socket_protocol": 1,
        "query_address": bytes((10, 80, 9, 9)),
        "query_port": 53124,
        "response_address": bytes((127, 0, 0, 1)),
        "response_port": 53,
        "query_time_sec": 1_800_000_000,
        "query_time_nsec": 250_000_000,
        "query_message": WIRE,
    }
    said = response["message"]
    assert said["type"] == KINDS["client_response"]
    assert (said["query_time_nsec"], said["response_time_nsec"]) == (250_000_000, 500_000_000)
    assert said["response_message"] == b"reply"
    assert response["extra"] == b"dev"


def test_ipv6_and_tcp_are_told_as_such() -> None:
    """Without the zone of a link-local address."""
    tapping = Tapping()
    tapping.tap.asks(SEEN._replace(source="fe80::1%eth0", local=("::1", 53), door=TCP))
    said = tapping.said[0]["message"]
    assert (said["socket_family"], said["socket_protocol"]) == (2, 2)
    assert said["query_address"] == socket.inet_pton(socket.AF_INET6, "fe80::1")


def test_what_got_nothing_has_a_query_only() -> None:
    """A drop is no response."""
    tapping = Tapping()
    tapping.tap.asks(SEEN)
    tapping.tap.answers(SEEN, NOT_A_QUERY)
    assert len(tapping.frames) == 1


@pytest.mark.parametrize(
    ("upstream", "transport", "protocol", "port"),
    [
        ("9.9.9.9", "udp", 1, 53),
        ("9.9.9.9:5353", "tcp", 2, 5353),
        ("tls://9.9.9.9#dns.quad9.net", "tls", 3, 853),
        ("https://dns.quad9.net/dns-query#9.9.9.9", "https", 4, 443),
    ],
)
def test_messages_of_upstreams(upstream: str, transport: str, protocol: int, port: int) -> None:
    """Who was asked, over what, and for whom."""
    tapping = Tapping()
    asked = attempt(upstream, transport)
    tapping.tap.sent(asked)
    tapping.tap.received(asked, b"reply")
    query, response = tapping.said
    for said in (query["message"], response["message"]):
        assert said["response_address"] == bytes((9, 9, 9, 9))
        assert (said["response_port"], said["socket_protocol"]) == (port, protocol)
        assert said["query_time_nsec"] == 250_000_000
        assert "query_address" not in said
    assert query["message"]["query_message"] == WIRE
    assert response["message"]["response_message"] == b"reply"
    assert response["message"]["response_time_nsec"] == 500_000_000
    assert query["extra"] == response["extra"] == b"dev"


@pytest.mark.parametrize("wanted", DNSTAP_MESSAGES)
def test_only_what_is_wished_for_is_copied(wanted: str) -> None:
    """Each kind by itself."""
    tapping = Tapping([wanted])
    asked = attempt("9.9.9.9", "udp")
    tapping.tap.asks(SEEN)
    tapping.tap.answers(SEEN, REPLY)
    tapping.tap.sent(asked)
    tapping.tap.received(asked, b"reply")
    assert [found["message"]["type"] for found in tapping.said] == [KINDS[wanted]]
    assert tapping.tap.is_for_clients == wanted.startswith("client")
    assert tapping.tap.is_for_upstreams == wanted.startswith("forwarder")


def test_who_we_are_goes_without_saying() -> None:
    """The name of the host and the version of the program."""
    tapping = Tapping()
    tapping.tap.asks(SEEN)
    (found,) = tapping.said
    assert found["identity"] == socket.gethostname().encode()
    assert found["version"] == f"Sightline {__version__}".encode()
