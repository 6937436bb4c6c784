"""Two flow contracts compared. The consumer is the middleware, which has to keep the flow; the producers are the
systems on which it builds."""

from collections.abc import Callable, Iterator, Mapping

from pilotplant.contracts.evolution.change import Change
from pilotplant.flows.grammar import Aggregate, FlowSpec, StepSpec

Cases = Mapping[str, tuple[str, ...]]

_STATED = "the systems have to state it"
_UNPROMISED = "whoever still does it does something that nothing promises"


def compare(document: str, old: FlowSpec, new: FlowSpec) -> Iterator[Change]:
    """The differences."""
    told = _Told(document)
    yield from told.differing(
        "trigger", old.trigger, new.trigger, consumer="another event sets it off", producer=_STATED
    )
    yield from _whens(told, "when", old.when, new.when)
    yield from told.differing(
        "cancelled_by",
        old.cancelled_by or "nothing",
        new.cancelled_by or "nothing",
        consumer="another event withdraws what is promised",
        producer=_STATED if new.cancelled_by else "",
    )
    yield from _criticality(told, old, new)
    yield from told.differing("scope", old.scope, new.scope, consumer="other things have to happen together")
    yield from told.differing("for_each", old.for_each, new.for_each, consumer="it is promised for other things")
    yield from told.differing("clock_from", old.clock_from, new.clock_from, consumer="time counts from another moment")
    if old.coalesce != new.coalesce:
        every = new.coalesce == "every"
        yield told.change(
            "coalesce",
            f"is `{new.coalesce}`, was `{old.coalesce}`",
            consumer="a later revision does not do for an earlier one any more" if every else "",
            because="every revision may still be carried out",
        )
    for name, step in old.steps.items():
        if name not in new.steps:
            yield told.change(name, "is no step any more", consumer=_UNPROMISED)
        else:
            yield from _step(told, name, step, new.steps[name])
    for name in new.steps:
        if name not in old.steps:
            yield told.change(name, "is a new step", consumer="it has to be done as well")
    yield from _rejections(told, old, new)
    if new.on_silence != old.on_silence:
        of = new.on_silence.of if new.on_silence else ()
        consumer = "a person has to be told of what never comes" if of else ""
        yield told.change(
            "on_silence", f"is about `{_said(of)}` now", consumer=consumer, because="nothing is asked for"
        )
    yield from _deadlines(told, old, new)


class _Told:
    def __init__(self, document: str) -> None:
        self._document = document

    def change(self, place: str, what: str, *, consumer: str = "", producer: str = "", because: str = "") -> Change:
        return Change(self._document, place, what, consumer, producer, because)

    def differing(self, place: str, old: object, new: object, *, consumer: str, producer: str = "") -> Iterator[Change]:
        if old != new:
            yield self.change(place, f"is `{_said(new)}`, was `{_said(old)}`", consumer=consumer, producer=producer)


