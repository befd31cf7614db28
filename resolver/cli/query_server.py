"""`sightline query`: a small dig. Exit 0 for any well-formed reply, REFUSED included."""

from __future__ import annotations

import argparse
import re
import sys
import time

import dns.edns
import dns.exception
import dns.flags
import dns.inet
import dns.message
import dns.name
import dns.query
import dns.rdatatype
import dns.reversename

ANSWERED, NO_REPLY, WRONG_USAGE = 0, 1, 2
DEFAULT_SERVER = "127.0.0.1:1053"
_SERVER = re.compile(r"(?:\[([^\[\]]+)\]|([^\[\]:]+))(?::([0-9]{1,5}))?")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "sightline query [options] NAME [TYPE] [@ADDR[:PORT]]"
    parser.add_argument("words", nargs="+", metavar="WORD", help="NAME, TYPE, @ADDR[:PORT]")
    parser.add_argument("--tcp", action="store_true", help="ask over TCP")
    parser.add_argument("--source", metavar="ADDR", help="ask from this address")
    parser.add_argument("--timeout", type=float, default=2.0, metavar="SECONDS")
    parser.add_argument("--short", action="store_true", help="print the rdata of the answer only")
    parser.add_argument("--norecurse", action="store_true", help="clear RD")


def run(arguments: argparse.Namespace) -> int:
    try:
        name, rdtype, server, port = read_words(arguments.words)
    except ValueError as error:
        print(f"sightline query: {error}", file=sys.stderr)
        return WRONG_USAGE
    message = dns.message.make_query(name, rdtype, use_edns=0, payload=1232)
    if arguments.norecurse:
        message.flags &= ~dns.flags.RD
    options = {"timeout": arguments.timeout, "port": port, "source": arguments.source}
    started = time.monotonic()
    try:
        if arguments.tcp:
            reply = dns.query.tcp(message, server, **options)
        else:
            reply, _ = dns.query.udp_with_fallback(message, server, **options)
    except (dns.exception.DNSException, OSError, ValueError) as error:
        text = str(error) or type(error).__name__
        print(f"sightline query: no reply from {server} port {port}: {text}", file=sys.stderr)
        return NO_REPLY
    if arguments.short:
        for rrset in reply.answer:
            for rdata in rrset:
                print(rdata.to_text())
    else:
        print(reply.to_text())
        print(f";SERVER {server} port {port}, {(time.monotonic() - started) * 1000:.1f} ms")
    return ANSWERED


def read_words(words: list[str]) -> tuple[dns.name.Name, dns.rdatatype.RdataType, str, int]:
    """NAME, TYPE and @ADDR[:PORT] in any order after the name; raises ValueError."""
    server = DEFAULT_SERVER
    rest = []
    for word in words:
        if word.startswith("@"):
            server = word[1:]
        else:
            rest.append(word)
    if not 1 <= len(rest) <= 2:
        raise ValueError("write NAME [TYPE] [@ADDR[:PORT]]")
    try:
        name = dns.name.from_text(rest[0])
        rdtype = dns.rdatatype.from_text(rest[1] if len(rest) == 2 else "A")
    except dns.exception.DNSException as error:
        raise ValueError(str(error) or type(error).__name__) from None
    except ValueError:
        raise ValueError(f"unknown type {rest[1]!r}") from None
    return name, rdtype, *read_server(server)


def read_server(text: str) -> tuple[str, int]:
    """`10.0.0.1`, `10.0.0.1:53`, `::1`, `[::1]:53` → address and port (default 53)."""
    match = _SERVER.fullmatch(text)
    host, port = (match[1] or match[2], int(match[3] or 53)) if match else (text, 53)
    if not dns.inet.is_address(host) or not 0 < port < 65536:
        raise ValueError(f"{text!r} is no address and port")
    return host, port
