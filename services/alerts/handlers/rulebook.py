"""The rules this process decides by, once it is known since when they are in force."""

from collections.abc import Sequence

from services.alerts.domain.rules import RuleSet
from services.alerts.domain.rulings import Applied, Ruling, rulings
from shared.errors import TransientError


class Rulebook:
    """Empty until `put_in_force`: asking it before raises TransientError, so a batch waits for it."""

    def __init__(self, rules: RuleSet) -> None:
        self.rules = rules
        self._by_topic: dict[str, tuple[Ruling, ...]] | None = None

    def put_in_force(self, applied: Sequence[Applied]) -> None:
        """`applied` is every rule set that came into force, the last one being ours."""
        found = rulings(self.rules, applied)
        self._by_topic = {
            topic: tuple(ruling for ruling in found if ruling.rule.when.topic == topic)
            for topic in ("profile", "score")
        }

    @property
    def is_in_force(self) -> bool:
        """Whether it can be asked."""
        return self._by_topic is not None

    def of(self, topic: str) -> tuple[Ruling, ...]:
        """The rules that read `topic`."""
        if self._by_topic is None:
            raise TransientError("the rules are not in force yet")
        return self._by_topic[topic]
