"""Server configuration: file under variables under options."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from resolver.config import ServerConfig, load_config
from resolver.zones.places import Rejected

Load = Callable[..., ServerConfig]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a configuration from text, variables and options."""

    def run(
        text: str | None = None,
        environ: Mapping[str, str] | None = None,
        options: Mapping[str, Any] | None = None,
        pin: tuple[str, str] | None = None,
    ) -> ServerConfig:
        file = None
        if text is not None:
            file = tmp_path / "sightline.yaml"
            file.write_text(text)
        return load_config(file, environ or {}, options or {}, pin)

    return run


def places(config: ServerConfig) -> list[str]:
    """Where it listens."""
    return [str(item.address) for item in config.listen]


def problems(load: Load, *arguments: Any, **more: Any) -> list[str]:
    """Problems as FILE:LINE:COLUMN RULE, without directories."""
    with pytest.raises(Rejected) as caught:
        load(*arguments, **more)
    return sorted(
        f"{Path(p.place.file).name}:{p.place.line}:{p.place.column} {p.rule}"
        for p in caught.value.problems
    )


@pytest.mark.parametrize("text", [None, "", "# nothing\n", "cache:\n", "x-note: 1\n", "listen:\n"])
def test_the_defaults_are_those_of_the_contract(load: Load, text: str | None) -> None:
    """Without a file, and with one that says nothing."""
    config = load(text)
    assert places(config) == ["127.0.0.1:1053"]
    assert str(config.zones) == "./zones"
    assert str(config.admin.listen) == "127.0.0.1:9153"
    assert (config.workers, config.state_dir) == (1, None)
    assert (config.forward.timeout, config.forward.deadline) == (2.0, 4.0)
    assert (config.cache.entries, config.cache.serve_stale) == (100_000, 86400.0)
    assert (config.limits.tcp_connections, config.limits.tcp_idle) == (1000, 10.0)
    assert (config.limits.udp_payload, config.log.format) == (1232, "text")
    assert (config.checks.probe, config.checks.commands, config.checks.in_flight) == (
        True,
        False,
        1000,
    )


def test_file_then_variables_then_options(load: Load) -> None:
    """Each later one wins, key by key."""
    text = "zones: a\nlisten: ['127.0.0.1:1']\ncache: {entries: 1, max_ttl: 1h}\n"
    environ = {"SIGHTLINE_LISTEN": "127.0.0.1:2, [::1]:2", "SIGHTLINE_CACHE__ENTRIES": "2"}
    assert places(load(text)) == ["127.0.0.1:1"]
    config = load(text, environ)
    assert places(config) == ["127.0.0.1:2", "[::1]:2"]
    assert (config.cache.entries, config.cache.max_ttl, str(config.zones)) == (2, 3600.0, "a")
    options = {"listen": ["127.0.0.1:3"], "zones": None, "workers": "auto"}
    config = load(text, environ, options)
    assert places(config) == ["127.0.0.1:3"]
    assert (config.workers, str(config.zones)) == (None, "a")


def test_probing_can_be_turned_off(load: Load) -> None:
    """By a variable, where several servers share one file."""
    config = load("checks: {commands: true, in_flight: 5}", {"SIGHTLINE_CHECKS__PROBE": "false"})
    checks = config.checks
    assert (checks.probe, checks.commands, checks.in_flight) == (False, True, 5)


def test_other_variables_do_not_matter(load: Load) -> None:
    """Those of the client, and those of other programs."""
    environ = {"SIGHTLINE_TOKEN": "x", "SIGHTLINE_CONFIG": "y", "PATH": "z", "SIGHTLINES": "w"}
    assert places(load(None, environ)) == ["127.0.0.1:1053"]


