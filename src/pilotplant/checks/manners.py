"""How a middleware behaves as a guest: whether it leaves room, takes no for an answer, and waits when it is asked to.

Nothing here makes data wrong, so it only warns. A write is known by its fingerprint; reads are nobody's repetition.
"""

from collections import Counter, defaultdict, deque
from math import inf
from typing import ClassVar

from pilotplant.checks.case import Case
from pilotplant.checks.check import Check, Handlers
from pilotplant.checks.finding import Finding, Proof, Severity
from pilotplant.checks.folds.attempts import Again, Attempts, Failing
from pilotplant.checks.folds.knowledge import Knowledge
from pilotplant.checks.folds.promises import Promises
from pilotplant.ledger.header import Named
from pilotplant.ledger.records import (
    Commit,
    Crash,
    Ending,
    FaultBitten,
    Reject,
    Request,
    ResponseEnd,
    ResponseFirst,
    Restart,
)
from pilotplant.systems.catalog import TOKEN

STUBBORN_TIMES = 4
"""So often the very same request has to be refused for good: whoever mends what it lacks may try it again."""
POISON_TIMES = 8
HURRY_S = 0.05
HURRIED_TIMES = 5
IMPATIENT_TIMES = 3
HERD_WINDOW_S = 0.05
HERD_PAUSE_S = 0.2
HERD_SIZE = 20
ASKED_S = 1.0
"""So soon after the end of a wait that a system had asked for, all come because they were asked to."""
HERD_SHARE = 0.6
STAMPEDE_WINDOW_S = 0.25
STAMPEDE_SIZE = 5
KEPT_TOKEN_S = 1.0
KEPT_TOKEN_TIMES = 3
_CROWDS_MAX = 20


