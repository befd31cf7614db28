"""HTTP probes of real servers on loopback."""

from __future__ import annotations

import asyncio
import ssl
import time
import tracemalloc

import pytest

from healthcheck.check import Failure, NoObservation
from healthcheck.kinds.http import MAX_BODY, HttpCheck
from tests.healthcheck.kinds.targets import (
    PATIENCE,
    Certificates,
    Server,
    Talk,
    answer,
    chunked,
    endless,
    greeting,
    hang,
    make_certificates,
    probing,
    refusing,
    replying,
    reset,
    saying,
    seen,
    serving,
)

HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """One of every sort."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


async def until_left(server: Server) -> None:
    """Wait until a connection has ended."""
    async with asyncio.timeout(PATIENCE):
        await server.left.wait()


# ---------------------------------------------------------------- the request


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_plain_request_passes(host: str) -> None:
    """With the address as its host, like any client's."""
    async with serving(replying(answer()), host) as server:
        observation = await seen(HttpCheck(port=server.port), host)
    assert (observation.failure, observation.detail) == (None, "200 in 2 octets")
    lines = server.requests[0].decode().split("\r\n")
    shown = f"[{host}]" if ":" in host else host
    assert lines[0] == "GET / HTTP/1.1"
    assert set(lines[1:-2]) == {
        f"Host: {shown}:{server.port}",
        "Accept: */*",
        "Accept-Encoding: identity",
        "User-Agent: sightline",
    }


async def test_options_shape_the_request() -> None:
    """The path goes as written."""
    async with serving(replying(answer())) as server:
        check = HttpCheck(
            port=server.port,
            method="OPTIONS",
            path="/a%2fb/../c?d=e%20f&g",
            host="web.test",
            headers=(("X-Probe", "1"), ("user-agent", "me"), ("X-Probe", "2")),
        )
        assert (await seen(check)).has_passed
    lines = server.requests[0].decode().split("\r\n")
    assert lines[0] == "OPTIONS /a%2fb/../c?d=e%20f&g HTTP/1.1"
    assert {"Host: web.test", "X-Probe: 1", "X-Probe: 2", "user-agent: me"} <= set(lines)
    assert "User-Agent: sightline" not in lines


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "PUT"])
async def test_every_method_passes_twice(method: str) -> None:
    """On one connection; an answer to HEAD has a length and no body."""
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" if method == "HEAD" else answer()
    async with serving(replying(reply)) as server, probing() as look:
        for _ in range(2):
            observation = await look(HttpCheck(port=server.port, method=method))
            assert (observation.failure, observation.detail[:3]) == (None, "200")
        assert server.connections == 1


# ---------------------------------------------------------------- the answer


@pytest.mark.parametrize(
    ("status", "wanted", "passes"),
    [
        (200, ((200, 299),), True),
        (204, ((200, 299),), True),
        (301, ((200, 299),), False),
        (404, ((200, 299),), False),
        (500, ((200, 299),), False),
        (404, ((200, 200), (404, 404)), True),
        (101, ((200, 299),), False),
    ],
)
async def test_the_status_decides(
    status: int, wanted: tuple[tuple[int, int], ...], passes: bool
) -> None:
    """2xx unless told otherwise."""
    async with serving(replying(answer(status, b""))) as server:
        observation = await seen(HttpCheck(port=server.port, status=wanted))
    assert observation.failure is (None if passes else Failure.STATUS)
    assert passes or observation.detail == f"status {status}"


@pytest.mark.parametrize("reply", [answer(200, b"all is ok"), chunked(b"all i", b"s ok")], ids=str)
async def test_the_body_decides(reply: bytes) -> None:
    """By what it contains, and by a pattern."""
    async with serving(replying(reply)) as server, probing() as look:
        for options, detail in (
            ({"body": "is ok"}, None),
            ({"body": "IS OK"}, "body does not contain 'IS OK'"),
            ({"body_regex": r"^all\b.*ok$"}, None),
            ({"body_regex": "^ok"}, "body does not match '^ok'"),
            ({"body": "ok", "body_regex": "no"}, "body does not match 'no'"),
        ):
            observation = await look(HttpCheck(port=server.port, **options))  # type: ignore[arg-type]  # text options
            assert observation.failure is (detail and Failure.BODY)
            assert observation.detail == (detail or "200 in 9 octets")
        assert server.connections == 1


