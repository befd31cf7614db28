"""Figures of several processes as one; numbers that never fall when a process ends."""

from __future__ import annotations

import pickle

from resolver.cache import Cache
from resolver.counters import Totals
from resolver.figures import Figures, PartitionFigures, add, figures_of
from resolver.forward.standing import PROBES_TO_CALL_DOWN, Standing
from resolver.offenders import Often
from resolver.zones.upstream import read_upstream

KEY = ("dev", "udp", 1, 0, "zone")


def standing(name: str = "127.0.0.8", replies: int = 0, failures: int = 0) -> Standing:
    made = Standing(read_upstream(name), "dev")
    for _ in range(replies):
        made.answered(0.01)
        made.rcodes[0] += 1
        made.durations.observe(0.01)
    for _ in range(failures):
        made.failed("timeout")
        made.failed_probes += 1
    return made


def one(replies: int, *standings: Standing) -> Figures:
    totals = Totals()
    totals.replies[KEY] = replies
    return Figures(
        {"dev": PartitionFigures(entries=2, octets=100, hits={"positive": replies}, misses=1)},
        standings,
        {"dev": 3},
        {"dev": 1},
        totals,
        4,
    )


def test_a_cache_in_numbers() -> None:
    """Those of each partition that has begun, and they can be sent."""
    cache = Cache()
    partition = cache.partition("dev")
    partition.misses = 3
    partition.hit_counts["stale"][0] = 2
    for _ in range(2):
        partition.kept_inside.note(b"\1x\0", "10.80.0.1")
    found = pickle.loads(pickle.dumps(figures_of(cache), 5))
    assert found["dev"].misses == 3
    assert found["dev"].hits == {"positive": 0, "negative": 0, "stale": 2}
    assert found["dev"].kept_inside == 2
    assert found["dev"].kept_names == (Often(b"\1x\0", 2, 2),)
    assert found["dev"].kept_clients == (Often("10.80.0.1", 2, 2),)


def test_those_that_answer_are_added_up() -> None:
    """Counts, entries and connections."""
    total = add((one(5), one(7)))
    assert total.totals.replies[KEY] == 12
    assert total.partitions["dev"] == PartitionFigures(
        entries=4, octets=200, hits={"positive": 12}, misses=2
    )
    assert (total.coalesced["dev"], total.turned_away["dev"]) == (6, 2)
    assert total.tcp_connections == 8


def test_of_those_that_are_no_more_only_counts_remain() -> None:
    """What they held is gone with them."""
    total = add((one(5),), (one(7).past(),))
    assert total.totals.replies[KEY] == 12
    assert total.partitions["dev"].entries == 2
    assert total.partitions["dev"].misses == 2
    assert total.tcp_connections == 4


def test_an_upstream_stands_as_the_process_sees_it_that_hears_most() -> None:
    """Failures of one that asked it once do not call it down; the numbers are those of all."""
    here, there = standing(replies=9), standing(failures=PROBES_TO_CALL_DOWN)
    assert there.is_down
    for order in ((here, there), (there, here)):
        (found,) = add([one(1, each) for each in order]).standings
        assert not found.is_down
        assert (found.rcodes[0], found.reasons["timeout"]) == (9, PROBES_TO_CALL_DOWN)
        assert found.durations.snapshot().buckets[-1][1] == 9
    assert (here.rcodes[0], there.rcodes[0]) == (9, 0)  # these are as they were


def test_the_past_of_an_upstream_counts_while_it_is_asked() -> None:
    """It says nothing of how the upstream stands."""
    past = one(1, standing(replies=4, failures=PROBES_TO_CALL_DOWN), standing("127.0.0.9"))
    (found,) = add((one(1, standing(replies=1)),), (past.past(),)).standings
    assert (found.name, found.rcodes[0], found.is_down) == ("127.0.0.8", 5, False)


def test_what_one_tally_has_not_may_have_come_to_it_unseen() -> None:
    """As often as everything in it was lowered."""
    tops = [
        (Often(b"a", 10, 12), Often(b"b", 5, 7)),
        (Often(b"a", 4, 4),),
    ]
    figures = [Figures({"dev": PartitionFigures(kept_names=top)}) for top in tops]
    assert add(figures).partitions["dev"].kept_names == (Often(b"a", 14, 16), Often(b"b", 5, 7))
    figures = [Figures({"dev": PartitionFigures(kept_names=top)}) for top in (tops[0], ())]
    assert add(figures).partitions["dev"].kept_names == tops[0]
