"""Who may do what."""

import hashlib
import ipaddress

import pytest

from resolver.admin.access import (
    EVERYTHING,
    NOTHING,
    Caller,
    Denied,
    Right,
    Rules,
    Sight,
    Token,
    table,
)
from resolver.admin.routes import Need

LOCAL = table((ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")))
SCRAPERS = table((ipaddress.ip_network("10.0.0.0/8"),))
PLAIN = Rules(LOCAL, SCRAPERS)
READS = (Need.READ, Need.METRICS)
CHANGES = (Need.HEARTBEAT, Need.OVERRIDE, Need.RELOAD, Need.CACHE)


def token(name: str, *may: Right, environments: frozenset[str] | None = None) -> Token:
    """A token whose secret is its name."""
    return Token(name, hashlib.sha256(name.encode()).digest(), environments, frozenset(may))


TOKENS = Rules(
    LOCAL,
    SCRAPERS,
    (
        token("reader", Right.READ, environments=frozenset({"dev"})),
        token("operator", Right.READ, Right.OVERRIDE, Right.RELOAD),
        token("beat", Right.HEARTBEAT, environments=frozenset({"dev"})),
    ),
)


def local(**more: str) -> Caller:
    """A program on this machine."""
    return Caller(**{"source": "127.0.0.1", "host": "127.0.0.1:9153", **more})


def status(found: Sight | Denied) -> int:
    return found.status if isinstance(found, Denied) else 200


@pytest.mark.parametrize("source", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_reads_are_for_the_networks_allowed(source: str) -> None:
    """An address of IPv4 in one of IPv6 is that address."""
    assert PLAIN.decide(Need.READ, Caller(source)) == EVERYTHING


@pytest.mark.parametrize("source", ["10.0.0.1", "::2", "::ffff:10.0.0.1", "", "pipe", "fe80::1%lo"])
def test_other_sources_read_nothing(source: str) -> None:
    """Nor does what has no address."""
    assert status(PLAIN.decide(Need.READ, Caller(source))) == 403


def test_metrics_have_networks_of_their_own() -> None:
    """A scraper reads nothing else; readers do not scrape by that."""
    assert PLAIN.decide(Need.METRICS, Caller("::ffff:10.1.2.3")) == EVERYTHING
    assert status(PLAIN.decide(Need.READ, Caller("10.1.2.3"))) == 403
    assert status(PLAIN.decide(Need.METRICS, local())) == 403


def test_open_routes_are_open() -> None:
    """What more they tell depends on what the caller may read."""
    assert PLAIN.decide(Need.OPEN, Caller("203.0.113.1")) == NOTHING
    assert PLAIN.decide(Need.OPEN, local()) == EVERYTHING
    assert TOKENS.decide(Need.OPEN, local(authorization="Bearer wrong")) == NOTHING


@pytest.mark.parametrize("need", CHANGES)
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:9153", "[::1]:9153", "[::1]", "localhost", "LOCALHOST:80"]
)
def test_without_tokens_this_machine_changes(need: Need, host: str) -> None:
    """By an address, or as localhost."""
    assert PLAIN.decide(need, local(host=host)) == EVERYTHING
    assert PLAIN.decide(need, local(host=host, source="::ffff:127.0.0.1")) == EVERYTHING


@pytest.mark.parametrize("source", ["10.0.0.1", "::ffff:10.0.0.1", "", "0.0.0.0"])
def test_without_tokens_no_other_machine_changes(source: str) -> None:
    """Whatever its Host says, and whether it may read or not."""
    assert status(PLAIN.decide(Need.OVERRIDE, local(source=source))) == 403


@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "evil.test:9153",
        "127.0.0.1.evil.test",
        "localhost.evil.test",
        "",
        "[::1",
        "a:b",
    ],
)
def test_a_name_that_was_made_to_mean_this_machine_changes_nothing(host: str) -> None:
    """DNS rebinding: a browser sends the name that it was led to."""
    assert status(PLAIN.decide(Need.OVERRIDE, local(host=host))) == 403


def test_a_request_without_host_changes_nothing() -> None:
    """No client of today sends one."""
    assert status(PLAIN.decide(Need.OVERRIDE, Caller("127.0.0.1"))) == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.test", "null", "http://127.0.0.1:80", "http://localhost:9153", "", "a"]
)
def test_pages_of_other_hosts_change_nothing(origin: str) -> None:
    """Another port is another host; `null` is a page of nowhere."""
    assert status(PLAIN.decide(Need.OVERRIDE, local(origin=origin))) == 403


