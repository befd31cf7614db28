"""The admin address: a socket, its connections, and the way of a request through it.

route → access → the route's function; whatever goes wrong becomes a problem of RFC 9457.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from resolver import names
from resolver.admin import events_api, explain_api, forward_api, health_api, server_api, top_api
from resolver.admin.access import Caller, Denied, Rules, table
from resolver.admin.asked import MAX_BODY, Asked, Shared
from resolver.admin.metrics import Scrapes
from resolver.admin.operated import NotAnswering, Operated
from resolver.admin.page import files
from resolver.admin.page.handlers import Page
from resolver.admin.page.stream import EventStream
from resolver.admin.problems import CONTENT_TYPE, Refused, denied
from resolver.admin.routes import NoRoute, find_route
from resolver.admin.tokens import TokenFile
from resolver.config import AdminConfig, SocketAddress
from resolver.listen.sockets import CannotListen

MAX_CONNECTIONS = 100
KEEP_ALIVE = 15.0  # seconds that an idle connection stays
SILENCE = 10.0  # seconds until a new connection has sent the headers of a request
SENDING = 10.0  # seconds until a reply has left
GRACE = 1.0  # seconds for replies on their way when the server stops

log = logging.getLogger("sightline.admin")

HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Server": "sightline",
}

Answer = Callable[[Asked], Awaitable[web.StreamResponse]]


class AdminServer:
    """Serves the admin address. Raises Rejected when the tokens file cannot be read."""

    def __init__(
        self,
        config: AdminConfig,
        operated: Operated,
        *,
        revision: str = "",
        bound: socket.socket | None = None,
    ) -> None:
        """`bound`: a socket that `open_socket` has opened."""
        self.address: SocketAddress = config.listen
        self._operated = operated
        self._allow = table(config.allow)
        self._metrics_allow = table(config.metrics_allow)
        self._tokens = None if config.tokens_file is None else TokenFile(Path(config.tokens_file))
        self._names = frozenset(name.rstrip(".").lower() for name in config.hosts)
        self._shared = Shared()
        self._page = Page(
            operated,
            self._shared,
            lambda need, request: self._rules().decide(need, _caller(request)),
        )
        self._answers: dict[str, Answer] = {
            "healthz": server_api.be_alive,
            "readyz": server_api.be_ready,
            "metrics": Scrapes(operated, self._shared.selections, revision).serve,
            "page": files.show_page,
            "page-file": files.show_file,
            "page-overview": self._page.show_overview,
            "page-services": self._page.find_services,
            "page-explain": self._page.explain,
            "stream": self._page.follow,
            "status": server_api.show_status,
            "environments": server_api.list_environments,
            "services": health_api.list_services,
            "endpoints": health_api.list_endpoints,
            "endpoint": health_api.show_endpoint,
            "change": health_api.change_state,
            "heartbeat": health_api.take_heartbeat,
            "explain": explain_api.show_explanation,
            "events": events_api.list_events,
            "top": top_api.show_top,
            "upstreams": forward_api.show_upstreams,
            "cache": forward_api.show_cache,
            "forget": forward_api.forget,
            "generation": server_api.show_generation,
            "reload": server_api.reload,
            "openapi": server_api.show_openapi,
        }
        self._socket: socket.socket | None = None
        if bound is not None:
            self._take(bound)
        self._protocols: web.Server | None = None
        self._listener: asyncio.Server | None = None
        self._silent: dict[asyncio.Protocol, asyncio.TimerHandle] = {}

    def bind(self) -> None:
        """Open the socket; `address` then has its port. Raises CannotListen."""
        self._take(open_socket(self.address))

    def _take(self, bound: socket.socket) -> None:
        self._socket = bound
        self.address = SocketAddress(self.address.host, bound.getsockname()[1])

    async def start(self) -> None:
        """Accept connections."""
        if self._socket is None:
            self.bind()
        assert self._socket is not None
        # What goes wrong here is logged here; of noise on the wire nothing is.
        quiet = logging.getLogger("sightline.admin.wire")
        quiet.disabled = True
        self._protocols = web.Server(
            self._serve,
            access_log=None,
            logger=quiet,
            keepalive_timeout=KEEP_ALIVE,
            auto_decompress=False,
            lingering_time=1.0,
        )
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._accept, sock=self._socket)

    async def stop(self) -> None:
        """Accept no more, let replies go out for a moment, close."""
        if self._listener is not None:
            self._listener.close()
        elif self._socket is not None:
            self._socket.close()
        self._page.stop()
        if self._protocols is not None:
            self._protocols.pre_shutdown()
            await self._protocols.shutdown(GRACE)
        for timer in self._silent.values():
            timer.cancel()
        self._silent.clear()

    def _accept(self) -> asyncio.Protocol:
        assert self._protocols is not None
        if len(self._protocols.connections) >= MAX_CONNECTIONS:
            return _Turned()
        protocol = self._protocols()
        timer = asyncio.get_running_loop().call_later(SILENCE, self._drop, protocol)
        self._silent[protocol] = timer
        return protocol

    def _drop(self, protocol: web.RequestHandler) -> None:
        """End a connection that has asked nothing yet."""
        self._silent.pop(protocol, None)
        if protocol.transport is not None:
            protocol.transport.abort()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        timer = self._silent.pop(request.protocol, None)
        if timer is not None:
            timer.cancel()
        response: web.StreamResponse
        try:
            response = await self._answer(request)
        except Refused as refused:
            response = _tell(refused)
        except NotAnswering as error:
            response = _tell(Refused(503, str(error)))
        except Exception:
            log.exception("%s %s failed", request.method, request.rel_url.raw_path[:200])
            response = _tell(Refused(500, "a fault of the server; its log says more"))
        response.headers.update(HEADERS)
        await _send(request, response)
        return response

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        found = find_route(request.method, request.rel_url.raw_path)
        if isinstance(found, NoRoute):
            if not found.allowed:
                raise Refused(404, "there is nothing at this path")
            methods = ", ".join(found.allowed)
            raise Refused(405, f"the methods here: {methods}", headers={"Allow": methods})
        sight = self._rules().decide(found.route.need, _caller(request))
        if isinstance(sight, Denied):
            raise denied(sight.status, sight.detail)
        if (request.content_length or 0) > MAX_BODY:
            raise Refused(413, f"a body has {MAX_BODY} octets at most")
        known = tuple(parameter.name for parameter in found.route.parameters)
        what = (request, self._operated, sight, self._shared)
        asked = Asked(*what, found.endpoint, known)
        return await self._answers[found.route.name](asked)

    def _rules(self) -> Rules:
        tokens = None if self._tokens is None else self._tokens.current()
        return Rules(self._allow, self._metrics_allow, tokens, self._hosts())

    def _hosts(self) -> frozenset[str]:
        """The names that this server may be called by: its own, and those of the internal domains,
        which nobody outside can give away."""
        plan = self._operated.generation.zones.plan
        domains = (names.to_text(name) for name in (plan.domain, *plan.domains))
        return self._names | {name.rstrip(".").lower() for name in domains}


class _Turned(asyncio.Protocol):
    """A connection too many: closed at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


