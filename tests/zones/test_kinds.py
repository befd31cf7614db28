"""What kinds take, read off their classes."""

from resolver.zones.kinds import COMBINED, EVERY_OPTION, KINDS, NEEDS_PORT, OPTIONS, TAKES_PORT


def test_every_kind_has_its_options() -> None:
    """Those that may be written: neither the port, which all share, nor what binding sets."""
    assert {"http", "icmp", "heartbeat", "all"} < set(KINDS) == set(OPTIONS)
    assert "body_regex" in OPTIONS["http"]
    assert OPTIONS["heartbeat"] == ("within",)
    assert OPTIONS["icmp"] == ()
    assert "port" not in EVERY_OPTION


def test_some_kinds_need_a_port() -> None:
    """Some know one by themselves, and some have none."""
    assert {"http", "tcp", "tls", "grpc"} == NEEDS_PORT
    assert NEEDS_PORT | {"dns"} == TAKES_PORT
    assert {"all", "any", "at_least"} == COMBINED
