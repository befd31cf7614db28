"""TLS probes of real servers on loopback, and certificates read by hand."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthcheck.check import Failed, Failure, NoObservation
from healthcheck.kinds.tls import DAY, TlsCheck, judge, read_validity
from tests.healthcheck.kinds.targets import (
    PATIENCE,
    Certificates,
    Talk,
    greeting,
    hang,
    make_certificates,
    probing,
    refusing,
    reset,
    saying,
    seen,
    serving,
)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """One of every sort."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_trusted_certificate_passes(certificates: Certificates, host: str) -> None:
    """For the address, which is in it."""
    async with serving(hang, host, certificates.server()) as server:
        observation = await seen(TlsCheck(port=server.port, ca_file=certificates.ca), host)
        assert (observation.failure, observation.detail) == (None, "expires in 100 days")
        async with asyncio.timeout(PATIENCE):
            await server.left.wait()


async def test_the_name_is_sent_and_verified(certificates: Certificates) -> None:
    """The server sees it; a certificate for another one fails."""
    names = []
    context = certificates.server()
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    async with serving(hang, context=context) as server, probing() as look:
        for name in ("web.test", "db.test", None):
            check = TlsCheck(port=server.port, ca_file=certificates.ca, sni=name)
            observation = await look(check)
            assert observation.failure is (Failure.CERTIFICATE if name == "db.test" else None)
    assert names == ["web.test", "db.test", None]


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("other", "IP address mismatch, certificate is not valid for '127.0.0.1'."),
        ("expired", "certificate has expired"),
        ("future", "certificate is not yet valid"),
        ("stranger", "self-signed certificate"),
    ],
)
async def test_a_certificate_that_is_not_trusted_fails(
    certificates: Certificates, name: str, detail: str
) -> None:
    """The detail says why."""
    async with serving(hang, context=certificates.server(name)) as server:
        observation = await seen(TlsCheck(port=server.port, ca_file=certificates.ca))
        assert (observation.failure, observation.detail) == (Failure.CERTIFICATE, detail)


async def test_the_cas_of_the_system_do_not_know_ours(certificates: Certificates) -> None:
    """Without `ca_file` they are asked."""
    async with serving(hang, context=certificates.server()) as server:
        assert (await seen(TlsCheck(port=server.port))).failure is Failure.CERTIFICATE


@pytest.mark.parametrize(
    ("name", "failure", "detail"),
    [
        ("valid", None, "expires in 100 days"),
        ("other", None, "expires in 100 days"),
        ("stranger", None, "expires in 29 days"),
        ("distant", None, "expires in 10949 days"),
        ("expired", Failure.CERTIFICATE, "expired 2 days ago ("),
        ("future", Failure.CERTIFICATE, "not valid before "),
    ],
)
async def test_without_verification_the_dates_count_still(
    certificates: Certificates, name: str, failure: Failure | None, detail: str
) -> None:
    """Chain and name do not."""
    async with serving(hang, context=certificates.server(name)) as server:
        observation = await seen(TlsCheck(port=server.port, verify=False))
        assert observation.failure is failure
        assert observation.detail.startswith(detail)


@pytest.mark.parametrize("verify", [True, False])
async def test_too_few_days_left_fail(certificates: Certificates, verify: bool) -> None:
    """Three and a half are enough for three."""
    async with serving(hang, context=certificates.server("short")) as server, probing() as look:
        for days, failure in ((0, None), (3, None), (4, Failure.CERTIFICATE)):
            observation = await look(
                TlsCheck(port=server.port, ca_file=certificates.ca, verify=verify, days_left=days)
            )
            assert observation.failure is failure
            assert observation.detail.startswith("expires in 3 days")


