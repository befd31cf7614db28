"""Runs are counted kind by kind, and compared within one round."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bench import tally as module
from bench.measure import CannotMeasure, Load
from bench.tally import Kind, Tally

A, B = Kind("a", "plain"), Kind("b", "plain")


@dataclass
class Stub:
    """A server whose CPU time is played."""

    pid: int
    port: int = 0
    took: float = 0.5


@pytest.fixture
def cpu(monkeypatch: pytest.MonkeyPatch) -> dict[int, float]:
    """The CPU seconds of each process so far."""
    seconds: dict[int, float] = {1: 0.0, 2: 0.0}
    monkeypatch.setattr(module, "cpu_seconds", lambda pid: seconds[pid])
    monkeypatch.setattr(module, "memory_mb", lambda pid, key: 10.0 * pid)
    return seconds


def play(tally: Tally, kind: Kind, cpu: dict[int, float], used: float) -> None:
    """A run of a second that answers 1,000 queries."""
    server = Stub(1 if kind.server == "a" else 2)

    def load() -> Load:
        cpu[server.pid] += used
        return Load(1001, 1000, 1, 1.0, {"NOERROR": 1000})

    tally.run(kind, server, load)


def test_cost_is_cpu_time_divided_by_what_was_answered(cpu: dict[int, float]) -> None:
    """In microseconds."""
    tally = Tally()
    play(tally, A, cpu, 0.01)
    (figure,) = tally.figures("zone")
    assert figure.value == pytest.approx(10.0)
    assert figure.details["rate"] == pytest.approx(1.0)
    assert figure.details["busy"] == pytest.approx(0.01)
    assert figure.details["lost"] == 1
    assert (figure.server, figure.variant) == A


def test_ratios_are_those_of_rounds(cpu: dict[int, float]) -> None:
    """A machine that is slow for a round is slow for both."""
    tally = Tally()
    for ours, theirs in ((0.01, 0.02), (0.04, 0.08), (0.03, 0.03)):
        play(tally, A, cpu, ours)
        play(tally, B, cpu, theirs)
    (figure,) = tally.compared("zone", A, B, 0.75)
    assert figure.value == pytest.approx(0.5)
    assert figure.verdict == "pass"


def test_who_fails_once_is_left_out(
    cpu: dict[int, float], capsys: pytest.CaptureFixture[str]
) -> None:
    """And is compared with nobody, and asked no more."""
    tally = Tally()
    play(tally, A, cpu, 0.01)
    play(tally, B, cpu, 0.01)

    def fail() -> Load:
        raise CannotMeasure("no answer")

    tally.run(B, Stub(2), fail)
    play(tally, B, cpu, 0.01)
    assert "b, plain is left out: no answer" in capsys.readouterr().err
    assert [figure.server for figure in tally.figures("zone")] == ["a"]
    assert not list(tally.compared("zone", A, B, 1.0))
