"""The measuring stick: an asyncio datagram endpoint that parses and packs with dnslib.

The usual way to write a DNS server in Python. It knows one map of names to addresses, no views,
no health, no TCP; it takes the questions that the scenarios ask and nothing more.

    python -m bench.baseline ANSWERS.json
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import cast

from dnslib import EDNS0, QTYPE, RCODE, RR, SOA, A, DNSRecord
from dnslib.dns import DNSError

from bench.zones import DOMAIN, TTL


class Endpoint(asyncio.DatagramProtocol):
    """Answers each datagram when it comes; what can be made beforehand, is."""

    def __init__(self, answers: dict[str, list[str]]) -> None:
        self.addresses = {name: [A(a) for a in found] for name, found in answers.items()}
        self.turn = 0
        times = (1, 3600, 600, 86400, 30)
        self.soa = RR(DOMAIN, QTYPE.SOA, ttl=TTL, rdata=SOA(f"ns1.{DOMAIN}", f"h.{DOMAIN}", times))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            query = DNSRecord.parse(data)
        except DNSError:
            return
        self.transport.sendto(self.answer(query).pack(), addr)

    def answer(self, query: DNSRecord) -> DNSRecord:
        """The reply to one query: the addresses of its name, in turn."""
        reply = query.reply(ra=1, aa=1)
        name = str(query.q.qname).rstrip(".").lower()
        found = self.addresses.get(name)
        if found is None:
            reply.header.rcode = RCODE.NXDOMAIN
            reply.add_auth(self.soa)
        elif query.q.qtype == QTYPE.A:
            self.turn += 1
            start = self.turn % len(found)
            for address in found[start:] + found[:start]:
                reply.add_answer(RR(query.q.qname, QTYPE.A, ttl=TTL, rdata=address))
        if any(record.rtype == QTYPE.OPT for record in query.ar):
            reply.add_ar(EDNS0(udp_len=1232))
        return reply


async def serve(answers: dict[str, list[str]]) -> None:
    """Answer on a free port until SIGTERM; says which on stderr."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    transport, _ = await loop.create_datagram_endpoint(
        lambda: Endpoint(answers), local_addr=("127.0.0.1", 0)
    )
    host, port = transport.get_extra_info("sockname")
    print(f"ready: listening on {host}:{port}", file=sys.stderr, flush=True)
    await stop.wait()
    transport.close()


if __name__ == "__main__":
    asyncio.run(serve(json.loads(Path(sys.argv[1]).read_text())))
