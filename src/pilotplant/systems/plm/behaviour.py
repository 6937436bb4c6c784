"""What the PLM does over time, and the stimuli that make its users act: drafting, approving, releasing changes."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from pilotplant.dataset.records import BomLine, RoutingStep
from pilotplant.model.durations import Duration
from pilotplant.model.instants import BusinessSeconds
from pilotplant.systems.plm.launches import SetWip, set_wip
from pilotplant.systems.plm.launching import Launching
from pilotplant.systems.plm.operations import (
    AddAffected,
    CancelChange,
    CreateChange,
    NameChange,
    ReleaseChange,
    ReviseItem,
    add_affected,
    approve_change,
    cancel_change,
    create_change,
    release_change,
    revise_item,
    supersede,
)
from pilotplant.systems.plm.state import Change, Plm
from pilotplant.systems.plm.substitution import Substitution, choose_substitution
from pilotplant.systems.stimuli import Act, Serves, StimulusParameters, stimulus

if TYPE_CHECKING:
    from pilotplant.systems.system import System


class Parameters(BaseModel):
    """What a profile can set for a PLM."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    announces_structures: bool = False
    """Whether each structure that a change releases is announced in an event of its own."""


class ReleaseParameters(StimulusParameters):
    """How the changes that a scenario releases look."""

    affected_median: Annotated[float, Field(ge=1)] = 3
    affected_p95: Annotated[float, Field(ge=1)] = 8
    cascade: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of changes in which an assembly is affected together with components of it."""
    again: Annotated[float, Field(ge=0, le=1)] = 0.15
    """Share of changes that revise an item of the previous change once more."""
    inactive_work_centre: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of changes whose routing uses a work centre that is inactive at one of the plants: the ERP will refuse."""
    new_component: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of changes whose structure uses an item that a plant does not know yet: it has to be there first."""
    substitution: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of changes that replace a bought component with open purchase orders by a part of another supplier."""
    effective_in: Duration = 0.0
    """How long after its release a change takes effect, in business time; without it, at once."""
    among: Annotated[int, Field(ge=0)] = 0
    """So many items, the first that are made, are chosen from; 0: all. Few are changed again and again."""
    wip: Literal["", "keep", "re-read", "hold"] = ""
    """What becomes of orders that are open on the shop floor; empty: nothing is said, they are kept."""


@dataclass
class _Plan:
    """The choices made so far, so that each change can refer to earlier ones."""

    numbers: list[str] = field(default_factory=list)
    last_items: tuple[str, ...] = ()
    released: list[str] = field(default_factory=list)
    superseded: set[str] = field(default_factory=set)


