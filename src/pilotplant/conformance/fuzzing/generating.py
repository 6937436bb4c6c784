"""Requests for a system from its OpenAPI document, and whether answers are what the document says: Schemathesis.

Nothing is sent by it. It makes cases, which become requests of ours, and judges answers that are put before it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import msgspec
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.transport import Response

from pilotplant.conformance.fuzzing.vocabulary import Vocabulary
from pilotplant.drive.direct import Reply
from pilotplant.exchange.wire import WireRequest

_CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
"""Those that judge an answer by itself. What a schema allows the rules of a plant may refuse, and others send again."""
BATCH_MIN, BATCH_MAX = 2, 25
"""So many cases of a kind are drawn at a time."""
_BASE = "http://estate.invalid"
_STEP = 1_000_003
"""From the seed of one batch to that of the next."""
_OURS = frozenset(("user-agent", "accept-encoding", "connection", "content-length", "x-schemathesis-testcaseid"))


def generate(document: Mapping[str, Any]) -> "Generated":
    """The generator of a document."""
    load_all_checks()
    return Generated(schemathesis.openapi.from_dict(dict(document)))


class Kind(NamedTuple):
    """A kind of cases: what is asked for, whether it fits the document, and the cases, without end."""

    operation: str
    fits: bool
    cases: Iterator[Any]


class Generated:
    """What can be asked of one system."""

    def __init__(self, schema: Any) -> None:
        self._checks = [CHECKS.get_one(name) for name in _CHECKS]
        self._operations: list[Any] = [result.ok() for result in schema.get_all_operations()]

    def kinds(self, number: int, share: Callable[[], int]) -> list[Kind]:
        """For each operation cases that fit the document, then for each those that do not; the number draws them.

        `share` tells how many of a kind will be asked for: no more than that are drawn in vain.
        """
        return [
            Kind(_name(operation), mode is GenerationMode.POSITIVE, _cases(operation, mode, number, share))
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
            for operation in self._operations
            if mode is GenerationMode.POSITIVE or operation.body or operation.query
        ]

    @staticmethod
    def request(case: Any, vocabulary: Vocabulary, headers: Mapping[bytes, bytes]) -> WireRequest:
        """A case as a request, in words that the systems know."""
        negative = bool(case.meta) and case.meta.generation.mode is GenerationMode.NEGATIVE
        for part in ("path_parameters", "query", "body"):
            said = getattr(case, part)
            if isinstance(said, dict | list):
                spoken = vocabulary.speak(said, negative=negative)
                setattr(case, part, _quoted(said, spoken) if part == "path_parameters" else spoken)
        if case.headers and "If-Match" in case.headers:
            case.headers["If-Match"] = vocabulary.tag(str(case.headers["If-Match"]))
        prepared = _prepared(case)
        target = urlsplit(str(prepared.url))
        given = {
            name.lower().encode(): (value if isinstance(value, bytes) else str(value).encode("latin-1", "replace"))
            for name, value in prepared.headers.items()
            if name.lower() not in _OURS
        }
        body = prepared.body or b""
        return WireRequest(
            str(prepared.method),
            target.path,
            target.query.encode(),
            {**given, **headers},
            body if isinstance(body, bytes) else str(body).encode("utf-8", "surrogatepass"),
        )

    def judge(self, case: Any, request: WireRequest, reply: Reply) -> Iterator[tuple[str, str]]:
        """What the document has against an answer."""
        headers: dict[str, list[str]] = {}
        for name, value in reply.response.headers:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        answer = Response(reply.status, headers, reply.response.body, _prepared(case), 0.0, False)
        try:
            case.validate_response(answer, checks=self._checks)
        except BaseExceptionGroup as failures:
            for failure in failures.exceptions:
                title = getattr(failure, "title", type(failure).__name__)
                message = " ".join(str(getattr(failure, "message", "") or failure).split())
                yield "document", f"{title}: {message}"[:400]


def _quoted(said: Any, spoken: Any) -> dict[str, Any]:
    """What is generated for a path is written as an address wants it; a word that took its place has to be as well."""
    return {
        name: quote(word, safe="", errors="replace") if isinstance(word, str) and word != said[name] else word
        for name, word in spoken.items()
    }


def _name(operation: Any) -> str:
    name: str = operation.definition.raw["operationId"]
    return name


def _cases(operation: Any, mode: GenerationMode, number: int, share: Callable[[], int]) -> Iterator[Any]:
    """Batch after batch; each begins with the simplest case there is, which is wanted once."""
    strategy = operation.as_strategy(generation_mode=mode)
    each = max(BATCH_MIN, min(BATCH_MAX, share()))
    yield from _drawn(strategy, number, each)
    while batch := _drawn(strategy, number := number + _STEP, each):
        yield from batch[1:] or batch


def _drawn(strategy: Any, number: int, each: int) -> list[Any]:
    """So many values of a strategy, always the same for the same number."""
    drawn: list[Any] = []
    keep: Callable[..., None] = drawn.append
    bounded = settings(
        max_examples=each,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),  # pyright: ignore[reportArgumentType]
    )

    def take(case: Any) -> None:
        keep(case)

    bounded(seed(number)(given(case=strategy)(take)))()
    return drawn[:each]


def _prepared(case: Any) -> requests.PreparedRequest:
    told = case.as_transport_kwargs(base_url=_BASE)
    wanted = ("method", "url", "headers", "params", "json", "data", "cookies")
    request = requests.Request(**{name: value for name, value in told.items() if name in wanted})
    try:
        return request.prepare()
    except (ValueError, UnicodeError):  # what cannot be put on a wire at all is sent without its body
        return requests.Request(case.method, f"{_BASE}/", data=msgspec.json.encode(None)).prepare()
