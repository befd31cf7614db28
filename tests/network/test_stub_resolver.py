"""glibc's stub resolver and dig as clients, in a network of the test's own."""

from __future__ import annotations

import re
import shutil

import pytest

from tests.network.conftest import Network

pytestmark = pytest.mark.network

PROD_V4, PROD_V6 = "nameserver 10.64.0.53\n", "nameserver fd64:0:1::53\n"
DEV_V4, DEV_V6 = "nameserver 10.80.0.53\n", "nameserver fd80:0:1::53\n"
WEB = "web.prod.east.corp.internal"


@pytest.mark.parametrize("server", [PROD_V4, PROD_V6], ids=["v4", "v6"])
def test_a_client_finds_the_addresses_of_both_families(network: Network, server: str) -> None:
    """`getent ahosts` asks for A and AAAA at once and joins them."""
    found = network.resolve("ahosts", WEB, server)
    assert found == {"10.64.1.1", "10.64.1.2", "fd64:0:1::a1"}


@pytest.mark.parametrize("server", [DEV_V4, DEV_V6], ids=["v4", "v6"])
def test_a_client_of_another_network_finds_nothing(network: Network, server: str) -> None:
    """The source address decides the view, IPv6 as well as IPv4."""
    assert network.resolve("ahosts", WEB, server) == set()
    assert network.resolve("ahostsv4", "web.dev.east.corp.internal", server) == {"10.80.1.1"}


def test_here_is_the_environment_of_the_address(network: Network) -> None:
    """One name, another service for each environment."""
    name = "web.here.corp.internal"
    assert network.resolve("ahostsv4", name, PROD_V6) == {"10.64.1.1", "10.64.1.2"}
    assert network.resolve("ahostsv4", name, DEV_V6) == {"10.80.1.1"}


def test_search_lists_go_on_after_nxdomain(network: Network) -> None:
    """A short name is tried in each domain of the list until one has it."""
    search = "search nowhere.corp.internal prod.east.corp.internal\n"
    assert network.resolve("ahostsv4", "pay", search + PROD_V4) == {"10.64.1.1", "10.64.1.2"}
    assert network.resolve("ahostsv4", "nope", search + PROD_V4) == set()


def test_search_lists_end_at_the_domain(network: Network) -> None:
    """With ndots, names below the domain are written short, as in Kubernetes."""
    options = "search corp.internal\noptions ndots:5\n"
    found = network.resolve("ahostsv4", "tool.dev.east", options + DEV_V4)
    assert found == {"10.80.1.9"}


def test_a_large_answer_comes_over_tcp(network: Network) -> None:
    """Truncated over UDP, the stub asks again over TCP and gets all of it."""
    found = network.resolve("ahostsv4", "many.prod.east.corp.internal", PROD_V4)
    assert found == {f"10.64.9.{n}" for n in range(1, 121)}


@pytest.mark.parametrize("server", [PROD_V4, PROD_V6], ids=["v4", "v6"])
def test_an_address_has_its_name(network: Network, server: str) -> None:
    """`getent hosts ADDRESS` asks for PTR."""
    done = network.run("getent hosts 10.64.1.1", server)
    assert done.stdout.split() == ["10.64.1.1", "one.web.prod.east.corp.internal"]
    assert network.run("getent hosts 10.80.1.1", server).stdout == ""


def test_trust_options_change_nothing(network: Network) -> None:
    """Any EDNS and single-request options of glibc work."""
    for option in ("edns0", "single-request", "single-request-reopen", "use-vc", "trust-ad"):
        found = network.resolve("ahosts", WEB, f"options {option}\n{PROD_V4}")
        assert found == {"10.64.1.1", "10.64.1.2", "fd64:0:1::a1"}, option


@pytest.mark.skipif(shutil.which("dig") is None, reason="dig is not installed")
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
@pytest.mark.parametrize(
    ("source", "status"),
    [("fd64:0:1::7", "NOERROR"), ("fd80:0:1::7", "NXDOMAIN"), ("10.64.0.7", "NOERROR")],
)
def test_dig_is_answered_from_the_address_it_asked(
    network: Network, source: str, status: str, transport: str
) -> None:
    """A reply from another address of the server would be refused by dig."""
    server = "fd80:0:1::53" if ":" in source else "10.80.0.53"
    done = network.run(f"dig {transport} +tries=1 -b {source} @{server} {WEB}", PROD_V4)
    found = re.search(r"status: (\w+)", done.stdout)
    assert found is not None, done.stdout
    assert found[1] == status
    assert f"SERVER: {server}#53" in done.stdout
