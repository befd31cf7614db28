"""What a running server knows, as `explain` asks for it."""

from collections.abc import Callable

from resolver.cache import Cache
from resolver.explain_elsewhere import Knowledge
from resolver.forward.forwarder import Forwarder
from resolver.forward.upstreams import Upstreams
from resolver.generation import Generation, Published
from resolver.knowing import Known, Want, explaining, find
from tests.support import FILES, PLAN

KEY = (b"\1x\0\0\1\0\1", 0, "dev")


async def test_it_reads_and_asks_nobody(generation: Callable[..., Generation]) -> None:
    """The order of a route's upstreams is that in which they would be asked now."""
    plan = PLAN.replace("forward: none", "forward: {upstreams: [127.0.0.8, 127.0.0.9]}")
    made = generation({**FILES, "environments.yaml": plan})
    forwarder = Forwarder(Published(made), Cache(), Upstreams(), policy="sequential")
    route = made.views["dev", "east"].forwarding.find(b"\0")
    assert route is not None

    async def names(environment: str) -> list[str]:
        def look(known: Knowledge) -> list[str]:
            assert known.policy == "sequential"
            partition = known.partition(environment)
            assert partition is not None
            assert partition.peek(KEY, known.now) is None
            return [standing.name for standing in known.choose(environment, route) or ()]

        async def ask(want: Want) -> Known:
            asked.append(want)
            return find(forwarder, want)

        asked: list[Want] = []
        found = await explaining(look, made, "sequential", ask)
        assert len(asked) == 2
        return found

    assert await names("dev") == ["127.0.0.8", "127.0.0.9"]
    for _ in range(3):
        forwarder.choose("dev", route)[0].failed("timeout")
    assert await names("dev") == ["127.0.0.9", "127.0.0.8"]
    assert await names("prod") == ["127.0.0.8", "127.0.0.9"]  # nothing is shared
    await forwarder.stop(0.0)
