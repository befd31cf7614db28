"""From the configuration to a forwarder: what is set, and what this machine can afford."""

from __future__ import annotations

from collections.abc import Iterable

from healthcheck.slots import affordable
from resolver.cache import Cache
from resolver.config import ServerConfig, SocketAddress
from resolver.forward.exchange import MAX_OPEN, Timing
from resolver.forward.forwarder import Forwarder
from resolver.forward.scrub import Limits
from resolver.forward.upstreams import Trust, Upstreams
from resolver.generation import Published


def make_forwarder(
    config: ServerConfig,
    published: Published,
    cache: Cache,
    own: Iterable[SocketAddress],
    workers: int = 1,
) -> Forwarder:
    """The forwarder of a process that listens on `own`, one of `workers` that share the limits."""
    forward, wanted = config.forward, -(-config.limits.in_flight // workers)
    trust = Trust(None if forward.ca_file is None else str(forward.ca_file), forward.trust_ad)
    return Forwarder(
        published,
        cache,
        Upstreams(trust, own),
        policy=forward.policy,
        timing=Timing(forward.timeout, forward.deadline),
        limits=Limits(
            int(config.cache.max_ttl),
            int(config.cache.min_ttl),
            int(config.cache.negative_max_ttl),
        ),
        in_flight=max(1, affordable(wanted * MAX_OPEN) // MAX_OPEN),
    )