async def test_octets_that_are_no_text_match_as_replaced() -> None:
    """And text that is not ASCII is UTF-8."""
    async with serving(replying(answer(200, b"\xff caf\xc3\xa9"))) as server, probing() as look:
        for options in ({"body": "café"}, {"body_regex": "^\N{REPLACEMENT CHARACTER} café$"}):
            assert (await look(HttpCheck(port=server.port, **options))).has_passed  # type: ignore[arg-type]  # text options


async def test_a_catastrophic_pattern_is_stopped() -> None:
    """After 50 ms, however long it would take."""
    async with serving(replying(answer(200, b"a" * 5000 + b"!"))) as server:
        observation = await seen(HttpCheck(port=server.port, body_regex=r"^(a|aa|a?)+$"))
    assert observation.failure is Failure.BODY
    assert observation.detail == "body_regex took longer than 50 ms"
    assert observation.seconds < 5


async def test_only_the_first_64_kibibytes_are_looked_at() -> None:
    """Of an answer of any length."""
    early, late = (b"x" * count + b"ok" + b"x" * 70_000 for count in (MAX_BODY - 2, MAX_BODY - 1))
    for body, failure in ((early, None), (late, Failure.BODY)):
        async with serving(replying(answer(200, body))) as server:
            assert (await seen(HttpCheck(port=server.port, body="ok"))).failure is failure
            await until_left(server)


async def test_compressed_bodies_are_looked_at_as_they_are() -> None:
    """Nothing is unpacked, so that nothing can explode; wrongly declared ones do no harm."""
    reply = answer(200, b"plain ok", "Content-Encoding: gzip")
    async with serving(replying(reply)) as server:
        assert (await seen(HttpCheck(port=server.port, body="plain ok"))).has_passed


async def test_an_answer_until_the_end_of_the_connection_passes() -> None:
    """HTTP/1.0, without a length."""
    async with serving(saying(b"HTTP/1.0 200 OK\r\n\r\nall is ok")) as server:
        assert (await seen(HttpCheck(port=server.port, body="is ok"))).has_passed


async def test_a_slow_body_is_waited_for() -> None:
    """Up to the deadline; it comes when the client has the head."""
    arrived = asyncio.Event()

    async def talk(_: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD + b"Content-Length: 2\r\n\r\n")
        await arrived.wait()
        writer.write(b"ok")
        await reader.read()

    async with serving(talk) as server, probing() as look:
        observation = await look(HttpCheck(port=server.port, body="ok"), timeout=0.05)
        assert observation.failure is Failure.TIMEOUT
        arrived.set()
        assert (await look(HttpCheck(port=server.port, body="ok"))).has_passed


# ---------------------------------------------------------------- connections


async def test_connections_stay_open() -> None:
    """Between probes, of checks that differ."""
    async with (
        serving(replying(answer(), answer(500), chunked(b"ok"))) as server,
        probing() as look,
    ):
        for n in range(20):
            await look(HttpCheck(port=server.port, path=f"/{n}"))
        assert (server.connections, len(server.requests)) == (1, 20)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_server_that_hangs_up_between_probes_is_no_failure(method: str) -> None:
    """The next probe connects anew, whether it has heard of it or not."""
    async with serving(replying(answer())) as server, probing() as look:
        for n in range(1, 6):
            assert (await look(HttpCheck(port=server.port, method=method))).has_passed
            server.hang_up()
            assert server.connections == n


async def test_an_answer_that_says_close_is_closed() -> None:
    """RFC 9112 9.6."""
    async with serving(replying(answer(200, b"ok", "Connection: close"))) as server:
        async with probing() as look:
            for _ in range(2):
                assert (await look(HttpCheck(port=server.port))).has_passed
        assert server.connections == 2


