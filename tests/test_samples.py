"""What is asked most, of questions that were looked at."""

from __future__ import annotations

import pickle

from resolver.offenders import Often
from resolver.samples import WINDOW, Samples, add_samples


def test_names_and_clients_are_counted_by_environment() -> None:
    """Nothing of one is told of another."""
    samples = Samples()
    for name, client in ((b"\1a\0", "10.0.0.1"), (b"\1a\0", "10.0.0.2"), (b"\1b\0", "10.0.0.2")):
        samples.note("dev", name, client, 10.0)
    samples.note("prod", b"\1c\0", "10.64.0.1", 10.0)
    found = pickle.loads(pickle.dumps(samples.told(11.0), 5))
    assert found["dev"].total == 3
    assert found["dev"].names == (Often(b"\1a\0", 2, 2), Often(b"\1b\0", 1, 1))
    assert found["dev"].clients == (Often("10.0.0.2", 2, 2), Often("10.0.0.1", 1, 1))
    assert found["prod"].names == (Often(b"\1c\0", 1, 1),)


def test_what_was_long_ago_is_forgotten() -> None:
    """After one window it still counts, after two no more, asked or not."""
    samples = Samples()
    samples.note("dev", b"\1a\0", "10.0.0.1", WINDOW)
    samples.note("dev", b"\1b\0", "10.0.0.1", 2 * WINDOW + 1)
    assert samples.told(2 * WINDOW + 2)["dev"].clients == (Often("10.0.0.1", 2, 2),)
    assert samples.told(3 * WINDOW + 2)["dev"].names == (Often(b"\1b\0", 1, 1),)
    assert samples.told(9 * WINDOW) == {}


def test_processes_are_added_up() -> None:
    """Each has seen its part."""
    here, there = Samples(), Samples()
    here.note("dev", b"\1a\0", "10.0.0.1", 1.0)
    there.note("dev", b"\1a\0", "10.0.0.9", 1.0)
    found = add_samples([here.told(1.0), there.told(1.0), {}])
    assert found["dev"].total == 2
    assert found["dev"].names == (Often(b"\1a\0", 2, 2),)
