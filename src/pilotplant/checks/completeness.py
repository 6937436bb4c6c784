"""Everything that was promised happened, and nothing that was not."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import ClassVar

from pilotplant.checks.case import Case
from pilotplant.checks.check import Check, Handlers
from pilotplant.checks.finding import Finding, Proof, Severity
from pilotplant.checks.folds.aggregated import Aggregated, Late
from pilotplant.checks.folds.anonymous import Accounting
from pilotplant.checks.folds.dropped import Dropped
from pilotplant.checks.folds.instance import Instance, Promise
from pilotplant.checks.folds.knowledge import EVER, Knowledge
from pilotplant.checks.folds.looks import Looks
from pilotplant.checks.folds.near import NearMisses
from pilotplant.checks.folds.promises import EXCEPTION, Promises
from pilotplant.checks.folds.silence import asked_at
from pilotplant.checks.folds.silence import silent as silent_of
from pilotplant.checks.folds.untold import Untold
from pilotplant.checks.wording import effect_in_words, holder_of, plant_of, some_of
from pilotplant.ledger.records import ILLEGIBLE, Ack, Commit, Compare, Deliver, Emit, Obligation, Reject
from pilotplant.systems import catalog

POISON_TIMES = 8
"""So often the same has to be refused for good before it is said to block others."""

_REPORT = "plm.change.report_result"
_REFUSED_MAX = 10_000


class Completeness(Check):
    """Lost means: known to the target, and absent after everything came to rest."""

    NAME: ClassVar[str] = "completeness"
    ABOUT: ClassVar[str] = "Everything that was promised happened, and nothing that was not."

    def __init__(self, case: Case, knowledge: Knowledge, promises: Promises) -> None:
        super().__init__(case, knowledge, promises)
        self._unfinished: list[str] = []
        self._poison: dict[tuple[str, int, str], list[Reject]] = {}
        """What was refused for good, by what and why: each time that it was sent."""
        self._reports: dict[tuple[str, str], Commit] = {}
        """By change and plant, the last report to the PLM that all went well."""
        self._near: NearMisses | None = None
        self._agreeing: set[str] = set()
        """Copies that are what their owner has, at rest."""
        self._sums: Aggregated
        self._dropped = Dropped(promises)
        self._untold_of = Untold(case, promises)
        self._looks = Looks(case)
        promises.on_finish.append(self._on_finish)

    def handlers(self) -> Handlers:
        return self._looks.handlers() | {
            Reject: (lambda named: named.name == EXCEPTION or self.case.governed(named), self.on_reject),
            Commit: (lambda named: named.name in (_REPORT, EXCEPTION), self.on_report),
            Obligation: (None, self._dropped.on_obligation),
            Deliver: (None, self.on_deliver),
            Ack: (None, self._dropped.on_ack),
            Compare: (lambda named: self.case.governed(named), self.on_compare),
        }

    def on_compare(self, record: Compare) -> None:
        """Whoever brings a copy to where its owner has it needs no other reason for that."""
        if not record.difference:
            self._agreeing.add(record.effect)

    def on_deliver(self, record: Deliver) -> None:
        """An event is sent."""
        self._dropped.on_deliver(record)
        self._untold_of.on_deliver(record)

    def on_reject(self, record: Reject) -> None:
        """Whoever sends the same refused request for ever does not get to anything else."""
        if self.case.operation(record.operation) == EXCEPTION:
            self._dropped.on_exception(record)
        elif record.definite and record.effect and len(self._poison) < _REFUSED_MAX:
            times = self._poison.setdefault((record.effect, record.version, record.code), [])
            times.append(record)
            del times[:-POISON_TIMES]

    def on_report(self, record: Commit) -> None:
        """The PLM is told what came of a change, or a person that something cannot be carried out."""
        if self.case.operation(record.operation) == EXCEPTION:
            self._dropped.on_exception(record)
            return
        change, plant, system = record.effect.split("|")[1:4]
        if record.exchange and system == "erp":
            if record.facet == "accepted" and self.promises.concerned(change):
                self._reports[change, plant] = record
            else:
                self._reports.pop((change, plant), None)

    def _on_finish(self, instance: Instance, t: float) -> None:
        del t
        if self._reports:
            self._reports.pop((instance.subject, instance.plant), None)

    def applies(self) -> bool:
        return bool(self.case.flows)

    def finish(self) -> None:
        self.examined = self.promises.expanded
        if self.promises.settled is None:
            self.doubt(
                "The run ended before the estate came to rest, so nothing can be said of what is missing.",
                "let the run end by itself",
            )
            return
        accounting = Accounting(self.promises)
        self._sums = Aggregated(self.promises)
        for late in self._sums.late:
            self._report_late(late)
        self._near = NearMisses(self.case, self.promises)
        for instance in self.promises.instances.values():
            self._judge(instance, accounting)
        if self._unfinished:
            self.doubt(
                f"When the wait was given up the target may still have been at work on {some_of(self._unfinished)}: "
                "what is missing there may only be late.",
                "raise `quiescence.give_up`, or see what keeps the target busy",
            )
        for effect, record in self.promises.owed_again().items():
            self._report_undone(effect, record)
        if self.promises.settled.settled and not self.case.declares.poll_interval:
            self._report_dropped()  # whoever looks for itself need not read what it is sent
        for record in self.promises.unpromised:
            if not (record.version and record.effect in self._agreeing):
                self._report_unpromised(record)
        for promise, record in self.promises.intruding:
            self._report_intruding(promise, record)
        for (flow, step), (times, first) in self.promises.unaided.items():
            self._doubt_unaided(self.case.flows[flow].flow, step, times, first)

    def _judge(self, instance: Instance, accounting: Accounting) -> None:
        on_reject, settled = self.case.flows[instance.flow].on_reject, self.promises.settled
        refusals = self.promises.standing_refusals(instance)
        if refusals and settled is not None and settled.settled and not instance.withdrawn:
            self._judge_report(instance, refusals)
        if refusals and on_reject is not None and not instance.exception and not instance.withdrawn:
            if on_reject.expect == "exception":
                self._report_silent_refusal(instance, refusals)
            return
        missing = self.promises.missing(instance)
        if not missing:
            return
        untold = [r for r in instance.refusals.values() if isinstance(r, Emit) and not self.promises.told(r)]
        if untold:
            self.doubt(
                f"{instance.name}: the target was never told that "
                f"{effect_in_words(untold[0].effect, untold[0].version)} was stated, so it cannot be blamed.",
                "see to it that the target's endpoint is reachable",
            )
            return
        if instance.trigger not in self.promises.delivered:
            if settled is not None and settled.settled and self._report_overlooked(instance, missing):
                return
            self.doubt(
                f"{instance.name} was never delivered to the target, so it cannot be blamed for what is missing.",
                self._untold_of.would_help(instance),
            )
            return
        silent = silent_of(self.case, instance)
        if silent:
            self._judge_silence(instance, silent)
            missing = [p for p in missing if p not in silent and not _waits_for(p, silent)]
        blamed = self._to_blame(instance, missing)
        blamed = [promise for promise in blamed if not self._sums.keeps(promise)]
        if accounting:
            left = [promise for promise in blamed if not accounting.take(promise)]
            if len(left) < len(blamed):
                self.doubt(
                    f"{instance.name}: what is missing may be among the postings that carry no source document.",
                    "set `source_document` to the number of the confirmation",
                )
            blamed = left
        if blamed and settled is not None and not settled.settled and not self.promises.lives.over:
            if poison := self._blocking(instance):
                self._report_blocked(instance, blamed, poison)
            else:
                self._unfinished.append(instance.name)
        elif blamed:
            self._report_missing(instance, blamed)
            if settled is not None and settled.settled:
                self._judge_report(instance, {promise.effect: None for promise in blamed})

    def _report_overlooked(self, instance: Instance, missing: list[Promise]) -> bool:
        """Nobody told the target, but it looked where it was to be seen. False if it did not look often enough."""
        trigger = self.promises.triggers.get(instance.trigger)
        looks = self._looks.overlooked(trigger) if trigger is not None else []
        if not looks:
            return False
        where, what = self.case.system(looks[0].system), self.case.operation(looks[0].operation)
        sentence = (
            f"{instance.name} was never carried out. {where} showed it in {what}, and the target looked there "
            f"{len(looks)} times since and asked each time in such a way that it did not see it."
        )
        proof = self._told(instance)
        proof += [self.case.proof(each, self.case.target, f"asks for {what}", where) for each in looks[:4]]
        if self.promises.settled is not None:
            proof.append(self.case.proof(self.promises.settled, "estate", "at rest; it was not found"))
        self._convict(
            instance,
            sentence,
            tuple(proof),
            step="overlooked",
            effect=missing[0].effect,
        )
        return True

    def _convict(
        self,
        instance: Instance,
        sentence: str,
        proof: tuple[Proof, ...],
        *,
        step: str,
        effect: str,
        severity: Severity = Severity.FAIL,
    ) -> None:
        plant, flow = self.promises.plant(instance), self.case.flows[instance.flow].flow
        told = Finding(self.NAME, sentence, proof, plant, instance.name, step, severity, effect, flow)
        self.findings.append(told)

    def _report_late(self, late: Late) -> None:
        record, promise = late.record, late.promise
        where, what = self.case.system(record.system), effect_in_words(record.effect)
        self.findings.append(
            Finding(
                self.NAME,
                f"{where} booked {what} as part of a sum {late.waited_s:.1f} s after the last that it can hold was "
                f"due, and the flow allows {promise.terms.window_s:g} s.",
                (self.case.proof(record, where, f"{what} is in place"),),
                plant=plant_of(record.effect),
                step="window",
                effect=record.effect,
            )
        )

    def _blocking(self, instance: Instance) -> list[Reject]:
        """What was refused over and over since this was acknowledged, while nothing of this was even begun."""
        acknowledged = self.promises.acknowledged.get(instance.trigger)
        if acknowledged is None or instance.begun or instance.seen is not None:
            return []
        for times in self._poison.values():
            if len(times) >= POISON_TIMES and times[0].seq > acknowledged.seq:
                return times
        return []

    def _report_blocked(self, instance: Instance, missing: list[Promise], poison: list[Reject]) -> None:
        last = poison[-1]
        where, what = self.case.system(last.system), effect_in_words(last.effect, last.version)
        told = [self.case.proof(each, where, f"refuses {what} ({each.code})", self.case.target) for each in poison[-3:]]
        sentence = f"{instance.name} was acknowledged and never begun, while {what} was sent again and again although "
        self._convict(
            instance,
            f"{sentence}{where} refuses it for good ({last.code}, last #{last.seq}): it blocks the others.",
            (*self._told(instance), *told),
            step="blocked",
            effect=missing[0].effect,
        )

    def _judge_report(self, instance: Instance, failed: Mapping[str, object]) -> None:
        """Success that was reported, and that never was."""
        if set(self.case.flows[instance.flow].scope) - {"change", "plant"}:
            return  # what the ERP made of a change at a plant says nothing of a single order
        report = self._reports.get((instance.subject, instance.plant))
        effect = next((each for each in failed if each.startswith("erp.")), "")
        if report is None or not effect:
            return
        where, what = self.case.system(report.system), effect_in_words(effect)
        self._convict(
            instance,
            f"{where} was told at #{report.exchange} that the ERP has accepted {instance.name}, "
            f"and {what} never came about.",
            (
                *self._told(instance),
                Proof(report.exchange, round(report.t, 6), self.case.target, "reports success", where),
            ),
            step="false-success",
            effect=effect,
        )

    def _to_blame(self, instance: Instance, missing: list[Promise]) -> list[Promise]:
        """What is missing through the target's fault: not what a system was to do, nor what waits for that, nor what
        waits for something that came about and was never told."""
        native = [promise for promise in missing if promise.terms.actor == "native"]
        owed = [promise for promise in missing if promise.terms.actor != "native"]
        idle = [promise for promise in native if not _waits_for(promise, owed)]
        if idle:
            listed = some_of([effect_in_words(promise.effect, promise.version) for promise in idle])
            self.doubt(
                f"{instance.name}: {holder_of(idle[0].effect)} did not do by itself what the flow leaves to it "
                f"({listed}), so the target cannot be blamed for what is missing.",
                "see why the system did not, or let `actor` be `either`",
            )
        waited_for = {promise.effect for promise in native}
        blamed: list[Promise] = []
        for promise in missing:
            if promise.terms.actor == "native" or any(effect in waited_for for _step, effect, _v in promise.after):
                continue
            untold = [(effect, version) for _step, effect, version in promise.after if self._untold(effect, version)]
            if untold:
                self.doubt(
                    f"{instance.name}: nothing that the target was sent ever told it of "
                    f"{effect_in_words(*untold[0])}, so it cannot be blamed for what waits for that.",
                    "see to it that the target's endpoint is reachable",
                )
                continue
            blamed.append(promise)
        return blamed

    def _judge_silence(self, instance: Instance, silent: list[Promise]) -> None:
        """Nobody can make a supplier answer; but somebody has to be told that it does not."""
        patience_s, settled = self.case.declares.answer_patience, self.promises.settled
        what, since = effect_in_words(silent[0].effect), min(map(asked_at, silent))
        if settled is None or not patience_s or settled.t - since < patience_s:
            self.doubt(
                f"{instance.name}: the {what} never came, and for how long the target waits for it is not known.",
                "let the target declare its `answer_patience`",
            )
            return
        told = f"no exception was raised for {instance.name}"
        if instance.exception:
            told = f"the exception for {instance.name} did not wait the {patience_s:g} s that the target declares"
        self._convict(
            instance,
            f"The {what} never came in {settled.t - since:.1f} s, and {told}.",
            self._proof(instance, len(silent)),
            step="silence",
            effect=silent[0].effect,
        )

    def _untold(self, effect: str, version: int) -> bool:
        came_about = self.knowledge.first(effect, version) is not None
        return came_about and not self.knowledge.known(effect, version, EVER)

    def _report_missing(self, instance: Instance, missing: list[Promise]) -> None:
        blamed = [promise for promise in missing if not promise.terms.event] or missing
        by_holder: dict[str, list[str]] = defaultdict(list)
        for promise in blamed:
            words = effect_in_words(promise.effect, promise.version).removesuffix(f" at {instance.plant}")
            by_holder[holder_of(promise.effect)].append(words.removesuffix(f" for {instance.subject}"))
        lists = "; ".join(f"{holder}: {some_of(list(dict.fromkeys(names)))}" for holder, names in by_holder.items())
        severity = Severity.FAIL if any(promise.terms.must for promise in missing) else Severity.WARN
        late = " (the target died)" if self.promises.lives.over else ""
        never = "was only half carried out" if instance.begun else "was never carried out"
        miss = next(filter(None, map(self._near.of, blamed)), None) if self._near is not None else None
        almost = f" But {miss.in_words()}." if miss is not None else ""
        self._convict(
            instance,
            f"{instance.name} {never}{late}. Missing in {lists}.{almost}",
            self._proof(instance, len(blamed)),
            step=blamed[0].terms.step,
            severity=severity,
            effect=blamed[0].effect,
        )

    def _report_silent_refusal(self, instance: Instance, refusals: dict[str, Reject | Emit]) -> None:
        effect, refusal = next(iter(refusals.items()))
        what = effect_in_words(effect, refusal.version)
        who = self.case.system(refusal.system)
        why = refusal.code if isinstance(refusal, Reject) else "in an event"
        told = self.case.proof(refusal, who, f"refuses {what} ({why})", self.case.target)
        self._convict(
            instance,
            f"{who} refused {what} for good ({why}, #{refusal.seq}), and no exception was raised for {instance.name}.",
            (*self._told(instance), told),
            step="exception",
            effect=effect,
        )

    def _report_undone(self, effect: str, record: Commit) -> None:
        what = effect_in_words(effect)
        where = self.case.system(record.system)
        self.findings.append(
            Finding(
                self.NAME,
                f"The {what} was taken back at #{record.seq} and never booked again.",
                (self.case.proof(record, where, f"the {what} is taken back"),),
                plant=plant_of(effect),
                step="reversal",
                effect=effect,
            )
        )

    def _report_dropped(self) -> None:
        untold = self._dropped.untold()
        if not untold:
            return
        poison, ack = untold[0]
        times = f" This happened to {len(untold)} events." if len(untold) > 1 else ""
        proof = []
        for sent, taken in untold[:3]:
            what = f"delivers what cannot be {'read' if sent.about == ILLEGIBLE else f'carried out ({sent.about})'}"
            proof.append(self.case.proof(sent, "estate", what, self.case.target))
            proof.append(self.case.proof(taken, self.case.target, f"acknowledges it ({taken.status})", "estate"))
        self.findings.append(
            Finding(
                self.NAME,
                f"An event that nobody can carry out was acknowledged (#{poison.seq}, {ack.status}), "
                f"and nobody was told of it.{times}",
                tuple(proof),
                step="silent-drop",
                effect=f"dropped|{poison.seq}",
            )
        )

    def _report_unpromised(self, record: Commit) -> None:
        if catalog.discloses(self.case.operation(record.operation)):
            return  # who may have it may be given it at any time; security judges who may
        what = effect_in_words(record.effect, record.version)
        where = self.case.system(record.system)
        self.findings.append(
            Finding(
                self.NAME,
                f"{where} received {what} at #{record.exchange}, but nothing had happened that asks for it.",
                (
                    Proof(record.exchange, round(record.t, 6), self.case.target, f"sends {what}", where),
                    self.case.proof(record, where, f"{what} is in place"),
                ),
                plant=plant_of(record.effect),
                step="unexplained",
                severity=Severity.WARN if self.case.versioned(record) else Severity.FAIL,
                effect=f"{record.effect}|{record.version}",
            )
        )

    def _report_intruding(self, promise: Promise, record: Commit) -> None:
        what = effect_in_words(record.effect, record.version)
        where = self.case.system(record.system)
        self.findings.append(
            Finding(
                self.NAME,
                f"{where} received {what} at #{record.exchange}, which the flow leaves to it to do by itself.",
                (
                    Proof(record.exchange, round(record.t, 6), self.case.target, f"sends {what}", where),
                    self.case.proof(record, where, f"{what} is in place"),
                ),
                plant=plant_of(record.effect),
                instance=promise.instance.name,
                flow=self.case.flows[promise.instance.flow].flow,
                step=promise.terms.step,
                severity=Severity.FAIL if promise.terms.must else Severity.WARN,
                effect=record.effect,
            )
        )

    def _doubt_unaided(self, flow: str, step: str, times: int, first: Commit) -> None:
        where = self.case.system(first.system)
        self.doubt(
            f"{flow}: {where} did {step} by itself {times} time(s) (first #{first.seq}), so the target did not have to "
            f"show that it would.",
            "keep others from doing it, or let `actor` be `either`",
        )

    def _told(self, instance: Instance) -> list[Proof]:
        trigger = self.promises.triggers.get(instance.trigger)
        proof: list[Proof] = []
        if trigger is None:
            return proof
        source = self.case.system(trigger.system)
        name = self.case.operation(trigger.operation)
        proof.append(self.case.proof(trigger, source, f"{name} {trigger.effect.partition('|')[2]}"))
        delivered = self.promises.delivered.get(instance.trigger)
        if delivered is not None:
            how = "delivers it" if isinstance(delivered, Deliver) else "lists it"
            proof.append(self.case.proof(delivered, source, how, self.case.target))
        acknowledged = self.promises.acknowledged.get(instance.trigger)
        if acknowledged is not None:
            text = f"acknowledges it ({acknowledged.status})"
            proof.append(self.case.proof(acknowledged, self.case.target, text, source))
        return proof

    def _proof(self, instance: Instance, missing: int) -> tuple[Proof, ...]:
        proof = self._told(instance)
        for refusal in instance.refusals.values():
            words = effect_in_words(refusal.effect, refusal.version)
            proof.append(self.case.proof(refusal, self.case.system(refusal.system), f"refuses {words}"))
        settled, seen = self.promises.settled, instance.seen
        if seen is not None and all(told.seq != seen.seq for told in proof):
            words = effect_in_words(seen.effect, seen.version)
            proof.append(self.case.proof(seen, self.case.system(seen.system), f"the last seen of it: {words}"))
        if settled is not None:
            proof.append(
                self.case.proof(
                    settled, "estate", f"at rest; {missing} effect{'s are' if missing > 1 else ' is'} missing"
                )
            )
        return tuple(proof[:8])


def _waits_for(promise: Promise, others: Iterable[Promise]) -> bool:
    effects = {other.effect for other in others}
    return any(effect in effects for _step, effect, _version in promise.after)
