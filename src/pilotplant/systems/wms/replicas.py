"""What a WMS should be told, given the PLM, against the rules that stand."""

from typing import TYPE_CHECKING

import msgspec

from pilotplant.model.operation import Replica
from pilotplant.model.revisions import ordinal
from pilotplant.systems.wms.dispositions import SET, SetDisposition
from pilotplant.systems.wms.state import Wms

if TYPE_CHECKING:
    from pilotplant.systems.estate import Estate

Keys = tuple[str, ...]
SETS_ASIDE = ("quarantine", "rework")
"""What only the warehouse can see to. How stock is used up, and what is scrapped, is often left to the ERP."""


class Standing(msgspec.Struct, frozen=True):
    """What becomes of older stock."""

    revision: str
    disposition: str


def _intended(estate: "Estate", keys: Keys) -> SetDisposition | None:
    """The rule of the revision that applies, where it sets stock aside. Otherwise an older one may stand, since nobody
    has said what becomes of it."""
    plant, item = keys
    plm, wms = estate.systems["plm"].state, estate.serving("wms", plant)
    held = _held(wms.state, keys) if wms else None
    revision = plm.revision_at(plant, item)
    change = plm.change_of(item, revision)
    affected = next((a for a in change.affected if a.item == item), None) if change else None
    if affected is None or change.status == "cancelled":
        return held
    if affected.disposition not in SETS_ASIDE and (held is None or held.revision != revision):
        return held
    return SetDisposition(
        plant=plant, item=item, revision=revision, disposition=affected.disposition, change=change.number
    )


def _held(wms: Wms, keys: Keys) -> SetDisposition | None:
    plant, item = keys
    rule = wms.rules.get(item)
    if rule is None:
        return None
    return SetDisposition(
        plant=plant,
        item=item,
        revision=rule.revision,
        disposition=rule.disposition,  # type: ignore[arg-type]
        change=rule.change,
    )


def _form(wms: Wms, command: SetDisposition) -> Standing:
    del wms
    return Standing(command.revision, command.disposition)


def _version(wms: Wms, keys: Keys) -> int:
    rule = wms.rules.get(keys[1])
    return ordinal(rule.revision) if rule else 0


RULES = Replica(SET, _intended, _held, _form, version=_version)
