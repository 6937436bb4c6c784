"""Nothing is done before what it depends on is known; nothing older overwrites something newer."""

from collections import defaultdict
from operator import or_
from typing import Any, ClassVar, NamedTuple

from pilotplant.checks.case import Case, effects_of
from pilotplant.checks.check import Check, Handlers
from pilotplant.checks.finding import Finding, Proof, Severity
from pilotplant.checks.folds.asked import CLOSE, Asked
from pilotplant.checks.folds.instance import Instance
from pilotplant.checks.folds.knowledge import Knowledge
from pilotplant.checks.folds.promises import Promises
from pilotplant.checks.folds.recalls import Recalls
from pilotplant.checks.wording import effect_in_words, plant_of
from pilotplant.ledger.header import Named
from pilotplant.ledger.merging import Moment, moment_of, undecided
from pilotplant.ledger.records import Ack, Commit, Deliver, Emit, Ending, Obligation, Reject, ResponseEnd

_EARLY_S = 3.0
"""How far the target's calendar may be ahead of ours, which begins when the port is open."""


class _Need(NamedTuple):
    """What an effect has to wait for, and for whom."""

    version: int
    flow: int
    instance: str
    step: str
    after: tuple[tuple[str, str, int], ...]
    executable: bool
    forbidden: bool
    """Whether a refusal forbids it."""
    due: float
    """Before which wire moment it must not be done; 0 if at any time."""

    @property
    def key(self) -> str:
        """What `Promises.instances` knows the instance by."""
        return f"{self.flow}|{self.instance}"