async def test_a_body_that_nobody_wants_is_not_read() -> None:
    """A long or endless one passes by its status, and its connection is closed."""
    for start in (b"Content-Length: 100000000\r\n", b"Transfer-Encoding: chunked\r\n", b""):
        piece = b"3e8\r\n" + b"x" * 1000 + b"\r\n"
        async with serving(endless(HEAD + start + b"\r\n", piece)) as server:
            assert (await seen(HttpCheck(port=server.port))).detail == "200"
            await until_left(server)


@pytest.mark.parametrize("start", [b"Transfer-Encoding: chunked\r\n\r\n", b"\r\n"], ids=str)
async def test_an_endless_body_costs_no_memory(start: bytes) -> None:
    """64 KiB are read, then the connection is closed."""
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    async with serving(endless(HEAD + start, piece)) as server, probing() as look:
        check = HttpCheck(port=server.port, body="never")
        tracemalloc.start()
        observation = await look(check)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert observation.failure is Failure.BODY
        await until_left(server)
    assert peak < 4_000_000


@pytest.mark.parametrize("piece", [b"X-More: yes\r\n", b"x" * 1000, b"A" * 7000 + b": b\r\n"])
async def test_endless_headers_fail(piece: bytes) -> None:
    """Soon, and not at the deadline."""
    async with serving(endless(HEAD + b"X: ", piece)) as server:
        observation = await seen(HttpCheck(port=server.port))
        assert observation.failure is Failure.PROTOCOL
        await until_left(server)
        assert server.sent < 8_000_000


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize(
    "octets",
    [
        b"220 mail.test ESMTP\r\n\r\n",
        b"\xff\xfe\0garbage\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nxx\r\n0\r\n\r\n",
    ],
)
async def test_garbage_is_not_http(octets: bytes) -> None:
    """The detail is one line."""
    async with serving(saying(octets, then_hang=True)) as server:
        observation = await seen(HttpCheck(port=server.port, body="ok"))
    assert observation.failure is Failure.PROTOCOL
    assert observation.detail.isprintable()


@pytest.mark.parametrize(
    "talk",
    [
        saying(b""),
        saying(b"HTTP/1.1 200 O"),
        saying(HEAD + b"Content-Length: 10\r\n\r\nok"),
        saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nok"),
        saying(chunked(b"ok", end=b"")),
        reset,
    ],
)
async def test_closing_early_is_a_reset(talk: Talk) -> None:
    """Before the answer, within its head, within its body."""
    async with serving(talk) as server:
        observation = await seen(HttpCheck(port=server.port, body="ok"))
    assert observation.failure is Failure.RESET


@pytest.mark.parametrize("talk", [hang, greeting(b""), greeting(HEAD)], ids=str)
async def test_silence_is_a_timeout(talk: Talk) -> None:
    """The connection is closed then."""
    async with serving(talk) as server, probing() as look:
        observation = await look(HttpCheck(port=server.port), timeout=0.05)
        assert observation.failure is Failure.TIMEOUT
        assert observation.detail == "no answer within 0.05 s"
        await until_left(server)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_closed_port_refuses(host: str) -> None:
    """The kernel says so at once."""
    with refusing(host) as port:
        observation = await seen(HttpCheck(port=port), host)
    assert (observation.failure, observation.detail) == (Failure.REFUSED, "Connection refused")


async def test_a_killed_server_fails_and_a_new_one_passes() -> None:
    """Although a connection was open."""
    async with probing() as look:
        async with serving(replying(answer())) as server:
            check = HttpCheck(port=server.port)
            assert (await look(check)).has_passed
        assert (await look(check)).failure in {Failure.REFUSED, Failure.RESET}


# ---------------------------------------------------------------- redirects


def moved(location: str, status: int = 302) -> bytes:
    """A redirect."""
    return answer(status, b"moved", f"Location: {location}")


