"""Options of checks, as text out of YAML."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from healthcheck.kinds import options
from healthcheck.kinds.http import HttpCheck
from healthcheck.kinds.tcp import TcpCheck
from healthcheck.kinds.tls import TlsCheck


class Written(str):
    """A YAML scalar."""

    __slots__ = ()


def written(value: Any) -> Any:
    """The value with every text as out of YAML."""
    if isinstance(value, dict):
        return {written(key): written(item) for key, item in value.items()}
    if isinstance(value, list):
        return [written(item) for item in value]
    return Written(value) if isinstance(value, str) else value


def read(annotation: Any, value: Any) -> Any:
    """What an option comes to."""
    return TypeAdapter(annotation).validate_python(written(value))


def types_in(value: Any) -> set[type]:
    """Every type within, deeply."""
    inner = [types_in(item) for item in value] if isinstance(value, tuple) else []
    return {type(value)}.union(*inner)


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (options.Flag, "true", True),
        (options.Flag, "false", False),
        (options.Flag, True, True),
        (options.Port, "8443", 8443),
        (options.Port, 1, 1),
        (options.Port, "65535", 65535),
        (options.Days, "0", 0),
        (options.Text, "ok", "ok"),
        (options.Text, 8, "8"),
        (options.OptionalText, None, None),
        (options.OptionalText, "{x}", "{x}"),
        (options.StatusSet, "200", ((200, 200),)),
        (options.StatusSet, 204, ((204, 204),)),
        (options.StatusSet, "2xx", ((200, 299),)),
        (options.StatusSet, "200-204", ((200, 204),)),
        (options.StatusSet, "200 - 204", ((200, 204),)),
        (options.StatusSet, ["404", "3XX", "200-299"], ((200, 399), (404, 404))),
        (options.StatusSet, ["200", "200-210", "205"], ((200, 210),)),
        (options.Headers, {"A": "b", "C": ["d", "e"]}, (("A", "b"), ("C", "d"), ("C", "e"))),
        (options.Headers, {"A": " tab\there "}, (("A", "tab\there"),)),
        (options.Headers, {"A": ""}, (("A", ""),)),
        (options.Headers, {}, ()),
        (options.OptionalPattern, r"^o\w$", r"^o\w$"),
        (options.OptionalPattern, r"\d{1,3}(?:\.\d{1,3}){3}", r"\d{1,3}(?:\.\d{1,3}){3}"),
        (options.OptionalOctets, r"PING\r\n", b"PING\r\n"),
        (options.OptionalOctets, "PING\r\n", b"PING\r\n"),
        (options.OptionalOctets, r"\x00\xfF\t\0\\n", b"\x00\xff\t\0\\n"),
        (options.OptionalOctets, "é", "é".encode()),
        (options.OptionalHost, "web.test:8080", "web.test:8080"),
        (options.OptionalHost, "[::1]:80", "[::1]:80"),
        (options.OptionalServerName, "web.test.", "web.test"),
        (options.OptionalServerName, "::1", "::1"),
        (options.UrlPath, "/a?b=c%20&d", "/a?b=c%20&d"),
    ],
)
def test_good_values(annotation: Any, value: Any, expected: Any) -> None:
    """Plain and hashable; and what was read can be read."""
    found = read(annotation, value)
    assert found == expected
    assert types_in(found) <= {bool, int, str, bytes, tuple, type(None)}
    assert hash(found) is not None
    assert read(annotation, found) == found


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (options.Flag, "yes", "expected true or false, got 'yes'"),
        (options.Flag, ["true"], "expected text, got a list"),
        (options.Flag, None, "expected text, got None"),
        (options.Port, "0", "0 is not within 1 to 65535"),
        (options.Port, "65536", "65536 is not within 1 to 65535"),
        (options.Port, "http", "expected a number from 1 to 65535, got 'http'"),
        (options.Port, "-1", "expected a number"),
        (options.Port, "1e3", "expected a number"),
        (options.Port, "²", "expected a number"),
        (options.Port, "9" * 5000, "expected a number"),
        (options.Port, {"a": "b"}, "expected text, got a mapping"),
        (options.Text, "", "expected 1 to 4096 characters, got 0"),
        (options.Text, "a\nb", r"'a\nb' has the control character '\n'"),
        (options.Text, "a\x7f", r"has the control character '\x7f'"),
        (options.StatusSet, [], "expected at least one value"),
        (options.StatusSet, "600", "'600' is no status (write 200, 2xx or 200-299)"),
        (options.StatusSet, "0xx", "is no status"),
        (options.StatusSet, "20", "is no status"),
        (options.StatusSet, "299-200", "299-200 is no range: 299 is more than 200"),
        (options.StatusSet, {"a": "b"}, "expected text, got a mapping"),
        (options.Headers, "A: b", "expected a mapping of header names to values"),
        (options.Headers, {"A b": "c"}, "'A b' is no header name"),
        (options.Headers, {"A": "b\r\nC: d"}, r"a header value has the control character '\r'"),
        (options.Headers, {"A": "x" * 5000}, "a header value has 5000 characters"),
        (options.Headers, {"A": {"b": "c"}}, "expected text, got a mapping"),
        (options.Headers, {"host": "x"}, "cannot be set: write it as the option `host`"),
        (options.Headers, {"Content-Length": "1"}, "cannot be set: it is about the connection"),
        (options.OptionalPattern, "(", "'(' is no regular expression: missing )"),
        (options.OptionalPattern, "x{3,1}", "is no regular expression"),
        (options.OptionalPattern, "x" * 1001, "a pattern has 1 to 1000 characters, got 1001"),
        (options.OptionalPattern, "a{100001}", "repeats more than 100000 times in all"),
        (options.OptionalPattern, "(?:a{,999}b{1,999}){999}", "repeats more than 100000 times"),
        (options.OptionalPattern, "(?x)a{9 99 999 999}", "repeats more than 100000 times"),
        (options.OptionalPattern, "", "a pattern has 1 to 1000 characters"),
        (options.OptionalOctets, r"\q", r"'\\q' is no escape (known: \n \r \t \0 \\ \xHH)"),
        (options.OptionalOctets, r"\x1", "is no escape"),
        (options.OptionalOctets, "end\\", "is no escape"),
        (options.OptionalOctets, "", "expected 1 to 4096 octets, got 0"),
        (options.OptionalOctets, "é" * 3000, "expected 1 to 4096 octets, got 6000"),
        (options.OptionalHost, "web test", "'web test' is no host"),
        (options.OptionalHost, "a@b", "'a@b' is no host"),
        (options.OptionalHost, "a..b", "'a..b' is no server name"),
        (options.OptionalServerName, ".test", "'.test' is no server name"),
        (options.OptionalServerName, ".", "'.' is no server name"),
        (options.OptionalServerName, "x" * 64, "is no server name"),
        (options.UrlPath, "health", "'health' is no path"),
        (options.UrlPath, "/a b", "'/a b' is no path"),
        (options.UrlPath, "/a#b", "'/a#b' is no path"),
        (options.UrlPath, "/é", "'/é' is no path"),
        (options.UrlPath, "/a\r\nb", "has the control character"),
    ],
)
def test_bad_values(annotation: Any, value: Any, message: str) -> None:
    """One error of the rule `bad-check`, which says what was expected."""
    with pytest.raises(ValidationError) as caught:
        read(annotation, value)
    (error,) = caught.value.errors()
    assert error["type"] == "bad-check"
    assert message in error["msg"]


@pytest.mark.parametrize("kind", [HttpCheck, TcpCheck, TlsCheck])
def test_unknown_and_missing_options_have_a_place(kind: Any) -> None:
    """The path to it."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(written({"prot": "80"}))
    places = {error["loc"]: error["type"] for error in caught.value.errors()}
    assert places == {("prot",): "unexpected_keyword_argument", ("port",): "missing"}


