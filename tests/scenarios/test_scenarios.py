"""Every scenario, through the journey and over real sockets."""

from pathlib import Path

import pytest

from tests.scenarios.runner import ByHandle, BySockets, Run, compile_files, load_scenario

SCENARIOS = sorted(Path(__file__).parent.glob("*.yaml"))


@pytest.fixture(params=SCENARIOS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


async def test_the_journey_answers_as_the_scenario_says(path: Path, tmp_path: Path) -> None:
    """`handle` gives the replies that the scenario expects, and moves its counters."""
    scenario = load_scenario(path)
    asker = ByHandle(scenario, compile_files(scenario.zones, tmp_path))
    run = Run(scenario, asker, None)
    await run.play()
    assert dict(run.moved) == scenario.counters


@pytest.mark.parametrize("transport", [None, "tcp"], ids=["udp", "tcp"])
async def test_the_server_answers_as_the_scenario_says(
    path: Path, tmp_path: Path, transport: str | None
) -> None:
    """The same replies come over real sockets, from the client's own address."""
    scenario = load_scenario(path)
    generation = compile_files(scenario.zones, tmp_path)
    async with BySockets(scenario, generation) as asker:
        run = Run(scenario, asker, transport)
        await run.play()
    if transport is None and not run.skipped:
        assert dict(run.moved) == scenario.counters
