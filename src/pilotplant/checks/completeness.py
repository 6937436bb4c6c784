"""Everything that was promised happened, and nothing that was not."""

from collections import defaultdict
from typing import ClassVar

from pilotplant.checks.check import Check
from pilotplant.checks.finding import Finding, Proof, Severity
from pilotplant.checks.folds.promises import Instance, Promise
from pilotplant.checks.wording import effect_in_words, holder_of, plant_of
from pilotplant.ledger.records import Commit, Reject


class Completeness(Check):
    """Lost means: known to the target, and absent after everything came to rest."""

    NAME: ClassVar[str] = "completeness"
    ABOUT: ClassVar[str] = "Everything that was promised happened, and nothing that was not."

    def finish(self) -> None:
        if self.promises.settled is None:
            self.doubt(
                "The run ended before the estate came to rest, so nothing can be said of what is missing.",
                "let the run end by itself",
            )
            return
        for instance in self.promises.instances.values():
            self._judge(instance)
        for effect, seq in self.promises.undone.items():
            self._report_undone(effect, seq)
        for record in self.promises.unpromised:
            self._report_unpromised(record)

    def _judge(self, instance: Instance) -> None:
        flow = self.case.flows[instance.flow]
        expects_exception = flow.on_reject is not None and flow.on_reject.expect == "exception"
        if instance.refusals and not instance.exception and not instance.withdrawn:
            if expects_exception:
                self._report_silent_refusal(instance)
                return
            if flow.on_reject is not None:
                return
        missing = self.promises.missing(instance)
        if not missing:
            return
        if instance.trigger not in self.promises.delivered:
            self.doubt(
                f"{instance.name} was never delivered to the target, so it cannot be blamed for what is missing.",
                "see to it that the target's endpoint is reachable",
            )
            return
        if all("|?" in record.effect for record in self.promises.anonymous) and self._may_be_anonymous(missing):
            self.doubt(
                f"{instance.name}: what is missing may be among the postings that carry no source document.",
                "set `source_document` to the number of the confirmation",
            )
            return
        self._report_missing(instance, missing)

    def _may_be_anonymous(self, missing: list[Promise]) -> bool:
        names = {record.effect.partition("|")[0] for record in self.promises.anonymous}
        return bool(names) and all(promise.effect.partition("|")[0] in names for promise in missing)

    def _report_missing(self, instance: Instance, missing: list[Promise]) -> None:
        blamed = [promise for promise in missing if not promise.event] or missing
        by_holder: dict[str, list[str]] = defaultdict(list)
        for promise in blamed:
            by_holder[holder_of(promise.effect)].append(effect_in_words(promise.effect, promise.version))
        lists = "; ".join(f"{holder}: {_listed(names)}" for holder, names in by_holder.items())
        severity = Severity.FAIL if any(promise.must for promise in missing) else Severity.WARN
        unsettled = self.promises.settled is not None and not self.promises.settled.settled
        late = " (the run was given up before it came to rest)" if unsettled else ""
        never = "was only half carried out" if _begun(instance) else "was never carried out"
        self.findings.append(
            Finding(
                self.NAME,
                f"{instance.name} {never}{late}. Missing in {lists}.",
                self._proof(instance, lists),
                plant=self.promises.plant(instance),
                instance=instance.name,
                step=blamed[0].step,
                severity=severity,
                effect=blamed[0].effect,
            )
        )

    def _report_silent_refusal(self, instance: Instance) -> None:
        effect, refusal = next(iter(instance.refusals.items()))
        what = effect_in_words(effect, refusal.version)
        who = self.case.system(refusal.system)
        why = refusal.code if isinstance(refusal, Reject) else "in an event"
        told = self.case.proof(refusal, who, f"refuses {what} ({why})", self.case.target)
        self.findings.append(
            Finding(
                self.NAME,
                f"{who} refused {what} for good ({why}, #{refusal.seq}), and no exception was raised for {instance.name}.",
                (*self._told(instance), told),
                plant=self.promises.plant(instance),
                instance=instance.name,
                step="exception",
                effect=effect,
            )
        )

    def _report_undone(self, effect: str, seq: int) -> None:
        what = effect_in_words(effect)
        self.findings.append(
            Finding(
                self.NAME,
                f"The {what} was taken back at #{seq} and never booked again.",
                (Proof(seq, 0.0, self.case.target, f"takes back the {what}"),),
                plant=plant_of(effect),
                step="reversal",
                effect=effect,
            )
        )

    def _report_unpromised(self, record: Commit) -> None:
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
                severity=Severity.WARN if record.version else Severity.FAIL,
                effect=f"{record.effect}|{record.version}",
            )
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
            proof.append(self.case.proof(delivered, source, "delivers it", self.case.target))
        acknowledged = self.promises.acknowledged.get(instance.trigger)
        if acknowledged is not None:
            text = f"acknowledges it ({acknowledged.status})"
            proof.append(self.case.proof(acknowledged, self.case.target, text, source))
        return proof

    def _proof(self, instance: Instance, lists: str) -> tuple[Proof, ...]:
        proof = self._told(instance)
        for refusal in instance.refusals.values():
            words = effect_in_words(refusal.effect, refusal.version)
            proof.append(self.case.proof(refusal, self.case.system(refusal.system), f"refuses {words}"))
        settled = self.promises.settled
        if settled is not None:
            proof.append(self.case.proof(settled, "estate", f"at rest; still missing in {lists}"[:160]))
        return tuple(proof[:8])


def _begun(instance: Instance) -> bool:
    return any(progress.kept for progress in instance.steps.values())


def _listed(names: list[str], most: int = 4) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
