"""The middleware in this process: built from its factory, given requests, and now and then killed.

What it starts runs in the context of its life. When that ends, its tasks are abandoned where they stand: no `finally`
runs, open transactions are rolled back, and what was only in memory is gone. The next life is built anew.
"""

import asyncio
import inspect
import logging
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from contextvars import Context, copy_context
from functools import partial
from importlib import import_module, invalidate_caches
from pathlib import Path
from types import ModuleType
from typing import Any

from starlette.types import ASGIApp, Message

from pilotplant.drive.inprocess.loop import LIFE, NumberedTask, VirtualLoop
from pilotplant.drive.inprocess.network import Network
from pilotplant.drive.inprocess.transport import transport
from pilotplant.model.errors import TargetError

log = logging.getLogger("pilotplant.target")
STARTUP_S = 60.0
_LOG = "Its traceback, if it left one, is in target.log in the run's directory."
_OURS = __name__.partition(".")[0]
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)

Headers = Sequence[tuple[bytes, bytes]]


class Dead(Exception):
    """The middleware died before it had answered."""


class Factory:
    """Makes the middleware, as often as it is asked: a function, or `module:name` of one or of an ASGI application.

    A function is given what it has parameters for: `environment` (addresses and credentials, as a process would find
    them), `work` (a folder to keep files in), `transport` (an httpx transport into the estate). It returns an ASGI
    application, or a coroutine that works for as long as it runs.
    """

    def __init__(self, named: str | Callable[..., Any], folder: Path | None = None) -> None:
        self._named = named
        self._folder = folder
        self._before: dict[str, ModuleType] = {}
        self._forgot = False

    def make(self, given: Mapping[str, Any]) -> Any:
        """A new middleware."""
        maker = self._found() if isinstance(self._named, str) else self._named
        if _is_application(maker):
            return maker
        if not callable(maker):
            raise TargetError(f"{self._named} is neither a function nor an ASGI application")
        wanted = inspect.signature(maker).parameters
        everything = any(each.kind is each.VAR_KEYWORD for each in wanted.values())
        lacking = [
            name
            for name, each in wanted.items()
            if name not in given
            and each.default is each.empty
            and each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
        ]
        if lacking:
            raise TargetError(
                f"the factory {self._named} wants {', '.join(lacking)}, which it cannot be given",
                help=f"A factory may have the parameters {', '.join(given)}.",
            )
        return maker(**{name: value for name, value in given.items() if everything or name in wanted})

    def _found(self) -> Any:
        assert isinstance(self._named, str)
        module_name, _, name = self._named.partition(":")
        if self._folder is not None:
            sys.path.insert(0, str(self._folder))
        try:
            found: Any = import_module(module_name)
            for part in name.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError, SyntaxError) as error:
            raise TargetError(
                f"the factory {self._named} cannot be imported: {error}",
                help="Write it as `package.module:function`; `directory` says from where.",
            ) from error
        finally:
            if self._folder is not None:
                sys.path.remove(str(self._folder))
        return found

    def forget(self) -> None:
        """The modules of the middleware run again for every life: what they hold is memory."""
        if isinstance(self._named, str):
            self._forgot = True
            self._before.update({name: sys.modules.pop(name) for name in self._modules() if name not in self._before})
            for name in self._modules():
                del sys.modules[name]
            invalidate_caches()

    def restore(self) -> None:
        """After the run: whoever had imported the middleware before finds it as it was."""
        if not self._forgot:
            return
        self._forgot = False
        for name in self._modules():
            del sys.modules[name]
        sys.modules.update(self._before)
        self._before.clear()

    def _modules(self) -> list[str]:
        package = str(self._named).partition(":")[0].partition(".")[0]
        if package == _OURS:
            return []  # the reference keeps nothing in modules
        return [name for name in sys.modules if name == package or name.startswith(f"{package}.")]


def _is_application(thing: Any) -> bool:
    with suppress(TypeError, ValueError):
        return list(inspect.signature(thing).parameters)[:3] == ["scope", "receive", "send"]
    return False


