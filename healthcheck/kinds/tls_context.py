"""TLS contexts of probes: equal options share one, as making it costs milliseconds.

A CA file that was replaced is read again: what the file is, is looked up at every probe.
"""

from __future__ import annotations

import functools
import ssl
from pathlib import Path

from healthcheck.check import NoObservation


def client_context(
    verify: bool, ca_file: str | None = None, alpn: tuple[str, ...] = ()
) -> ssl.SSLContext:
    """The context for a client; the server's name is given when a connection is wrapped.

    Without `ca_file` the CAs of the system are trusted. Equal arguments give the same context.
    Raises NoObservation when the CA file cannot be read: our own side.
    """
    if not verify or ca_file is None:
        return _context(verify, None, None, alpn)
    try:
        found = Path(ca_file).stat()
        version = (found.st_ino, found.st_size, found.st_mtime_ns)
        return _context(verify, ca_file, version, alpn)
    except ssl.SSLError:
        raise NoObservation(f"CA file {ca_file}: holds no certificates") from None
    except OSError as error:
        raise NoObservation(f"CA file {ca_file}: {error.strerror}") from None


@functools.lru_cache(maxsize=256)
def _context(
    verify: bool,
    ca_file: str | None,
    version: tuple[int, int, int] | None,  # a new file makes a new context
    alpn: tuple[str, ...],
) -> ssl.SSLContext:
    if verify:
        context = ssl.create_default_context(cafile=ca_file)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context