class Manners(Check):
    """Retries, limits, time-outs, tokens."""

    NAME: ClassVar[str] = "manners"
    ABOUT: ClassVar[str] = "It leaves room for others, takes no for an answer, and waits when it is asked to."

    def __init__(self, case: Case, knowledge: Knowledge, promises: Promises) -> None:
        super().__init__(case, knowledge, promises)
        self._attempts = Attempts()
        self._token = case.header.operation_numbers().get(TOKEN, -1)
        self._limit = case.declares.concurrency
        self._timeout_s = case.declares.timeout
        self._stubborn: dict[int, Failing] = {}
        self._hurried: dict[int, Failing] = {}
        self._impatient: dict[int, list[Again]] = defaultdict(list)
        self._returning: deque[Request] = deque()
        self._herds: list[tuple[Request, ...]] = []
        self._tokens: dict[int, deque[Request]] = {}
        self._stampedes: dict[int, tuple[Request, ...]] = {}
        self._wait_until: dict[int, float] = {}
        """By system, until when it asked its callers to wait; afterwards all may come."""
        self._fetching: dict[int, int] = {}
        """Token requests that are not answered yet, and the system of each."""
        self._denied: dict[int, float] = {}
        """By system, since when its callers are told that they need another token."""
        self._kept: dict[int, list[Reject]] = defaultdict(list)
        self._held: list[tuple[Request, ResponseEnd]] = []
        self._busy: dict[int, set[int]] = defaultdict(set)
        self._crowds: list[tuple[Request, set[int]]] = []
        self._instances = 0

    def applies(self) -> bool:
        return bool(self.case.flows)

    def handlers(self) -> Handlers:
        def followed(named: Named) -> bool:
            return not named.query or bool(self._limit or self._timeout_s)

        return {
            Request: (followed, self.on_request),
            Reject: (None, self.on_reject),
            ResponseFirst: (None, self.on_first),
            ResponseEnd: (None, self.on_end),
            Commit: (lambda named: named.name == "desk.exception.resolve", self.on_resolved),
            Restart: (None, self.on_restart),
            Crash: (None, self.on_crash),
            FaultBitten: (None, self.on_bitten),
        }

    # --- what goes by ------------------------------------------------------------------------------------------------

    def on_request(self, record: Request) -> None:
        """A request arrived."""
        again = self._attempts.on_request(record)
        if again is not None:
            self._note_again(again)
        if record.operation == self._token:
            self._note_token(record)
        elif self._limit:
            busy = self._busy[record.system]
            busy.add(record.seq)
            if len(busy) > self._limit * max(1, self._instances) and len(self._crowds) < _CROWDS_MAX:
                self._crowds.append((record, set(busy)))

    def on_reject(self, record: Reject) -> None:
        """A refusal."""
        self._attempts.on_reject(record)
        if record.wait_s:
            self._wait_until[record.system] = record.t + record.wait_s
        if record.code != "unauthorized" or record.operation == self._token or record.system not in self._tokens:
            return
        if record.system not in self._fetching.values():
            since = self._denied.setdefault(record.system, record.t)
            if record.t - since > KEPT_TOKEN_S:
                self._kept[record.system].append(record)

    def on_bitten(self, record: FaultBitten) -> None:
        """What a fault answers is not the system's own word."""
        if record.touched in self._attempts.open:
            self._attempts.bitten.add(record.touched)

    def on_first(self, record: ResponseFirst) -> None:
        """An answer began."""
        self._attempts.on_first(record)
        if self._limit:
            self._busy[record.system].discard(record.exchange)

    def on_end(self, record: ResponseEnd) -> None:
        """An exchange is over."""
        self.examined += 1
        if self._limit or self._timeout_s:
            self._note_end(record)
        if self._fetching:
            self._fetching.pop(record.exchange, None)
        failing = self._attempts.on_end(record)
        if failing is not None and len(failing.refused) >= STUBBORN_TIMES:
            self._stubborn[failing.first] = failing
        if self._denied and self._attempts.well:
            self._trust_again(record.system)

    def on_resolved(self, record: Commit) -> None:
        """A person mended something: everything is worth another attempt."""
        del record
        self._attempts.forget()

    def on_restart(self, record: Restart) -> None:
        """The target was started."""
        del record
        self._instances += 1

    def on_crash(self, record: Crash) -> None:
        """The next life knows nothing of what this one was told."""
        del record
        self._instances -= 1
        self._attempts.forget()
        self._denied.clear()

    def _note_end(self, record: ResponseEnd) -> None:
        request = self._attempts.open.get(record.exchange)
        if self._limit:
            self._busy[record.system].discard(record.exchange)
            if record.ending in (Ending.CALLER_GONE, Ending.CUT_SHORT):  # perhaps it had left before the crowd came
                for _request, crowd in self._crowds:
                    crowd.discard(record.exchange)
        too_long_s = self._timeout_s + max(1.0, 0.5 * self._timeout_s)
        if request is None or record.ending != Ending.SENT or not self._timeout_s:
            return
        if record.t - request.t > too_long_s:
            self._held.append((request, record))

    def _note_again(self, again: Again) -> None:
        failing = again.failing
        if failing.wait_s and again.pause_s < 0.5 * failing.wait_s:
            self._impatient[again.request.system].append(again)
        if again.pause_s >= HURRY_S or failing.refused:
            failing.hurried.clear()
        else:
            failing.hurried.append(again.request.seq)
            if len(failing.hurried) >= HURRIED_TIMES:
                self._hurried[failing.first] = failing
        broken = not failing.status or failing.status >= 500  # all who lack a token may come as soon as there is one
        if broken and HERD_PAUSE_S <= again.pause_s < 3600 and not failing.wait_s:
            self._note_returning(again.request)

    def _note_returning(self, request: Request) -> None:
        if request.t - self._wait_until.get(request.system, -inf) < ASKED_S:
            return
        returning = self._returning
        returning.append(request)
        while request.t - returning[0].t > HERD_WINDOW_S:
            returning.popleft()
        size = len(returning)
        if size >= max(HERD_SIZE, 2 * self._limit) and size >= HERD_SHARE * len(self._attempts.failing):
            self._herds.append(tuple(returning))
            returning.clear()

    def _note_token(self, record: Request) -> None:
        self._fetching[record.seq] = record.system
        self._trust_again(record.system)
        asked = self._tokens.setdefault(record.system, deque())
        asked.append(record)
        while record.t - asked[0].t > STAMPEDE_WINDOW_S:
            asked.popleft()
        if len(asked) >= STAMPEDE_SIZE * max(1, self._instances):
            self._stampedes[record.system] = tuple(asked)

    def _trust_again(self, system: int) -> None:
        """A new token was asked for, or the old one was good after all."""
        self._denied.pop(system, None)
        if 0 < len(self._kept.get(system, ())) < KEPT_TOKEN_TIMES:
            self._kept[system].clear()

    # --- what is said ------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        for failing in self._stubborn.values():
            if self._attempts.failing.get(failing.identity) is failing:
                self._report_stubborn(failing)
        for failing in self._hurried.values():
            self._report_hurried(failing)
        for system, agains in self._impatient.items():
            if len(agains) >= IMPATIENT_TIMES:
                self._report_impatient(system, agains)
        if self._herds:
            self._report_herd(max(self._herds, key=len))
        for system, asked in self._stampedes.items():
            where = self.case.system(system)
            took_s = asked[-1].t - asked[0].t
            sentence = f"{where} was asked for {len(asked)} tokens within {took_s:.2f} s; one would have done for all."
            self._report("stampede", system, sentence, [self._sent(request) for request in asked[:4]])
        for system, kept in self._kept.items():
            if len(kept) >= KEPT_TOKEN_TIMES:
                where = self.case.system(system)
                sentence = (
                    f"{where} refused {len(kept)} requests with 401 more than {KEPT_TOKEN_S:g} s after the first "
                )
                sentence += "401, and nobody asked for a new token meanwhile."
                told = [self.case.proof(each, where, "401: a new token is needed", self.case.target) for each in kept]
                self._report("kept-token", system, sentence, told[:4])
        self._report_given_up()
        self._report_held()
        self._report_crowd()

    def _report_stubborn(self, failing: Failing) -> None:
        system, operation, _fingerprint = failing.identity
        where, what = self.case.system(system), self.case.operation(operation)
        times = len(failing.refused)
        poison = times >= POISON_TIMES
        refused = f"{where} refused the very same {what} for good {times} times ({failing.code}, first "
        sentence = f"{refused}#{failing.refused[0]}, last #{failing.refused[-1]})"
        sentence += ", and it was never set aside." if poison else "; asking again changes nothing."
        proof = [
            Proof(seq, 0.0, self.case.target, f"sends {what} again" if place else f"sends {what}", where)
            for place, seq in enumerate((*failing.refused[:3], failing.refused[-1]))
        ]
        self._report("poison" if poison else "permanent-refusal", system, sentence, proof, what)

    def _report_hurried(self, failing: Failing) -> None:
        system, operation, _fingerprint = failing.identity
        where, what = self.case.system(system), self.case.operation(operation)
        sentence = (
            f"{where} received the very same {what} again {len(failing.hurried) or HURRIED_TIMES} times in a row, each "
            f"less than {HURRY_S * 1000:.0f} ms after the attempt before had failed: it does not back off."
        )
        seqs = [failing.first, *failing.hurried[:4]]
        proof = [Proof(seq, 0.0, self.case.target, f"sends {what}", where) for seq in seqs]
        self._report("retry-storm", system, sentence, proof, what)

    def _report_impatient(self, system: int, agains: list[Again]) -> None:
        where = self.case.system(system)
        first = agains[0]
        sentence = (
            f"{where} asked to wait {first.failing.wait_s:g} s, and the very same request came again after "
            f"{first.pause_s:.2f} s (#{first.request.seq}); this happened {len(agains)} times."
        )
        self._report("retry-after", system, sentence, [self._sent(again.request) for again in agains[:4]])

    def _report_herd(self, herd: tuple[Request, ...]) -> None:
        sentence = (
            f"{len(herd)} requests that had failed came back within {HERD_WINDOW_S * 1000:.0f} ms (from #{herd[0].seq} "
            "on): whoever has just recovered is run over; draw the pauses."
        )
        self._report("herd", herd[0].system, sentence, [self._sent(request) for request in herd[:4]])

    def _report_given_up(self) -> None:
        """A 401 that was the last word, where what was asked for is missing."""
        settled = self.promises.settled
        if settled is None or not settled.settled:
            return
        missing = Counter(
            promise.effect.partition("|")[0]
            for instance in self.promises.instances.values()
            for promise in self.promises.missing(instance)
        )
        for failing in self._attempts.failing.values():
            system, operation, _fingerprint = failing.identity
            what = self.case.operation(operation)
            if failing.status == 401 and failing.ended and missing[what] and system in self._tokens:
                missing[what] -= 1
                where = self.case.system(system)
                sentence = (
                    f"{where} answered {what} (#{failing.last}) with 401, and it was never sent again with a new "
                )
                sentence += "token; such an effect is missing."
                proof = [Proof(failing.last, 0.0, self.case.target, f"sends {what}", where)]
                proof.append(Proof(failing.ended, 0.0, where, "401: a new token is needed", self.case.target))
                self._report("gives-up-on-401", system, sentence, proof, f"{what}|{failing.last}")

    def _report_held(self) -> None:
        if not self._held:
            return
        request, end = max(self._held, key=lambda pair: pair[1].t - pair[0].t)
        where = self.case.system(request.system)
        sentence = (
            f"{where} took {end.t - request.t:.1f} s to answer #{request.seq}, and the caller was still there, "
            f"although it declares to wait {self._timeout_s:g} s; this happened {len(self._held)} time(s)."
        )
        told = self.case.proof(end, where, "answers at last", self.case.target)
        self._report("no-timeout", request.system, sentence, [self._sent(request), told])

    def _report_crowd(self) -> None:
        request, crowd = max(self._crowds, key=lambda pair: len(pair[1]), default=(None, set[int]()))
        limit = self._limit * max(1, self._instances)
        if request is None or len(crowd) <= limit:
            return
        where = self.case.system(request.system)
        sentence = f"{where} had {len(crowd)} requests open at once at #{request.seq}; {limit} are declared."
        proof = [Proof(seq, 0.0, self.case.target, "sends a request", where) for seq in sorted(crowd)[-4:]]
        self._report("concurrency", request.system, sentence, proof)

    def _sent(self, request: Request) -> Proof:
        where, what = self.case.system(request.system), self.case.operation(request.operation)
        return self.case.proof(request, self.case.target, f"sends {what}", where)

    def _report(self, kind: str, system: int, sentence: str, proof: list[Proof], about: str = "") -> None:
        name = self.case.header.systems[system]
        self.findings.append(
            Finding(
                self.NAME,
                sentence,
                tuple(proof),
                plant=name.partition("@")[2],
                step=kind,
                severity=Severity.WARN,
                effect=f"{kind}|{name}|{about}",
            )
        )
