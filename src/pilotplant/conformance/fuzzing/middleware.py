"""Fuzzes a middleware: among good events it gets hostile ones, and every one of those has to end where it belongs.

Refused at the door, carried out, or set aside and told to somebody: that is an end. Taken and never heard of again is
none, and neither is an answer that says that the receiver failed. Told is what the desk took, from the target or, in
its name, from where its document says that it gives up. Who declares no such place and never told the desk of anything
may put its dead letters where nobody looks: of that nothing is known. What the good ones come to, the judge of every
run says.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import msgspec
import yaml

from pilotplant.checks.folds.promises import EXCEPTION
from pilotplant.checks.result import Result
from pilotplant.faults import hostile, rephrased
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import ILLEGIBLE, Ack, AnyRecord, Commit, Deliver, Emit, FaultBitten
from pilotplant.model.verdict import Exit, Verdict, worst
from pilotplant.resources import Project
from pilotplant.run.elsewhere import only_null_target
from pilotplant.run.request import Progress, RunRequest
from pilotplant.run.running import run
from pilotplant.scenario.loading import load_run
from pilotplant.scenario.model import Mode
from pilotplant.target.model import TargetSpec

EVENTS = ("mes.order.completed", "plm.change.released")
HOWS: tuple[hostile.How, ...] = get_args(hostile.How)
_PHRASES: tuple[rephrased.How, ...] = get_args(rephrased.How)
_KIND = hostile.Hostile.KIND
_STIMULI_S = 4.0
Prepare = Callable[[TargetSpec], TargetSpec]


class HostileEvent(msgspec.Struct, frozen=True):
    """One hostile event and where it ended: `refused`, `applied`, `excepted`, `dropped`, `unseen`, `failed` or `not
    sent`."""

    event: str
    how: str
    subject: str
    ended: str
    sentence: str

    @property
    def verdict(self) -> Verdict:
        """Whether that is an end."""
        return _ENDS[self.ended]


_ENDS = {
    "refused": Verdict.PASS,
    "applied": Verdict.PASS,
    "excepted": Verdict.PASS,
    "dropped": Verdict.FAIL,
    "failed": Verdict.FAIL,
    "unseen": Verdict.UNKNOWN,
    "not sent": Verdict.UNKNOWN,
}


class MiddlewareFuzzed(msgspec.Struct, frozen=True):
    """All of it: the hostile events, and the run that they were part of."""

    target: str
    events: tuple[HostileEvent, ...]
    run: Result
    elapsed_s: float

    @property
    def exit(self) -> Exit:
        """Pass only if every hostile event ended, and the good ones were carried out."""
        verdicts = {event.verdict for event in self.events}
        codes = [Exit(self.run.exit)]
        codes += [Exit.VIOLATION] * (Verdict.FAIL in verdicts)
        codes += [Exit.UNKNOWN] * (Verdict.UNKNOWN in verdicts or not self.events)
        return worst(codes)

    @property
    def verdict(self) -> Verdict:
        """The verdict that the exit code stands for."""
        if self.exit is Exit.PASS:
            return Verdict.PASS
        return Verdict.FAIL if self.exit in (Exit.VIOLATION, Exit.THRESHOLD) else Verdict.UNKNOWN


def fuzz(
    project: Project,
    target: str,
    *,
    rounds: int,
    seed: int,
    mode: Mode,
    watch: Callable[[Progress], None],
    prepare: Prepare = lambda target: target,
) -> MiddlewareFuzzed:
    """Send every kind of hostile event so often, for each event that flows begin with."""
    with TemporaryDirectory(prefix="pilotplant-fuzz-") as folder:
        path = Path(folder) / "fuzz-target.yaml"
        path.write_text(yaml.safe_dump(_scenario(rounds), sort_keys=False), encoding="utf-8")
        (setup,), chosen = load_run(project, [str(path)], [], target)
        directory = Path(folder) / "run"
        chosen = prepare(chosen)
        request = RunRequest(
            project, setup, chosen, seed, only_null_target, mode, directory=directory, on_progress=watch
        )
        finished = run(request)
        faults = [fault for fault in setup.scenario.faults if isinstance(fault, hostile.Hostile)]
        seen = chosen.exceptions is not None and mode == "live"
        events = tuple(_Ends(Ledger(directory), faults, declared=seen).events())
    return MiddlewareFuzzed(finished.result.target, events, finished.result, finished.result.duration_s)


def _scenario(rounds: int) -> dict[str, Any]:
    """Good events, each kind of hostile one besides a good one of its own, and good ones in other words."""
    number = len(HOWS) * rounds
    faults: list[dict[str, Any]] = []
    for event in EVENTS:
        for position in range(number):
            how = HOWS[position % len(HOWS)]
            own = 8_000_000 + 10_000 * position
            match = {"operation": event}
            faults.append({"fault": _KIND, "match": match, "how": how, "nth": position + 1, "number": own})
    faults += [{"fault": rephrased.Rephrased.KIND, "how": how, "probability": 0.15} for how in _PHRASES]
    return {
        "scenario": "fuzz-target",
        "about": "Among the events are hostile ones. None of them is lost without a word, and none holds up the rest.",
        "estate": "three-plants",
        "stimuli": [
            {"do": "mes.order.complete", "count": number + 10, "over": _STIMULI_S},
            {
                "do": "plm.change.release",
                "count": number + 4,
                "over": _STIMULI_S,
                "with": {"affected_median": 1, "affected_p95": 1},
            },
        ],
        "faults": faults,
        "flows": ["production-confirmation", "engineering-change"],
        "thresholds": ["facts.doubled == 0", "facts.lost == 0"],
        "quiescence": {"quiet": 1.0, "give_up": 60.0},
    }


_UNSEEN = (
    "it was acknowledged, and nobody was told of it, nor of anything else in this run: `exceptions` in the target's "
    "document says where its dead letters are seen (in live runs)"
)


class _Ends:
    """Follows hostile events through a ledger."""

    def __init__(self, ledger: Ledger, faults: Sequence[hostile.Hostile], *, declared: bool) -> None:
        self._declared = declared
        """Whether it is known where the target gives up."""
        self._names = [named.name for named in ledger.header.operations]
        self._faults = {f"{_KIND}#{number + 1}" if number else _KIND: fault for number, fault in enumerate(faults)}
        self._emits: dict[int, Emit] = {}
        self._bitten = ""
        self._label: dict[tuple[int, int], str] = {}
        self._answers: dict[str, list[Ack]] = {}
        self._subject: dict[str, str] = {}
        self._told: set[str] = set()
        """What exceptions were about that the desk took."""
        self._applied: set[str] = set()
        """The keys of everything else that the target had carried out."""
        for record in ledger:
            self._take(record)

    def _take(self, record: AnyRecord) -> None:
        match record:
            case Emit():
                self._emits[record.seq] = record
            case FaultBitten() if record.fault in self._faults:
                self._bitten = record.fault  # the delivery that it bit is the very next record
            case Deliver() if record.bent == _KIND:
                self._label[record.emit, record.attempt] = self._bitten
                self._subject[self._bitten] = record.about
            case Ack() if label := self._label.get((record.emit, record.attempt)):
                self._answers.setdefault(label, []).append(record)
            case Commit() if record.exchange:
                keys = record.effect.split("|")
                if self._names[record.operation] != EXCEPTION:
                    self._applied.update(keys[1:])
                elif len(keys) > 2:
                    self._told.add(_key(keys[2]))

    def events(self) -> Iterator[HostileEvent]:
        """Where each of them ended.

        An exception that names nothing that is known speaks of one event that nobody could name: of one of those that
        were taken and that no exception is about by name, first of those that cannot be read.
        """
        ends = {label: self._end(label, self._subject.get(label, ILLEGIBLE)) for label in self._faults}
        own = {_key(subject) for subject in self._subject.values() if subject != ILLEGIBLE}
        spare = len(self._told - own - {emit.effect.rpartition("|")[2] for emit in self._emits.values()})
        dropped = [label for label, (ended, _sentence) in ends.items() if ended == "dropped"]
        dropped.sort(key=lambda label: self._subject.get(label, ILLEGIBLE) != ILLEGIBLE)
        for label in dropped[:spare]:
            ends[label] = "excepted", "somebody was told of an event that cannot be named"
        for label in dropped[spare:]:
            if not self._told and not self._declared:
                ends[label] = "unseen", _UNSEEN
        for label, fault in self._faults.items():
            subject = self._subject.get(label, ILLEGIBLE)
            shown = "" if subject == ILLEGIBLE else subject[:100]
            yield HostileEvent(fault.match.operation, fault.how, shown, *ends[label])

    def _end(self, label: str, subject: str) -> tuple[str, str]:
        answers = self._answers.get(label)
        if not answers:
            return "not sent", "it was never sent, or never answered"
        if not any(200 <= ack.status < 300 for ack in answers):
            last = answers[-1]
            if 400 <= last.status < 500:
                return "refused", f"it was answered {last.status}"
            said = last.note or f"it was answered {last.status}"
            return "failed", f"the receiver failed on it {len(answers)} times: {said}"
        key = "" if subject == ILLEGIBLE else _key(subject)
        if key and key in self._told:
            return "excepted", f"somebody was told of {key}"
        if key and key in self._applied:
            return "applied", f"what it asks for was carried out for {key}"
        return "dropped", f"it was acknowledged, and nobody was ever told of {key or 'an event that cannot be read'}"


def _key(subject: str) -> str:
    return subject.rpartition("/")[2]
