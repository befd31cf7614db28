"""What a running server knows, as `explain` asks for it."""

from collections.abc import Callable

from resolver.cache import Cache
from resolver.explain_elsewhere import Knowledge
from resolver.forward.forwarder import Forwarder
from resolver.forward.upstreams import Upstreams
from resolver.generation import Generation, Published
from resolver.knowing import Knowing
from tests.support import FILES, PLAN


async def test_it_reads_and_asks_nobody(generation: Callable[..., Generation]) -> None:
    """The order of a route's upstreams is that in which they would be asked now."""
    plan = PLAN.replace("forward: none", "forward: {upstreams: [127.0.0.8, 127.0.0.9]}")
    made = generation({**FILES, "environments.yaml": plan})
    forwarder = Forwarder(Published(made), Cache(), Upstreams(), policy="sequential")
    knowing: Knowledge = Knowing(forwarder)
    route = made.views["dev", "east"].forwarding.find(b"\0")
    assert route is not None
    order = knowing.choose("dev", route)
    assert [standing.name for standing in order] == ["127.0.0.8", "127.0.0.9"]
    for _ in range(3):
        order[0].failed("timeout")
    assert knowing.choose("dev", route)[0].name == "127.0.0.9"
    assert (knowing.policy, knowing.partition("dev")) == ("sequential", None)
    assert knowing.choose("prod", route)[0].failures == 0  # nothing is shared
    await forwarder.stop(0.0)
