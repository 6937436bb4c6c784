"""Holds a real system and its simulator against the same pacts, and tells where they differ: status, headers, fields,
types, the shape of errors. What is read is asked; what writes is asked only of those who allow it."""

from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from pilotplant.conformance.binding import READS, Bindings, Unbound, bound, filled_in, pairs_of
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

_NOT_COMPARED = "not compared: the events of a real system cannot be asked for (--only requests leaves them out)"
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
    """Ask both about each interaction that is a request; of the others it is said that nobody compared them."""
    checked: list[Checked] = []
    async with PactJudge() as judge, httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT_S) as http:
        for number, interaction in enumerate(pacts):
            watch(Progress("comparing", number, len(pacts)))
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
    if interaction.kind != "http":
        return entry(interaction, Verdict.UNKNOWN, _NOT_COMPARED)
    if interaction.method not in READS and not system.allow_writes:
        return entry(interaction, Verdict.UNKNOWN, f"it writes ({interaction.method}), and --allow-writes is not given")
    try:
        theirs = bound(interaction, system.bindings, aliases.get(interaction.provider, interaction.provider))
    except Unbound as error:
        return entry(interaction, Verdict.UNKNOWN, str(error))
    try:
        simulated = await _simulated(interaction, scenery, aliases, http)
    except (StateError, Unbound) as error:
        return entry(interaction, Verdict.UNKNOWN, f"the simulator cannot be asked the same: {error}")
    answer = await _ask(http, theirs, system.url, system.headers)
    found = tuple(differences(simulated, answer))
    # A write is asked once: whether the consumer could live with the answer is for a reader to see in the differences.
    kept = Found(True) if interaction.method not in READS else await judge.ask(_job(theirs, system))
    told = judged(interaction, kept)
    mismatches = (*told.mismatches, *found)
    if told.verdict is Verdict.PASS and not found:
        return told
    both = [told.sentence] if told.sentence else []
    both += [f"system and simulator differ in {len(found)} places"] if found else []
    return entry(interaction, Verdict.FAIL, "; ".join(both), mismatches)


async def _simulated(
    interaction: Interaction, scenery: Scenery, aliases: Mapping[str, str], http: httpx.AsyncClient
) -> httpx.Response:
    async with scenery.stage() as stage:
        stage.choose(aliases.get(interaction.provider, interaction.provider), plant_of(interaction))
        await prepare(interaction, stage)
        ours = filled_in(interaction, stage.values)
        return await _ask(http, ours, stage.prepared.host.system_url(stage.system), await stage.headers())


async def _ask(
    http: httpx.AsyncClient, interaction: Interaction, url: str, headers: Mapping[str, str]
) -> httpx.Response:
    request = interaction.content.get("request") or {}
    given = {name: ", ".join(_listed(value)) for name, value in (request.get("headers") or {}).items()}
    body, content_type = _body(request.get("body"), given)
    if content_type and "content-type" not in map(str.lower, given):
        given["content-type"] = content_type
    pairs: Any = pairs_of(request.get("query")) or None
    try:
        return await http.request(
            interaction.method,
            url.rstrip("/") + interaction.path,
            params=pairs,
            content=body,
            headers={**given, **headers},
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise TargetError(
            f"{url} does not answer: {error}", help="Is the address right, and may it be reached?"
        ) from None


def _body(body: Any, headers: Mapping[str, str]) -> tuple[bytes | None, str]:
    """The bytes of a body and what they are: the fourth version of the specification wraps it and says how it is
    encoded."""
    if body is None:
        return None, ""
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    encoded: Any = False
    if isinstance(body, dict) and "content" in body and {"contentType", "encoded"} & set(body):
        kind, encoded, body = str(body.get("contentType") or kind), body.get("encoded"), body["content"]
    if isinstance(body, str) and encoded and str(encoded).lower() in ("true", "base64"):
        return b64decode(body), kind
    if isinstance(body, str) and (encoded or (kind and "json" not in kind)):
        return body.encode(), kind
    return msgspec.json.encode(body), kind or "application/json"


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


def differences(ours: httpx.Response, theirs: httpx.Response) -> Iterator[Mismatch]:
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
    mine_shape, their_shape = _shapes(_json(ours)), _shapes(_json(theirs))
    for place, kinds in mine_shape.items():
        found = their_shape.get(place, set())
        if not found and not _under_empty(place, their_shape):
            if not _told(place, mine_shape, their_shape):
                yield _mismatch(place, _either(kinds), "")
        elif found - kinds:
            yield _mismatch(place, _either(kinds), _either(found))


def _told(place: str, ours: Mapping[str, set[str]], theirs: Mapping[str, set[str]]) -> bool:
    """Whether what it stands in is told already: that is missing, or of another type."""
    above = place.removesuffix("[*]") if place.endswith("[*]") else place.rpartition(".")[0]
    return bool(above) and theirs.get(above, set()) != ours[above]


def _either(kinds: set[str]) -> str:
    return " or ".join(sorted(kinds))


def _mismatch(place: str, ours: str, theirs: str) -> Mismatch:
    sentence = f"the simulator has {ours or 'nothing'}, the system {theirs or 'nothing'}"
    return Mismatch(place, ours, theirs, sentence)


def _under_empty(place: str, shape: Mapping[str, set[str]]) -> bool:
    """Whether it stands in a list that is empty there, so that nobody can tell."""
    at = place
    while "[*]" in at:
        at = at.rpartition("[*]")[0]
        if shape.get(at) == {"list"} and f"{at}[*]" not in shape:
            return True
    return False


def _shapes(body: Any) -> dict[str, set[str]]:
    """Every place in a body, and the types of what stands there; entries of a list are told as one, and what only some
    of them have is `nothing` in the others."""
    found: dict[str, set[str]] = {}
    times: Counter[str] = Counter()
    _add_shape(body, "$", found, times)
    for place in found:
        above, dot, _name = place.rpartition(".")
        if dot and times[place] < times[f"{above} object"]:
            found[place].add("nothing")
    return found


def _add_shape(value: Any, place: str, found: dict[str, set[str]], times: Counter[str]) -> None:
    kind = _kind(value)
    found.setdefault(place, set()).add(kind)
    times[place] += 1
    times[f"{place} {kind}"] += 1
    if isinstance(value, dict):
        for name, inner in value.items():
            _add_shape(inner, f"{place}.{name.replace('.', '·')}", found, times)
    elif isinstance(value, list):
        for inner in value:
            _add_shape(inner, f"{place}[*]", found, times)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "boolean", str: "text", dict: "object", list: "list"}
    return kinds.get(type(value), "number")


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except (ValueError, UnicodeDecodeError):
        return None