def test_a_whole_check_is_read() -> None:
    """Equal to one that was made by hand, and as hashable."""
    found = TypeAdapter(HttpCheck).validate_python(
        written(
            {
                "port": "8443",
                "method": "head",
                "path": "/health",
                "headers": {"X-Probe": "1"},
                "status": ["200", "204"],
                "tls": "true",
                "redirects": "true",
            }
        )
    )
    same = HttpCheck(
        port=8443,
        method="HEAD",
        path="/health",
        headers=(("X-Probe", "1"),),
        status=((200, 200), (204, 204)),
        tls=True,
        redirects=True,
    )
    assert found == same
    assert hash(found) == hash(same)


@pytest.mark.parametrize("kind", [HttpCheck, TcpCheck, TlsCheck])
def test_a_kind_describes_itself(kind: Any) -> None:
    """For editors."""
    schema = TypeAdapter(kind).json_schema()
    assert schema["required"] == ["port"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["port"]["maximum"] == 65535


def test_patterns_are_compiled_once() -> None:
    """By their text."""
    assert options.compiled("a+") is options.compiled("a+")


def test_a_name_is_found_in_every_host() -> None:
    """Without port and brackets."""
    assert [options.host_name(x) for x in ("a.test", "a.test:80", "[::1]", "[::1]:80")] == [
        *("a.test", "a.test", "::1", "::1")
    ]


SCALARS = st.text(max_size=20).map(Written) | st.none() | st.integers() | st.booleans()
NODES = st.recursive(
    SCALARS, lambda x: st.lists(x, max_size=3) | st.dictionaries(SCALARS, x, max_size=3)
)


@given(NODES)
def test_a_reader_reads_or_refuses(value: Any) -> None:
    """Nothing else is raised, whatever is written."""
    readers = [
        *(options.read_flag, options.read_text, options.read_octets, options.read_statuses),
        *(options.read_pattern, options.read_headers, options.read_path, options.read_host),
        *(options.read_server_name, options.read_integer(0, 9), options.read_choice("a")),
    ]
    for reader in readers:
        assert refusal(reader, value) in {None, "bad-check"}


def refusal(reader: Callable[[Any], Any], value: Any) -> str | None:
    """The rule that a reader refuses a value by; None: it was read."""
    try:
        hash(reader(value))
    except PydanticCustomError as error:
        return error.type
    return None
