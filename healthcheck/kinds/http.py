"""Whether an HTTP server answers a request as wanted: status, and what the body holds.

Connections stay open between probes. At most 64 KiB of a body are read, whatever the server
sends, and a connection whose answer was not read to its end is closed.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator
from typing import Annotated, ClassVar

import aiohttp
from multidict import CIMultiDict
from pydantic.dataclasses import dataclass
from yarl import URL

from healthcheck.check import Failed, Failure
from healthcheck.kinds.kind import STRICT, Kind
from healthcheck.kinds.options import (
    Flag,
    Headers,
    OptionalHost,
    OptionalPattern,
    OptionalServerName,
    OptionalText,
    Port,
    StatusSet,
    UrlPath,
    compiled,
    host_name,
    option,
    read_choice,
)
from healthcheck.kinds.tls_context import client_context
from healthcheck.tools import Tools

MAX_BODY = 65536  # octets that are read
MAX_REDIRECTS = 5
PATTERN_TIMEOUT = 0.05  # seconds
METHODS = ("GET", "HEAD", "POST", "OPTIONS", "PUT")
REDIRECTS = frozenset({301, 302, 303, 307, 308})

Method = Annotated[str, option(read_choice(*METHODS), {"enum": list(METHODS)})]


@dataclass(frozen=True, slots=True, config=STRICT)
class HttpCheck(Kind):
    """Ask for a path; the answer must have one of the statuses, and the body what is wanted."""

    kind: ClassVar[str] = "http"

    port: Port
    method: Method = "GET"
    path: UrlPath = "/"
    headers: Headers = ()
    host: OptionalHost = None  # the Host header; None: address and port
    status: StatusSet = ((200, 299),)
    body: OptionalText = None  # must be within the first 64 KiB
    body_regex: OptionalPattern = None  # must be found within the first 64 KiB
    tls: Flag = False
    verify: Flag = True
    ca_file: OptionalText = None  # None: the CAs of the system
    sni: OptionalServerName = None  # None: the name in `host`, or the address
    redirects: Flag = False  # follow them, within the same server only

    async def probe(self, address: str, tools: Tools) -> str:
        """Pass when the answer is as wanted. Raises aiohttp.ClientError too."""
        method, url = self.method, self._url(address)
        for _ in range(1 + MAX_REDIRECTS):
            async with self._answered(method, url, address, tools) as response:
                further = self._redirect(url, response) if self.redirects else None
                if further is None:
                    return await self._judge(response)
                await _read(response, is_wanted=False)
            url = further
            if response.status not in {307, 308} and method != "HEAD":
                method = "GET"  # RFC 9110 15.4
        raise Failed(Failure.STATUS, f"more than {MAX_REDIRECTS} redirects")

    def _url(self, address: str) -> URL:
        scheme = "https" if self.tls else "http"
        authority = f"[{address}]" if ":" in address else address
        return URL(f"{scheme}://{authority}:{self.port}{self.path}", encoded=True)

    @contextlib.asynccontextmanager
    async def _answered(
        self, method: str, url: URL, address: str, tools: Tools
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        context = client_context(self.verify, self.ca_file) if self.tls else True
        name = self.sni or (host_name(self.host) if self.host else address)
        ask = functools.partial(
            tools.session.request,
            method,
            url,
            headers=self._headers(),
            allow_redirects=False,
            ssl=context,
            server_hostname=name if self.tls else None,
        )
        try:
            response = await ask()
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            # The server may just have closed an idle connection. aiohttp asks again, but not with
            # POST (RFC 9110 9.2.2); a probe is repeated for ever anyway.
            if method != "POST" or isinstance(error, aiohttp.ClientConnectorError):
                raise
            response = await ask()
        try:
            yield response
        finally:
            response.close()  # one that was read to its end has left its connection already

    def _headers(self) -> CIMultiDict[str]:
        headers = CIMultiDict(self.headers)
        headers.setdefault("User-Agent", "sightline")
        headers["Accept-Encoding"] = "identity"
        if self.host is not None:
            headers["Host"] = self.host
        return headers

    def _redirect(self, url: URL, response: aiohttp.ClientResponse) -> URL | None:
        """Where to ask next; None: nowhere, or at another server."""
        location = response.headers.get("Location")
        if response.status not in REDIRECTS or location is None:
            return None
        try:
            target = url.join(URL(location))
            named = url if self.host is None else URL(f"{url.scheme}://{self.host}")
            here = {_origin(url), _origin(named)}
        except ValueError:
            raise Failed(Failure.PROTOCOL, f"a redirect to {location!r}") from None
        if _origin(target) not in here:
            return None
        return URL(f"{url.scheme}://{url.raw_authority}{target.raw_path_qs}", encoded=True)

    async def _judge(self, response: aiohttp.ClientResponse) -> str:
        status = response.status
        if not any(low <= status <= high for low, high in self.status):
            raise Failed(Failure.STATUS, f"status {status}")
        is_wanted = self.body is not None or self.body_regex is not None
        body = await _read(response, is_wanted)
        if body is None:
            return f"{status}"
        if self.body is not None and self.body.encode() not in body:
            raise Failed(Failure.BODY, f"body does not contain {self.body!r}")
        if self.body_regex is not None:
            _search(self.body_regex, body)
        return f"{status} in {len(body)} octets"


def _origin(url: URL) -> tuple[str, str | None, int | None]:
    return url.scheme, url.host, url.port


async def _read(response: aiohttp.ClientResponse, is_wanted: bool) -> bytes | None:
    """Up to 64 KiB of the body; None for one that nobody wants and whose end may be far."""
    length = response.content_length
    is_short = response.content.is_eof() or (length is not None and length <= MAX_BODY)
    if not (is_wanted or is_short):
        return None
    body = bytearray()
    while len(body) <= MAX_BODY:
        came = await response.content.readany()
        if not came:
            break
        body += came
    return bytes(body[:MAX_BODY])


def _search(pattern: str, body: bytes) -> None:
    text = body.decode("utf-8", "replace")
    try:
        # Other threads go on meanwhile.
        found = compiled(pattern).search(text, timeout=PATTERN_TIMEOUT, concurrent=True)
    except TimeoutError:
        ms = round(PATTERN_TIMEOUT * 1000)
        raise Failed(Failure.BODY, f"body_regex took longer than {ms} ms") from None
    if not found:
        raise Failed(Failure.BODY, f"body does not match {pattern!r}")
