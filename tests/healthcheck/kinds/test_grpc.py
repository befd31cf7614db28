"""gRPC health probes of a real gRPC server, and of servers that misbehave."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path

import grpc  # type: ignore[import-untyped]  # ships no types
import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]  # ships no types
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from healthcheck.check import Failed, Failure, Observation
from healthcheck.kinds.grpc import MAX_INPUT, GrpcCheck, _Call
from tests.healthcheck.kinds.targets import (
    Certificates,
    Server,
    Talk,
    greeting,
    hang,
    make_certificates,
    refusing,
    reset,
    saying,
    seen,
    serving,
)

OPTIONS: TypeAdapter[GrpcCheck] = TypeAdapter(GrpcCheck)
SERVING_MESSAGE = b"\x08\x01"
OK_HEADERS = ((":status", "200"), ("content-type", "application/grpc"))
OK_TRAILERS = (("grpc-status", "0"),)
LONG = "x" * 200

Answer = Callable[[h2.connection.H2Connection], None]


@contextlib.contextmanager
def health_server(host: str = "127.0.0.1", credentials: object = None) -> Iterator[int]:
    """A gRPC server with the standard health service; gives its port."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    servicer = health.HealthServicer()
    states = health_pb2.HealthCheckResponse
    for service, state in {
        "": states.SERVING,
        "good": states.SERVING,
        LONG: states.SERVING,
        "bad": states.NOT_SERVING,
        "odd": states.UNKNOWN,
    }.items():
        servicer.set(service, state)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    where = f"[{host}]:0" if ":" in host else f"{host}:0"
    if credentials is None:
        port = server.add_insecure_port(where)
    else:
        port = server.add_secure_port(where, credentials)
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Of a real server."""
    with health_server() as found:
        yield found


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def secured(certificates: Certificates, name: str = "valid") -> object:
    """Credentials of a real server."""
    certificate = certificates.file(name)
    pair = (Path(certificate).with_suffix(".key").read_bytes(), certificate.read_bytes())
    return grpc.ssl_server_credentials([pair])


@pytest.mark.parametrize("service", ["", "good", LONG])
async def test_a_service_that_serves_passes(port: int, service: str) -> None:
    """The whole server, or one service by its name, however long."""
    found = await seen(GrpcCheck(port=port, service=service))
    assert (found.failure, found.detail) == (None, "SERVING")


async def test_ipv6_is_spoken_as_well() -> None:
    """The authority has brackets then."""
    with health_server("::1") as port:
        assert (await seen(GrpcCheck(port=port), "::1")).has_passed


@pytest.mark.parametrize(
    ("service", "detail"),
    [("bad", "NOT_SERVING"), ("odd", "UNKNOWN"), ("none", "unknown service 'none'")],
)
async def test_a_service_that_does_not_serve_fails(port: int, service: str, detail: str) -> None:
    """In the words of the health protocol."""
    found = await seen(GrpcCheck(port=port, service=service))
    assert (found.failure, found.detail) == (Failure.ANSWER, detail)


async def test_a_server_without_health_service_fails() -> None:
    """It says that it is not implemented."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    found = await seen(GrpcCheck(port=port))
    server.stop(None).wait()
    assert found.failure is Failure.ANSWER
    assert found.detail == "UNIMPLEMENTED: the server has no health service"


async def test_a_server_that_was_stopped_refuses() -> None:
    """Nobody listens any more."""
    with health_server() as port:
        assert (await seen(GrpcCheck(port=port))).has_passed
    assert (await seen(GrpcCheck(port=port))).failure is Failure.REFUSED
    with refusing() as free:
        assert (await seen(GrpcCheck(port=free))).failure is Failure.REFUSED


async def test_tls_is_spoken_and_verified(certificates: Certificates) -> None:
    """With h2 by ALPN, the CA of the check, and the name it is asked for."""
    with health_server(credentials=secured(certificates)) as port:
        for check, failure in (
            (GrpcCheck(port, tls=True, ca_file=certificates.ca), None),
            (GrpcCheck(port, tls=True, ca_file=certificates.ca, sni="web.test"), None),
            (GrpcCheck(port, tls=True, verify=False), None),
            (GrpcCheck(port, tls=True), Failure.CERTIFICATE),
            (GrpcCheck(port, tls=True, ca_file=certificates.ca, sni="x.y"), Failure.CERTIFICATE),
        ):
            assert (await seen(check)).failure is failure, check


async def test_a_tls_server_without_h2_fails(certificates: Certificates) -> None:
    """What it would say then is not gRPC."""
    async with serving(hang, context=certificates.server()) as server:
        found = await seen(GrpcCheck(port=server.port, tls=True, verify=False))
    assert (found.failure, found.detail) == (
        Failure.PROTOCOL,
        "the server does not offer h2 (ALPN)",
    )


async def test_a_connection_is_closed_in_good_order(port: int) -> None:
    """Again and again: no connection of a former probe is in the way."""
    for _ in range(5):
        assert (await seen(GrpcCheck(port=port))).has_passed


# ---------------------------------------------------------------- servers that misbehave


