"""Nothing is done that only a forged or stale message could have asked for; no secret stands where others read it."""

from typing import ClassVar

from pilotplant.checks.case import Case
from pilotplant.checks.check import Check, Handlers
from pilotplant.checks.finding import Finding, Proof
from pilotplant.checks.folds.instance import Promise
from pilotplant.checks.folds.knowledge import Knowledge
from pilotplant.checks.folds.looks import kind_of
from pilotplant.checks.folds.promises import Promises
from pilotplant.checks.folds.recent import Recent
from pilotplant.checks.wording import effect_in_words, plant_of
from pilotplant.ledger.header import Named
from pilotplant.ledger.records import UNBELIEVABLE, Commit, Deliver, Emit, Exposed, Read
from pilotplant.model.operation import UNWANTED
from pilotplant.systems import catalog

_BENT_MAX = 10_000
_OLD = frozenset(("expired-timestamp", "replayed"))


class Security(Check):
    """Trust in events, and secrets."""

    NAME: ClassVar[str] = "security"
    ABOUT: ClassVar[str] = (
        "No forged or replayed event is acted on, no secret told, nothing disclosed to who may not have it."
    )

    def __init__(self, case: Case, knowledge: Knowledge, promises: Promises) -> None:
        super().__init__(case, knowledge, promises)
        self._bent: dict[int, Deliver] = {}
        """By event, the first delivery of it that nobody may believe."""
        self._imitated: dict[frozenset[str], Deliver] = {}
        """By its keys, the first delivery that told of something that never happened and that nobody may believe."""
        self._triggers = {trigger for flow in case.flows for trigger in flow.triggers}
        self._stated: Recent[int, str] = Recent()
        """Recent triggers: what they state."""
        self._hints: Recent[int, str] = Recent()
        """Recent other events of the same systems: what they state."""
        self._heard: Recent[str, int] = Recent()
        """What the target was properly told something of, and when first."""
        self._replayed: dict[str, Deliver] = {}
        """By the keys of an old event, its last delivery that carried an old signature."""
        self._delivered: dict[str, int] = {}
        """Of events that were replayed, the last proper delivery after that."""
        self._proper: dict[str, int] = {}
        """By kind of system, the first proper delivery of any event of it that asks for something."""
        self._asking: set[str] = set()
        """Events that may ask for something: not those that only say how it stands with what others ask for."""
        self._read: dict[int, int] = {}
        """By system, the first time the target looked for itself."""
        self._exposed: dict[tuple[int, str], list[Exposed]] = {}
        self._believed: list[tuple[Promise, Commit, Deliver]] = []
        self._repeated: list[tuple[Commit, Deliver]] = []
        self._disclosed: list[Commit] = []

    def applies(self) -> bool:
        return bool(self.case.flows)

    def handlers(self) -> Handlers:
        operations = self.case.header.operations
        about = {named.effect_keys for named in operations if named.name in self._triggers}
        telling = {kind_of(trigger) for trigger in self._triggers}
        self._asking = {
            named.name
            for named in operations
            if named.event and (named.name in self._triggers or named.effect_keys not in about)
        }

        def tells(named: Named) -> bool:
            return named.event and (named.effect_keys in about or kind_of(named.name) in telling)

        def counted(named: Named) -> bool:
            booked = named.effect == "fact" and not named.event and self.case.governed(named)
            return booked or catalog.discloses(named.name)

        return {
            Emit: (tells, self.on_emit),
            Deliver: (None, self.on_deliver),
            Read: (None, self.on_read),
            Commit: (counted, self.on_commit),
            Exposed: (None, self.on_exposed),
        }

    # --- what goes by ------------------------------------------------------------------------------------------------

    def on_emit(self, record: Emit) -> None:
        """An event that asks for something."""
        if record.effect.partition("|")[0] in self._triggers:
            self._stated[record.seq] = record.effect
        else:
            self._hints[record.seq] = record.effect

    def on_deliver(self, record: Deliver) -> None:
        """A delivery, perhaps one that must not be believed."""
        self.examined += 1
        if not record.bent:
            hint = self._hints.pop(record.emit)
            if hint is not None:
                self._hear(hint, record.seq)
            stated = self._stated.get(record.emit)
            if stated is not None:
                self._hear(stated, record.seq)  # a supplier may announce the same more than once
                if self._replayed:
                    self._delivered[stated.partition("|")[2]] = record.seq
            return
        if record.bent in UNBELIEVABLE and record.about:
            if len(self._imitated) < _BENT_MAX:
                self._imitated.setdefault(frozenset(record.about.split("/")), record)
            return
        if record.bent in UNBELIEVABLE and len(self._bent) < _BENT_MAX:
            if not self._bent:
                self.promises.on_kept.append(self._on_kept)  # only now is there anything to look for
            self._bent.setdefault(record.emit, record)
        stated = self._stated.get(record.emit)
        if stated is not None and record.bent not in UNBELIEVABLE and not record.about:
            self._hear(stated, record.seq)
        if record.bent in _OLD and stated is not None and len(self._replayed) < _BENT_MAX:
            self._replayed[stated.partition("|")[2]] = record

    def _hear(self, stated: str, seq: int) -> None:
        name, _, keys = stated.partition("|")
        if keys not in self._heard:
            self._heard[keys] = seq
        if name in self._asking:
            self._proper.setdefault(kind_of(name), seq)

    def on_read(self, record: Read) -> None:
        """Whoever looks for itself need not have believed anybody."""
        if record.exchange:
            self._read.setdefault(record.system, record.seq)

    def _on_kept(self, promise: Promise, record: object) -> None:
        if not isinstance(record, Commit) or not record.exchange:
            return
        trigger = promise.instance.trigger
        bent = self._bent.get(trigger)
        proper = self.promises.delivered.get(trigger)
        if bent is None or bent.seq > record.exchange or (proper is not None and proper.seq < record.exchange):
            return
        emit = self.promises.triggers.get(trigger)
        hint = self._heard.get(emit.effect.partition("|")[2]) if emit is not None else None
        if hint is not None and hint < record.exchange:
            return  # an approval, say, that came before the release
        if emit is not None and self.case.header.operations[record.operation].effect == "state":
            # Documents hang together: whoever was told of another change may have met this one in its structures, and
            # whoever was told of a part in the change that launches it.
            another = self._proper.get(kind_of(emit.effect))
            if another is not None and another < record.exchange:
                return
        looked = self._read.get(emit.system, 0) if emit is not None else 0
        if not self.case.declares.poll_interval and not 0 < looked < record.exchange:
            self._believed.append((promise, record, bent))

    def on_commit(self, record: Commit) -> None:
        """A booking that was made before, and again after an old event was sent once more; or a disclosure."""
        if record.facet == UNWANTED and record.exchange:
            self._disclosed.append(record)
        if not record.repeat_of or not record.exchange or not self._replayed:
            return
        keys = "|".join(record.effect.split("|")[1:3])
        replayed = self._replayed.get(keys)
        if replayed is None or not record.repeat_of < replayed.seq < record.exchange:
            return
        if self._delivered.get(keys, 0) < replayed.seq:
            self._repeated.append((record, replayed))

    def on_exposed(self, record: Exposed) -> None:
        """A secret stood in a request."""
        self._exposed.setdefault((record.system, record.place), []).append(record)

    # --- what is said ------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        for promise, record, bent in self._believed:
            self._report_believed(promise.instance.name, record, bent)
        if self._imitated:
            self._judge_imitations()
        for record, replayed in self._repeated:
            if self.promises.repeats.get(record.effect):
                self._report_repeated(record, replayed)
        for record in self._disclosed:
            self._report_disclosed(record)
        for (system, place), records in self._exposed.items():
            self._report_exposed(system, place, records)
        if not self.examined:
            self.idle = "no event was delivered to the target"

    def _judge_imitations(self) -> None:
        """What nothing had asked for but an imitation: one finding for each request."""
        done: dict[int, tuple[Commit, Deliver]] = {}
        for record in self.promises.unpromised:
            keys = set(record.effect.split("|")[1:])
            imitation = next((bent for about, bent in self._imitated.items() if about <= keys), None)
            if imitation is not None and imitation.seq < record.exchange:
                done.setdefault(record.exchange, (record, imitation))
        for record, imitation in done.values():
            self._report_believed(imitation.about, record, imitation)

    def _report_believed(self, name: str, record: Commit, bent: Deliver) -> None:
        where, what = self.case.system(record.system), effect_in_words(record.effect, record.version)
        forged = bent.bent == "forged-signature"
        how = "a forged signature" if forged else "a signature that had expired"
        proof = (
            self.case.proof(bent, "estate", f"{name} is delivered with {how}", self.case.target),
            Proof(record.exchange, 0.0, self.case.target, f"sends {what}", where),
            self.case.proof(record, where, f"{what} is in place"),
        )
        sentence = (
            f"{where} received {what} at #{record.exchange}; only a delivery with {how} (#{bent.seq}) had told of it."
        )
        self._add("forged" if forged else "replayed", record.effect, sentence, proof, name)

    def _report_repeated(self, record: Commit, replayed: Deliver) -> None:
        where, what = self.case.system(record.system), effect_in_words(record.effect)
        proof = (
            Proof(record.repeat_of, 0.0, where, f"books {what}"),
            self.case.proof(replayed, "estate", "the old event is sent again with its old signature", self.case.target),
            Proof(record.exchange, 0.0, self.case.target, "sends it again", where),
            self.case.proof(record, where, f"books {what} again"),
        )
        sentence = (
            f"{where} booked the {what} again (#{record.seq}) after the old event had been replayed with its old "
        )
        self._add("replayed", record.effect, f"{sentence}signature (#{replayed.seq}).", proof)

    def _report_disclosed(self, record: Commit) -> None:
        where, what = self.case.system(record.system), effect_in_words(record.effect, record.version)
        proof = (
            Proof(record.exchange, 0.0, self.case.target, f"sends the {what}", where),
            self.case.proof(record, where, f"the {what} is handed over"),
        )
        sentence = f"The {what} was handed over at #{record.exchange}, who is not approved to make it."
        self._add("disclosed", record.effect, sentence, proof)

    def _report_exposed(self, system: int, place: str, records: list[Exposed]) -> None:
        where = self.case.system(system)
        times = f" ({len(records)} times)" if len(records) > 1 else ""
        name = self.case.header.systems[system]
        sentence = (
            f"{where} received a secret of this run in the {place} of a request (#{records[0].exchange}){times}: "
        )
        sentence += "logs keep addresses." if place == "URL" else "whoever reads the text has the key."
        proof = tuple(
            Proof(each.exchange, 0.0, self.case.target, f"sends a secret in the {place}", where) for each in records[:4]
        )
        self._add("secret", f"secret|{name}|{place}", sentence, proof)

    def _add(self, kind: str, effect: str, sentence: str, proof: tuple[Proof, ...], instance: str = "") -> None:
        self.findings.append(
            Finding(self.NAME, sentence, proof, plant=plant_of(effect), instance=instance, step=kind, effect=effect)
        )