class Behaviour(Launching):
    """The people who use the PLM."""

    SERVES: ClassVar[Serves] = "estate"

    def __init__(self, system: "System") -> None:
        self._system = system
        self._plan = _Plan()

    def start(self) -> None:
        """A PLM does nothing by itself."""

    def start_job(self, change: Change) -> None:
        """A released change waits for its date; nothing has come to rest before."""
        system = self._system
        system.jobs_open += 1
        wait_s = BusinessSeconds(change.effective_at - system.world.now().business)
        system.world.later_business(wait_s, self._take_effect)

    def _take_effect(self) -> None:
        self._system.jobs_open -= 1

    @stimulus("plm.change.release", ReleaseParameters)
    def _release(self, parameters: ReleaseParameters, chance: Random) -> list[Act]:
        """One engineering change, from draft to release."""
        plm: Plm = self._system.state
        number = self._next_number(plm)
        self._plan.released.append(number)
        replaced = self._substitute(plm, parameters, chance)
        items = replaced.users if replaced else self._choose(plm, parameters, chance)
        self._plan.last_items = items
        plants = tuple(sorted({plant for item in items for plant in plm.dataset.items[item].plants}))
        blocked = chance.random() < parameters.inactive_work_centre
        fresh = parameters.new_component > 0 and chance.random() < parameters.new_component
        acts: list[Act] = []
        for position, item in enumerate(items):
            lines, steps = self._redesign(plm, item, chance)
            if fresh and position == 0:
                lines = self._with_new_component(plm, item, lines, chance)
            if blocked and position == 0:
                steps = self._through_inactive(plm, item, steps)
            if replaced:
                lines = replaced.applied(lines)
            acts.append((revise_item, ReviseItem(item=item, lines=lines, steps=steps)))
        priority = chance.choices(_PRIORITIES, (1, 7, 2))[0]
        title = f"{chance.choice(_REASONS)} on {items[0]}"
        acts.append((create_change, CreateChange(change=number, title=title, priority=priority)))
        for item in items:
            disposition = chance.choice(_DISPOSITIONS)
            add = AddAffected(change=number, item=item, plants=plants, disposition=disposition)
            acts.append((add_affected, add))
        if parameters.wip:
            acts.append((set_wip, SetWip(change=number, wip=parameters.wip)))
        if replaced:
            acts.append((supersede, replaced.command(number)))
        acts.append((approve_change, NameChange(change=number)))
        acts.append((release_change, self._release_of(number, parameters.effective_in)))
        return acts

    @stimulus("plm.change.cancel")
    def _cancel(self, parameters: StimulusParameters, chance: Random) -> list[Act]:
        """Withdraw the change that was released last and is not withdrawn yet."""
        del parameters, chance
        if not self._plan.released:
            return []
        number = self._plan.released.pop()
        return [(cancel_change, CancelChange(change=number, reason="the test result was revised"))]

    def _release_of(self, number: str, effective_in_s: float) -> ReleaseChange:
        if not effective_in_s:
            return ReleaseChange(change=number)
        moment = datetime.fromtimestamp(self._system.world.now().business + effective_in_s, UTC)
        return ReleaseChange(change=number, effectivity="date", effective_at=moment)

    def _next_number(self, plm: Plm) -> str:
        """The next change number that is free: others may open changes too."""
        while True:
            number = f"ECO-{plm.dataset.mark}{len(self._plan.numbers) + 1:06d}"
            self._plan.numbers.append(number)
            if number not in plm.changes:
                return number

    def _choose(self, plm: Plm, parameters: ReleaseParameters, chance: Random) -> tuple[str, ...]:
        made = [number for number, item in plm.dataset.items.items() if item.made]
        made = made[: parameters.among] if parameters.among else made
        wanted = max(1, round(chance.lognormvariate(0, 0.6) * parameters.affected_median))
        wanted = min(wanted, round(parameters.affected_p95), len(made))
        chosen: list[str] = []
        if self._plan.last_items and chance.random() < parameters.again:
            chosen.append(chance.choice(self._plan.last_items))
        while len(chosen) < wanted:
            item = chance.choice(made)
            if item not in chosen:
                chosen.append(item)
            if chance.random() < parameters.cascade:
                chosen.extend(c for c in self._made_components(plm, item) if c in made and c not in chosen)
        return tuple(chosen[: max(wanted, 2)])

    def _substitute(self, plm: Plm, parameters: ReleaseParameters, chance: Random) -> Substitution | None:
        """A bought component to replace, if this change is one that does."""
        if not parameters.substitution or chance.random() >= parameters.substitution:
            return None
        found = choose_substitution(plm, self._plan.superseded, chance)
        if found is not None:
            self._plan.superseded.update((found.item, found.by))
        return found

    def _made_components(self, plm: Plm, item: str) -> list[str]:
        bom = plm.bom(item, plm.revision(item))
        return [line.component for line in bom.lines if plm.dataset.items[line.component].made] if bom else []

    def _redesign(self, plm: Plm, item: str, chance: Random) -> tuple[tuple[BomLine, ...], tuple[RoutingStep, ...]]:
        revision = plm.latest(item)
        bom, routing = plm.bom(item, revision), plm.routing(item, revision)
        assert bom is not None and routing is not None, f"{item} is made but has no definition {revision}"
        position = chance.randrange(len(bom.lines))
        line = bom.lines[position]
        changed = BomLine(line.component, round(line.quantity * chance.choice((0.5, 2.0, 3.0)), 6), line.unit)
        lines = (*bom.lines[:position], changed, *bom.lines[position + 1 :])
        steps = tuple(
            RoutingStep(s.number, s.work_centre, s.text, s.setup_s, round(s.cycle_s * chance.uniform(0.9, 1.1), 3))
            for s in routing.steps
        )
        return lines, steps

    def _with_new_component(
        self, plm: Plm, item: str, lines: tuple[BomLine, ...], chance: Random
    ) -> tuple[BomLine, ...]:
        """One line more, of something bought that is not used at all plants where the item is made."""
        plants, used = set(plm.dataset.items[item].plants), {line.component for line in lines}
        strange = [
            part
            for part in plm.dataset.items.values()
            if not part.made and part.number not in used and not plants <= set(part.plants)
        ]
        if not strange:
            return lines
        part = chance.choice(strange)
        return (*lines, BomLine(part.number, 1.0, part.unit))

    def _through_inactive(self, plm: Plm, item: str, steps: tuple[RoutingStep, ...]) -> tuple[RoutingStep, ...]:
        plants = plm.dataset.items[item].plants
        idle = [c.code for c in plm.dataset.work_centres.values() if c.plant in plants and not c.active]
        if not idle:
            return steps
        first = steps[0]
        return (RoutingStep(first.number, idle[0], first.text, first.setup_s, first.cycle_s), *steps[1:])


_REASONS = ("Weight reduction", "Supplier change", "Field failure", "Cost reduction", "Tolerance", "Compliance")
_PRIORITIES: tuple[Literal["urgent", "normal", "low"], ...] = ("urgent", "normal", "low")
_DISPOSITIONS: tuple[Literal["use-up", "quarantine", "rework", "scrap"], ...] = (
    "use-up",
    "use-up",
    "quarantine",
    "rework",
    "scrap",
)