def answering(answer: Answer, *, in_pieces: bool = False) -> Talk:
    """An HTTP/2 server; `answer` is called once the request is complete."""

    async def talk(
        server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        config = h2.config.H2Configuration(client_side=False, validate_outbound_headers=False)
        connection = h2.connection.H2Connection(config)
        connection.initiate_connection()
        while data := await reader.read(65536):
            server.requests.append(data)
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.StreamEnded):
                    answer(connection)
            wire = connection.data_to_send()
            for piece in (wire[i : i + 1] for i in range(len(wire))) if in_pieces else (wire,):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)

    return talk


def respond(
    *messages: bytes,
    headers: tuple[tuple[str, str], ...] = OK_HEADERS,
    trailers: tuple[tuple[str, str], ...] = OK_TRAILERS,
    flag: int = 0,
) -> Answer:
    """Headers, messages, trailers."""

    def answer(connection: h2.connection.H2Connection) -> None:
        if not trailers and not messages:
            connection.send_headers(1, headers, end_stream=True)
            return
        connection.send_headers(1, headers)
        for message in messages:
            framed = bytes((flag,)) + len(message).to_bytes(4, "big") + message
            connection.send_data(1, framed, end_stream=not trailers and message is messages[-1])
        if trailers:
            connection.send_headers(1, trailers, end_stream=True)

    return answer


async def ask(answer: Answer, *, in_pieces: bool = False) -> Observation:
    """What a probe of such a server comes to."""
    async with serving(answering(answer, in_pieces=in_pieces)) as server:
        return await seen(GrpcCheck(port=server.port))


@pytest.mark.parametrize("in_pieces", [False, True])
async def test_any_order_of_octets_is_understood(in_pieces: bool) -> None:
    """Whole, or octet by octet."""
    found = await ask(respond(SERVING_MESSAGE), in_pieces=in_pieces)
    assert (found.failure, found.detail) == (None, "SERVING")


