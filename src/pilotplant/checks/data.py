"""Names the defect behind wrong data, where a difference tells it: a factor, a shift, a cut, a mix-up of plants.

That something differs or is missing is said by `convergence` and `completeness`; this check says of what kind it is.
"""

from collections import Counter, defaultdict
from typing import ClassVar

from pilotplant.checks.case import Case
from pilotplant.checks.check import Check, Handlers
from pilotplant.checks.finding import Finding, Proof, Severity
from pilotplant.checks.folds.anonymous import Accounting
from pilotplant.checks.folds.instance import Instance, Promise
from pilotplant.checks.folds.knowledge import Knowledge
from pilotplant.checks.folds.near import NearMisses
from pilotplant.checks.folds.promises import Promises
from pilotplant.checks.folds.recent import Recent
from pilotplant.checks.folds.telling import SCHEMA_BENDS, Kind, likely, telling_text, tellings
from pilotplant.checks.wording import effect_in_words, plant_of
from pilotplant.ledger.records import Commit, Compare, Deliver, Reject, Request

_UNFIT_MAX = 1_000
_TWINS_MIN = 2
_UNFIT = frozenset(("invalid-request", "malformed-json", "unsupported-media-type"))


class Data(Check):
    """Units, separators, time zones, text, keys, schemas."""

    NAME: ClassVar[str] = "data"
    ABOUT: ClassVar[str] = "Quantities, dates, texts and keys arrive as they were meant, in the units of the plant."

    def __init__(self, case: Case, knowledge: Knowledge, promises: Promises) -> None:
        super().__init__(case, knowledge, promises)
        self._unsettled: set[str] | None = None
        self._wrong: list[Compare] = []
        self._bent: dict[int, Deliver] = {}
        """By event, a delivery whose form a fault had changed."""
        self._unfit: dict[int, list[Reject]] = defaultdict(list)
        """By operation, requests that do not fit its schema."""
        self._keys: Recent[tuple[int, str], Request] = Recent()
        self._shared: list[tuple[Request, Request, Reject]] = []
        self._first: list[Recent[str, str]] = [Recent() for _flow in case.flows]
        """By flow and what something is called, the plant whose one was carried out first."""
        self._kept_later = 0
        """Later twins that were carried out all the same."""
        promises.on_finish.append(self._on_finish)

    def applies(self) -> bool:
        return self.case.compared()

    def handlers(self) -> Handlers:
        return {
            Compare: (None, self.on_compare),
            Deliver: (None, self.on_deliver),
            Request: (lambda named: self.case.governed(named), self.on_request),
            Reject: (lambda named: not named.event, self.on_reject),
        }

    # --- what goes by ------------------------------------------------------------------------------------------------

    def on_compare(self, record: Compare) -> None:
        """A system was compared with what is intended."""
        if self._unsettled is None:
            self._unsettled = self.promises.unsettled_effects()
        if record.effect in self._unsettled or self.promises.withdrawn_effect(record.effect):
            return
        named = self.case.header.operations[record.operation]
        if not self.case.governed(named) and self.promises.unnamed.excuses(record):
            return
        self.examined += 1
        if record.values:
            self._wrong.append(record)

    def on_deliver(self, record: Deliver) -> None:
        """An event whose form is not the usual one."""
        if record.bent and SCHEMA_BENDS.search(record.bent):
            self._bent.setdefault(record.emit, record)

    def on_request(self, record: Request) -> None:
        """Which plant a key was used for."""
        if record.idempotency_key and record.keys:
            key = (record.system, record.idempotency_key)
            first = self._keys.get(key)
            if first is None:
                self._keys[key] = record
            elif first.keys[0] != record.keys[0]:
                self._keys[record.system, f"#{record.seq}"] = record  # until it is seen whether it is refused

    def on_reject(self, record: Reject) -> None:
        """A request that does not fit the schema, or a key that was used at another plant."""
        if record.code in _UNFIT:
            if len(self._unfit[record.operation]) < _UNFIT_MAX:
                self._unfit[record.operation].append(record)
        elif record.code == "idempotency-key-reused":
            request = self._keys.pop((record.system, f"#{record.exchange}"))
            first = self._keys.get((record.system, request.idempotency_key)) if request is not None else None
            if request is not None and first is not None:
                self._shared.append((first, request, record))

    def _on_finish(self, instance: Instance, t: float) -> None:
        del t
        known = self._first[instance.flow]
        first = known.get(instance.subject)
        if first is None:
            known[instance.subject] = instance.plant
        elif first != instance.plant:
            self._kept_later += 1

    def _twin(self, instance: Instance) -> str:
        """The other plant at which one of the same name was carried out before."""
        first = self._first[instance.flow].get(instance.subject) or ""
        return first if first != instance.plant else ""

    # --- what is said ------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        settled = self.promises.settled
        if settled is None or not (settled.settled or self.promises.lives.over):
            if not self.examined:
                self.idle = "nothing was compared"
            return
        self._report_values()
        accounting = Accounting(self.promises)
        missing: dict[str, list[Promise]] = {}
        for instance in self.promises.instances.values():
            if instance.trigger in self.promises.delivered:
                owed = [each for each in self.promises.missing(instance) if not accounting.take(each)]
                if owed:
                    missing[instance.name] = owed
        self._report_keys(missing)
        self._report_schema(missing)
        self._report_twins()
        for first, request, reject in self._shared:
            self._report_shared(first, request, reject)
        if not self.examined:
            self.idle = "nothing was compared"

    def _report_values(self) -> None:
        """The kind that explains most values decides where one value alone could mean two things."""
        found = [(record, tellings(record.values)) for record in self._wrong]
        votes = Counter(kind for _record, told in found for kinds, _words in told if len(kinds) == 1 for kind in kinds)
        by_kind: dict[Kind, list[tuple[Compare, str]]] = defaultdict(list)
        for record, told in found:
            for kinds, words in told[:1]:
                by_kind[likely(kinds, votes)].append((record, words))
        for kind, entries in by_kind.items():
            self._report_kind(kind, entries)

    def _report_kind(self, kind: Kind, entries: list[tuple[Compare, str]]) -> None:
        record, words = entries[0]
        where, what = self.case.system(record.system), effect_in_words(record.effect)
        more = f" The same shows in {len(entries) - 1} more." if len(entries) > 1 else ""
        proof = tuple(self.case.proof(each, self.case.system(each.system), said) for each, said in entries[:4])
        self._add(kind.value, record.effect, f"{kind.title}: {where} holds for {what}: {words}.{more}", proof)

    def _report_keys(self, missing: dict[str, list[Promise]]) -> None:
        """What is missing under one key and there under another that is the same, spoilt."""
        near = NearMisses(self.case, self.promises)
        for name, owed in missing.items():
            for promise in owed:
                miss = near.of(promise)
                if miss is None or not isinstance(miss.record, Commit) or miss.key == "revision":
                    continue
                kind = Kind.COLLISION if miss.key == "plant" else telling_text(miss.held, miss.expected)
                if kind is None:
                    continue
                where = self.case.system(miss.record.system)
                proof = (
                    Proof(miss.record.exchange, 0.0, self.case.target, f"sends `{miss.held}`", where),
                    self.case.proof(miss.record, where, f"`{miss.key}` is `{miss.held}`, `{miss.expected}` is meant"),
                )
                what = effect_in_words(promise.effect, promise.version)
                sentence = f"{kind.title}: {where} has no {what}; instead {miss.in_words()}."
                self._add(kind.value, promise.effect, sentence, proof, name)
                break

    def _report_schema(self, missing: dict[str, list[Promise]]) -> None:
        """An event in another form than usual that came to nothing; requests that fit no schema."""
        lost = Counter(promise.effect.partition("|")[0] for owed in missing.values() for promise in owed)
        for instance in self.promises.instances.values():
            bent = self._bent.get(instance.trigger)
            if bent is not None and instance.name in missing:
                told = self.case.proof(bent, "estate", f"delivers it with {bent.bent}", self.case.target)
                sentence = (
                    f"{Kind.SCHEMA.title}: {instance.name} was delivered with {bent.bent} (#{bent.seq}), and was not "
                )
                self._add("schema", instance.promises[0].effect, f"{sentence}carried out.", (told,), instance.name)
        for operation, rejects in self._unfit.items():
            what, first = self.case.operation(operation), rejects[0]
            where = self.case.system(first.system)
            proof = (
                Proof(first.exchange, 0.0, self.case.target, f"sends {what}", where),
                self.case.proof(first, where, f"it does not fit the schema ({first.code})", self.case.target),
            )
            sentence = f"{Kind.SCHEMA.title}: {where} refused {len(rejects)} {what} that do not fit its schema "
            sentence += f"(first #{first.exchange}, {first.code})."
            severity = Severity.FAIL if lost[what] else Severity.WARN
            self._add("schema", what, sentence, proof, severity=severity)

    def _report_twins(self) -> None:
        """Of what has the same name at several plants only the first was carried out, each time."""
        lost = [
            instance
            for instance in self.promises.instances.values()
            if self.promises.missing(instance)
            and not instance.refusals
            and instance.trigger in self.promises.delivered
            and self._twin(instance)
        ]
        if self._kept_later or self.promises.anonymous:
            return
        if min(len({each.subject for each in lost}), len({each.plant for each in lost})) < _TWINS_MIN:
            return  # one plant alone may be out of reach
        instance = lost[0]
        first = self._twin(instance)
        told = self.promises.delivered[instance.trigger]
        names = ", ".join(each.name for each in lost[:4])
        proof = (self.case.proof(told, "estate", f"delivers {instance.name}", self.case.target),)
        sentence = (
            f"{Kind.COLLISION.title}: {instance.subject} is another thing at {first} than at {instance.plant}. Of "
        )
        sentence += f"equal names only the first plant's was carried out, never the later's: {names} are missing."
        self._add(Kind.COLLISION.value, instance.promises[0].effect, sentence, proof, instance.name)

    def _report_shared(self, first: Request, request: Request, reject: Reject) -> None:
        where, target = self.case.system(reject.system), self.case.target
        proof = (
            self.case.proof(first, target, f"uses a key for {first.keys[0]}", where),
            self.case.proof(request, target, f"uses the same key for {request.keys[0]}", where),
            self.case.proof(reject, where, "the key stands for something else", target),
        )
        sentence = (
            f"{Kind.COLLISION.title}: the same idempotency key was used for {first.keys[0]} (#{first.seq}) and for "
        )
        sentence += f"{request.keys[0]} (#{request.seq}); {where} took the second for a repetition and refused it."
        self._add(
            Kind.COLLISION.value, f"{self.case.operation(request.operation)}|{'|'.join(request.keys)}", sentence, proof
        )

    def _add(
        self,
        kind: str,
        effect: str,
        sentence: str,
        proof: tuple[Proof, ...],
        instance: str = "",
        severity: Severity = Severity.FAIL,
    ) -> None:
        plant = plant_of(effect)
        self.findings.append(
            Finding(
                self.NAME, sentence, proof, plant=plant, instance=instance, step=kind, severity=severity, effect=effect
            )
        )
