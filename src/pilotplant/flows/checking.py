"""Whether a flow means anything: operations and events that exist, fields that identify them, steps and relations
that are there. The places of what is wrong are told as paths into the document."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pilotplant.flows.expansion import declared_effect, kind_of
from pilotplant.flows.grammar import FlowSpec, StepSpec
from pilotplant.flows.relations.relation import relations
from pilotplant.systems import catalog

Path = tuple[str | int, ...]


class Flaw(NamedTuple):
    """Something that is wrong with a document, where, and what may have been meant."""

    path: Path
    message: str
    given: str = ""
    candidates: tuple[str, ...] = ()
    code: str = "PP-REFERENCE"


def flaws_of(flow: FlowSpec) -> Iterator[Flaw]:
    """Everything that is wrong with a flow."""
    for position, trigger in enumerate(flow.triggers):
        place: Path = ("trigger",) if isinstance(flow.trigger, str) else ("trigger", position)
        yield from _known(place, trigger, catalog.events(), "event")
    if flow.cancelled_by:
        yield from _known(("cancelled_by",), flow.cancelled_by, catalog.events(), "event")
    yield from _known(("for_each",), flow.for_each, relations(), "relation")
    yield from _relation(("for_each",), flow, flow.for_each)
    known = relations()[flow.for_each].fields if flow.for_each in relations() else flow.scope
    for fact in flow.when:
        yield from _known(("when", fact), fact, known, "field in the rows of the relation")
    if flow.clock_from == "starts_at":
        yield from _known(("clock_from",), "starts_at", known, "field in the rows of the relation")
    for position, key in enumerate(flow.scope):
        yield from _known(("scope", position), key, known, "field in the rows of the relation")
    for name, step in flow.steps.items():
        yield from _step(flow, name, step)
        fields = (*known, *(relations()[step.for_each].fields if step.for_each in relations() else ()))
        for fact in step.when:
            yield from _known(("steps", name, "when", fact), fact, fields, "field in the rows of the relation")
    if flow.on_reject is not None:
        for field in ("of", "forbid"):
            for position, step_name in enumerate(getattr(flow.on_reject, field)):
                yield from _known(("on_reject", field, position), step_name, flow.steps, "step")
    if flow.on_silence is not None:
        yield from _silence(flow, flow.on_silence.of)
    for step_name in flow.within:
        yield from _known(("within", step_name), step_name, flow.steps, "step")


def _relation(place: Path, flow: FlowSpec, name: str) -> Iterator[Flaw]:
    """A relation is asked about the event that fired; it must know that kind of event."""
    relation = relations().get(name)
    for trigger in flow.triggers:
        if relation is not None and trigger in catalog.events() and trigger not in relation.triggers:
            asked = ", ".join(f"`{known}`" for known in sorted(relation.triggers))
            yield Flaw(place, f"`{name}` can be asked about {asked}, not about `{trigger}`", code="PP-VALUE")


def absent_systems(flow: FlowSpec, present: Iterable[str]) -> list[str]:
    """Steps whose systems an estate does not have: they are not tested."""
    kinds = set(present)
    return [name for name, step in flow.steps.items() if kind_of(step.effect) not in kinds]


def _step(flow: FlowSpec, name: str, step: StepSpec) -> Iterator[Flaw]:
    at: Path = ("steps", name)
    if step.commit:
        yield from _effect((*at, "commit"), step.commit, catalog.operations(), "operation", (*at, "by"), step.by)
    else:
        yield from _effect((*at, "event"), step.event, catalog.events(), "event", (*at, "by"), step.by)
    if step.refused_by:
        yield from _known((*at, "refused_by"), step.refused_by, catalog.events(), "event")
    for position, other in enumerate(step.accept):
        place = (*at, "accept", position)
        yield from _effect(
            (*place, "commit"), other.commit, catalog.operations(), "operation", (*place, "by"), other.by
        )
    if step.aggregate is not None:
        yield from _aggregate((*at, "aggregate"), step)
    for position, needed in enumerate(step.after):
        yield from _known((*at, "after", position), needed.step, flow.steps, "step")
        if needed.step == name:
            yield Flaw((*at, "after", position), f"the step `{name}` waits for itself", code="PP-VALUE")
        if needed.over and needed.over != "scope":
            yield from _known((*at, "after", position, "over"), needed.over, relations(), "relation")
            yield from _relation((*at, "after", position, "over"), flow, needed.over)
    if step.for_each:
        yield from _known((*at, "for_each"), step.for_each, relations(), "relation")
        yield from _relation((*at, "for_each"), flow, step.for_each)


def _silence(flow: FlowSpec, steps: tuple[str, ...]) -> Iterator[Flaw]:
    """Only an event can fail to come, and only after something that asks for it."""
    for position, name in enumerate(steps):
        place: Path = ("on_silence", "of", position)
        yield from _known(place, name, flow.steps, "step")
        step = flow.steps.get(name)
        if step is not None and not (step.event and step.after):
            yield Flaw(place, f"`{name}` is no event that waits for another step", code="PP-VALUE")


def _aggregate(at: Path, step: StepSpec) -> Iterator[Flaw]:
    """A sum names everything but its cause."""
    assert step.aggregate is not None
    for position, key in enumerate(step.aggregate.by):
        yield from _known((*at, "by", position), key, step.by, "key of the step")
    if not step.commit:
        yield Flaw(at, "only what is committed can be summed up", code="PP-VALUE")
    elif len(set(step.by) - set(step.aggregate.by)) != 1:
        yield Flaw((*at, "by"), "a sum leaves out exactly one key: the one that names its cause", code="PP-VALUE")


def _effect(
    place: Path, name: str, known: Iterable[str], what: str, by_place: Path, by: tuple[str, ...]
) -> Iterator[Flaw]:
    flaws = list(_known(place, name, known, what))
    yield from flaws
    if flaws:
        return
    names = declared_effect(name).names
    if not names:
        yield Flaw(place, f"`{name}` has no effect that could be promised", code="PP-VALUE")
    elif set(by) != set(names):
        listed = ", ".join(names)
        yield Flaw(by_place, f"`{name}` is identified by [{listed}], not by [{', '.join(by)}]", code="PP-VALUE")


def _known(place: Path, name: str, known: Iterable[str], what: str) -> Iterator[Flaw]:
    candidates = tuple(known)
    if name not in candidates:
        yield Flaw(place, f"there is no {what} `{name}`", name, candidates)
