"""What no flow of the run names, and what is promised depends on all the same.

A flow may promise less than a middleware has to do: only the step in the MES, and nothing of the routing that the ERP
has to take before. What happens to such copies explains what became of the promises about the same row, and is never
itself a reason to accuse: whoever is refused there for good and tells a person has done what can be done.
"""

from collections.abc import Mapping

from pilotplant.checks.folds.instance import Instance
from pilotplant.ledger.header import Named
from pilotplant.ledger.records import Commit, Compare, Reject
from pilotplant.systems import catalog

_REFUSED_MAX = 10_000


def is_copy(named: Named) -> bool:
    """Whether an operation copies what another system owns: only then it is known whether a request was intended."""
    kind = catalog.kinds().get(named.name.partition(".")[0])
    return kind is not None and named.name in kind.replicas


def row_of(effect: str) -> str:
    """What an effect is about, whatever is done to it: `DE01|ITM-001042`."""
    return effect.partition("|")[2]


class Unnamed:
    """Follows definite refusals of operations that no flow promises."""

    def __init__(self, instances: Mapping[str, Instance]) -> None:
        self._instances = instances
        self._refused: dict[str, int] = {}
        """By effect, the newest version that was refused and did not come about since."""
        self._struck: dict[tuple[str, int], list[Instance]] = {}

    def on_reject(self, record: Reject) -> None:
        """The first refusal of a version strikes what is promised of the same row and version."""
        effect, version = record.effect, record.version
        if not (record.definite and record.intended and effect) or (effect, version) in self._struck:
            return
        if len(self._struck) >= _REFUSED_MAX:
            return
        self._refused[effect] = max(version, self._refused.get(effect, 0))
        row = row_of(effect)
        struck = [
            instance
            for instance in self._instances.values()
            if any(promise.version == version and row_of(promise.effect) == row for promise in instance.promises)
        ]
        self._struck[effect, version] = struck
        for instance in struck:
            instance.setbacks[effect] = record.seq

    def on_commit(self, record: Commit) -> None:
        """What was refused came about after all: by its own version, or only by a newer one."""
        refused = self._refused.get(record.effect)
        if refused is None:
            return
        for instance in self._struck.pop((record.effect, record.version), ()):
            instance.setbacks.pop(record.effect, None)
        if record.version >= refused:
            del self._refused[record.effect]

    def excuses(self, record: Compare) -> bool:
        """Whether nothing can be said against what such a copy holds: it was refused, or it is of another version than
        the one intended, which nobody promised to bring there. Wrong data of the right version are wrong."""
        if not record.difference:
            return False
        if record.effect in self._refused:
            return True
        name = record.effect.partition("|")[0]
        declared = catalog.operations().get(name) or catalog.events().get(name)
        version = declared.effect.version if declared is not None else ""
        return bool(version) and (not record.values or any(what == version for what, _held, _wanted in record.values))
