"""What load tools ask of an estate that is up: how the flows stand, and which part of a plan is next."""

from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pilotplant.load.driving import Driving
from pilotplant.load.tracking import Tracker
from pilotplant.run.preparation import Prepared

BODY_MAX_BYTES = 1 << 20
DONE_MAX = 5000
T = TypeVar("T")


class _Who(msgspec.Struct, forbid_unknown_fields=True):
    """A driver that asks for work."""

    driver: str


class _Due(msgspec.Struct, forbid_unknown_fields=True):
    """What is due."""

    occurrences: list[int]


class LoadControl:
    """The endpoints. Without `driving` there is no plan: whoever asks decides what happens."""

    def __init__(self, prepared: Prepared, driving: Driving | None = None) -> None:
        self._prepared = prepared
        self._driving = driving
        self._own: Tracker | None = None

    async def flows(self, request: Request) -> Response:
        """How many instances were triggered and finished, and what was finished `after` a number."""
        tracker = self._tracker()
        given = request.query_params.get("after", "")
        after = int(given) if given.isascii() and given.isdigit() and len(given) < 16 else tracker.finished
        done = tracker.since(after)[:DONE_MAX]
        finished = done[-1].number if done else tracker.finished
        told = [(each.flow, round(each.took_ms, 1)) for each in done]
        return _json({"triggered": tracker.triggered, "finished": finished, "open": tracker.open, "done": told})

    async def claim(self, request: Request) -> Response:
        """Hand out a slice of the plan."""
        who = await _read(request, _Who)
        if isinstance(who, Response):
            return who
        if self._driving is None:
            return _json({"error": "no load is planned here; run `pilotplant load PROFILE`"}, 409)
        return _json(self._driving.claim(who.driver))

    async def fire(self, request: Request) -> Response:
        """Let happen what is due."""
        due = await _read(request, _Due)
        if isinstance(due, Response):
            return due
        if self._driving is None:
            return _json({"error": "no load is planned here; run `pilotplant load PROFILE`"}, 409)
        return _json({"happened": self._driving.fire(due.occurrences)})

    def _tracker(self) -> Tracker:
        """The one of the load, or our own: made when somebody first asks, since counting costs a little."""
        if self._driving is not None and self._driving.tracker is not None:
            return self._driving.tracker
        if self._own is None:
            self._own = Tracker(self._prepared.estate)
            self._prepared.expander.witnesses.append(self._own.promised)
        return self._own


async def _read(request: Request, kind: type[T]) -> T | Response:
    content = await request.body()
    if len(content) > BODY_MAX_BYTES:
        return _json({"error": f"at most {BODY_MAX_BYTES} bytes"}, 413)
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return _json({"error": f"the body cannot be read: {error}"}, 422)


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