@pytest.mark.parametrize(
    "location", ["/b", "b", "http://127.0.0.1:{port}/b", "?b#c", "//web.test/b"]
)
async def test_redirects_within_the_server_are_followed(location: str) -> None:
    """By the name in the Host header too; the connection is kept."""

    async def talk(server: Server, reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        first = moved(location.format(port=server.port))
        await replying(first, answer(200, b"arrived"))(server, reader, out)

    async with serving(talk) as server:
        check = HttpCheck(
            port=server.port, path="/a", host="web.test", body="arrived", redirects=True
        )
        assert (await seen(check)).has_passed
        target = b"/a?b" if location.startswith("?") else b"/b"
        assert server.requests[1].startswith(b"GET " + target + b" HTTP/1.1\r\nHost: web.test\r\n")
        assert server.connections == 1


@pytest.mark.parametrize(
    "location",
    [
        *("http://127.0.0.2/", "https://127.0.0.1:{port}/", "http://127.0.0.1:1/", "//other.test/"),
        *("ftp://127.0.0.1:{port}/", "file:///etc/hosts", "javascript:0", "http://web.test:1/"),
    ],
)
async def test_redirects_elsewhere_are_judged_by_their_status(location: str) -> None:
    """No other server is asked."""

    async def talk(server: Server, reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        await replying(moved(location.format(port=server.port)))(server, reader, out)

    async with serving(talk) as server, probing() as look:
        check = HttpCheck(port=server.port, host="web.test", redirects=True)
        observation = await look(check)
        assert (observation.failure, observation.detail) == (Failure.STATUS, "status 302")
        check = HttpCheck(port=server.port, redirects=True, status=((302, 302),))
        assert (await look(check)).has_passed
        assert len(server.requests) == 2


async def test_a_path_of_two_slashes_stays_within_the_server() -> None:
    """It is no authority."""

    async def talk(server: Server, reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        first = moved(f"http://127.0.0.1:{server.port}//127.0.0.2:1/b")
        await replying(first, answer())(server, reader, out)

    async with serving(talk) as server:
        assert (await seen(HttpCheck(port=server.port, redirects=True))).has_passed
        assert server.requests[1].startswith(b"GET //127.0.0.2:1/b HTTP/1.1\r\n")


async def test_five_redirects_are_followed_and_no_more() -> None:
    """A loop ends there."""
    for hops, failure in ((5, None), (6, Failure.STATUS)):
        async with serving(replying(*[moved("/")] * hops, answer())) as server:
            observation = await seen(HttpCheck(port=server.port, redirects=True))
            assert observation.failure is failure
            assert observation.detail == ("more than 5 redirects" if failure else "200 in 2 octets")
            assert len(server.requests) == 6


async def test_redirects_are_not_followed_unasked() -> None:
    """The status is judged."""
    async with serving(replying(moved("/b"), answer())) as server:
        assert (await seen(HttpCheck(port=server.port))).detail == "status 302"
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "method", "second"),
    [
        (302, b"POST", b"GET"),
        (303, b"PUT", b"GET"),
        (307, b"POST", b"POST"),
        (301, b"HEAD", b"HEAD"),
    ],
)
async def test_a_redirect_keeps_or_changes_the_method(
    status: int, method: bytes, second: bytes
) -> None:
    """RFC 9110 15.4."""
    reply = f"HTTP/1.1 {status} Moved\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n".encode()
    async with serving(replying(reply, answer(200, b""))) as server:
        check = HttpCheck(port=server.port, method=method.decode(), redirects=True)
        assert (await seen(check)).has_passed
        assert [request.split()[0] for request in server.requests] == [method, second]


@pytest.mark.parametrize("location", ["http://[::1/", "http://127.0.0.1:99999/", "http://a b/"])
async def test_a_redirect_to_nonsense_fails(location: str) -> None:
    """And is no bug of ours."""
    async with serving(replying(moved(location))) as server:
        observation = await seen(HttpCheck(port=server.port, redirects=True))
        assert observation.failure in {Failure.PROTOCOL, Failure.STATUS}


# ---------------------------------------------------------------- TLS


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_https_passes_and_stays_open(certificates: Certificates, host: str) -> None:
    """With a certificate for the address."""
    async with serving(replying(answer()), host, certificates.server()) as server:
        async with probing() as look:
            for _ in range(3):
                check = HttpCheck(port=server.port, tls=True, ca_file=certificates.ca)
                assert (await look(check, host)).has_passed
        assert server.connections == 1


@pytest.mark.parametrize(
    ("name", "options", "detail"),
    [
        ("valid", {}, None),
        ("valid", {"host": "web.test"}, None),
        ("valid", {"host": "web.test:8443"}, None),
        ("valid", {"sni": "web.test", "host": "db.test"}, None),
        (
            "valid",
            {"host": "db.test"},
            "Hostname mismatch, certificate is not valid for 'db.test'.",
        ),
        ("other", {}, "IP address mismatch, certificate is not valid for '127.0.0.1'."),
        ("other", {"sni": "other.test"}, None),
        ("other", {"verify": False}, None),
        ("expired", {}, "certificate has expired"),
        ("expired", {"verify": False}, None),
        ("stranger", {}, "self-signed certificate"),
    ],
)
async def test_the_certificate_is_judged(
    certificates: Certificates, name: str, options: dict[str, str], detail: str | None
) -> None:
    """For `sni`, the name in `host` or the address; or not at all."""
    async with serving(replying(answer()), context=certificates.server(name)) as server:
        check = HttpCheck(port=server.port, tls=True, ca_file=certificates.ca, **options)  # type: ignore[arg-type]  # some
        observation = await seen(check)
    assert observation.failure is (detail and Failure.CERTIFICATE)
    assert observation.detail == (detail or "200 in 2 octets")


async def test_names_do_not_share_a_connection(certificates: Certificates) -> None:
    """What was verified for one is not taken for another."""
    async with (
        serving(replying(answer()), context=certificates.server()) as server,
        probing() as look,
    ):
        for name, passes in (("web.test", True), ("db.test", False), ("web.test", True)):
            check = HttpCheck(port=server.port, tls=True, ca_file=certificates.ca, sni=name)
            assert (await look(check)).has_passed is passes
        check = HttpCheck(port=server.port, tls=True, verify=False)
        assert (await look(check)).has_passed
        assert not (await look(HttpCheck(port=server.port, tls=True))).has_passed


async def test_http_and_https_do_not_mix(certificates: Certificates) -> None:
    """Either way it is no answer."""
    async with serving(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        observation = await seen(HttpCheck(port=server.port, tls=True, verify=False))
        assert (observation.failure, observation.detail) == (Failure.TLS, "wrong version number")
    async with serving(replying(answer()), context=certificates.server()) as server:
        observation = await seen(HttpCheck(port=server.port))
        assert observation.failure in {Failure.RESET, Failure.PROTOCOL}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_server_that_asks_for_a_certificate_fails(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    """With TLS 1.3 its alert comes after the handshake; its number looks like an errno of ours."""
    context = certificates.server()
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = context.maximum_version = version
    async with serving(replying(answer()), context=context) as server:
        observation = await seen(HttpCheck(port=server.port, tls=True, verify=False))
    assert observation.failure in {Failure.TLS, Failure.RESET}


async def test_a_handshake_that_hangs_is_a_timeout() -> None:
    """The connection is closed then."""
    async with serving(hang) as server, probing() as look:
        check = HttpCheck(port=server.port, tls=True, verify=False)
        assert (await look(check, timeout=0.05)).failure is Failure.TIMEOUT
        await until_left(server)


async def test_a_missing_ca_file_observes_nothing(certificates: Certificates) -> None:
    """The target is not blamed."""
    async with serving(replying(answer()), context=certificates.server()) as server:
        with pytest.raises(NoObservation, match="No such file"):
            await seen(HttpCheck(port=server.port, tls=True, ca_file=f"{certificates.ca}.missing"))


# ---------------------------------------------------------------- cost


async def test_many_probes_are_cheap() -> None:
    """A generous bound on both ends together, to notice what costs several times as much."""
    async with serving(replying(answer())) as server, probing() as look:
        check = HttpCheck(port=server.port, body="ok")
        begin = time.process_time()
        for _ in range(200):
            assert (await look(check)).has_passed
        assert (time.process_time() - begin) / 200 < 0.005
        assert server.connections == 1
