"""Long lists in parts."""

from hypothesis import given
from hypothesis import strategies as st

from resolver.admin.pages import Paged, page


def test_without_a_limit_everything_comes_as_it_is() -> None:
    """Nothing follows."""
    assert page(["b", "a"], str, None, None) == Paged(["b", "a"], 2, None)


@given(st.lists(st.text("abc", max_size=3)), st.integers(1, 5))
def test_the_parts_are_the_whole(items: list[str], limit: int) -> None:
    """In order, each once; those of one key are never parted."""
    found: list[str] = []
    after = None
    while True:
        part = page(items, str, limit, after)
        assert part.total == len(items)
        assert not found or not part.items or part.items[0] > found[-1]
        found += part.items
        if part.next is None:
            break
        assert len(part.items) >= limit
        assert part.next == part.items[-1]
        after = part.next
    assert found == sorted(items)
