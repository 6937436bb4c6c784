"""After a fault is lifted the backlog is worked off in time; after a crash nothing is lost and nothing done twice.

What is missing or double is reported by `completeness` and `once` as well; here it is tied to what the target had to
recover from, which is where the defect is.
"""

from collections import defaultdict
from typing import ClassVar

from pilotplant.checks.case import Case
from pilotplant.checks.check import Check, Handlers
from pilotplant.checks.finding import Finding, Proof
from pilotplant.checks.folds.instance import Instance, Promise
from pilotplant.checks.folds.knowledge import EVER, Knowledge
from pilotplant.checks.folds.promises import Promises
from pilotplant.checks.folds.waits import Waits
from pilotplant.checks.wording import effect_in_words, plant_of
from pilotplant.ledger.records import Commit, Crash, FaultBitten, Heal, Reject, Request, Restart

_SHOWN = 4


class Recovery(Check):
    """Outages and crashes."""

    NAME: ClassVar[str] = "recovery"
    ABOUT: ClassVar[str] = (
        "After an outage or a crash it goes on by itself, in time, with nothing lost and nothing twice."
    )

    def __init__(self, case: Case, knowledge: Knowledge, promises: Promises) -> None:
        super().__init__(case, knowledge, promises)
        self._healed: Heal | None = None
        self._bitten: dict[int, FaultBitten] = {}
        """By system, the last time a fault touched it."""
        self._heard: dict[int, int] = {}
        """By system, the last request of the target."""
        self._crashes: list[Crash] = []
        self._restarts: list[Restart] = []
        self._slow: dict[int, list[tuple[Instance, float]]] = defaultdict(list)
        self._repeated: list[Commit] = []
        self._waits = Waits()
        promises.on_finish.append(self._on_finish)

    def applies(self) -> bool:
        return bool(self.case.flows)

    def handlers(self) -> Handlers:
        return {
            Heal: (None, self.on_heal),
            FaultBitten: (None, self.on_bitten),
            Crash: (None, self.on_crash),
            Restart: (None, self.on_restart),
            Request: (None, self.on_request),
            Reject: (None, self._waits.on_reject),
            Commit: (lambda named: named.effect == "fact" and self.case.governed(named), self.on_commit),
        }

    # --- what goes by ------------------------------------------------------------------------------------------------

    def on_heal(self, record: Heal) -> None:
        """From here on it has to recover."""
        self._healed = record
        self._waits.on_heal(record)

    def on_bitten(self, record: FaultBitten) -> None:
        """A fault touched a system."""
        self._bitten[record.system] = record

    def on_request(self, record: Request) -> None:
        """A sign of life."""
        self._heard[record.system] = record.seq

    def on_crash(self, record: Crash) -> None:
        """The target died."""
        self._crashes.append(record)

    def on_restart(self, record: Restart) -> None:
        """It was started, perhaps again."""
        self._restarts.append(record)

    def on_commit(self, record: Commit) -> None:
        """A booking that had been made by an earlier life of the target."""
        if record.repeat_of and record.exchange and self._between(record.repeat_of, record.exchange) is not None:
            self._repeated.append(record)

    def _on_finish(self, instance: Instance, t: float) -> None:
        healed, flow = self._healed, self.case.flows[instance.flow]
        if healed is None or not self._bitten or instance.due > healed.t or instance.exception:
            return  # what a person had to resolve waited for that
        self.examined += 1
        if flow.recover_within is not None and self._waits.took_s(t) > flow.recover_within:
            self._slow[instance.flow].append((instance, t))

    def _between(self, before: int, after: int) -> tuple[Crash, Restart] | None:
        """The crash, and the life after it, that lie between two records."""
        for crash in self._crashes:
            restart = next((each for each in self._restarts if each.seq > crash.seq), None)
            if restart is not None and before < crash.seq and restart.seq < after:
                return crash, restart
        return None

    # --- what is said ------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        survived = [crash for crash in self._crashes if self._somebody_goes_on(crash)]
        self.examined += len(survived)
        settled = self.promises.settled
        if settled is not None:
            open_ones = [(i, self._owed(i)) for i in self.promises.instances.values()]
            owing = [(instance, owed) for instance, owed in open_ones if owed]
            if self._healed is not None:
                self.examined += len(owing) if self._bitten else 0
                self._note_never(owing, settled.t)
            if settled.settled:
                owing = self._report_lost(owing)
                self._report_silent(owing)
        for flow, late in self._slow.items():
            self._report_slow(flow, late)
        reported: set[int] = set()
        for record in self._repeated:
            if record.exchange not in reported and self.promises.repeats.get(record.effect):
                reported.add(record.exchange)
                self._report_repeated(record)
        if not self.examined and self._crashes:
            self.idle = "the target died and was not started again"
        elif not self.examined:
            self.idle = "no fault held anything up, and the target never died"

    def _somebody_goes_on(self, crash: Crash) -> bool:
        """Whether the target was started again, or another instance of it lives: only then can it recover."""
        started = sum(each.seq < crash.seq for each in self._restarts)
        ended = sum(each.seq <= crash.seq for each in self._crashes)
        return started > ended or any(each.seq > crash.seq for each in self._restarts)

    def _owed(self, instance: Instance) -> list[Promise]:
        """What of an instance the target knows of, may do, and has not done."""
        if self.promises.anonymous:
            return []  # it may be among what nothing ties to its cause
        if instance.trigger not in self.promises.delivered or self.promises.standing_refusals(instance):
            return []
        return [
            promise
            for promise in self.promises.missing(instance)
            if promise.terms.actor != "native"
            and promise.terms.must
            and not promise.terms.event
            and all(self.knowledge.known(effect, version, EVER) for _step, effect, version in promise.after)
        ]

    def _note_never(self, owing: list[tuple[Instance, list[Promise]]], until: float) -> None:
        """Also what is not finished yet is late once the time is over."""
        healed = self._healed
        assert healed is not None
        for instance, _owed in owing:
            limit_s = self.case.flows[instance.flow].recover_within
            held_up = self._bitten and instance.due <= healed.t and not instance.exception
            if limit_s is not None and held_up and self._waits.took_s(until) > limit_s:
                self._slow[instance.flow].append((instance, until))

    def _report_slow(self, flow: int, late: list[tuple[Instance, float]]) -> None:
        healed, limit_s = self._healed, self.case.flows[flow].recover_within
        assert healed is not None and limit_s is not None
        instance, t = max(late, key=lambda pair: pair[1])
        last = max((progress.seq for progress in instance.steps.values()), default=0)
        others = f", and {len(late) - 1} more" if len(late) > 1 else ""
        proof = [self.case.proof(healed, "estate", "all faults are lifted")]
        if last > healed.seq:
            proof.append(Proof(last, t, self.case.target, f"{instance.name} is carried out"))
        elif self.promises.settled is not None:
            proof.append(self.case.proof(self.promises.settled, "estate", f"{instance.name} is still open"))
        sentence = f"{instance.name} took {t - healed.t:.1f} s after the faults were lifted (#{healed.seq}); "
        sentence += f"{limit_s:g} s are allowed{others}."
        self._report("unbounded", instance, sentence, proof)

    def _report_lost(self, owing: list[tuple[Instance, list[Promise]]]) -> list[tuple[Instance, list[Promise]]]:
        """What had been acknowledged before a crash and came to nothing afterwards; returns the rest."""
        rest: list[tuple[Instance, list[Promise]]] = []
        for instance, owed in owing:
            acknowledged = self.promises.acknowledged.get(instance.trigger)
            crash = next((c for c in self._crashes if acknowledged is not None and acknowledged.seq < c.seq), None)
            touched = max((progress.seq for progress in instance.steps.values()), default=0)
            if acknowledged is None or crash is None or touched > crash.seq:
                rest.append((instance, owed))
                continue
            restart = next((each for each in self._restarts if each.seq > crash.seq), None)
            again = f"after its restart (#{restart.seq}) nothing came of it" if restart else "nobody carried on"
            target = self.case.target
            proof = [
                self.case.proof(acknowledged, target, f"acknowledges {instance.name} ({acknowledged.status})"),
                self.case.proof(crash, target, f"dies ({crash.note})" if crash.note else "dies"),
            ]
            if restart is not None:
                proof.append(self.case.proof(restart, target, "is started again"))
            sentence = (
                f"{instance.name} was acknowledged (#{acknowledged.seq}) before the target died (#{crash.seq}), and "
            )
            self._report("acknowledged-and-lost", instance, f"{sentence}{again}: it was not durable.", proof)
        return rest

    def _report_silent(self, owing: list[tuple[Instance, list[Promise]]]) -> None:
        """A system that a fault had touched, that is owed something, and that was never called again after that."""
        healed = self._healed
        if healed is None:
            return
        for number, bitten in self._bitten.items():
            kind, _, plant = self.case.header.systems[number].partition("@")
            waiting = [
                (instance, promise)
                for instance, owed in owing
                for promise in owed
                if promise.effect.startswith(f"{kind}.") and plant in ("", plant_of(promise.effect))
            ]
            if not waiting or self._heard.get(number, 0) > healed.seq:
                continue
            where, heard = self.case.system(number), self._heard.get(number, 0)
            names = list(dict.fromkeys(instance.name for instance, _promise in waiting))
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            proof = [
                self.case.proof(bitten, where, f"the fault {bitten.fault}"),
                self.case.proof(healed, "estate", "healed"),
            ]
            if heard:
                proof.append(Proof(heard, 0.0, self.case.target, "its last request", where))
            what = effect_in_words(waiting[0][1].effect, waiting[0][1].version)
            sentence = (
                f"{where} was never called again after its fault was lifted (#{healed.seq}), although it lacks {what}"
            )
            sentence += f"; this concerns {', '.join(names[:_SHOWN])}{more}."
            self._report("never-recovers", waiting[0][0], sentence, proof, f"never|{where}")

    def _report_repeated(self, record: Commit) -> None:
        between = self._between(record.repeat_of, record.exchange)
        assert between is not None
        crash, restart = between
        where, what, target = self.case.system(record.system), effect_in_words(record.effect), self.case.target
        proof = (
            Proof(record.repeat_of, 0.0, where, f"books {what}"),
            self.case.proof(crash, target, "dies"),
            self.case.proof(restart, target, "is started again"),
            Proof(record.exchange, 0.0, target, "sends it again", where),
            self.case.proof(record, where, f"books {what} again"),
        )
        sentence = (
            f"{where} booked the {what} before the target died (#{record.repeat_of}) and again after its restart "
        )
        sentence += f"(#{record.seq}): what it had done was forgotten."
        self.findings.append(
            Finding(
                self.NAME,
                sentence,
                proof,
                plant=plant_of(record.effect),
                step="forgotten-on-crash",
                effect=record.effect,
            )
        )

    def _report(self, kind: str, instance: Instance, sentence: str, proof: list[Proof], effect: str = "") -> None:
        self.findings.append(
            Finding(
                self.NAME,
                sentence,
                tuple(proof),
                plant=self.promises.plant(instance),
                instance=instance.name,
                flow=self.case.flows[instance.flow].flow,
                step=kind,
                effect=effect or next((promise.effect for promise in instance.promises), ""),
            )
        )
