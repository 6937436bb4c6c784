"""Holds a real system and its simulator against the same pacts, and tells where they differ: status, headers, fields,
types, the shape of errors. What is read is asked; what writes is asked only of those who allow it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from pilotplant.conformance.binding import Bindings, Unbound, bound, rewritten
from pilotplant.conformance.pact_judge import PactJudge
from pilotplant.conformance.pact_process import Found, Job
from pilotplant.conformance.stage import Scenery
from pilotplant.conformance.verification import Checked, Mismatch, Verification
from pilotplant.conformance.verifying import entry, judged, plant_of, prepare
from pilotplant.contracts.pacts import Interaction
from pilotplant.model.errors import TargetError
from pilotplant.model.verdict import Verdict
from pilotplant.run.request import Progress
from pilotplant.systems.provider_states import StateError

_READS = frozenset(("GET", "HEAD", "OPTIONS"))
_COMPARED = ("content-type", "etag", "location", "retry-after", "www-authenticate")
_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class RealSystem:
    """Where it is, what lets a caller in, which records it has, and whether it may be written to."""

    url: str
    headers: Mapping[str, str]
    bindings: Bindings
    allow_writes: bool = False


async def compare(
    pacts: Sequence[Interaction],
    system: RealSystem,
    scenery: Callable[[Interaction], Scenery],
    aliases: Mapping[str, str],
    watch: Callable[[Progress], None],
) -> Verification:
    """Ask both about each interaction that is a request."""
    asked = [interaction for interaction in pacts if interaction.kind == "http"]
    checked: list[Checked] = []
    async with PactJudge() as judge, httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT_S) as http:
        for number, interaction in enumerate(asked):
            watch(Progress("comparing", number, len(asked)))
            checked.append(await _compared(interaction, system, scenery(interaction), aliases, judge, http))
    return Verification(system.url, tuple(checked))


async def _compared(
    interaction: Interaction,
    system: RealSystem,
    scenery: Scenery,
    aliases: Mapping[str, str],
    judge: PactJudge,
    http: httpx.AsyncClient,
) -> Checked:
    if interaction.method not in _READS and not system.allow_writes:
        return entry(interaction, Verdict.UNKNOWN, f"it writes ({interaction.method}), and --allow-writes is not given")
    try:
        theirs = bound(interaction, system.bindings)
    except Unbound as error:
        return entry(interaction, Verdict.UNKNOWN, str(error))
    answer = await _ask(http, theirs, system.url, system.headers)
    try:
        simulated = await _simulated(interaction, scenery, aliases, http)
    except (StateError, Unbound) as error:
        return entry(interaction, Verdict.UNKNOWN, f"the simulator cannot be asked the same: {error}")
    differences = tuple(_differences(simulated, answer))
    # A write is asked once: whether the consumer could live with the answer is for a reader to see in the differences.
    kept = Found(True) if interaction.method not in _READS else await judge.ask(_job(theirs, system))
    told = judged(interaction, kept)
    mismatches = (*told.mismatches, *differences)
    if told.verdict is Verdict.PASS and not differences:
        return told
    both = [told.sentence] if told.sentence else []
    both += [f"system and simulator differ in {len(differences)} places"] if differences else []
    return entry(interaction, Verdict.FAIL, "; ".join(both), mismatches)


async def _simulated(
    interaction: Interaction, scenery: Scenery, aliases: Mapping[str, str], http: httpx.AsyncClient
) -> httpx.Response:
    async with scenery.stage() as stage:
        stage.choose(aliases.get(interaction.provider, interaction.provider), plant_of(interaction))
        await prepare(interaction, stage)
        ours = rewritten(interaction, stage.values, {})
        return await _ask(http, ours, stage.prepared.host.system_url(stage.system), await stage.headers())


async def _ask(
    http: httpx.AsyncClient, interaction: Interaction, url: str, headers: Mapping[str, str]
) -> httpx.Response:
    request = interaction.content.get("request") or {}
    body = request.get("body")
    if isinstance(body, dict) and "content" in body:  # the fourth version of the specification wraps bodies
        body = body["content"]
    given = {name: ", ".join(_listed(value)) for name, value in (request.get("headers") or {}).items()}
    query = request.get("query") or {}
    pairs: Any = [(name, each) for name, values in query.items() for each in _listed(values)] if query else None
    try:
        return await http.request(
            interaction.method,
            url.rstrip("/") + interaction.path,
            params=pairs,
            content=msgspec.json.encode(body) if body is not None else None,
            headers={**given, **headers},
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise TargetError(
            f"{url} does not answer: {error}", help="Is the address right, and may it be reached?"
        ) from None


def _listed(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _job(interaction: Interaction, system: RealSystem) -> Job:
    parts = urlsplit(system.url)
    return Job(
        provider=interaction.provider,
        url=system.url,
        host=parts.hostname or "",
        pact=interaction.pact,
        headers=dict(system.headers),
        state_url="",
        message_port=0,
        message_path="",
    )


def _differences(ours: httpx.Response, theirs: httpx.Response) -> Iterator[Mismatch]:
    """Where the system's answer is not like the simulator's. More fields than the simulator has do no harm."""
    if ours.status_code != theirs.status_code:
        yield _mismatch("status", str(ours.status_code), str(theirs.status_code))
    for name in _COMPARED:
        mine, other = ours.headers.get(name, ""), theirs.headers.get(name, "")
        if name == "content-type":
            mine, other = (value.split(";")[0].strip() for value in (mine, other))
            if mine != other:
                yield _mismatch("header content-type", mine, other)
        elif bool(mine) != bool(other):
            yield _mismatch(f"header {name}", mine and "given", other and "given")
    mine_shape, their_shape = dict(_shape(_json(ours), "$")), dict(_shape(_json(theirs), "$"))
    for place, kind in mine_shape.items():
        their = their_shape.get(place, "")
        if not their and not _under_empty(place, their_shape):
            yield _mismatch(place, kind, "")
        elif their and their != kind and "null" not in (kind, their):
            yield _mismatch(place, kind, their)


def _mismatch(place: str, ours: str, theirs: str) -> Mismatch:
    sentence = f"the simulator has {ours or 'nothing'}, the system {theirs or 'nothing'}"
    return Mismatch(place, ours, theirs, sentence)


def _under_empty(place: str, shape: Mapping[str, str]) -> bool:
    """Whether it stands in a list that is empty there, so that nobody can tell."""
    at = place
    while "[*]" in at:
        at = at.rpartition("[*]")[0]
        if shape.get(at) == "list" and f"{at}[*]" not in shape:
            return True
    return False


def _shape(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Every place in a body, and the type of what stands there; entries of a list are told as one."""
    if isinstance(value, dict):
        yield place, "object"
        for name, inner in value.items():
            yield from _shape(inner, f"{place}.{name}")
    elif isinstance(value, list):
        yield place, "list"
        for inner in value:
            yield from _shape(inner, f"{place}[*]")
    elif value is None:
        yield place, "null"
    else:
        kinds = {bool: "boolean", str: "text"}
        yield place, kinds.get(type(value), "number")


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except (ValueError, UnicodeDecodeError):
        return None
