"""Fuzzes simulators: requests from their OpenAPI documents, in the words of the estate, by thousands, judged by the
documents, by probes of what documents cannot say, and by the ledger."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec.structs import replace

from pilotplant.conformance.fuzzing.generating import Generated, generate
from pilotplant.conformance.fuzzing.outcome import Asked, Fuzzed, FuzzFinding, Judged
from pilotplant.conformance.fuzzing.probes import PROBES, Caller, Sent, body_of, meet_limit
from pilotplant.conformance.fuzzing.vocabulary import Vocabulary
from pilotplant.contracts.openapi import document
from pilotplant.drive.direct import DirectHost
from pilotplant.exchange.wire import WireRequest
from pilotplant.kernel.draws import Draws
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import Commit, Reject, ResponseFirst
from pilotplant.run.preparation import Prepared, generate_data, prepare
from pilotplant.run.request import Progress
from pilotplant.scenario.loading import EstateSetup
from pilotplant.systems.system import System

EPOCH = 1_767_600_000.0
"""Monday, 5 January 2026: what is dated is the same in every campaign."""
ROUND_MIN, ROUND_MAX, ROUNDS = 5, 20, 6
"""Requests to an operation before it is the turn of the next, and how often its turn comes at least: so what one
request made is what others are about."""
PAUSE_S = 0.06
"""Between two requests, so that limits of many requests in a long time are met when that is wanted."""

Watch = Callable[[Progress], None]
Alter = Callable[[System, dict[str, Any]], dict[str, Any]]


def fuzz(
    setup: EstateSetup, systems: Sequence[str], requests: int, seed: int, watch: Watch, documents: Alter | None = None
) -> Fuzzed:
    """Send so many requests in all to these systems; to all, if none is named."""
    began = time.monotonic()
    with TemporaryDirectory(prefix="pilotplant-fuzz-") as folder:
        campaign = _Campaign(_prepared(setup, seed, Path(folder)), seed, documents or (lambda _system, given: given))
        campaign.run(systems or list(campaign.host.estate.systems), requests, watch)
        campaign.host.ledger.close()
        findings = campaign.findings(Ledger(Path(folder)))
    return Fuzzed(seed, campaign.asked(), campaign.judged(), findings, round(time.monotonic() - began, 1))


def _prepared(setup: EstateSetup, seed: int, folder: Path) -> Prepared:
    return prepare(
        setup,
        generate_data(setup, seed),
        mode="inprocess",
        run="fuzz",
        seed=seed,
        epoch=EPOCH,
        speed=1.0,
        directory=folder,
        build=DirectHost,
        documents={},
    )


class _Campaign:
    """One campaign over an estate."""

    def __init__(self, prepared: Prepared, seed: int, documents: Alter) -> None:
        assert isinstance(prepared.host, DirectHost)
        self.host = prepared.host
        self._seed = seed
        self._documents = documents
        self._draws = Draws(seed)
        self._vocabulary = Vocabulary(prepared.estate, self._draws)
        self._callers: dict[str, Caller] = {}
        self._statuses: dict[str, Counter[int]] = {}
        self._found: dict[tuple[str, str, str, str], FuzzFinding] = {}
        self._sent: dict[int, tuple[str, Sent]] = {}
        self._schema_judged = 0
        self._ledger_judged = 0

    def run(self, names: Sequence[str], requests: int, watch: Watch) -> None:
        """Round after round, until enough was sent; then meet the limits of whoever has some."""
        generators = {name: self._generator(name) for name in names}
        kinds = sum(generator.kinds for generator in generators.values())
        each = max(ROUND_MIN, min(ROUND_MAX, requests // (kinds * ROUNDS)))
        sent = number = 0
        while sent < requests:
            watch(Progress("fuzzing", sent, requests))
            for name, generator in generators.items():
                sent += self._round(name, generator, number, min(each * generator.kinds, requests - sent), each)
            number += 1
        for name in names:
            self._limits(self._callers[name])

    def _generator(self, name: str) -> Generated:
        system = self.host.estate.systems[name]
        profile = self.host.boundaries[name].profile
        self._callers[name] = Caller(self.host, system, profile, self.host.token(system))
        self._statuses[name] = Counter()
        return generate(self._documents(system, document(system.kind, profile)))

    def _round(self, name: str, generator: Generated, number: int, left: int, each: int) -> int:
        caller, sent = self._callers[name], 0
        caller.headers = self.host.token(caller.system)  # they expire, on this clock too
        for case in generator.cases(self._seed * 1009 + number, each):
            if sent >= left:
                break
            self.host.pass_time(PAUSE_S)
            self._one(name, generator, case)
            sent += 1
        return sent

    def _one(self, name: str, generator: Generated, case: Any) -> None:
        caller = self._callers[name]
        request = generator.request(case, self._vocabulary, caller.headers)
        watched = self._draws.uniform(f"watched|{name}|{sum(self._statuses[name].values())}") < 0.15
        reply = self.host.send(caller.system, request, watched=watched)
        operation = caller.system.kind.operations[generator.operation(case)]
        sent = Sent(operation, request, reply)
        self._statuses[name][reply.status] += 1
        self._schema_judged += 1
        if reply.failure:
            self._note(name, "document", f"the simulator failed: {reply.failure}"[:300], sent)
        for check, sentence in generator.judge(case, request, reply):
            self._note(name, check, sentence, sent)
        if reply.status < 300:
            self._vocabulary.listen(body_of(reply))
        else:
            self._sent[reply.exchange] = (name, sent)
        for check, probe in PROBES.items():
            for sentence, shown in probe(caller, sent):
                self._note(name, check, sentence, shown)

    def _limits(self, caller: Caller) -> None:
        """Somebody who asks too much is put off, and let in when the time that was told is over."""
        if not caller.profile.limits:
            return
        query = next(o for o in caller.system.kind.operations.values() if o.query and "{" not in o.path)
        request = _plain(query.path, {**self.host.token(caller.system)})
        first = Sent(query, request, self.host.send(caller.system, request))
        met = meet_limit(caller, first)
        if met is not None:
            for sentence, shown in PROBES["retry-after"](caller, met):
                self._note(caller.system.name, "retry-after", sentence, shown)

    def _note(self, name: str, check: str, sentence: str, sent: Sent) -> None:
        key = (name, sent.operation.name, check, sentence)
        known = self._found.get(key)
        if known is None:
            known = FuzzFinding(name, sent.operation.name, check, sentence, _request(sent), _answer(sent), times=0)
        self._found[key] = replace(known, times=known.times + 1)

    def findings(self, ledger: Ledger) -> tuple[FuzzFinding, ...]:
        """What was found, and what the ledger says of those who were refused."""
        committed: set[int] = set()
        refused: dict[int, int] = {}
        for record in ledger:
            match record:
                case Commit(exchange=exchange) if exchange:
                    committed.add(exchange)
                case Reject(exchange=exchange, status=status) if exchange:
                    refused[exchange] = status
                case ResponseFirst(exchange=exchange, status=status) if status >= 400:
                    refused[exchange] = status
        self._ledger_judged = len(refused)
        for exchange in committed & refused.keys():
            name, sent = self._sent[exchange]
            self._note(name, "ledger", f"refused with {refused[exchange]}, and committed", sent)
        return tuple(self._found.values())

    def asked(self) -> tuple[Asked, ...]:
        """What each simulator was asked."""
        return tuple(
            Asked(
                name,
                statuses.total(),
                sum(times for status, times in statuses.items() if status < 300),
                sum(times for status, times in statuses.items() if status >= 300),
            )
            for name, statuses in self._statuses.items()
        )

    def judged(self) -> tuple[Judged, ...]:
        """How often each check had something to judge."""
        totals: Counter[str] = Counter()
        for caller in self._callers.values():
            totals.update(caller.judged)
        promised = {check: any(self._promises(caller, check) for caller in self._callers.values()) for check in PROBES}
        own = [Judged(check, _about(probe), totals[check], promised[check]) for check, probe in PROBES.items()]
        documents = "Status, headers, content type and body are what the OpenAPI document says; nothing is a 5xx."
        ledger = "Of no exchange that was refused does the ledger hold a commit."
        return (
            Judged("document", documents, self._schema_judged),
            *own,
            Judged("ledger", ledger, self._ledger_judged),
        )

    @staticmethod
    def _promises(caller: Caller, check: str) -> bool:
        """Whether there is anything about a system that a check could judge."""
        operations = caller.system.kind.operations.values()
        match check:
            case "idempotency":
                return caller.profile.idempotency != "none" and any(o.counted for o in operations)
            case "entity tag":
                return any(o.etag is not None for o in operations)
            case "credentials":
                return bool(caller.headers)
            case "retry-after":
                return bool(caller.profile.limits)
        return True


def _about(probe: Callable[..., Iterator[object]]) -> str:
    return " ".join((probe.__doc__ or "").split())


def _plain(path: str, headers: Mapping[bytes, bytes]) -> WireRequest:
    return WireRequest("GET", path, b"", headers, b"")


_SECRET = frozenset((b"authorization", b"x-api-key"))


def _request(sent: Sent) -> str:
    request = sent.request
    target = request.path + (f"?{request.query.decode('latin-1')}" if request.query else "")
    shown = [f"{n.decode()}: {v.decode('latin-1')}" for n, v in request.headers.items() if n not in _SECRET]
    return f"{request.method} {target} {{{', '.join(shown)}}} {request.body[:2000].decode('utf-8', 'replace')}".rstrip()


def _answer(sent: Sent) -> str:
    return f"{sent.reply.status} {sent.reply.response.body[:500].decode('utf-8', 'replace')}"
