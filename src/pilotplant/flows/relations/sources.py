"""Who may supply an affected item: the entries of engineering's list of approved manufacturers."""

from collections.abc import Iterator

from pilotplant.flows.relations.relation import Row
from pilotplant.systems.estate import Estate
from pilotplant.systems.plm.events import ChangeReleased
from pilotplant.systems.plm.state import Plm

FIELDS = ("supplier", "issue")


def sources(trigger: ChangeReleased, row: Row, estate: Estate) -> Iterator[Row]:
    """The approved sources of the row's item."""
    del trigger
    plm: Plm = estate.systems["plm"].state
    for supplier, approval in plm.approvals(row["item"]).items() if "item" in row else ():
        if approval.approved:
            yield {"supplier": supplier, "issue": str(approval.issue)}
