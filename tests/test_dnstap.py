"""dnstap messages in protobuf."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.dnstap import (
    CLIENT_QUERY,
    CLIENT_RESPONSE,
    FORWARDER_QUERY,
    KINDS,
    PROTOCOLS,
    Encoder,
    Message,
)
from tests.tapped import decoded

ENCODER = Encoder(b"ns1", b"Sightline")
CLIENT, SERVER = (bytes((10, 80, 9, 9)), 53124), (bytes((127, 0, 0, 1)), 53)


def test_a_query_of_a_client() -> None:
    """Every field that is known."""
    message = Message(CLIENT_QUERY, "udp", CLIENT, SERVER, 1_800_000_000.25, None, b"octets")
    assert decoded(ENCODER.encode(message)) == {
        "identity": b"ns1",
        "version": b"Sightline",
        "type": 1,
        "message": {
            "type": 5,
            "socket_family": 1,
            "socket_protocol": 1,
            "query_address": CLIENT[0],
            "response_address": SERVER[0],
            "query_port": 53124,
            "response_port": 53,
            "query_time_sec": 1_800_000_000,
            "query_time_nsec": 250_000_000,
            "query_message": b"octets",
        },
    }


def test_a_response_has_both_times() -> None:
    """And the environment as `extra`."""
    here = bytes(15) + b"\1"
    message = Message(CLIENT_RESPONSE, "tcp", (here, 1), (here, 2), 1.5, 2.75, b"reply", b"dev")
    found = decoded(ENCODER.encode(message))
    said = found["message"]
    assert found["extra"] == b"dev"
    assert (said["socket_family"], said["socket_protocol"]) == (2, 2)
    assert (said["query_time_sec"], said["query_time_nsec"]) == (1, 500_000_000)
    assert (said["response_time_sec"], said["response_time_nsec"]) == (2, 750_000_000)
    assert said["response_message"] == b"reply"
    assert "query_message" not in said


def test_what_is_not_known_is_left_out() -> None:
    """Our own address, of a query to an upstream."""
    message = Message(FORWARDER_QUERY, "https", None, SERVER, 1.0, None, b"")
    found = decoded(ENCODER.encode(message))["message"]
    assert not {"query_address", "query_port"} & found.keys()
    assert (found["type"], found["socket_protocol"]) == (7, 4)


@given(
    kind=st.sampled_from(sorted(KINDS.values())),
    transport=st.sampled_from(sorted(PROTOCOLS)),
    address=st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16),
    port=st.integers(0, 65535),
    at=st.floats(0, 2**33),
    wire=st.binary(max_size=70_000),
)
def test_whatever_is_written_can_be_read(
    kind: int, transport: str, address: bytes, port: int, at: float, wire: bytes
) -> None:
    """Lengths and numbers of every size."""
    message = Message(kind, transport, (address, port), SERVER, at, at, wire)
    found = decoded(ENCODER.encode(message))["message"]
    assert (found["query_address"], found["query_port"]) == (address, port)
    assert found["response_message"] == wire
    seconds = found["query_time_sec"] + found["query_time_nsec"] / 1e9
    assert seconds == pytest.approx(at, abs=1e-5)