@pytest.mark.parametrize(
    "talk",
    [greeting(b"220 mail.test ESMTP\r\n"), saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")],
    ids=str,
)
async def test_a_server_without_tls_fails(talk: Talk) -> None:
    """Whatever else it speaks."""
    async with serving(talk) as server:
        observation = await seen(TlsCheck(port=server.port, verify=False))
        assert (observation.failure, observation.detail) == (Failure.TLS, "wrong version number")


@pytest.mark.parametrize("talk", [saying(b""), reset], ids=str)
async def test_closing_within_the_handshake_is_a_reset(talk: Talk) -> None:
    """In whatever way."""
    async with serving(talk) as server:
        observation = await seen(TlsCheck(port=server.port, verify=False))
        assert observation.failure is Failure.RESET


async def test_an_alert_of_the_server_fails() -> None:
    """RFC 8446 6: a fatal handshake_failure."""
    async with serving(saying(b"\x15\3\3\0\2\2\x28")) as server:
        observation = await seen(TlsCheck(port=server.port, verify=False))
        assert observation.failure is Failure.TLS
        assert "handshake failure" in observation.detail


async def test_silence_is_a_timeout() -> None:
    """Of a server that accepts and never shakes hands."""
    async with serving(hang) as server:
        observation = await seen(TlsCheck(port=server.port, verify=False), timeout=0.05)
        assert observation.failure is Failure.TIMEOUT


async def test_a_closed_port_refuses() -> None:
    """As without TLS."""
    with refusing() as port:
        assert (await seen(TlsCheck(port=port))).failure is Failure.REFUSED


async def test_a_missing_ca_file_observes_nothing(certificates: Certificates) -> None:
    """The target is not blamed."""
    async with serving(hang, context=certificates.server()) as server:
        check = TlsCheck(port=server.port, ca_file=f"{certificates.ca}.missing")
        with pytest.raises(NoObservation, match="No such file"):
            await seen(check)


# ---------------------------------------------------------------- validity


def at(text: str) -> float:
    """Seconds since the epoch."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def element(tag: int, content: bytes) -> bytes:
    """One element of DER."""
    if len(content) < 0x80:
        return bytes((tag, len(content))) + content
    return bytes((tag, 0x82)) + len(content).to_bytes(2, "big") + content


def certificate(begin: bytes, end: bytes, version: bytes = element(0xA0, b"\2\1\2")) -> bytes:
    """As much of a certificate as is read."""
    fields = element(2, b"\1") + element(0x30, b"") + element(0x30, b"x" * 200)
    tbs = element(0x30, version + fields + element(0x30, begin + end) + b"and more")
    return element(0x30, tbs + b"signature")


def test_years_have_two_or_four_digits() -> None:
    """RFC 5280 4.1.2.5: UTCTime until 2049, then GeneralizedTime."""
    octets = certificate(element(0x17, b"500101000000Z"), element(0x17, b"491231235959Z"))
    assert read_validity(octets) == (at("1950-01-01"), at("2049-12-31T23:59:59"))
    octets = certificate(element(0x17, b"991231235959Z"), element(0x18, b"99991231235959Z"))
    assert read_validity(octets) == (at("1999-12-31T23:59:59"), at("9999-12-31T23:59:59"))


def test_a_certificate_of_version_1_has_no_version() -> None:
    """RFC 5280 4.1: it is a default."""
    time = element(0x18, b"20300102030405Z")
    assert read_validity(certificate(time, time, b"")) == (at("2030-01-02T03:04:05"),) * 2


@pytest.mark.parametrize("name", ["valid", "expired", "distant", "stranger"])
def test_openssl_agrees(certificates: Certificates, name: str) -> None:
    """On when certificates of its own begin and end."""
    decoded = ssl._ssl._test_decode_cert(  # type: ignore[attr-defined]  # CPython's own test hook
        str(certificates.file(name))
    )
    expected = tuple(ssl.cert_time_to_seconds(decoded[key]) for key in ("notBefore", "notAfter"))
    assert read_validity(certificates.der(name)) == expected


@pytest.mark.parametrize(
    "time",
    [
        element(0x17, b"4912312359Z"),
        element(0x17, b"491231235959+0000"),
        element(0x17, b"491331235959Z"),
        element(0x17, "49123123595\N{SUPERSCRIPT TWO}Z".encode()),
        element(0x18, b"20300102030405.5Z"),
        element(0x18, b"00000102030405Z"),
        element(0x0C, b"491231235959Z"),
        b"",
    ],
)
def test_what_is_no_time_is_refused(time: bytes) -> None:
    """As RFC 5280 writes times, and no other way."""
    with pytest.raises(ValueError, match=r".+"):
        read_validity(certificate(time, time))


def test_every_part_of_a_certificate_is_refused_cleanly(certificates: Certificates) -> None:
    """Cut anywhere before the dates' end, or at all."""
    der = certificates.der("valid")
    for cut in range(len(der)):
        with pytest.raises(ValueError, match=r".+"):
            read_validity(der[:cut])


@given(st.binary(max_size=200) | st.binary(max_size=40).map(lambda x: element(0x30, x)))
def test_garbage_is_a_value_error(octets: bytes) -> None:
    """Nothing else is raised."""
    with pytest.raises(ValueError, match=r".+"):
        read_validity(octets)


@given(st.data())
def test_a_changed_octet_raises_nothing_else(
    certificates: Certificates, data: st.DataObject
) -> None:
    """ValueError at most."""
    der = bytearray(certificates.der("valid"))
    der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    try:
        begin, end = read_validity(bytes(der))
    except ValueError:
        return
    assert isinstance(begin + end, float)


def test_the_judgement_counts_whole_days() -> None:
    """And says one of them in the singular."""
    end = at("2026-12-01")
    assert judge(0, end, end - 10.9 * DAY, 10) == "expires in 10 days"
    assert judge(0, end, end - DAY, 1) == "expires in 1 day"
    assert judge(0, end, end, 0) == "expires in 0 days"
    for now, days, detail in (
        (end - 3.5 * DAY, 4, "expires in 3 days (2026-12-01)"),
        (end + 1, 0, "expired 0 days ago (2026-12-01)"),
        (-1.0, 0, "not valid before 1970-01-01 00:00 UTC"),
    ):
        with pytest.raises(Failed) as caught:
            judge(0, end, now, days)
        assert (caught.value.failure, caught.value.detail) == (Failure.CERTIFICATE, detail)