@pytest.mark.parametrize(
    ("message", "detail"),
    [
        (b"\x08\x01", None),
        (b"\x10\x07\x1a\x02ab\x25abcd\x29abcdefgh\x08\x01", None),  # fields of the future
        (b"\x08\x02\x08\x01", None),  # the last one counts
        (b"", "UNKNOWN"),  # what is left out is 0
        (b"\x08\x03", "SERVICE_UNKNOWN"),
        (b"\x08\x09", "status 9"),
        (b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", f"status {2**64 - 1}"),
    ],
)
async def test_the_response_is_read_as_protobuf(message: bytes, detail: str | None) -> None:
    """Fields that are not known are skipped."""
    found = await ask(respond(message))
    if detail is None:
        assert found.has_passed
    else:
        assert (found.failure, found.detail) == (Failure.ANSWER, detail)


@pytest.mark.parametrize(
    "message",
    [b"\x08", b"\x08\xff", b"\x08" + b"\xff" * 11, b"\x12\x05ab", b"\x0b", b"\x00\x01", b"\x25ab"],
)
async def test_a_malformed_response_fails(message: bytes) -> None:
    """Cut short, endless, or of no type."""
    found = await ask(respond(message))
    assert (found.failure, found.detail) == (Failure.PROTOCOL, "no HealthCheckResponse")


@pytest.mark.parametrize(
    ("answer", "failure", "detail"),
    [
        (respond(), Failure.PROTOCOL, "the answer is not one message"),
        (respond(b"", b""), Failure.PROTOCOL, "the answer is not one message"),
        (respond(b"\x08\x01", flag=1), Failure.PROTOCOL, "the answer is compressed"),
        (respond(b"\x08\x01", trailers=()), Failure.PROTOCOL, "the answer has no grpc-status"),
        (
            respond(b"\x08\x01", trailers=(("grpc-status", "fine"),)),
            Failure.PROTOCOL,
            "the answer has no grpc-status",
        ),
        (
            respond(headers=((":status", "503"), ("content-type", "text/html")), trailers=()),
            Failure.STATUS,
            "HTTP status 503",
        ),
        (
            respond(b"x", headers=((":status", "200"), ("content-type", "text/html")), trailers=()),
            Failure.PROTOCOL,
            "the answer is not of gRPC",
        ),
        (
            respond(headers=(*OK_HEADERS, ("grpc-status", "5")), trailers=()),
            Failure.ANSWER,
            "unknown service ''",
        ),
        (
            respond(trailers=(("grpc-status", "14"), ("grpc-message", "going%20down%3A%0A5 s"))),
            Failure.ANSWER,
            r"UNAVAILABLE: going down:\n5 s",
        ),
        (respond(trailers=(("grpc-status", "16"),)), Failure.ANSWER, "UNAUTHENTICATED"),
        (respond(trailers=(("grpc-status", "99"),)), Failure.ANSWER, "grpc-status 99"),
    ],
)
async def test_answers_that_are_not_serving_fail(
    answer: Answer, failure: Failure, detail: str
) -> None:
    """Each in its own way."""
    found = await ask(answer)
    assert (found.failure, found.detail) == (failure, detail)


async def test_a_stream_that_is_reset_fails() -> None:
    """With the code that was given."""
    code = h2.errors.ErrorCodes.REFUSED_STREAM
    found = await ask(lambda connection: connection.reset_stream(1, code))
    assert (found.failure, found.detail) == (Failure.RESET, "RST_STREAM REFUSED_STREAM")


async def test_a_server_that_goes_away_fails() -> None:
    """It says so before it closes."""
    code = h2.errors.ErrorCodes.ENHANCE_YOUR_CALM
    found = await ask(lambda connection: connection.close_connection(code))
    assert (found.failure, found.detail) == (Failure.RESET, "GOAWAY ENHANCE_YOUR_CALM")


async def test_an_answer_before_the_farewell_counts() -> None:
    """In one and the same segment."""

    def answer(connection: h2.connection.H2Connection) -> None:
        respond(SERVING_MESSAGE)(connection)
        connection.close_connection()

    assert (await ask(answer)).has_passed


async def test_other_frames_are_answered_or_passed_over() -> None:
    """PING, SETTINGS that leave hardly any window, WINDOW_UPDATE, an early hint."""

    def answer(connection: h2.connection.H2Connection) -> None:
        connection.ping(b"12345678")
        connection.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
        connection.increment_flow_control_window(1000)
        connection.send_headers(1, ((":status", "103"), ("link", "</x>")))
        respond(SERVING_MESSAGE)(connection)

    assert (await ask(answer)).has_passed


async def test_what_is_read_is_bounded() -> None:
    """However much a server sends."""

    def flood(connection: h2.connection.H2Connection) -> None:
        for number in range(2 * MAX_INPUT // 17):
            connection.ping(number.to_bytes(8, "big"))

    found = await ask(flood)
    assert (found.failure, found.detail) == (Failure.PROTOCOL, "more than 65536 octets came")


@pytest.mark.parametrize(
    "talk",
    [
        saying(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
        greeting(b"SSH-2.0-OpenSSH_9.2\r\n"),
        greeting(b"\0\0\0\x08\0\0\0\0\0"),
        greeting(b"\0\0\x04\x01\x04\0\0\0\x01\xff\xff\xff\xff"),
    ],
)
async def test_what_is_not_http2_fails(talk: Talk) -> None:
    """Without waiting for the deadline."""
    async with serving(talk) as server:
        found = await seen(GrpcCheck(port=server.port))
        await asyncio.wait_for(server.left.wait(), 5)
    assert found.failure is Failure.PROTOCOL
    assert found.detail.startswith("not HTTP/2")


@pytest.mark.parametrize("talk", [saying(b""), saying(b"\0\0\0\x04\0\0"), reset])
async def test_a_server_that_closes_early_fails(talk: Talk) -> None:
    """Before it had answered."""
    async with serving(talk) as server:
        found = await seen(GrpcCheck(port=server.port))
    assert found.failure is Failure.RESET


async def test_a_server_that_hangs_is_left() -> None:
    """The connection is closed with the deadline."""
    async with serving(hang) as server:
        found = await seen(GrpcCheck(port=server.port), timeout=0.05)
        await asyncio.wait_for(server.left.wait(), 5)
    assert found.failure is Failure.TIMEOUT


def a_real_answer() -> bytes:
    """What a well-behaved server writes."""
    client = _Call("", "test", "http")
    server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    server.initiate_connection()
    server.receive_data(client.to_send())
    respond(SERVING_MESSAGE)(server)
    return server.data_to_send()


REAL = a_real_answer()


@given(
    st.one_of(
        st.binary(max_size=200),
        st.tuples(st.integers(0, len(REAL)), st.binary(max_size=20), st.integers(0, 20)).map(
            lambda t: REAL[: t[0]] + t[1] + REAL[t[0] + t[2] :]
        ),
    )
)
def test_no_input_raises_anything_but_a_failure(octets: bytes) -> None:
    """Random octets, and answers with a part replaced."""
    call = _Call("", "test", "http")
    with contextlib.suppress(Failed):
        while not call.is_over:
            call.receive(octets[:50])
            octets = octets[50:]
        call.result()
    call.closing()


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({}, "port"),
        ({"port": "x"}, "port"),
        ({"port": "1", "service": "x" * 256}, "service"),
        ({"port": "1", "service": "a\nb"}, "service"),
        ({"port": "1", "tls": "maybe"}, "tls"),
        ({"port": "1", "method": "Watch"}, "method"),
    ],
)
def test_wrong_options_are_named(wrong: dict[str, str], where: str) -> None:
    """Each with its place."""
    with pytest.raises(ValidationError) as caught:
        OPTIONS.validate_python(wrong)
    assert [error["loc"] for error in caught.value.errors()] == [(where,)]


def test_options_become_plain_values() -> None:
    """Equal checks are one."""
    made = OPTIONS.validate_python({"port": "50051", "service": "good", "tls": "true"})
    assert made == GrpcCheck(port=50051, service="good", tls=True)
    assert hash(made) == hash(GrpcCheck(port=50051, service="good", tls=True))
