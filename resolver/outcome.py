"""What can become of a query, and why: the values that the journey returns.

Reasons are one closed list, read by the extended error (RFC 8914), logs, metrics and `explain`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, IntEnum
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # they import reasons from here
    from resolver.cache import Entry, Key
    from resolver.generation import View
    from resolver.message import Query
    from resolver.routes import Route
    from resolver.views import Door


class Rcode(IntEnum):
    """Response codes (RFC 6895 2.3)."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5
    YXDOMAIN = 6
    NOTAUTH = 9
    BADVERS = 16


class Source:
    """Where a reply came from: the `source` label of metrics. Plain text, since it is counted."""

    ZONE = "zone"
    CACHE = "cache"
    STALE = "stale"
    FORWARD = "forward"
    POLICY = "policy"


class Reason(Enum):
    """Why a query got this outcome: (word, extended error code or None, extra text)."""

    ANSWERED = ("answered", None, "")
    EXPLAINED = ("explained", None, "")
    MALFORMED = ("malformed", None, "")
    UNKNOWN_OPCODE = ("unknown-opcode", None, "")
    UNKNOWN_VERSION = ("unknown-edns-version", None, "")
    # RFC 8914 4.19: the client is not authorized to use the server.
    UNKNOWN_CLIENT = ("unknown-client", 18, "")
    TRANSFER_REFUSED = ("transfer-refused", 18, "")
    # RFC 8914 4.22: an unsupported query type or, as here, class.
    UNKNOWN_CLASS = ("unknown-class", 21, "")
    UNKNOWN_KEY = ("unknown-tsig-key", None, "")
    # RFC 8914 4.21: not authoritative, and this client may not have it resolved.
    NOT_FORWARDED = ("not-forwarded", 20, "")
    BELOW_CUT = ("below-zone-cut", 20, "below a delegation")
    NO_HEALTHY_ENDPOINT = ("no-healthy-endpoint", 0, "no healthy endpoint")
    ALIAS_UNRESOLVED = ("alias-unresolved", 0, "the target of ALIAS has no addresses here")
    # RFC 8914 4.4, 4.20: what upstreams said before, since they say nothing now.
    STALE = ("stale", 3, "")
    STALE_NXDOMAIN = ("stale-nxdomain", 19, "")
    # RFC 8914 4.23, 4.24: no upstream answered, or the network did not carry the question.
    NO_UPSTREAM = ("no-reachable-upstream", 22, "")
    NETWORK_ERROR = ("network-error", 23, "")
    TOO_MANY = ("too-many-questions-in-flight", 0, "too many questions in flight")
    STOPPING = ("stopping", 14, "")  # 4.15: not ready, as this server ends
    OWN_ADDRESS = ("own-address", 18, "questions of this server's own addresses go nowhere")
    # RFC 8914 4.16: blocked by the operator.
    PRIVATE_WITHHELD = ("private-withheld", 15, "private addresses of a public name")
    CHAIN_TOO_LONG = ("chain-too-long", 0, "alias chain too long")
    FAULT = ("internal-fault", 0, "internal fault")

    def __init__(self, word: str, code: int | None, text: str) -> None:
        self.word = word
        self.code = code
        self.text = text


class Drop(NamedTuple):
    """Nothing is sent: no query at all, or a reply to a reply."""

    reason: str


class Reply(NamedTuple):
    """The octets to send, and what counters say of them."""

    wire: bytes
    environment: str
    qtype: int
    rcode: int
    source: str  # of Source
    reason: Reason


# A NamedTuple's own constructor takes twice as long; this one runs for every query.
hot_reply: Callable[[tuple[bytes, str, int, int, str, Reason]], Reply]
hot_reply = partial(tuple.__new__, Reply)


class Asked(NamedTuple):
    """A question that was let in, and all that its reply depends on beside what is answered."""

    wire: bytes
    query: Query
    view: View
    door: Door
    subnet: bytes | None  # of a trusted forwarder, to be confirmed
    source: str


class Forward(NamedTuple):
    """Upstreams are to be asked; the question that asked for it is answered again afterwards."""

    asked: Asked
    name: bytes  # to ask for: the question's, or where a chain has led; as spelled
    qtype: int
    key: Key
    route: Route
    stale: Entry | None  # what can be said if nobody answers
    reply: Reply | None  # what is sent already: this only refreshes


hot_asked: Callable[[tuple[bytes, Query, View, Door, bytes | None, str]], Asked]
hot_asked = partial(tuple.__new__, Asked)
hot_forward: Callable[[tuple[Asked, bytes, int, Key, Route, Entry | None, Reply | None]], Forward]
hot_forward = partial(tuple.__new__, Forward)

Outcome = Reply | Drop | Forward

NOT_A_QUERY = Drop("not_a_query")