def _caller(request: web.BaseRequest) -> Caller:
    headers = request.headers
    return Caller(
        source=request.remote or "",
        host=headers.get("Host"),
        origin=headers.get("Origin"),
        authorization=headers.get("Authorization"),
    )


def _tell(refused: Refused) -> web.Response:
    return web.Response(
        status=refused.status,
        text=refused.to_json(),
        content_type=CONTENT_TYPE,
        headers=refused.headers,
    )


async def _send(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Send a reply here, so that a client that does not read it is not waited for."""
    if isinstance(response, EventStream):
        await response.pour(request)
        return
    try:
        async with asyncio.timeout(SENDING):
            await response.prepare(request)
            await response.write_eof()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()


def open_socket(address: SocketAddress) -> socket.socket:
    """A socket that listens for the admin server. Raises CannotListen."""
    is_v6 = ":" in address.host
    opened = None
    try:
        opened = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET)
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_v6:
            # [::] is every address; the clients of IPv4 come from ::ffff:0:0/96.
            only = not ipaddress.ip_address(address.host).is_unspecified
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
        opened.bind((address.host, address.port))
        opened.listen(MAX_CONNECTIONS)
    except OSError as error:
        if opened is not None:
            opened.close()
        reason = os.strerror(error.errno) if error.errno else str(error)
        if error.errno == errno.EADDRINUSE:
            reason = "in use by another server"
        raise CannotListen(f"cannot listen on {address} (admin): {reason}") from None
    return opened
