"""What is published of health: the present judgements, and which of them are news.

Changes are gathered by whoever calls `take`; one copy of the table is made for each publication.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from healthcheck.health import Health, HealthTable, Target
from healthcheck.judge import empty_table, unjudged
from healthcheck.use import Use


class Board:
    """Judgements that differ from what holds without any; pure."""

    def __init__(self, *, is_probing: bool) -> None:
        self.published = empty_table(is_probing=is_probing)
        self._is_probing = is_probing
        self._now: dict[Target, Health] = {}
        self._touched: dict[Target, Use] = {}

    def put(self, use: Use, health: Health) -> bool:
        """Note a judgement; gives whether it differs from the former one."""
        target = use.target
        default = unjudged(use, is_probing=self._is_probing)
        if self._now.get(target, default) == health:
            return False
        if health == default:
            del self._now[target]
        else:
            self._now[target] = health
        self._touched[target] = use
        return True

    def keep(self, targets: Container[Target]) -> None:
        """Drop those that are gone; their going is no news."""
        for target in [target for target in self._now if target not in targets]:
            del self._now[target]
        for target in [target for target in self._touched if target not in targets]:
            del self._touched[target]

    def of(self, use: Use) -> Health:
        """The present judgement."""
        return self._now.get(use.target) or unjudged(use, is_probing=self._is_probing)

    @property
    def has_news(self) -> bool:
        """Whether something was touched since it was last taken."""
        return bool(self._touched)

    def take(self) -> tuple[HealthTable, frozenset[Target]]:
        """The table to publish and the targets that differ from the one before."""
        before, unobserved = self.published, self.published.unobserved
        self.published = HealthTable(dict(self._now), unobserved)
        touched, self._touched = self._touched, {}
        return self.published, frozenset(_differing(touched.values(), before, self.published))


def _differing(uses: Iterable[Use], before: HealthTable, after: HealthTable) -> Iterable[Target]:
    for use in uses:
        is_checked = use.checked_by is not None
        if before.of(use.target, is_checked=is_checked) != after.of(
            use.target, is_checked=is_checked
        ):
            yield use.target