def test_a_page_of_this_server_may_change() -> None:
    """Its Origin is the Host."""
    assert PLAIN.decide(Need.OVERRIDE, local(origin="http://127.0.0.1:9153")) == EVERYTHING


@pytest.mark.parametrize("need", CHANGES)
def test_with_tokens_every_change_needs_one(need: Need) -> None:
    """On this machine too: 401 says what is missing."""
    assert status(TOKENS.decide(need, local())) == 401


@pytest.mark.parametrize(
    "authorization",
    ["Bearer wrong", "Bearer ", "", "operator", "Basic operator", "Bearer\toperator"],
)
@pytest.mark.parametrize("need", [*READS, *CHANGES])
def test_a_token_that_is_none_is_refused(need: Need, authorization: str) -> None:
    """Also where nobody would have asked for one."""
    assert status(TOKENS.decide(need, local(authorization=authorization))) == 401


@pytest.mark.parametrize(
    "authorization", ["Bearer operator", "bearer operator", "BEARER  operator "]
)
def test_a_token_changes_from_anywhere(authorization: str) -> None:
    """The scheme is spelled in any case (RFC 9110 11.1)."""
    found = TOKENS.decide(
        Need.OVERRIDE, Caller("203.0.113.1", host="dns.test", authorization=authorization)
    )
    assert found == Sight(None, "operator")


def test_a_token_does_what_it_may_and_no_more() -> None:
    """Known, but not for this: 403."""
    beat = Caller("127.0.0.1", authorization="Bearer beat")
    assert TOKENS.decide(Need.HEARTBEAT, beat) == Sight(frozenset({"dev"}), "beat")
    for need in (Need.OVERRIDE, Need.RELOAD, *READS):
        assert status(TOKENS.decide(need, beat)) == 403


@pytest.mark.parametrize("need", READS)
@pytest.mark.parametrize("source", ["127.0.0.1", "10.1.1.1", "203.0.113.1"])
def test_a_token_that_reads_reads_from_anywhere_and_less(need: Need, source: str) -> None:
    """Its environments, also where the source alone would see all."""
    found = TOKENS.decide(need, Caller(source, authorization="Bearer reader"))
    assert found == Sight(frozenset({"dev"}), "reader")


def test_without_a_tokens_file_a_token_says_nothing() -> None:
    """Sources decide as ever."""
    assert PLAIN.decide(Need.READ, local(authorization="Bearer operator")) == EVERYTHING


def test_what_belongs_to_several_environments_takes_all() -> None:
    """Its label is `-`."""
    assert EVERYTHING.covers("-")
    assert EVERYTHING.sees_all
    assert not Sight(frozenset({"dev", "prod"})).covers("-")
    assert not NOTHING.covers("dev")


NAMED = Rules(LOCAL, SCRAPERS, hosts=frozenset({"corp.test", "dns.example.net"}))


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1:9153", "[::1]:9153", "10.0.0.9", "localhost", "sightline:9153", "SIGHTLINE"),
        *("corp.test", "dns.corp.test:9153", "DNS.Corp.Test.", "dns.example.net:80"),
    ],
)
def test_names_of_this_server_read(host: str) -> None:
    """Addresses, single labels, and those that it has been told, with all below them."""
    assert NAMED.decide(Need.READ, local(host=host)) == EVERYTHING
    assert NAMED.decide(Need.METRICS, Caller("10.1.2.3", host)) == EVERYTHING


@pytest.mark.parametrize(
    "host",
    [
        *("evil.test", "127.0.0.1.evil.test", "xcorp.test", "corp.test.evil.net", "example.net"),
        *("", ".", "a:b:c", "dns.corp.test:9153:1", "evil.test:9153"),
    ],
)
def test_a_name_that_was_made_to_mean_this_machine_reads_nothing(host: str) -> None:
    """Unless there is a token: that a page does not know."""
    assert status(NAMED.decide(Need.READ, local(host=host))) == 403
    assert status(NAMED.decide(Need.METRICS, Caller("10.1.2.3", host))) == 403
    token_ = local(host=host, authorization="Bearer operator")
    assert TOKENS.decide(Need.READ, token_) == Sight(None, "operator")


def test_pages_of_other_hosts_read_nothing() -> None:
    """A page of this server does."""
    for origin in ("http://evil.test", "null", "http://127.0.0.1:80"):
        assert status(NAMED.decide(Need.READ, local(origin=origin))) == 403
    assert NAMED.decide(Need.READ, local(origin="http://127.0.0.1:9153")) == EVERYTHING
