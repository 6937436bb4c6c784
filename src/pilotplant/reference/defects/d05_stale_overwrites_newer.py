"""Carries out changes as they arrive: whatever comes last is taken for the newest."""

from dataclasses import replace

from pilotplant.reference.parts import Parts
from pilotplant.reference.scopes import Scope, ScopeItem
from pilotplant.reference.sequencing import RevisionOrder

NUMBER = 5
NAME = "stale version overwrites newer"
CHECK = "sequencing"
SCENARIO = "out-of-order"


class LastComeLastServed(RevisionOrder):
    """Knows of no order but that of arrival."""

    def overtaken(self, scope: Scope, item: ScopeItem) -> bool:
        return False

    def newer_is_active(self, scope: Scope, item: ScopeItem) -> bool:
        return False

    def may_publish(self, scope: Scope, item: ScopeItem) -> bool:
        return True


PARTS = replace(Parts(), order=LastComeLastServed)
