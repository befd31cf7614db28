"""What the configuration says of the log, of queries in it, and of dnstap."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Any, ClassVar

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from resolver.zones.leaves import Duration, Str, choice, leaf, read_text, wrong
from resolver.zones.model import _CONFIG, Located, Many, Names, Reading
from resolver.zones.places import Text, text_at

DNSTAP_MESSAGES = ("client_query", "client_response", "forwarder_query", "forwarder_response")
LONGEST_SOCKET_PATH = 107  # octets: sun_path and its end (unix(7))


def _read_sample(node: Any) -> float:
    """`true` → 1.0, `false` → 0.0, or a rate above 0 and up to 1."""
    text = read_text(node)
    if text in ("true", "false"):
        return float(text == "true")
    try:
        rate = float(text) if text.isascii() else 0.0
    except ValueError:
        rate = 0.0
    if not 0.0 < rate <= 1.0:
        raise wrong("bad-type", f"{text!r} is neither true, false nor a rate above 0, up to 1")
    return rate


def _read_socket_path(node: Any) -> Text:
    text = read_text(node)
    if not text or "\0" in text or len(text.encode()) > LONGEST_SOCKET_PATH:
        message = f"{text!r} is no path of a socket: {LONGEST_SOCKET_PATH} octets at most"
        raise wrong("bad-type", message)
    return text


Sample = Annotated[float, leaf(_read_sample, {"type": ["boolean", "number"]})]
SocketPath = Annotated[Text, leaf(_read_socket_path, {"type": "string"})]


@dataclass(frozen=True, slots=True, config=_CONFIG)
class QueriesConfig(Located):
    """Which queries are logged."""

    SHORTHAND: ClassVar[str | None] = "sample"

    sample: Sample = 1.0  # 0.0: none
    environments: Names = ()  # none named: all
    slower_than: Duration = 0.0
    only: Annotated[str, choice("all", "failures")] = "all"


def _no_queries() -> QueriesConfig:
    return TypeAdapter(QueriesConfig).validate_python(
        text_at("false", 1, 1), context=Reading("defaults")
    )


@dataclass(frozen=True, slots=True, config=_CONFIG)
class LogConfig(Located):
    """What is logged and how."""

    format: Annotated[str, choice("text", "json")] = "text"
    queries: QueriesConfig = field(default_factory=_no_queries)


@dataclass(frozen=True, slots=True, config=_CONFIG)
class DnstapConfig(Located):
    """Where messages are copied to, and which."""

    socket: SocketPath | None = None  # None: nowhere
    messages: Annotated[tuple[Annotated[str, choice(*DNSTAP_MESSAGES)], ...], Many] = (
        DNSTAP_MESSAGES
    )
    identity: Str | None = None  # None: the name of the host
    version: Str | None = None  # None: that of the program
