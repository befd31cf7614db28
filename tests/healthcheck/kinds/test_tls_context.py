"""TLS contexts, from real files."""

from __future__ import annotations

import os
import shutil
import ssl
from pathlib import Path

import pytest

from healthcheck.check import NoObservation
from healthcheck.kinds.tls_context import client_context
from tests.healthcheck.kinds.targets import Certificates, make_certificates


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """One of every sort."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def test_equal_options_share_a_context(certificates: Certificates) -> None:
    """It is made once."""
    assert client_context(True, certificates.ca) is client_context(True, certificates.ca)
    assert client_context(True) is client_context(True)
    assert client_context(True) is not client_context(True, certificates.ca)


def test_a_context_verifies_name_and_chain(certificates: Certificates) -> None:
    """Unless told otherwise."""
    context = client_context(True, certificates.ca)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert [ca["subject"] for ca in context.get_ca_certs()] == [((("commonName", "ca"),),)]


def test_without_verification_the_ca_file_is_not_read() -> None:
    """Nobody would ask it."""
    context = client_context(False, "/no/such/file")
    assert context.verify_mode is ssl.CERT_NONE
    assert not context.check_hostname
    assert context is client_context(False)


def test_other_protocols_are_another_context(certificates: Certificates) -> None:
    """ALPN is a part of it."""
    assert client_context(True, certificates.ca, ("h2",)) is not client_context(
        True, certificates.ca
    )


def test_a_replaced_ca_file_is_read_again(certificates: Certificates, tmp_path: Path) -> None:
    """As soon as it is there; in place or by renaming."""
    path = tmp_path / "ca.crt"
    shutil.copyfile(certificates.ca, path)
    first = client_context(True, str(path))
    fresh = tmp_path / "new"
    shutil.copyfile(certificates.file("stranger"), fresh)
    fresh.rename(path)
    second = client_context(True, str(path))
    assert [ca["subject"] for ca in second.get_ca_certs()] == [((("commonName", "stranger"),),)]
    os.utime(path, ns=(0, 0))
    assert len({id(c) for c in (first, second, client_context(True, str(path)))}) == 3


def test_a_missing_ca_file_is_our_own_fault(tmp_path: Path) -> None:
    """Nothing is learnt of the target; the next probe looks again."""
    with pytest.raises(NoObservation, match=r"CA file .*/none: No such file or directory"):
        client_context(True, str(tmp_path / "none"))


def test_a_ca_file_without_certificates_is_our_own_fault(tmp_path: Path) -> None:
    """Empty, garbage and a directory."""
    path = tmp_path / "ca.crt"
    for octets in (b"", b"\xff\0garbage", b"-----BEGIN CERTIFICATE-----\nxx\n"):
        path.write_bytes(octets)
        with pytest.raises(NoObservation, match="holds no certificates"):
            client_context(True, str(path))
    with pytest.raises(NoObservation):
        client_context(True, str(tmp_path))