def _said(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _step(told: _Told, name: str, old: StepSpec, new: StepSpec) -> Iterator[Change]:
    yield from told.differing(f"{name}.effect", old.effect, new.effect, consumer="something else has to be done")
    yield from told.differing(f"{name}.by", old.by, new.by, consumer="it is promised for other keys")
    yield from told.differing(
        f"{name}.for_each", old.for_each, new.for_each, consumer="it is promised for other things"
    )
    before, after = set(old.after), set(new.after)
    for each in sorted(after - before, key=str):
        over = f" over {each.over}" if each.over else ""
        yield told.change(
            f"{name}.after", f"waits for {each.step}{over}", consumer="whoever does it before is too early"
        )
    for each in sorted(before - after, key=str):
        yield told.change(f"{name}.after", f"does not wait for {each.step} any more", because="waiting does no harm")
    yield from _whens(told, f"{name}.when", old.when, new.when)
    yield from told.differing(
        f"{name}.refused_by",
        old.refused_by or "nothing",
        new.refused_by or "nothing",
        consumer="whoever waits for the old word does not learn that it was refused",
        producer=_STATED if new.refused_by else "",
    )
    yield from _sums(told, f"{name}.aggregate", old.aggregate, new.aggregate)
    yield from _looser(told, name, old, new)


def _whens(told: _Told, place: str, old: Cases, new: Cases) -> Iterator[Change]:
    """In which cases something is promised, fact by fact."""
    for fact in sorted(old.keys() | new.keys()):
        before, after = old.get(fact, ("anything",)), new.get(fact, ("anything",))
        if set(before) != set(after):
            consumer = "it is promised in other cases"
            yield from told.differing(f"{place}.{fact}", before, after, consumer=consumer)


def _criticality(told: _Told, old: FlowSpec, new: FlowSpec) -> Iterator[Change]:
    if old.criticality != new.criticality:
        because = "it says what is shown first, and asks for nothing"
        yield told.change("criticality", f"is `{new.criticality}`, was `{old.criticality}`", because=because)


def _sums(told: _Told, place: str, old: Aggregate | None, new: Aggregate | None) -> Iterator[Change]:
    """Whether promises may be kept by sums, and by which."""
    if old == new:
        return
    if old is None:
        yield told.change(place, "lets sums keep it", because="one more way to keep it")
        return
    if new is None:
        yield told.change(place, "is gone", consumer="sums that name no cause do not keep it any more")
        return
    yield from told.differing(f"{place}.by", old.by, new.by, consumer="a sum has to have other keys")
    if old.window != new.window:
        tighter = bool(new.window) and (not old.window or new.window < old.window)
        yield told.change(
            f"{place}.window",
            f"is {_window(new)}, was {_window(old)}",
            consumer="whoever sums up for so long is late now" if tighter else "",
            because="there is more time than before",
        )


def _window(aggregate: Aggregate) -> str:
    return f"{aggregate.window:g} s" if aggregate.window else "as long as it takes"


_LOOSE: tuple[tuple[str, Callable[[StepSpec], str], dict[str, int], str], ...] = (
    ("guard", lambda step: step.guard, {"transfer": 1, "executable": 0}, "staging it early is a violation now"),
    ("actor", lambda step: step.actor, {"target": 1, "native": 0, "either": 0}, "the middleware has to do it now"),
    ("severity", lambda step: step.severity, {"fail": 1, "warn": 0}, "what was a warning fails now"),
)
"""Fields whose values are more or less strict."""


def _looser(told: _Told, name: str, old: StepSpec, new: StepSpec) -> Iterator[Change]:
    for field, read, strictness, consumer in _LOOSE:
        before, after = read(old), read(new)
        if before != after:
            stricter = strictness[after] > strictness[before]
            yield told.change(
                f"{name}.{field}",
                f"is `{after}`, was `{before}`",
                consumer=consumer if stricter else "",
                because="it asks for less than before",
            )
    for alternative in old.accept:
        if alternative not in new.accept:
            gone = "whoever does it this way does not keep the step any more"
            yield told.change(f"{name}.accept", f"`{alternative.commit}` does not do any more", consumer=gone)
    for alternative in new.accept:
        if alternative not in old.accept:
            yield told.change(
                f"{name}.accept", f"`{alternative.commit}` does as well", because="one more way to keep it"
            )


def _rejections(told: _Told, old: FlowSpec, new: FlowSpec) -> Iterator[Change]:
    before, after = old.on_reject, new.on_reject
    if before == after:
        return
    if after is None:
        yield told.change("on_reject", "is gone", because="nothing is asked for after a refusal any more")
        return
    if before is None:
        yield told.change("on_reject", "is new", consumer="a refusal has consequences now")
        return
    yield from told.differing("on_reject.of", before.of, after.of, consumer="the refusal of other steps counts")
    for step in sorted(set(after.forbid) - set(before.forbid)):
        yield told.change("on_reject.forbid", f"{step} may not follow", consumer="whoever goes on is at fault now")
    for step in sorted(set(before.forbid) - set(after.forbid)):
        yield told.change("on_reject.forbid", f"{step} may follow", because="it asks for less than before")
    if before.expect != after.expect:
        wanted = after.expect == "exception"
        yield told.change(
            "on_reject.expect",
            f"is `{after.expect}`, was `{before.expect}`",
            consumer="a person has to be told now" if wanted else "",
            because="it asks for less than before",
        )


def _deadlines(told: _Told, old: FlowSpec, new: FlowSpec) -> Iterator[Change]:
    before, after = _spans(old), _spans(new)
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        tighter = now is not None and (was is None or now < was)
        yield told.change(
            name,
            f"is {_span(now)}, was {_span(was)}",
            consumer="what was in time may be late now" if tighter else "",
            because="there is more time than before",
        )


def _span(seconds: float | None) -> str:
    return "without a deadline" if seconds is None else f"{seconds:g} s"


def _spans(flow: FlowSpec) -> dict[str, float]:
    """All durations of a flow that have to be kept, by their place."""
    content = flow.model_dump()
    found: dict[str, float] = {}
    for field in ("within", "recover_within"):
        _collect(field, content.get(field), found)
    return found


def _collect(place: str, value: object, found: dict[str, float]) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            _collect(f"{place}.{name}", inner, found)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found[place] = float(value)
