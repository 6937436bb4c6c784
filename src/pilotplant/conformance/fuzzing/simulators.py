"""Fuzzes simulators: requests from their OpenAPI documents, in the words of the estate, by thousands, judged by the
documents, by probes of what documents cannot say, and by the ledger."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec.structs import replace

from pilotplant.conformance.fuzzing.generating import Generated, Kind, generate
from pilotplant.conformance.fuzzing.outcome import Asked, Fuzzed, FuzzFinding, Judged
from pilotplant.conformance.fuzzing.probes import PROBES, REFUSAL, Caller, Sent, body_of, meet_limit
from pilotplant.conformance.fuzzing.vocabulary import Vocabulary
from pilotplant.contracts.openapi import document
from pilotplant.drive.direct import DirectHost
from pilotplant.exchange.wire import WireRequest
from pilotplant.kernel.draws import Draws
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import Commit, Reject, ResponseFirst
from pilotplant.model.operation import Operation
from pilotplant.run.preparation import Prepared, generate_data, prepare
from pilotplant.run.request import Progress
from pilotplant.scenario.loading import EstateSetup
from pilotplant.systems.system import System

EPOCH = 1_767_600_000.0
"""Monday, 5 January 2026: what is dated is the same in every campaign."""
TURN_MAX, TURNS = 20, 6
"""Requests of a kind before it is the turn of the next, and how often its turn comes at least: so what one request
made is what others are about."""
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
        self._generators: dict[str, Generated] = {}
        self._offered: dict[str, set[str]] = {}
        """By system, the operations of its document."""
        self._times: dict[str, Counter[tuple[str, bool]]] = {}
        """By system, how often each operation was carried out, and not."""
        self._found: dict[tuple[str, str, str, str], FuzzFinding] = {}
        self._schema_judged = 0
        self._ledger_judged = 0

    def run(self, names: Sequence[str], requests: int, watch: Watch) -> None:
        """Turn after turn, until enough was sent; then meet the limits of whoever has some.

        Turns go round over all systems, first with what fits: wherever it ends, each had its share.
        """
        turns = _in_turn([self._kinds(name, lambda: requests // len(turns)) for name in names])
        each = max(1, min(TURN_MAX, requests // (len(turns) * TURNS)))
        sent = 0
        while sent < requests and turns:
            for name, kind in tuple(turns):
                watch(Progress("fuzzing", sent, requests))
                done = self._turn(name, kind, min(each, requests - sent))
                sent += done
                if sent >= requests:
                    break
                if not done:
                    turns.remove((name, kind))  # there is nothing that could be generated for it
        for name in names:
            self._limits(self._callers[name])

    def _kinds(self, name: str, share: Callable[[], int]) -> list[tuple[str, Kind]]:
        system = self.host.estate.systems[name]
        profile = self.host.boundaries[name].profile
        self._callers[name] = Caller(self.host, system, profile, self.host.token(system))
        generator = self._generators[name] = generate(self._documents(system, document(system.kind, profile)))
        kinds = generator.kinds(self._seed * 1009, share)
        self._times[name], self._offered[name] = Counter(), {kind.operation for kind in kinds}
        return [(name, kind) for kind in kinds]

    def _turn(self, name: str, kind: Kind, times: int) -> int:
        caller, sent = self._callers[name], 0
        caller.headers = self.host.token(caller.system)  # they expire, on this clock too
        for case in islice(kind.cases, times):
            self.host.pass_time(PAUSE_S)
            self._one(name, caller.system.kind.operations[kind.operation], case)
            sent += 1
        return sent

    def _one(self, name: str, operation: Operation, case: Any) -> None:
        caller, generator = self._callers[name], self._generators[name]
        sent = caller.ask(operation, generator.request(case, self._vocabulary, caller.headers))
        reply = sent.reply
        self._times[name][operation.name, reply.status < 300] += 1
        self._schema_judged += 1
        if reply.failure:
            self._note(name, "document", f"the simulator failed: {reply.failure}"[:300], sent)
        for check, sentence in generator.judge(case, sent.request, reply):
            self._note(name, check, sentence, sent)
        if reply.status < 300:
            self._vocabulary.listen(body_of(reply))
        for check, probe in PROBES.items():
            for sentence, shown in probe(caller, sent):
                self._note(name, check, sentence, shown)
        self._settle(caller)

    def _settle(self, caller: Caller) -> None:
        """Take note of refusals that changed something, those of probes included."""
        while caller.broken:
            self._note(caller.system.name, REFUSAL, *caller.broken.pop(0))

    def _limits(self, caller: Caller) -> None:
        """Somebody who asks too much is put off, and let in when the time that was told is over."""
        if not caller.profile.limits:
            return
        query = next(o for o in caller.system.kind.operations.values() if o.query and "{" not in o.path)
        request = _plain(query.path, {**self.host.token(caller.system)})
        met = meet_limit(caller, caller.ask(query, request))
        if met is not None:
            for sentence, shown in PROBES["retry-after"](caller, met):
                self._note(caller.system.name, "retry-after", sentence, shown)
        self._settle(caller)

    def _note(self, name: str, check: str, sentence: str, sent: Sent) -> None:
        key = (name, sent.operation.name, check, sentence)
        known = self._found.get(key)
        if known is None:
            known = FuzzFinding(name, sent.operation.name, check, sentence, _request(sent), _answer(sent), times=0)
        self._found[key] = replace(known, times=known.times + 1)

    def findings(self, ledger: Ledger) -> tuple[FuzzFinding, ...]:
        """What was found, and what the ledger says of those who were refused."""
        committed: dict[int, Commit] = {}
        refused: dict[int, int] = {}
        for record in ledger:
            match record:
                case Commit(exchange=exchange) if exchange:
                    committed[exchange] = record
                case Reject(exchange=exchange, status=status) if exchange:
                    refused[exchange] = status
                case ResponseFirst(exchange=exchange, status=status) if status >= 400:
                    refused[exchange] = status
        self._ledger_judged = len(refused)
        for exchange in sorted(committed.keys() & refused.keys()):
            commit = committed[exchange]
            name = ledger.header.systems[commit.system]
            sentence = f"refused with {refused[exchange]}, and committed"
            sent = self._callers[name].refused.get(exchange)
            if sent is not None:
                self._note(name, "ledger", sentence, sent)
            else:  # it was answered as if it had been carried out
                operation = ledger.header.operations[commit.operation].name
                found = FuzzFinding(name, operation, "ledger", sentence, f"exchange {exchange}", commit.effect)
                self._found.setdefault((name, operation, "ledger", sentence), found)
        return tuple(self._found.values())

    def asked(self) -> tuple[Asked, ...]:
        """What each simulator was asked."""
        return tuple(self._asked(name) for name in self._callers)

    def _asked(self, name: str) -> Asked:
        """What became of requests, and which operations saw none."""
        times = self._times[name]
        carried_out = {operation for operation, done in times if done}
        unasked = self._offered[name] - {operation for operation, _done in times}
        never = self._offered[name] - unasked - carried_out
        done = sum(number for (_operation, done), number in times.items() if done)
        return Asked(name, times.total(), done, times.total() - done, tuple(sorted(unasked)), tuple(sorted(never)))

    def judged(self) -> tuple[Judged, ...]:
        """How often each check had something to judge."""
        totals: Counter[str] = Counter()
        for caller in self._callers.values():
            totals.update(caller.judged)
        promised = {check: any(self._promises(caller, check) for caller in self._callers.values()) for check in PROBES}
        own = [Judged(check, _about(probe), totals[check], promised[check]) for check, probe in PROBES.items()]
        documents = "Status, headers, content type and body are what the OpenAPI document says; nothing is a 5xx."
        refusal = "What is refused, probes included, changes nothing in the state."
        ledger = "Of no exchange that was refused does the ledger hold a commit."
        return (
            Judged("document", documents, self._schema_judged),
            *own,
            Judged(REFUSAL, refusal, totals[REFUSAL]),
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


def _in_turn(kinds: Sequence[Sequence[tuple[str, Kind]]]) -> list[tuple[str, Kind]]:
    """The turns of all systems, spread evenly, so that each of them goes on in its own order; what fits comes first."""
    placed: list[tuple[bool, float, tuple[str, Kind]]] = []
    for of_system in kinds:
        for fits in (True, False):
            some = [turn for turn in of_system if turn[1].fits is fits]
            placed += [(not fits, (position + 0.5) / len(some), turn) for position, turn in enumerate(some)]
    return [turn for _fits, _share, turn in sorted(placed, key=lambda each: each[:2])]


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