class Sequencing(Check):
    """Convicts only where the dependent request was complete before any message could reveal what it depends on."""

    NAME: ClassVar[str] = "sequencing"
    ABOUT: ClassVar[str] = "Every step waits until what it depends on is confirmed; nothing older overwrites newer."
    BY_CONSTRUCTION: ClassVar[str] = "a model begins a step only when it knows of all that the step has to wait for"

    def __init__(self, case: Case, knowledge: Knowledge, promises: Promises) -> None:
        super().__init__(case, knowledge, promises)
        self._needs: dict[str, list[_Need]] = defaultdict(list)
        self._effects_of: dict[str, list[str]] = defaultdict(list)
        """By instance: the effects that have to wait for something on its account."""
        self._finished: list[Instance] = []
        self._told_of: dict[str, Deliver | ResponseEnd] = {}
        """When the target was told of those that are finished and were withdrawn."""
        self.promises.on_finish.append(self._on_finish)
        self._governed = [self.case.governed(named) for named in self.case.header.operations]
        self._accepted: dict[str, tuple[str, ...]] = {}
        """By effect that is waited for: what is accepted in its place."""
        self._asked: set[str] = set()
        """What was asked for that has to wait, or that has versions; kept only as long as nothing of it was seen."""
        self._early: list[tuple[Commit, _Need, list[tuple[str, str, int]]]] = []
        self._requests = Asked(case)
        self._early_moments: dict[int, Moment] = {}
        """When the requests of those came."""
        self._forbidden: list[tuple[Commit, _Need, Reject | Emit]] = []
        self._stale: dict[int, Commit] = {}
        self._ahead: list[tuple[Commit, _Need]] = []
        self._resurrected: list[tuple[Commit, _Need, Ack, Deliver | ResponseEnd]] = []
        self._recalls = Recalls(case)

    def applies(self) -> bool:
        flows = self.case.flows
        ordered = any(step.after for step in self.case.steps) or any(f.on_reject and f.on_reject.forbid for f in flows)
        return ordered or any(self._versioned(named) for named in self.case.header.operations)

    def _versioned(self, named: Named) -> bool:
        return self.case.governed(named) and named.effect == "state" and not named.event

    def handlers(self) -> Handlers:
        if not self.applies():
            return {}
        handlers: dict[Any, Any] = {
            Obligation: (None, self.on_obligation),
            Commit: (self._versioned_or_ordered, self.on_commit),
            ResponseEnd: (None, self.on_end),
        }
        return self._recalls.handlers() | self._requests.handlers() | handlers

    def _versioned_or_ordered(self, named: Named) -> bool:
        ordered = any(
            named.name in effects_of(step)
            for flow in self.case.flows
            for name, step in flow.steps.items()
            if step.after or (flow.on_reject is not None and name in flow.on_reject.forbid)
        )
        return not named.event and (ordered or named.effect == "state")

    def on_obligation(self, record: Obligation) -> None:
        """Remember what an effect has to wait for, and what may stand for it."""
        if record.accept:
            self._accepted[record.effect] = record.accept
        flow = self.case.flows[record.flow]
        step = flow.steps[record.step]
        if not self.examined and step.commit and (record.after or record.version):
            self._asked.add(record.effect)
        forbidden = flow.on_reject is not None and record.step in flow.on_reject.forbid
        if step.commit and (record.after or forbidden):
            executable = step.guard == "executable"
            dated = executable and flow.clock_from == "effective_at" and self.case.header.speed == 1
            due = record.due if dated else 0.0
            named = (record.version, record.flow, record.instance, record.step)
            need = _Need(*named, record.after, executable, forbidden, due)
            effects = (record.effect, *record.accept)
            self._effects_of[need.key].extend(effects)
            for effect in effects:
                self._needs[effect].append(need)

    def on_commit(self, record: Commit) -> None:
        """Was everything known that this had to wait for?"""
        if record.exchange:
            self.examined += self._governed[record.operation]
            if record.stale_over:
                self._stale[record.exchange] = record
            for need in self._needs.get(record.effect, ()):
                self._test(record, need)
        if self._finished:
            self._forget()

    def _test(self, record: Commit, need: _Need) -> None:
        if need.version and record.version and need.version != record.version:
            return
        if need.executable and record.facet == "staged":
            return
        held = self.promises.instances.get(need.key) or self._just_finished(need.key)
        if held is not None and held.withdrawn:
            self._note_resurrected(record, need, held)
            return
        if record.t < need.due - _EARLY_S:
            self._ahead.append((record, need))
        unknown = [entry for entry in need.after if not self._settled(entry, record)]
        if unknown:
            self._early.append((record, need, unknown))
            self._early_moments[record.exchange] = self._requests.of(record)
        elif held is not None and need.forbidden:
            self._note_forbidden(record, need, held)

    def _on_finish(self, instance: Instance, t: float) -> None:
        del t
        if self._effects_of and f"{instance.flow}|{instance.name}" in self._effects_of:
            self._finished.append(instance)
            told = self.promises.delivered.get(instance.trigger)
            if instance.withdrawn and told is not None:
                self._told_of[f"{instance.flow}|{instance.name}"] = told

    def _forget(self) -> None:
        """What a finished instance had to wait for was put to the test; only what is open is kept."""
        for instance in self._finished:
            name = f"{instance.flow}|{instance.name}"
            for effect in self._effects_of.pop(name, ()):
                left = [need for need in self._needs.get(effect, ()) if need.key != name]
                if left:
                    self._needs[effect] = left
                else:
                    self._needs.pop(effect, None)
        self._finished.clear()
        self._told_of.clear()

    def _settled(self, entry: tuple[str, str, int], record: Commit) -> bool:
        """Whether it need not wait for this: it is known, or what was done is accepted in the place of both."""
        _step, effect, version = entry
        return record.effect in self._accepted.get(effect, ()) or self._known(effect, version, record.exchange)

    def _known(self, effect: str, version: int, request: int) -> bool:
        if self.knowledge.known(effect, version, request):
            return True
        return any(self.knowledge.known(other, 0, request) for other in self._accepted.get(effect, ()))

    def _note_forbidden(self, record: Commit, need: _Need, held: Instance) -> None:
        """A refusal counts against the target only once it was told."""
        doubts: list[tuple[str, str]] = []
        for refusal in held.refusals.values():
            told = self.promises.told(refusal)
            if told is None or told.seq > record.exchange:
                continue
            if not (why := self._requests.perhaps_before(record, told)):
                self._forbidden.append((record, need, refusal))
                return
            refused = effect_in_words(refusal.effect, refusal.version)
            doubts.append((f"what told that {refused} is refused (#{told.seq})", why))
        if doubts:
            self._leave_open(_asked(record), *doubts[0])

    def _leave_open(self, one: str, other: str, why: str) -> None:
        self.doubt(f"Whether {one} or {other} came first cannot be said: {why}.", "Run it without --processes.")

    def _just_finished(self, key: str) -> Instance | None:
        """An instance that this very record has finished."""
        return next((each for each in self._finished if f"{each.flow}|{each.name}" == key), None)

    def _note_resurrected(self, record: Commit, need: _Need, held: Instance) -> None:
        """Whoever was told first that it is withdrawn, and only then of it, knew all along. Who polls may have heard of
        it before by itself."""
        told = self.promises.delivered.get(held.trigger) or self._told_of.get(need.key)
        recalled = self._recalls.known_since(held.subject)
        if told is None or recalled is None or self.case.declares.poll_interval:
            return
        if not recalled.seq < told.seq < record.exchange:
            return
        header, teller = self.case.header, f"what told the target of {held.name} (#{told.seq})"
        if undecided(moment_of(recalled, header), moment_of(told, header)):
            self._leave_open(teller, f"its word that it knows of the withdrawal (#{recalled.seq})", CLOSE)
        elif why := self._requests.perhaps_before(record, told):
            self._leave_open(_asked(record), teller, why)
        else:
            self._resurrected.append((record, need, recalled, told))

    def on_end(self, record: ResponseEnd) -> None:
        """Where the caller had left, nobody can say in what order it meant its requests to be carried out."""
        self._requests.on_end(record)
        if self._stale and record.ending == Ending.CALLER_GONE:
            self._stale.pop(record.exchange, None)

    def finish(self) -> None:
        if not self.examined and self._asked <= self.promises.elsewhere:
            self.idle = "nothing came about that has to wait for anything or that has versions"
        for early, need, unknown in self._early:
            if not self._left_open(early, unknown):
                self._report_early(early, need, unknown)
        for forbidden, need, refusal in self._forbidden:
            self._report_forbidden(forbidden, need, refusal)
        for stale in self._stale.values():
            if not self.promises.withdrawn_effect(stale.effect):  # going back is what a withdrawal asks for
                self._report_stale(stale)

        for ahead, need in self._ahead:
            self._report_ahead(ahead, need)
        for record, need, recalled, told in self._resurrected:
            self._report_resurrected(record, need, recalled.seq, told.seq)
        for instance, refused, sent in self.promises.premature:
            if any(promise.effect == refused.effect for promise in self.promises.missing(instance)):
                self._report_premature(instance, refused, sent)

    def _left_open(self, early: Commit, unknown: list[tuple[str, str, int]]) -> bool:
        """Whether nobody can say whether it came too early, and that is said: all that was not known may have been told
        just before, as far as clocks of several processes say, or by a process of which the last words are missing."""
        if not self.case.header.segments:
            return False
        asked = self._early_moments[early.exchange]
        told, lost = self.knowledge.hardly_later, self.knowledge.perhaps_told
        waited = [
            ((effect, version), *((other, 0) for other in self._accepted.get(effect, ())))
            for _step, effect, version in unknown
        ]
        close = [any(told(*each, asked) for each in entry) for entry in waited]
        torn = [any(lost(*each, asked.t) for each in entry) for entry in waited]
        if all(close):
            self._leave_open(_asked(early), "what tells of all that it had to wait for", CLOSE)
        elif all(map(or_, close, torn)):
            self.doubt(
                f"Whether {_asked(early)} came too early cannot be said: the process that would have told what it had "
                "to wait for was killed, and what it told last is not written.",
                "see why it ended, and run it again",
            )
        else:
            return False
        return True

    def _report_premature(self, instance: Instance, refusal: Reject, sent: Commit) -> None:
        where = self.case.system(refusal.system)
        what = effect_in_words(refusal.effect, refusal.version)
        item = effect_in_words(sent.effect)
        self.findings.append(
            Finding(
                self.NAME,
                f"{where} was sent {what} at #{refusal.exchange}, before {item} that it builds on, which was in place "
                f"only at #{sent.seq}; it was refused ({refusal.code}) and never sent again.",
                (
                    Proof(refusal.exchange, round(refusal.t, 6), self.case.target, f"sends {what}", where),
                    self.case.proof(refusal, where, f"refuses {what} ({refusal.code})", self.case.target),
                    self.case.proof(sent, where, f"{item} is in place"),
                ),
                plant=plant_of(refusal.effect),
                instance=instance.name,
                flow=self.case.flows[instance.flow].flow,
                step="premature",
                effect=f"{refusal.effect}|{refusal.version}",
            )
        )

    def _report_ahead(self, record: Commit, need: _Need) -> None:
        where = self.case.system(record.system)
        what = effect_in_words(record.effect, record.version)
        self.findings.append(
            Finding(
                self.NAME,
                f"{where} received {what} at #{record.exchange}, {need.due - record.t:.1f} s before it takes effect.",
                (self._request(record, what), self.case.proof(record, where, f"{what} is in place")),
                plant=plant_of(record.effect),
                instance=need.instance,
                flow=self.case.flows[need.flow].flow,
                step=need.step,
                severity=Severity(self.case.step(need.flow, need.step).severity),
                effect=f"{record.effect}|{record.version}|effectivity",
            )
        )

    def _report_resurrected(self, record: Commit, need: _Need, recalled: int, told_at: int) -> None:
        where = self.case.system(record.system)
        what = effect_in_words(record.effect, record.version)
        target = self.case.target
        self.findings.append(
            Finding(
                self.NAME,
                f"{where} received {what} at #{record.exchange}, although the target had acknowledged (#{recalled}) "
                f"that it is withdrawn before it was told of it (#{told_at}).",
                (
                    Proof(recalled, round(record.t, 6), target, "acknowledges the withdrawal"),
                    Proof(told_at, round(record.t, 6), "PLM", "what was withdrawn is delivered late", target),
                    self._request(record, what),
                    self.case.proof(record, where, f"{what} is in place"),
                ),
                plant=plant_of(record.effect),
                instance=need.instance,
                flow=self.case.flows[need.flow].flow,
                step="resurrected",
                effect=f"{record.effect}|{record.version}",
            )
        )

    def _report_early(self, record: Commit, need: _Need, unknown: list[tuple[str, str, int]]) -> None:
        where = self.case.system(record.system)
        what = effect_in_words(record.effect, record.version)
        missing = [effect_in_words(effect, version) for _step, effect, version in unknown]
        proof = [
            self._request(record, what),
            self.case.proof(record, where, f"{what} is in place"),
        ]
        facts = [self.knowledge.first(effect, version) for _step, effect, version in unknown]
        for (_step, effect, version), fact in zip(unknown[:3], facts, strict=False):
            if fact is not None:
                lane = self.case.system(fact.system)
                words = effect_in_words(effect, version)
                proof.append(Proof(fact.at, round(fact.t, 6), lane, f"{words} comes about only now"))
                if fact.revealed:
                    text = "the first message that reveals it"
                    proof.append(Proof(fact.revealed, round(fact.t, 6), lane, text, self.case.target))
        first = facts[0]
        if first is None:
            because = f"{missing[0]} never came about"
        elif first.revealed:
            because = f"anybody had been told of {missing[0]} (#{first.revealed} is the first message that reveals it)"
            because = f"before {because}"
        else:
            because = f"{missing[0]} came about only at #{first.at}"
        more = f" and {len(missing) - 1} more of the same scope" if len(missing) > 1 else ""
        self.findings.append(
            Finding(
                self.NAME,
                f"{where} received {what} at #{record.exchange}, {'' if because.startswith('before') else 'but '}"
                f"{because}{more}.",
                tuple(sorted(proof, key=lambda told: told.seq)),
                plant=plant_of(record.effect),
                instance=need.instance,
                flow=self.case.flows[need.flow].flow,
                step=need.step,
                severity=Severity(self.case.step(need.flow, need.step).severity),
                effect=f"{record.effect}|{record.version}",
            )
        )

    def _report_forbidden(self, record: Commit, need: _Need, refusal: Reject | Emit) -> None:
        where = self.case.system(record.system)
        what = effect_in_words(record.effect, record.version)
        refused = effect_in_words(refusal.effect, refusal.version)
        refuser = self.case.system(refusal.system)
        self.findings.append(
            Finding(
                self.NAME,
                f"{where} received {what} at #{record.exchange}, "
                f"although {refuser} had refused {refused} (#{refusal.seq}).",
                (
                    self.case.proof(refusal, refuser, f"refuses {refused}", self.case.target),
                    self._request(record, what),
                    self.case.proof(record, where, f"{what} is in place"),
                ),
                plant=plant_of(record.effect),
                instance=need.instance,
                flow=self.case.flows[need.flow].flow,
                step=need.step,
                severity=Severity(self.case.step(need.flow, need.step).severity),
                effect=f"{record.effect}|{record.version}",
            )
        )

    def _report_stale(self, record: Commit) -> None:
        where = self.case.system(record.system)
        what = effect_in_words(record.effect, record.version)
        self.findings.append(
            Finding(
                self.NAME,
                f"{where} received {what} at #{record.exchange}, "
                f"which overwrote a newer revision (#{record.stale_over}).",
                (
                    Proof(record.stale_over, round(record.t, 6), where, "the newer revision was put in place"),
                    self._request(record, what),
                    self.case.proof(record, where, f"{what} replaces it"),
                ),
                plant=plant_of(record.effect),
                step="stale",
                effect=f"{record.effect}|{record.version}",
            )
        )

    def _request(self, record: Commit, what: str) -> Proof:
        where = self.case.system(record.system)
        return Proof(record.exchange, round(record.t, 6), self.case.target, f"sends {what}", where)


def _asked(record: Commit) -> str:
    return f"{effect_in_words(record.effect, record.version)} (#{record.exchange})"