def test_an_orchestrator_s_own_variables_do_not_matter(load: Load) -> None:
    """A Kubernetes Service called `sightline` puts these into every pod of its namespace."""
    environ = {
        "SIGHTLINE_SERVICE_HOST": "10.96.0.9",
        "SIGHTLINE_SERVICE_PORT": "53",
        "SIGHTLINE_SERVICE_PORT_DNS": "53",
        "SIGHTLINE_PORT": "udp://10.96.0.9:53",
        "SIGHTLINE_PORT_53_UDP": "udp://10.96.0.9:53",
        "SIGHTLINE_PORT_53_UDP_ADDR": "10.96.0.9",
        "SIGHTLINE_ADMIN_SERVICE_PORT": "9153",
        "SIGHTLINE_ADMIN_PORT": "tcp://10.96.0.9:9153",
    }
    assert places(load(None, environ)) == ["127.0.0.1:1053"]


def test_a_listener_must_be_somewhere(load: Load) -> None:
    """The message names the setting."""
    with pytest.raises(Rejected, match=r"SIGHTLINE_LISTEN:1:1: error: bad-type: listen: "):
        load(None, {"SIGHTLINE_LISTEN": " , "})


def test_an_unknown_variable_has_a_suggestion(load: Load) -> None:
    """As a key of the file has."""
    with pytest.raises(Rejected, match=r"SIGHTLINE_LISEN:.* did you mean 'listen'\?"):
        load(None, {"SIGHTLINE_LISEN": "127.0.0.1:53"})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("lisen: x\n", ["sightline.yaml:1:1 unknown-key"]),
        ("zones: a\ncache: {entries: many}\n", ["sightline.yaml:2:18 bad-type"]),
        ("listen: ['localhost:53']\n", ["sightline.yaml:1:10 bad-address"]),
        ("listen: ['127.0.0.1']\n", ["sightline.yaml:1:10 bad-address"]),
        ("listen: ['::1:53']\n", ["sightline.yaml:1:10 bad-address"]),
        ("listen: ['127.0.0.1:65536']\n", ["sightline.yaml:1:10 bad-address"]),
        ("admin: 127.0.0.1:9153\n", ["sightline.yaml:1:8 bad-type"]),
        ("checks: {in_flight: 0, probe: on}\n",
         ["sightline.yaml:1:21 bad-type", "sightline.yaml:1:31 bad-type"]),
        ("checks: {comands: true}\n", ["sightline.yaml:1:10 unknown-key"]),
        ("limits: {udp_payload: 100, tcp_idle: soon}\n",
         ["sightline.yaml:1:23 bad-type", "sightline.yaml:1:38 bad-type"]),
        ("workers: several\n", ["sightline.yaml:1:10 bad-type"]),
        ("log: {format: xml}\n", ["sightline.yaml:1:15 bad-type"]),
        ("zones: [\n", ["sightline.yaml:2:1 yaml-syntax"]),
        ("- zones\n", ["sightline.yaml:1:1 bad-type"]),
        ("zones: a\nzones: b\n", ["sightline.yaml:2:1 duplicate-key"]),
        ("zones: x\nlisten:\n  - {address: '127.0.0.1:53', environment: dev}\n",
         ["sightline.yaml:3:5 missing-key"]),
        ("zones: x\nlisten:\n  - {environment: dev, region: east}\n",
         ["sightline.yaml:3:5 missing-key"]),
        ("listen: []\n", ["sightline.yaml:1:9 bad-type"]),
    ],
)  # fmt: skip
def test_problems_of_the_file_have_line_and_column(load: Load, text: str, found: list[str]) -> None:
    """Every one of them at once."""
    assert problems(load, text) == found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SIGHTLINE_CACHE__ENTRIES", "many"),
        ("SIGHTLINE_CACHE", "5"),
        ("SIGHTLINE_CACHE__ENTRIES__MORE", "5"),
        ("SIGHTLINE_LISEN", "x"),
        ("SIGHTLINE_LISTEN", "127.0.0.1"),
        ("SIGHTLINE_LISTEN", ""),
        ("SIGHTLINE_", "x"),
        ("SIGHTLINE_PORT", "53"),
        ("SIGHTLINE_WORKERS", "9" * 5000),
    ],
)
def test_problems_of_a_variable_name_it(load: Load, name: str, value: str) -> None:
    """The file is not to blame."""
    found = problems(load, "zones: a\n", {name: value})
    assert found
    assert all(problem.startswith(f"{name}:") for problem in found)


