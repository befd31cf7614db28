"""One upstream as written in zones and configuration: text → transport, address, port, names.

Pure; who asks it and how is not decided here.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from resolver import names
from resolver.zones.leaves import IPAddress

SYSTEM = "system"
PORTS = {"udp": 53, "tcp": 53, "tls": 853, "https": 443}


class BadUpstream(ValueError):
    """The text is no upstream; the message says why."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A server that we ask; `udp` falls back to TCP, `tcp`, `tls` and `https` never leave it.

    `name` is what the certificate must bear (tls, https); `path` is that of https.
    """

    transport: str
    address: IPAddress
    port: int
    name: str | None = None
    path: str | None = None

    def __str__(self) -> str:
        host = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        place = host if self.port == PORTS[self.transport] else f"{host}:{self.port}"
        if self.transport == "udp":
            return place
        if self.transport == "https":
            port = "" if self.port == PORTS["https"] else f":{self.port}"
            return f"https://{self.name}{port}{self.path}#{self.address}"
        return f"{self.transport}://{place}" + (f"#{self.name}" if self.name else "")


def read_upstream(text: str) -> Upstream:
    """Read `9.9.9.9`, `9.9.9.9:53`, `[::1]:53`, `tcp://…`, `tls://ADDR#NAME`, `https://…#ADDR`.

    The word `system` is the caller's to know. Raises BadUpstream.
    """
    scheme, is_url, rest = text.partition("://")
    if not is_url:
        scheme, rest = "udp", text
    if scheme not in PORTS:
        raise BadUpstream(f"{text!r} has an unknown transport (udp, tcp, tls or https)")
    if scheme == "https":
        return _read_https(text)
    place, _, name = rest.partition("#")
    address, port = _read_address(place, text, PORTS[scheme])
    if scheme != "tls":
        if "#" in rest:
            raise BadUpstream(f"{text!r} names a certificate, which {scheme} has not")
        return Upstream(scheme, address, port)
    if not name:
        raise BadUpstream(f"{text!r} needs the name of its certificate: tls://ADDRESS#NAME")
    return Upstream(scheme, address, port, _read_host(name, text))


def _read_https(text: str) -> Upstream:
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError as error:
        raise BadUpstream(f"{text!r} is no URL: {error}") from None
    if not host:
        raise BadUpstream(f"{text!r} names no host")
    path = (url.path or "/dns-query") + (f"?{url.query}" if url.query else "")
    if url.fragment:
        address = _parse_address(url.fragment, text)
    else:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            # A name would have to be looked up, by the very server that it names.
            message = f"{text!r} needs the address of {host}: https://{host}{path}#ADDRESS"
            raise BadUpstream(message) from None
    return Upstream("https", address, port or PORTS["https"], _read_host(host, text), path)


def _read_address(place: str, text: str, port: int) -> tuple[IPAddress, int]:
    host, digits = place, ""
    if place.startswith("["):
        host, bracket, digits = place[1:].partition("]")
        if not bracket or (digits and not digits.startswith(":")):
            raise BadUpstream(f"{text!r} is no address with a port (write [::1]:53)")
        if not digits:
            return _parse_address(host, text), port
        digits = digits[1:]
    elif place.count(":") == 1:
        host, _, digits = place.partition(":")
    else:
        return _parse_address(host, text), port
    if not (digits.isascii() and digits.isdigit() and len(digits) < 6 and 1 <= int(digits) < 65536):
        raise BadUpstream(f"{text!r} has no port from 1 to 65535 after the colon")
    return _parse_address(host, text), int(digits)


def _parse_address(host: str, text: str) -> IPAddress:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise BadUpstream(f"{text!r} has no IP address where one is needed ({host!r})") from None
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_unspecified or address.is_multicast:
        raise BadUpstream(f"{text!r} is no address of a server")
    return address


def _read_host(name: str, text: str) -> str:
    try:
        names.from_text(name)
    except names.BadName as error:
        raise BadUpstream(f"{text!r}: {error}") from None
    return name
