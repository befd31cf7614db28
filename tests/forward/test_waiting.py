"""How many questions may wait for upstreams."""

from resolver.forward.waiting import Places


def test_one_environment_may_have_all_the_places() -> None:
    """While there is no other."""
    places = Places(4)
    for _ in range(4):
        assert places.has_room("dev", 1)
        places.take("dev")
    assert not places.has_room("dev", 1)
    places.give_back("dev")
    assert places.has_room("dev", 1)


def test_several_take_half_at_most() -> None:
    """So that each finds the other half."""
    places = Places(4)
    for _ in range(2):
        assert places.has_room("dev", 2)
        places.take("dev")
    assert not places.has_room("dev", 2)
    assert places.has_room("prod", 2)
    for _ in range(2):
        places.take("prod")
    assert not places.has_room("prod", 3)
    assert not places.has_room("staging", 3)
    assert (places.taken, dict(places.held)) == (4, {"dev": 2, "prod": 2})


def test_the_last_place_is_nobodys_half() -> None:
    """Half of one is one."""
    places = Places(1)
    assert places.has_room("dev", 2)
    places.take("dev")
    assert not places.has_room("prod", 2)
