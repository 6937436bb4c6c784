"""What the PLM knows: items and their revisions, structures, routings, and engineering changes."""

from collections.abc import Iterator, Mapping
from math import inf
from typing import Any

import msgspec

from pilotplant.dataset.records import ApprovedSource, Bom, Dataset, Item, Routing
from pilotplant.model.instants import BusinessInstant
from pilotplant.model.revisions import ordinal
from pilotplant.systems.rules import PlantRules, rules_of


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


class Document(msgspec.Struct, frozen=True, gc=False):
    """A drawing or specification of an item, in one version."""

    document: str
    item: str
    kind: str
    title: str
    version: int


class Approval(msgspec.Struct, frozen=True, gc=False):
    """That a manufacturer may supply an item, under which part number. `issue` counts its changes."""

    item: str
    supplier: str
    supplier_part: str
    issue: int = 1
    approved: bool = True


class Change(msgspec.Struct):
    """An engineering change, or (`kind` is `launch`) a product that plants begin to make. Status runs draft, approved,
    released; or cancelled."""

    number: str
    title: str
    priority: str
    kind: str = "engineering"
    gate: str = ""
    """Of a launch: whether each plant goes ahead by itself (`each-plant`), or all together (`all-plants`)."""
    wip: str = "keep"
    """What becomes of orders that are open on the shop floor: `keep`, `re-read`, `hold`."""
    status: str = "draft"
    affected: tuple[Affected, ...] = ()
    superseded: tuple[Superseded, ...] = ()
    effectivity: str = "immediate"
    effective_at: float = 0.0
    released_at: float = 0.0
    cancelled_at: float = 0.0
    results: tuple[Result, ...] = ()
    replaced: dict[tuple[str, str], str] = {}
    """By plant and item, the revision that applied before the release: what a cancellation goes back to."""


class Plm:
    """The state of the PLM. The generated data are only referred to; revisions made since stand in overlays."""

    def __init__(self, dataset: Dataset, plants: tuple[str, ...], *, announces: bool = False) -> None:
        self.dataset = dataset
        self.plants = plants
        self.announces = announces
        """Whether structures are announced one by one when a change releases them."""
        self.rules: Mapping[str, PlantRules] = {}
        self.created: dict[str, Item] = {}
        """Items that did not exist when the run began."""
        self.lot_sizes: dict[str, float] = {}
        """The smallest lot of an item, in its engineering unit, where engineering states one."""
        self.drawings: dict[str, Document] = {}
        self.routing_rows: dict[str, int] = {}
        self._approvals: dict[str, dict[str, Approval]] = {}
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
        return self.dataset.items.get(number) or self.created.get(number)

    def take_rules(self, rules: Mapping[str, PlantRules]) -> None:
        """Take note of what the estate declares of its plants."""
        self.rules = rules

    def takes(self, plant: str, kind: str) -> bool:
        """Whether a plant takes part in changes of a kind."""
        return kind in rules_of(self.rules, plant).changes

    def lot_size(self, plant: str, number: str) -> float:
        """The smallest lot of an item in the unit that a plant keeps it in; 0 where engineering states none."""
        item = self.item(number)
        if item is None or number not in self.lot_sizes:
            return 0.0
        return round(self.lot_sizes[number] * self.plant_unit(plant, number)[1], 6)

    def plant_unit(self, plant: str, number: str) -> tuple[str, float]:
        """The unit in which a plant keeps an item, and how many of those are one engineering unit."""
        generated = self.dataset.plant_items.get((plant, number))
        if generated is not None:
            return generated.unit, generated.per_base
        item = self.item(number)
        assert item is not None, f"{number} is not an item"
        return rules_of(self.rules, plant).unit_of(item)

    def approvals(self, item: str) -> dict[str, Approval]:
        """Who may supply an item, by supplier."""
        if item in self._approvals:
            return self._approvals[item]
        return {source.supplier: _approval(source) for source in self.dataset.sources if source.item == item}

    def put_approval(self, entry: Approval) -> None:
        """Keep an entry of the list of approved manufacturers in place of the one before."""
        self._approvals[entry.item] = {**self.approvals(entry.item), entry.supplier: entry}
        known = {(entry.item, entry.supplier)}
        self.approved = self.approved | known if entry.approved else self.approved - known

    def revision(self, item: str) -> str:
        """The revision of an item that is released now."""
        known = self.item(item)
        return self.released.get(item) or (known.revision if known else "")

    def revision_at(self, plant: str, item: str) -> str:
        """The revision that applies at a plant: a change concerns the plants that it names, and no others."""
        known = self.item(item)
        return self._applies.get((plant, item)) or (known.revision if known else "")

    def valid_on(self, plant: str, item: str, moment: float, known_at: float = inf) -> str:
        """The revision to build at a plant on a day, by the changes that were released, and not withdrawn, until
        `known_at`."""
        known = self.item(item)
        valid = known.revision if known else ""
        for change in self.changes.values():
            if not 0 < change.released_at <= known_at or change.effective_at > moment:
                continue
            if change.kind == "launch" or 0 < change.cancelled_at <= known_at:
                continue
            for affected in change.affected:
                newer = ordinal(affected.to_revision) > ordinal(valid)
                if affected.item == item and plant in affected.plants and newer:
                    valid = affected.to_revision
        return valid

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

    def put_routing(self, routing: Routing) -> None:
        """Keep how an item in a revision is made from now on."""
        self._routings[routing.item, routing.revision] = routing

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
    return Plm(dataset, plants, announces=parameters.announces_structures)


def _approval(source: ApprovedSource) -> Approval:
    return Approval(source.item, source.supplier, source.supplier_part)
