"""What the PLM knows: items and their revisions, structures, routings, and engineering changes."""

from collections.abc import Iterator
from typing import Any

import msgspec

from pilotplant.dataset.records import Bom, Dataset, Item, Routing
from pilotplant.model.instants import BusinessInstant


class Affected(msgspec.Struct, frozen=True, gc=False):
    """An item that a change takes from one revision to the next, at these plants."""

    item: str
    from_revision: str
    to_revision: str
    plants: tuple[str, ...]
    disposition: str


class Superseded(msgspec.Struct, frozen=True, gc=False):
    """A bought item that a change phases out at these plants: which item takes its place, and who may deliver that."""

    item: str
    by: str
    by_revision: str
    supplier: str
    plants: tuple[str, ...]


class Result(msgspec.Struct, frozen=True, gc=False):
    """What a target reported back: what a system made of the change."""

    system: str
    plant: str
    status: str
    text: str


class Change(msgspec.Struct):
    """An engineering change. Status runs draft, approved, released; or cancelled."""

    number: str
    title: str
    priority: str
    status: str = "draft"
    affected: tuple[Affected, ...] = ()
    superseded: tuple[Superseded, ...] = ()
    effectivity: str = "immediate"
    effective_at: float = 0.0
    released_at: float = 0.0
    results: tuple[Result, ...] = ()
    replaced: dict[tuple[str, str], str] = {}
    """By plant and item, the revision that applied before the release: what a cancellation goes back to."""


class Plm:
    """The state of the PLM. The generated data are only referred to; revisions made since stand in overlays."""

    def __init__(self, dataset: Dataset, plants: tuple[str, ...]) -> None:
        self.dataset = dataset
        self.plants = plants
        self.changes: dict[str, Change] = {}
        self.released: dict[str, str] = {}
        self._applies: dict[tuple[str, str], str] = {}
        self.drafts: dict[str, str] = {}
        self._boms: dict[tuple[str, str], Bom] = {}
        self._routings: dict[tuple[str, str], Routing] = {}
        self.approved = frozenset((source.item, source.supplier) for source in dataset.sources)
        """The approved manufacturer list: which supplier may deliver which item."""

    def item(self, number: str) -> Item | None:
        """The item with this number."""
        return self.dataset.items.get(number)

    def revision(self, item: str) -> str:
        """The revision of an item that is released now."""
        return self.released.get(item) or self.dataset.items[item].revision

    def revision_at(self, plant: str, item: str) -> str:
        """The revision that applies at a plant: a change concerns the plants that it names, and no others."""
        known = self.dataset.items.get(item)
        return self._applies.get((plant, item)) or (known.revision if known else "")

    def release(self, change: Change) -> None:
        """Let the revisions of a change apply at its plants."""
        change.replaced = {}
        for affected in change.affected:
            self.released[affected.item] = affected.to_revision
            for plant in affected.plants:
                change.replaced[plant, affected.item] = self.revision_at(plant, affected.item)
                self._applies[plant, affected.item] = affected.to_revision

    def withdraw(self, change: Change) -> None:
        """Let what applied before a change apply again, where nothing later was released."""
        for affected in change.affected:
            if self.released.get(affected.item) == affected.to_revision:
                self.released[affected.item] = affected.from_revision
            for plant in affected.plants:
                if self.revision_at(plant, affected.item) == affected.to_revision:
                    self._applies[plant, affected.item] = change.replaced[plant, affected.item]

    def latest(self, item: str) -> str:
        """The newest revision of an item, released or not."""
        return self.drafts.get(item) or self.revision(item)

    def bom(self, item: str, revision: str) -> Bom | None:
        """The structure of an item in a revision."""
        return self._boms.get((item, revision)) or self.dataset.boms.get((item, revision))

    def routing(self, item: str, revision: str) -> Routing | None:
        """The routing of an item in a revision."""
        return self._routings.get((item, revision)) or self.dataset.routings.get((item, revision))

    def add_revision(self, bom: Bom, routing: Routing) -> None:
        """Keep the definition of a new revision."""
        self.drafts[bom.item] = bom.revision
        self._boms[bom.item, bom.revision] = bom
        self._routings[bom.item, bom.revision] = routing

    def change_of(self, item: str, revision: str) -> Change | None:
        """The change that released this revision."""
        for change in reversed(self.changes.values()):
            if any(a.item == item and a.to_revision == revision for a in change.affected):
                return change
        return None

    def effective_at(self, item: str, revision: str, otherwise: BusinessInstant) -> BusinessInstant:
        """From when a revision applies."""
        change = self.change_of(item, revision)
        return BusinessInstant(change.effective_at) if change else otherwise

    def affected(self, change: str) -> Iterator[Affected]:
        """What a change affects."""
        known = self.changes.get(change)
        return iter(known.affected if known else ())


def build(dataset: Dataset, plants: tuple[str, ...], parameters: Any) -> Plm:
    """The PLM at the start of a run."""
    del parameters
    return Plm(dataset, plants)