def test_problems_of_an_option_name_it(load: Load) -> None:
    """As it was written."""
    found = problems(load, None, {}, {"listen": ["nowhere"], "admin.listen": "x", "workers": "-1"})
    assert [problem.partition(":")[0] for problem in found] == ["--admin", "--listen", "--workers"]


def test_problems_of_all_sources_at_once(load: Load) -> None:
    """Also when the file cannot even be parsed."""
    environ = {"SIGHTLINE_WORKERS": "x"}
    assert len(problems(load, "cache: {entries: x}\n", environ, {"listen": ["x"]})) == 3
    assert len(problems(load, "cache: [\n", environ)) == 2


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """One clear line."""
    with pytest.raises(Rejected, match=r"nothing\.yaml:1:1: error: unreadable: .*No such file"):
        load_config(tmp_path / "nothing.yaml", {}, {})


def test_a_pinned_listener(load: Load) -> None:
    """With its environment, region and who may ask."""
    text = (
        "listen:\n"
        "  - 127.0.0.1:1\n"
        "  - {address: '127.0.0.1:2', environment: prod, region: east, allow: [10.0.0.0/8]}\n"
    )
    plain, pinned = load(text).listen
    assert (plain.environment, plain.region, plain.allow) == (None, None, None)
    assert (pinned.environment, pinned.region) == ("prod", "east")
    assert [str(network) for network in pinned.allow or ()] == ["10.0.0.0/8"]


@pytest.mark.parametrize(
    "text",
    [None, "listen:\n", "listen: '127.0.0.1:1053'\n", "listen: {address: '127.0.0.1:1053'}\n"],
)
def test_options_pin_every_listener(load: Load, text: str | None) -> None:
    """`--environment --region`, however the listener was written."""
    config = load(text, pin=("prod", "east"))
    assert [(i.environment, i.region) for i in config.listen] == [("prod", "east")]
    assert places(config) == ["127.0.0.1:1053"]


def test_port_0_lets_the_system_choose(load: Load) -> None:
    """For tests."""
    assert places(load(None, {}, {"listen": ["[::1]:0"]})) == ["[::1]:0"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("forward: {upstreams: [9.9.9.9, nonsense]}", ["sightline.yaml:1:32 bad-address"]),
        ('forward: {upstreams: ["tls://9.9.9.9"]}', ["sightline.yaml:1:23 bad-address"]),
        ('forward: {upstreams: ["https://dns.example/q"]}', ["sightline.yaml:1:23 bad-address"]),
        ("forward: {allow_private: [a..b]}", ["sightline.yaml:1:27 bad-name"]),
        ("forward: {ca_file: no/such.pem}", ["sightline.yaml:1:20 missing-ca-file"]),
        ("forward: {policy: quickest}", ["sightline.yaml:1:19 bad-type"]),
    ],
)
def test_what_forwarding_cannot_use_is_an_error(load: Load, text: str, found: list[str]) -> None:
    """With the place at which it is written."""
    assert problems(load, text) == found


def test_upstreams_may_come_by_a_variable(load: Load) -> None:
    """A list, like all lists; a wrong one names the variable."""
    environ = {"SIGHTLINE_FORWARD__UPSTREAMS": "9.9.9.9:53, tls://1.1.1.1#one.one.one.one, system"}
    assert len(load(environ=environ).forward.upstreams) == 3
    assert problems(load, environ={"SIGHTLINE_FORWARD__UPSTREAMS": "9.9.9"}) == [
        "SIGHTLINE_FORWARD__UPSTREAMS:1:1 bad-address"
    ]