class Middleware:
    """The middleware and its lives."""

    def __init__(
        self,
        factory: Factory,
        network: Network,
        *,
        environment: Mapping[str, str],
        work: Path,
        loop: VirtualLoop,
        lived: int = 0,
    ) -> None:
        self.life = lived
        """Which life it leads; no two instances have the same."""
        self.alive = False
        self.ended = ""
        """Why it ended by itself, if it did."""
        self.on_start: Callable[[int], None] = lambda _awaits: None
        """Told after every further start how many awaits it took."""
        self._factory = factory
        self._network = network
        self._environment = environment
        self._work = work
        self._loop = loop
        self._context = Context()
        self._app: ASGIApp | None = None
        self._graveyard: list[tuple[Context, list[NumberedTask]]] = []
        self._main: asyncio.Task[Any] | None = None
        self._lifespan: _Lifespan | None = None
        self._answers: set[asyncio.Future[tuple[int, bytes]]] = set()
        self._connections: list[sqlite3.Connection] = []

    def connected(self, connection: sqlite3.Connection) -> None:
        """It opened a database."""
        self._connections.append(connection)

    async def start(self) -> None:
        """Build it, and let it begin."""
        before = self._loop.awaits
        self.life += 1
        self.ended = ""
        self._context = copy_context()
        self._context.run(LIFE.set, self.life)
        given = {
            "environment": dict(self._environment),
            "work": self._work,
            "transport": transport(self._network),
            "transport_for": partial(transport, self._network),
        }
        self._factory.forget()
        try:
            made = self._context.run(self._factory.make, given)
        except TargetError:
            raise
        except (Exception, SystemExit) as error:
            self._context.run(log.exception, "the factory failed")
            raise TargetError(f"the target could not be built: {type(error).__name__}: {error}", help=_LOG) from error
        if inspect.iscoroutine(made):
            self._main = self._task(made)
        elif _is_application(made):
            self._app = made
            self._lifespan = _Lifespan(made)
            self._main = self._task(self._lifespan.run())
            await self._lifespan.started(STARTUP_S)
        else:
            raise TargetError(f"the factory returned {made!r}: neither an ASGI application nor a coroutine")
        self._main.add_done_callback(self._over, context=Context())
        self.alive = True
        self.on_start(self._loop.awaits - before)

    async def stop(self) -> None:
        """End it kindly: it may finish what it is at."""
        self.alive = False
        main, lifespan = self._main, self._lifespan
        if main is None:
            return
        if lifespan is not None and not main.done():
            with suppress(TimeoutError):
                await lifespan.shut_down(STARTUP_S)
        left = self._tasks()
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=STARTUP_S)
        self._close_databases()

    async def kill(self) -> None:
        """Kill it."""
        self.crash()

    def suspend(self) -> None:
        """Let it stand still."""
        self._loop.suspend(self.life)

    def resume(self) -> None:
        """Let it go on."""
        self._loop.resume(self.life)

    def crash(self) -> None:
        """Kill it where it stands, as SIGKILL would."""
        self.alive = False
        # Kept for as long as the run lasts: who is collected runs its `finally`, and the dead do not. Before anything
        # is let go, for some tasks are held by nothing but the loop.
        self._graveyard.append((self._context, self._tasks()))
        self._loop.abandon(self.life)
        self._network.cut(self.life)
        self._main = self._app = self._lifespan = None
        self._close_databases()
        for answer in [answer for answer in self._answers if not answer.done()]:
            answer.set_exception(Dead())

    def give_up(self, why: str) -> None:
        """Kill it for good."""
        self.crash()
        self.ended = why

    def bury(self) -> None:
        """After the run, when nothing can come of it any more: let go of the dead, without a word of theirs."""
        before = logging.root.manager.disable
        logging.disable()
        try:
            for context, tasks in self._graveyard:
                for task in tasks:
                    task._log_destroy_pending = False  # type: ignore[attr-defined]
                    coroutine: Any = task.get_coro()
                    with suppress(BaseException):
                        context.run(coroutine.close)  # as that life, to which the world is refused
        finally:
            logging.disable(before)
            self._graveyard.clear()
            self._factory.restore()

    async def handle(self, path: str, query: str, headers: Headers, body: bytes) -> tuple[int, bytes]:
        """Give it a POST request; its status and body, or `Dead`."""
        app = self._app
        if app is None or not self.alive:
            raise Dead
        answer: asyncio.Future[tuple[int, bytes]] = self._loop.create_future()
        self._answers.add(answer)
        conversation = _Conversation(answer, body)
        try:
            self._task(conversation.run(app, _scope(path, query, headers, self._state())))
            return await answer
        finally:
            self._answers.discard(answer)

    def _tasks(self) -> list[NumberedTask]:
        """What this life is at."""
        tasks = [task for task in asyncio.all_tasks(self._loop) if isinstance(task, NumberedTask)]
        return sorted((task for task in tasks if task.life == self.life), key=hash)

    def _state(self) -> dict[str, Any]:
        """What the lifespan has put down for the requests."""
        return dict(self._lifespan.state) if self._lifespan is not None else {}

    def _task(self, work: Any) -> asyncio.Task[Any]:
        return self._loop.create_task(work, context=self._context.copy())

    def _over(self, main: asyncio.Task[Any]) -> None:
        error = None if main.cancelled() else main.exception()
        if not self.alive or main is not self._main:
            return
        why = f"with {type(error).__name__}: {error}" if error is not None else "without being asked"
        self.ended = f"the target ended by itself {why}"
        self.alive = False

    def _close_databases(self) -> None:
        """What was not committed is not there any more."""
        for connection in self._connections:
            with suppress(sqlite3.Error):
                connection.rollback()
            with suppress(sqlite3.Error):
                connection.close()
        self._connections.clear()


