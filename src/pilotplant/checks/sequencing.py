"""Nothing is done before what it depends on is known; nothing older overwrites something newer."""

from collections import defaultdict
from typing import ClassVar

from pilotplant.checks.check import Check, Handlers
from pilotplant.checks.finding import Finding, Proof, Severity
from pilotplant.checks.wording import effect_in_words, plant_of
from pilotplant.ledger.records import Commit, Emit, Obligation, Reject

_Need = tuple[int, str, str, tuple[tuple[str, str, int], ...], int]
"""Version, instance, step, what must be known before, flow."""


class Sequencing(Check):
    """Convicts only where the dependent request was complete before any message could reveal what it depends on."""

    NAME: ClassVar[str] = "sequencing"
    ABOUT: ClassVar[str] = "Every step waits until what it depends on is confirmed; nothing older overwrites newer."

    def handlers(self) -> Handlers:
        return {
            Obligation: (None, self.on_obligation),
            Commit: (lambda named: not named.event, self.on_commit),
        }

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self._needs: dict[str, list[_Need]] = defaultdict(list)
        self._early: list[tuple[Commit, _Need, list[tuple[str, str, int]]]] = []
        self._forbidden: list[tuple[Commit, _Need, Reject | Emit]] = []
        self.ordered = 0
        """How many commits were put to the test."""

    def on_obligation(self, record: Obligation) -> None:
        """Remember what an effect has to wait for."""
        step = self.case.step(record.flow, record.step)
        if step.commit and (record.after or self._can_be_forbidden(record)):
            need = (record.version, record.instance, record.step, record.after, record.flow)
            for effect in (record.effect, *record.accept):
                self._needs[effect].append(need)

    def _can_be_forbidden(self, record: Obligation) -> bool:
        on_reject = self.case.flows[record.flow].on_reject
        return on_reject is not None and record.step in on_reject.forbid

    def on_commit(self, record: Commit) -> None:
        """Was everything known that this had to wait for?"""
        if not record.exchange:
            return
        if record.stale_over:
            self._report_stale(record)
        needs = self._needs.get(record.effect)
        if needs is None:
            return
        for need in needs:
            version, instance, step, after, flow = need
            if version != record.version:
                continue
            if self.case.step(flow, step).guard == "executable" and record.facet == "staged":
                continue
            held = self.promises.instances.get(f"{flow}|{instance}")
            if held is not None and held.withdrawn:
                continue
            self.ordered += 1
            unknown = [entry for entry in after if not self.knowledge.known(entry[1], entry[2], record.exchange)]
            if unknown:
                self._early.append((record, need, unknown))
            elif held is not None and held.refusals and self._can_be_forbidden_here(flow, step):
                self._note_forbidden(record, need, list(held.refusals.values())[0])

    def _can_be_forbidden_here(self, flow: int, step: str) -> bool:
        on_reject = self.case.flows[flow].on_reject
        return on_reject is not None and step in on_reject.forbid

    def _note_forbidden(self, record: Commit, need: _Need, refusal: Reject | Emit) -> None:
        """A refusal counts against the target only once it was told."""
        if isinstance(refusal, Reject):
            told = self.promises.revealed_refusals.get(refusal.exchange, 0)
            if 0 < told < record.exchange:
                self._forbidden.append((record, need, refusal))

    def finish(self) -> None:
        for record, need, unknown in self._early:
            self._report_early(record, need, unknown)
        for record, need, refusal in self._forbidden:
            self._report_forbidden(record, need, refusal)

    def _report_early(self, record: Commit, need: _Need, unknown: list[tuple[str, str, int]]) -> None:
        _version, instance, step, _after, flow = need
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
                instance=instance,
                step=step,
                severity=Severity(self.case.step(flow, step).severity),
                effect=f"{record.effect}|{record.version}",
            )
        )

    def _report_forbidden(self, record: Commit, need: _Need, refusal: Reject | Emit) -> None:
        _version, instance, step, _after, flow = need
        where = self.case.system(record.system)
        what = effect_in_words(record.effect, record.version)
        refused = effect_in_words(refusal.effect, refusal.version)
        refuser = self.case.system(refusal.system)
        self.findings.append(
            Finding(
                self.NAME,
                f"{where} received {what} at #{record.exchange}, although {refuser} had refused {refused} (#{refusal.seq}).",
                (
                    self.case.proof(refusal, refuser, f"refuses {refused}", self.case.target),
                    self._request(record, what),
                    self.case.proof(record, where, f"{what} is in place"),
                ),
                plant=plant_of(record.effect),
                instance=instance,
                step=step,
                severity=Severity(self.case.step(flow, step).severity),
                effect=f"{record.effect}|{record.version}",
            )
        )

    def _report_stale(self, record: Commit) -> None:
        where = self.case.system(record.system)
        what = effect_in_words(record.effect, record.version)
        self.findings.append(
            Finding(
                self.NAME,
                f"{where} received {what} at #{record.exchange}, which overwrote a newer revision (#{record.stale_over}).",
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
