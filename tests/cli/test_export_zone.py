"""`sightline export`, as a user meets it."""

from pathlib import Path

import pytest

from resolver.cli import main

ZONES = str(Path(__file__).parents[2] / "zones")


def export(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str], str]:
    code = main(["export", *words])
    said = capsys.readouterr()
    return code, said.out.splitlines(), said.err


def test_one_zone_may_be_named_relative_to_the_domain_or_absolute(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, lines, error = export(capsys, "prod", "infra", "--zones", ZONES)
    assert (code, error) == (0, "")
    assert lines[:2] == [
        "; infra.corp.internal. as prod in us-east-1 sees it",
        "$ORIGIN infra.corp.internal.",
    ]
    assert "time 300 IN CNAME ntp.infra.corp.internal." in lines
    _, again, _ = export(capsys, "prod", "infra.corp.internal.", "--zones", ZONES)
    assert again[3:] == lines[3:]  # behind the SOA, whose serial is the time
    assert export(capsys, "prod", "LEGACY.lan", "--zones", ZONES)[1][1] == "$ORIGIN legacy.lan."


def test_without_a_zone_all_follow_one_another(capsys: pytest.CaptureFixture[str]) -> None:
    code, lines, _ = export(capsys, "dev", "--zones", ZONES)
    origins = [line for line in lines if line.startswith("$ORIGIN")]
    assert code == 0
    assert "$ORIGIN dev.us-east-1.corp.internal." in origins
    assert "$ORIGIN corp.internal." in origins
    assert not any("prod" in line for line in origins)
    assert len([line for line in lines if line.endswith("sees it")]) == len(origins)


def test_the_region_chooses_the_here_names(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("prod", "@", "--zones", ZONES)
    _, east, _ = export(capsys, *words)
    _, west, _ = export(capsys, *words, "--region", "eu-west-1")
    assert "search.here 30 IN CNAME search.prod.us-east-1.corp.internal." in east
    assert "search.here 30 IN CNAME search.prod.eu-west-1.corp.internal." in west


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["prdo"], "unknown environment: 'prdo'; did you mean 'prod'?"),
        (["prod", "infar"], "unknown zone of prod: 'infar'; did you mean 'infra'?"),
        (["prod", "a..b"], "unknown zone of prod: 'a..b'"),
        (["dev", "pay.example.net."], "unknown zone of dev: 'pay.example.net.'"),
        (["prod", "--region", "us-est-1"], "unknown region: 'us-est-1'; did you mean 'us-east-1'?"),
    ],
)
def test_unknown_names_are_one_line_with_a_guess(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    code, lines, error = export(capsys, *words, "--zones", ZONES)
    assert (code, lines) == (2, [])
    assert error.startswith(message)
    assert error.count("\n") == 1


def test_problems_of_the_files_are_told_as_check_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "environments.yaml").write_text("domain: a.test\nenvironments: {prod: {}}\nx: 1\n")
    code, lines, error = export(capsys, "prod", "--zones", str(tmp_path))
    assert (code, lines) == (1, [])
    assert f"{tmp_path}/environments.yaml:3:1: error: unknown-key: " in error