def _scope(path: str, query: str, headers: Headers, state: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": list(headers),
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8000),
        "state": state,
    }


class _Conversation:
    """One request to the ASGI application."""

    def __init__(self, answer: "asyncio.Future[tuple[int, bytes]]", body: bytes) -> None:
        self._answer = answer
        self._body: bytes | None = body
        self._status = 0
        self._parts: list[bytes] = []

    async def run(self, app: ASGIApp, scope: dict[str, Any]) -> None:
        try:
            await app(scope, self._receive, self._send)
        except Exception:
            log.exception("the application failed")  # and answers 500, as a server would
        self._settle(500, b"")

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await asyncio.get_running_loop().create_future()  # nobody leaves while the application is at it
        raise AssertionError

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
        elif message["type"] == "http.response.body":
            self._parts.append(message.get("body", b""))
            if not message.get("more_body"):
                self._settle(self._status, b"".join(self._parts))

    def _settle(self, status: int, body: bytes) -> None:
        if not self._answer.done():
            self._answer.set_result((status, body))


class _Lifespan:
    """The beginning and the end of an ASGI application, as its server tells them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._begun = asyncio.Event()
        self._finished = asyncio.Event()
        self._failure = ""
        self.state: dict[str, Any] = {}

    async def run(self) -> None:
        """In the middleware's own context."""
        scope: dict[str, Any] = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        self._to_app.put_nowait({"type": "lifespan.startup"})
        try:
            await self._app(scope, self._to_app.get, self._send)
        except Exception as error:
            if self._failure:
                return  # it has said why it does not start
            if self._begun.is_set():
                raise
            log.info("the application does without a lifespan: %r", error)  # as servers take it
        finally:
            self._begun.set()
            self._finished.set()
        await asyncio.get_running_loop().create_future()  # an application without lifespan works until it is stopped

    async def _send(self, message: Message) -> None:
        match message["type"]:
            case "lifespan.startup.complete":
                self._begun.set()
            case "lifespan.startup.failed":
                self._failure = message.get("message") or "it said no more"
                self._begun.set()
            case "lifespan.shutdown.complete" | "lifespan.shutdown.failed":
                self._finished.set()

    async def started(self, within_s: float) -> None:
        """Wait until it has begun."""
        try:
            async with asyncio.timeout(within_s):
                await self._begun.wait()
        except TimeoutError:
            self._failure = f"its start took longer than {within_s:g} s"
        if self._failure:
            raise TargetError(f"the target did not start: {self._failure}", help=_LOG)

    async def shut_down(self, within_s: float) -> None:
        """Ask it to end, and wait."""
        self._to_app.put_nowait({"type": "lifespan.shutdown"})
        async with asyncio.timeout(within_s):
            await self._finished.wait()
