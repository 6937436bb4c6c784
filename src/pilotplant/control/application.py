"""What the estate's port answers besides its systems: control API, metrics, and a page for whoever opens it in a
browser."""

from collections.abc import Awaitable, Callable
from hmac import compare_digest
from html import escape
from typing import Any

import msgspec
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from pilotplant import __version__
from pilotplant.control.load import LoadControl
from pilotplant.control.metrics import exposition
from pilotplant.load.driving import Driving
from pilotplant.model.errors import DocumentError, Problem, UsageError
from pilotplant.model.instants import iso
from pilotplant.run.elsewhere import NULL_PATH, accept_and_do_nothing
from pilotplant.run.preparation import Prepared
from pilotplant.run.stimulation import occur_once, stimulus_of
from pilotplant.scenario.loading import read_fault

BASE = "/_pilotplant"
FAULT_MAX_BYTES = 64 * 1024


class _Wanted(msgspec.Struct, forbid_unknown_fields=True, rename={"with_": "with"}):
    """What is to happen."""

    do: str
    with_: dict[str, Any] = {}


class Control:
    """The endpoints. `token` is asked for where the estate listens beyond this machine."""

    def __init__(self, prepared: Prepared, token: str = "", driving: Driving | None = None) -> None:
        self._prepared = prepared
        self._token = token
        self._sent = 0
        self._load = LoadControl(prepared, driving)

    def application(self) -> ASGIApp:
        """The ASGI application."""
        guarded = self._guarded
        return Starlette(
            routes=[
                Route("/", self.page),
                Route(NULL_PATH, accept_and_do_nothing, methods=["POST"]),
                Route(f"{BASE}/health", self.health),
                Route(f"{BASE}/ready", self.health),
                Route(f"{BASE}/info", guarded(self.info)),
                Route(f"{BASE}/clock", guarded(self.clock)),
                Route(f"{BASE}/faults", guarded(self.faults)),
                Route(f"{BASE}/faults", guarded(self.arm), methods=["POST"]),
                Route(f"{BASE}/faults", guarded(self.lift_all), methods=["DELETE"]),
                Route(f"{BASE}/faults/{{label}}", guarded(self.lift), methods=["DELETE"]),
                Route(f"{BASE}/stimuli", guarded(self.stimulate), methods=["POST"]),
                Route(f"{BASE}/ledger", guarded(self.ledger)),
                Route(f"{BASE}/flows", guarded(self._load.flows)),
                Route(f"{BASE}/load/claim", guarded(self._load.claim), methods=["POST"]),
                Route(f"{BASE}/load/fire", guarded(self._load.fire), methods=["POST"]),
                Route("/metrics", guarded(self.metrics)),
            ]
        )

    def _guarded(self, endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def guard(request: Request) -> Response:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if self._token and not compare_digest(given.encode(), self._token.encode()):
                return PlainTextResponse("a bearer token is required", 401, {"www-authenticate": "Bearer"})
            return await endpoint(request)

        return guard

    async def health(self, request: Request) -> Response:
        """Whether the estate works."""
        failed = self._prepared.host.failure is not None
        return _json({"status": "failed" if failed else "ready"}, 503 if failed else 200)

    async def info(self, request: Request) -> Response:
        """What this estate is. Secrets are printed by `up` and given to targets; never here."""
        header = self._prepared.ledger.header
        systems = [
            {"name": a.name, "system": a.kind, "plants": a.plants, "profile": a.profile, "url": a.url}
            for a in self._prepared.addresses()
        ]
        return _json(
            {"version": __version__, "run": header.run, "seed": header.seed, "mode": header.mode}
            | {"speed": header.speed, "systems": systems}
        )

    async def clock(self, request: Request) -> Response:
        """Now, on both clocks."""
        world = self._prepared.world
        world.advance()
        now = world.now()
        return _json({"wire_s": now.wire, "business": iso(now.business), "speed": world.speed})

    async def faults(self, request: Request) -> Response:
        """The faults of this run and how often each has bitten."""
        plan = self._prepared.host.faults
        return _json({"armed": plan.armed, "bitten": dict(plan.bitten)})

    async def arm(self, request: Request) -> Response:
        """Put a fault in place that is given as JSON, in the form that it has in a scenario."""
        prepared = self._prepared
        if prepared.host.faults.healed:
            return _json({"error": "the faults of this run were lifted: it is coming to rest"}, 409)
        if prepared.host.processes:
            return _json({"error": "the systems run in processes of their own, which know no faults"}, 409)
        content = await request.body()
        if len(content) > FAULT_MAX_BYTES:
            return _json({"error": f"a fault has at most {FAULT_MAX_BYTES} bytes"}, 413)
        try:
            fault = read_fault(content.decode(), prepared.setup)
        except UnicodeDecodeError:
            return _json({"error": "the body is not text in UTF-8"}, 422)
        except DocumentError as error:
            return _json({"error": "this fault cannot be", "problems": [_told(each) for each in error.problems]}, 422)
        if fault.ON_TARGET and not prepared.host.can_strike:
            return _json({"error": f"`{fault.KIND}` is done to the target, and no target was started here"}, 422)
        return _json({"armed": prepared.host.arm(fault)}, 201)

    async def lift(self, request: Request) -> Response:
        """Lift one fault."""
        label = request.path_params["label"]
        if self._prepared.host.lift(label):
            return _json({"lifted": [label]})
        return _json({"error": f"no fault `{label}` is armed", "armed": self._prepared.host.faults.armed}, 404)

    async def lift_all(self, request: Request) -> Response:
        """Lift all faults that are armed now; others may be armed later."""
        host = self._prepared.host
        return _json({"lifted": [label for label in host.faults.armed if host.lift(label)]})

    async def stimulate(self, request: Request) -> Response:
        """Let something happen now: `{"do": "mes.order.complete", "with": {}}`, a stimulus or an event by name."""
        content = await request.body()
        if len(content) > FAULT_MAX_BYTES:
            return _json({"error": f"a stimulus has at most {FAULT_MAX_BYTES} bytes"}, 413)
        try:
            wanted = msgspec.json.decode(content, type=_Wanted)
            self._sent += 1
            stimulus = stimulus_of(wanted.do)
            occur_once(self._prepared.estate, stimulus, wanted.with_, f"control-{self._sent}")
        except (msgspec.MsgspecError, ValidationError) as error:
            return _json({"error": str(error)}, 422)
        except UsageError as error:
            return _json({"error": error.message}, 422)
        return _json({"done": stimulus}, 201)

    async def ledger(self, request: Request) -> Response:
        """How far the ledger is."""
        ledger = self._prepared.ledger
        return _json({"seq": ledger.seq, "progress": ledger.progress})

    async def metrics(self, request: Request) -> Response:
        """The state of the estate for Prometheus."""
        return PlainTextResponse(exposition(self._prepared), media_type="text/plain; version=0.0.4")

    async def page(self, request: Request) -> Response:
        """A page for people."""
        rows = "".join(
            f'<tr><td>{escape(a.name)}</td><td>{escape(a.profile)}</td><td><a href="{escape(a.url)}/openapi.json">'
            f"{escape(a.url)}</a></td></tr>"
            for a in self._prepared.addresses()
        )
        return HTMLResponse(
            "<!doctype html><meta charset=utf-8><title>Pilotplant</title>"
            "<style>body{font:1rem/1.5 system-ui;margin:3rem auto;max-width:50rem;padding:0 1rem}"
            ":root{color-scheme:light dark}"
            "td,th{padding:.2rem 1rem .2rem 0;text-align:left}</style>"
            f"<h1>Pilotplant estate</h1><table><tr><th>System<th>Profile<th>OpenAPI</tr>{rows}</table>"
            f'<p><a href="{BASE}/info">info</a> · <a href="{BASE}/clock">clock</a> · <a href="/metrics">metrics</a></p>'
        )


def _told(problem: Problem) -> dict[str, str]:
    return {"code": problem.code, "message": problem.message, "help": problem.help}


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
