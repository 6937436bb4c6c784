"""Whatever order a correct middleware works in, it is not accused; a single violation is always convicted by its check.

The middleware here knows only what it was told: it starts a step when it may, and picks among what it may do at random.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotplant.checks.judge import Judgement, judge
from pilotplant.ledger.reader import Ledger
from pilotplant.model.verdict import Verdict
from pilotplant.systems.system import Published
from tests.unit.histories import DE, US, Definition, History, convicting, family, following_revision, shipped_flows

PARENT, COMPONENT, OTHER, _BYSTANDER = family()
PLANTS = (DE, US)
Check = Literal["", "once", "sequencing", "completeness", "convergence"]


@dataclass(frozen=True)
class Plan:
    """What happens in the enterprise, and what the middleware does wrong."""

    changes: tuple[tuple[str, ...], ...]
    """The items of each change."""
    orders: tuple[str, ...]
    """At which plants orders are finished."""
    coalesces: bool
    loses: frozenset[int]
    """Which of its requests are never answered, so that it has to repeat them."""
    violates: Check = ""


@dataclass
class Middleware:
    """Knows, does, and remembers."""

    history: History
    plan: Plan
    choose: Callable[[int], int]
    released: list[Published] = field(default_factory=list)
    finished: list[Published] = field(default_factory=list)
    known: set[int] = field(default_factory=set)
    """Events that it was told of."""
    done: set[tuple[str, Definition]] = field(default_factory=set)
    booked: set[int] = field(default_factory=set)
    requests: int = 0
    diversions: int = 3

    def run(self) -> Judgement:
        """Work until nothing is left to do."""
        while actions := sorted(self._possible(), key=lambda action: action[0]):
            actions[self.choose(len(actions))][1]()
        if self.plan.violates == "once":
            event = self.finished[self.choose(len(self.finished))]
            self.history.post(self.history.posting(event))
        return self.history.judge()

    def _possible(self) -> Iterator[tuple[str, Callable[[], None]]]:
        yield from self._happenings()
        for number, items in enumerate(self.plan.changes[: len(self.released)]):
            if self.released[number].seq in self.known:
                for plant in PLANTS:
                    for item in items:
                        yield from self._steps(number, (plant, item, self._revision(number, item)))
        for number, event in enumerate(self.finished):
            if event.seq in self.known and number not in self.booked and not self._forgets_order(number):
                yield f"book {number}", lambda n=number: self._book(n)  # type: ignore[misc]

    def _happenings(self) -> Iterator[tuple[str, Callable[[], None]]]:
        if len(self.released) < len(self.plan.changes):
            yield "release", self._release
        if len(self.finished) < len(self.plan.orders):
            yield "finish", self._finish
        for event in (*self.released, *self.finished):
            if event.seq not in self.known:
                yield f"tell {event.seq}", lambda e=event: self._hear(e)  # type: ignore[misc]
        if self.history.estate.jobs_open:
            yield "wait", lambda: self.history.wait(1)
        if self.diversions and self.known:
            yield "divert", self._divert

    def _steps(self, number: int, this: Definition) -> Iterator[tuple[str, Callable[[], None]]]:
        name = "/".join(this)
        if self._violates_order(number, this):
            yield f"publish too early {name}", lambda: self._publish_too_early(this)
            return
        if self._skips(this):
            return
        for step in ("bom", "routing"):
            if (step, this) not in self.done:
                yield f"{step} {name}", lambda s=step: self._send(s, this)  # type: ignore[misc]
        if {("bom", this), ("routing", this)} <= self.done and ("activate", this) not in self.done:
            yield f"activate {name}", lambda: self._send("activate", this)
        event = self._activation(this)
        if event is not None and event.seq not in self.known:
            yield f"hear {name}", lambda: self._hear(event)
        if ("publish", this) not in self.done and self._scope_is_active(number, this[0]):
            later = any(("publish", (*this[:2], revision)) in self.done for revision in self._later(this))
            if not later and not self._forgets(this):
                yield f"publish {name}", lambda: self._publish(this)

    # --- what it does ------------------------------------------------------------------------------------------------

    def _release(self) -> None:
        number = len(self.released)
        self.released.append(self.history.release(f"ECO-{number}", *self.plan.changes[number], plants=PLANTS))
        self.history.wait(1)

    def _finish(self) -> None:
        self.finished.append(self.history.finish_order(self.plan.orders[len(self.finished)]))

    def _hear(self, event: Published) -> None:
        self.history.send_event(event)
        if self.choose(3) == 0:
            self.history.acknowledge(event, status=0, note="reset")
            self.history.send_event(event)
        self.history.acknowledge(event)
        self.known.add(event.seq)

    def _send(self, step: str, this: Definition) -> None:
        self.requests += 1
        if step == "bom":
            wrong = self.plan.violates == "convergence" and not self._later(this) and this[:2] == (DE, PARENT)
            answered = self.requests not in self.plan.loses
            self.history.bom(*this, factor=3 if wrong else 1, answered=answered)
            if not answered:
                return
        elif step == "routing":
            self.history.routing(*this)
        else:
            assert self.history.activate(*this).status == 202
        self.done.add((step, this))

    def _publish(self, this: Definition) -> None:
        self.history.publish(*this)
        self.done.add(("publish", this))

    def _publish_too_early(self, this: Definition) -> None:
        self.history.publish(*this)
        self.done.add(("too early", this))

    def _book(self, number: int) -> None:
        self.history.post(self.history.posting(self.finished[number]))
        self.booked.add(number)

    def _divert(self) -> None:
        """Something that is allowed at any time: read, or transfer instructions that are not used yet."""
        self.diversions -= 1
        known = [n for n, event in enumerate(self.released) if event.seq in self.known]
        if not known or self.choose(2) == 0:
            self.history.read_version(DE, OTHER)
            return
        number = known[self.choose(len(known))]
        item = self.plan.changes[number][0]
        self.history.publish(DE, item, self._revision(number, item), "staged")

    # --- what it knows -----------------------------------------------------------------------------------------------

    def _revision(self, number: int, item: str) -> str:
        return following_revision(item, sum(item in items for items in self.plan.changes[: number + 1]))

    def _later(self, this: Definition) -> list[str]:
        """Revisions after this one that some change of the plan takes the item to."""
        total = sum(this[1] in items for items in self.plan.changes)
        revisions = [following_revision(this[1], step + 1) for step in range(total)]
        return revisions[revisions.index(this[2]) + 1 :]

    def _skips(self, this: Definition) -> bool:
        """Whether a later revision that it knows of makes this one unnecessary."""
        if not self.plan.coalesces:
            return False
        heard = [n for n, event in enumerate(self.released) if event.seq in self.known]
        newer = {self._revision(n, this[1]) for n in heard if this[1] in self.plan.changes[n]}
        return bool(newer & set(self._later(this)))

    def _activation(self, this: Definition) -> Published | None:
        if ("activate", this) not in self.done:
            return None
        return next(
            (
                event
                for event in self.history.published
                if event.type.name == "erp.version.activated" and event.event == _named(event, this)
            ),
            None,
        )

    def _active(self, this: Definition) -> bool:
        revisions = [this[2], *self._later(this)]
        events = (self._activation((this[0], this[1], revision)) for revision in revisions)
        return any(event is not None and event.seq in self.known for event in events)

    def _scope_is_active(self, number: int, plant: str) -> bool:
        items = self.plan.changes[number]
        return all(self._active((plant, item, self._revision(number, item))) for item in items)

    # --- what it does wrong ------------------------------------------------------------------------------------------

    def _violates_order(self, number: int, this: Definition) -> bool:
        wrong = self.plan.violates == "sequencing" and number == 0 and this[:2] == (DE, PARENT)
        return wrong and ("too early", this) not in self.done

    def _forgets(self, this: Definition) -> bool:
        return self.plan.violates == "completeness" and this[:2] == (DE, PARENT) and not self._later(this)

    def _forgets_order(self, number: int) -> bool:
        return self.plan.violates == "completeness" and number == 0


def _named(event: Published, this: Definition) -> object:
    """The same event, about this revision."""
    plant, item, revision = this
    return msgspec.structs.replace(event.event, plant=plant, item=item, revision=revision)


@st.composite
def plans(draw: st.DrawFn, violates: Check = "") -> Plan:
    """Plans of up to three changes, the first of which affects the assembly, and up to three orders."""
    others = st.lists(st.sampled_from([COMPONENT, OTHER]), unique=True, max_size=2)
    first = (PARENT, *draw(others))
    again = [COMPONENT, OTHER] if violates == "sequencing" else [PARENT, COMPONENT, OTHER]
    more = st.lists(st.sampled_from(again), unique=True, min_size=1, max_size=2)
    changes = (first, *(tuple(items) for items in draw(st.lists(more, max_size=2))))
    orders = tuple(draw(st.lists(st.sampled_from(PLANTS), min_size=1, max_size=3)))
    coalesces = draw(st.booleans()) and violates != "sequencing"
    return Plan(changes, orders, coalesces, frozenset(draw(st.sets(st.integers(1, 12), max_size=3))), violates)


def told(plan: Plan, data: st.DataObject, directory: Path) -> Judgement:
    """The plan, carried out in an order that is drawn."""
    history = History(directory)
    return Middleware(history, plan, lambda count: data.draw(st.integers(0, count - 1))).run()


@settings(max_examples=80)
@given(plan=plans(), data=st.data())
def test_a_correct_middleware_is_never_accused(plan: Plan, data: st.DataObject) -> None:
    with TemporaryDirectory() as directory:
        judgement = told(plan, data, Path(directory))
    assert judgement.findings == ()
    assert judgement.doubts == ()
    assert judgement.crashed == ()
    assert judgement.verdict is Verdict.PASS


def _always_convicted(check: Check, data: st.DataObject) -> None:
    plan = data.draw(plans(check))
    with TemporaryDirectory() as directory:
        judgement = told(plan, data, Path(directory))
    assert check in convicting(judgement)
    assert judgement.verdict is Verdict.FAIL


@settings(max_examples=30)
@given(data=st.data())
def test_a_second_booking_is_always_convicted(data: st.DataObject) -> None:
    _always_convicted("once", data)


@settings(max_examples=30)
@given(data=st.data())
def test_instructions_that_come_too_early_are_always_convicted(data: st.DataObject) -> None:
    _always_convicted("sequencing", data)


@settings(max_examples=30)
@given(data=st.data())
def test_what_is_forgotten_is_always_convicted(data: st.DataObject) -> None:
    _always_convicted("completeness", data)


@settings(max_examples=30)
@given(data=st.data())
def test_wrong_quantities_are_always_convicted(data: st.DataObject) -> None:
    _always_convicted("convergence", data)


@settings(max_examples=20)
@given(plan=plans(), data=st.data())
def test_judged_twice_it_is_the_same_to_the_byte(plan: Plan, data: st.DataObject) -> None:
    with TemporaryDirectory() as directory:
        first = told(plan, data, Path(directory))
        second = judge(Ledger(Path(directory)), shipped_flows())
    assert msgspec.json.encode(first) == msgspec.json.encode(second)
