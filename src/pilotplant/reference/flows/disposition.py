"""The step `wms-rule` of `engineering-change`: stock of superseded revisions is set aside where the change says so.

It waits for nothing but the change's date: stock that is to be set aside can be set aside before ERP knows more.
"""

from datetime import datetime

import msgspec

from pilotplant.reference.calls import Call, Refusal
from pilotplant.reference.messages import Affected, ChangeCancelled, ChangeReleased, SetDisposition
from pilotplant.reference.work import Flow, Take, Takes
from pilotplant.reference.works import Work

SETS_ASIDE = ("quarantine", "rework")


class Dispositions(Flow):
    """One rule for each affected item at each plant with a WMS. Setting a rule may be repeated."""

    name = "engineering-change"
    kind = "disposition"
    needs = frozenset({"wms"})

    def takes(self) -> Takes:
        """What is withdrawn is not set aside any more; a rule that stands already is left to people."""
        return {
            "plm.change.released": Take(ChangeReleased, self.released),
            "plm.change.cancelled": Take(ChangeCancelled, self.cancelled),
        }

    def released(self, event: ChangeReleased, traceparent: str) -> None:
        """Note the rules that a change asks for."""
        if self.to.cancelled(event.change):
            return
        dated = event.effectivity.kind == "date"
        due = datetime.fromisoformat(event.effectivity.at).timestamp() if dated else 0.0
        for affected in event.affected:
            for plant in self.concerned(affected):
                rule = SetDisposition(plant, affected.item, affected.to_revision, affected.disposition, event.change)
                key = f"{affected.item}/{affected.to_revision}"
                self.note(plant, key, rule, traceparent, subject=event.change, due=due)

    def concerned(self, affected: Affected) -> list[str]:
        """At which plants stock of an item has to be set aside."""
        if affected.disposition not in SETS_ASIDE:
            return []
        return [plant for plant in affected.plants if plant in self.to.wms]

    def cancelled(self, event: ChangeCancelled, traceparent: str) -> None:
        """Begin no rule of this change any more."""
        del traceparent
        self.withdraw_all(event.change)

    async def carry_out(self, work: Work) -> None:
        """Set the rule, unless one for a newer revision stands."""
        call = Call("PUT", "/dispositions", work.body, traceparent=work.traceparent)
        wms = self.to.wms[work.plant]
        try:
            await self.to.retry.persist(lambda: wms.send(call, msgspec.Raw))
        except Refusal as refusal:
            if refusal.code != "newer-rule-stands":
                raise
