"""How a team writes consumer tests: its own client against a system that the Pact library plays, and what it expected
becomes a pact.

Every module of consumer tests has one provider. When its tests are over, what they expected is compared with the pact
under contracts/pacts; `PILOTPLANT_PACTS=contracts/pacts pytest tests/contract` writes it anew.
"""

import asyncio
import json
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
from pact import Pact

from pilotplant.reference.calls import Call, Refusal
from pilotplant.reference.client import SystemClient
from pilotplant.reference.clock import SystemClock
from pilotplant.reference.limiter import Limiter
from pilotplant.reference.messages import CloudEvent
from pilotplant.reference.settings import SystemAccess
from pilotplant.reference.tokens import TokenKeeper
from pilotplant.reference.traces import Traces

os.environ.setdefault("PACT_DO_NOT_TRACK", "true")
CONSUMER = "reference"
JSON = "application/json"
PROBLEM = "application/problem+json"
CLOUDEVENTS = "application/cloudevents+json"
T = TypeVar("T")


class Expectations:
    """What the reference middleware expects of one system."""

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self._said: dict[str, dict[str, Any]] = {}

    def _pact(self) -> Pact:
        return Pact(CONSUMER, self.provider).with_specification("V4")

    @contextmanager
    def answering(self, description: str) -> Iterator[tuple[Any, Callable[[Call, type[Any]], Any]]]:
        """An interaction to describe, and the middleware's own client to make the call with."""
        pact = self._pact()
        yield pact.upon_receiving(description), lambda call, returns: self._call(pact, call, returns)
        self._keep(pact)

    def event(self, description: str, kind: type[T], described: Callable[[Any], Any]) -> T:
        """An event that the middleware consumes, read as it reads it."""
        pact = self._pact()
        described(pact.upon_receiving(description, "Async"))
        read: list[T] = []

        def consume(body: str | bytes | None, _metadata: dict[str, object]) -> None:
            assert body is not None
            text = body if isinstance(body, bytes) else "".join(body).encode()  # the library has a text of its own kind
            read.append(msgspec.json.decode(msgspec.json.decode(text, type=CloudEvent).data, type=kind))

        pact.verify(consume, kind="Async")
        self._keep(pact)
        return read[0]

    def _call(self, pact: Pact, call: Call, returns: type[T]) -> T:
        with pact.serve(addr="127.0.0.1") as server:
            return asyncio.run(_sent(str(server.url), call, returns))

    def _keep(self, pact: Pact) -> None:
        from tempfile import TemporaryDirectory

        with TemporaryDirectory() as folder:
            pact.write_file(folder)
            (path,) = Path(folder).glob("*.json")
            (entry,) = json.loads(path.read_text(encoding="utf-8"))["interactions"]
        self._said[entry["description"]] = entry

    def document(self) -> dict[str, Any]:
        """The pact, without the versions of the library that wrote it."""
        return {
            "consumer": {"name": CONSUMER},
            "interactions": [self._said[description] for description in sorted(self._said)],
            "metadata": {"pactSpecification": {"version": "4.0"}},
            "provider": {"name": self.provider},
        }

    def compare(self, repository: Path) -> None:
        """See that the committed pact says what these tests expected; or write it, if that is asked for.

        Only what was run is compared: the tests of a module may be spread over processes.
        """
        name = f"{CONSUMER}-{self.provider}.json"
        if out := os.environ.get("PILOTPLANT_PACTS"):
            content = json.dumps(self.document(), indent=2, ensure_ascii=False) + "\n"
            (repository / out / name).write_text(content, encoding="utf-8")
            return
        path = repository / "contracts" / "pacts" / name
        entries = json.loads(path.read_text(encoding="utf-8"))["interactions"] if path.exists() else []
        committed = {entry["description"]: entry for entry in entries}
        stale = [description for description, entry in self._said.items() if committed.get(description) != entry]
        assert not stale, f"{name} does not say this: {stale}; PILOTPLANT_PACTS=contracts/pacts writes it anew"


async def _sent(url: str, call: Call, returns: type[T]) -> T:
    clock = SystemClock()
    async with httpx.AsyncClient(trust_env=False) as http:
        client = SystemClient(
            url.rstrip("/"),
            http=http,
            tokens=TokenKeeper(SystemAccess(url), http, clock, timeout_s=5),
            limiter=Limiter(clock, at_once=1),
            traces=Traces(random.Random(1)),
            clock=clock,
            timeout_s=5,
        )
        return await client.send(call, returns)


def refusal(call: Callable[[], object]) -> str:
    """The code of the refusal that a call meets."""
    try:
        call()
    except Refusal as refused:
        return refused.code
    raise AssertionError("the call was not refused")


def refused(interaction: Any, status: int, code: str) -> None:
    """The answer is a refusal for good, with this code."""
    interaction.will_respond_with(status).with_body({"code": code, "definite": True, "status": status}, PROBLEM)


def envelope(name: str, data: dict[str, Any]) -> dict[str, Any]:
    """An event as the middleware needs it; of the envelope, what it reads."""
    from pact import match

    return {
        "specversion": "1.0",
        "type": name,
        "id": match.str("1"),
        "source": match.str("/"),
        "subject": match.str("s"),
        "traceparent": match.regex(
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", regex="00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"
        ),
        "data": data,
    }
