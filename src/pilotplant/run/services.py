"""What a live run does beside delivering: calls the target's hooks, and reads where it gives up."""

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from pilotplant.dialects.codecs.codec import Unreadable, codec_of, codecs
from pilotplant.drive.host import Host
from pilotplant.ledger.records import Ending, Request, ResponseEnd, ResponseFirst, Reveals
from pilotplant.model.errors import TargetError
from pilotplant.run.given_up import GivenUp
from pilotplant.systems import catalog
from pilotplant.target.commands import run_command
from pilotplant.target.exceptions import looked_up
from pilotplant.target.hooks import Hook, StatusHook
from pilotplant.target.model import TargetSpec
from pilotplant.target.words import filled

EXCEPTIONS_PATH = "/_pilotplant/exceptions"
RAISE = "desk.exception.raise"
_STATUS_EVERY_S = 0.25
_LAST_ATTEMPTS = 4
_FAILURES_MIN = 2
"""One alone may be a moment of the target's."""


class _Busy(Exception):
    """A command that says so by its exit code."""


class Services:
    """Hooks and exceptions of one target in one run."""

    def __init__(
        self,
        target: TargetSpec,
        host: Host,
        fill: Mapping[str, str],
        folder: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`environment`: what a target is told that the run starts; commands of hooks are told the same."""
        self._target = target
        self._host = host
        self._fill = fill
        self._folder = folder
        self._http = httpx.AsyncClient(trust_env=False, timeout=5.0)
        self._tasks: list[asyncio.Task[None]] = []
        self._environment = environment or {}
        self._seen: set[tuple[str, ...]] = set()
        """What was told already: lists and tables are read again as a whole."""
        self._failures = 0
        self._listed = False
        """Whether anything was."""
        self._reading = asyncio.Lock()
        spec = target.exceptions
        listed = spec is not None and not spec.endpoint
        self._given_up = GivenUp(spec, fill, folder, self._http, host.notes.append) if spec and listed else None

    async def before(self) -> None:
        """Reset and start the target, where it has hooks for it."""
        hooks = self._target.hooks
        await self._call("reset", hooks.reset)
        await self._call("start", hooks.start)

    def watch(self) -> None:
        """Begin to read exceptions, and to ask whether the target is busy."""
        if self._given_up is not None and self._target.exceptions is not None:
            self._tasks.append(asyncio.create_task(self._again(self._target.exceptions.every, self.collect)))
        if self._target.hooks.status is not None:
            self._tasks.append(asyncio.create_task(self._again(_STATUS_EVERY_S, self._ask_status)))

    async def nudge(self) -> None:
        """Everything is healed: let the target try again and do now what it would do later."""
        hooks = self._target.hooks
        for name, hook in (("replay", hooks.replay), ("run_batch", hooks.run_batch), ("poll_now", hooks.poll_now)):
            await self._call(name, hook)

    async def after(self) -> None:
        """End it all."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(TargetError):
            await self._call("stop", self._target.hooks.stop)
        await self._http.aclose()

    async def _again(self, every_s: float, work: Callable[[], Awaitable[None]]) -> None:
        try:
            while True:
                await work()
                await asyncio.sleep(every_s)
        except Exception as error:  # nobody awaits this task: what breaks it must not go unheard
            self._host.fail(error)

    # --- hooks ------------------------------------------------------------------------------------------------------

    async def _call(self, name: str, hook: Hook | None) -> bytes:
        if hook is None:
            return b""
        try:
            async with asyncio.timeout(hook.within):
                if hook.url is not None:
                    answer = await self._http.request(hook.method, filled(hook.url, self._fill), timeout=hook.within)
                    if answer.status_code >= 400:
                        raise TargetError(f"the hook `{name}` was answered with {answer.status_code}")
                    return answer.content
                return await self._run(name, hook)
        except (TimeoutError, httpx.TimeoutException):
            raise TargetError(f"the hook `{name}` was not done within {hook.within:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise TargetError(f"the hook `{name}` cannot be called: {error}") from None

    async def _run(self, name: str, hook: Hook) -> bytes:
        words = [filled(word, self._fill) for word in hook.command]
        code, said = await run_command(words, self._folder, self._environment)
        if code and isinstance(hook, StatusHook):
            raise _Busy(f"exit code {code}")
        if code:
            raise TargetError(f"the hook `{name}` ended with {code}")
        return said

    async def _ask_status(self) -> None:
        hook = self._target.hooks.status
        assert hook is not None
        try:
            content = await self._call("status", hook)
            told = looked_up(json.loads(content or b"{}"), hook.busy)
        except _Busy as busy:
            told = str(busy)
        except (TargetError, ValueError, RecursionError):
            told = None  # one that is away cannot say that it is busy
        self._host.busy = f"the target says that it is busy ({hook.busy}: {told})"[:200] if told else ""

    # --- exceptions ---------------------------------------------------------------------------------------------------

    async def collect(self) -> None:
        """Read where the target gives up, and tell the desk; `host.unread` says if that cannot be done."""
        if self._given_up is None:
            return
        try:
            async with self._reading:
                async for content in self._given_up.read():
                    self.take(content)
        except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL, sqlite3.Error) as error:
            why = str(error) or type(error).__name__
            self._failures += 1
            if self._failures < _FAILURES_MIN:
                return
            self._host.unread = f"what the target gives up cannot be read at {self._given_up.place}: {why}"[:400]
            return
        self._host.unread, self._failures = "", 0

    async def collect_last(self) -> None:
        """The same before all is judged, more than once if need be; what looks odd about it is noted."""
        for _attempt in range(_LAST_ATTEMPTS):
            await self.collect()
            if not self._failures:
                break
            await asyncio.sleep(_STATUS_EVERY_S)
        if self._given_up is not None and self._given_up.absent:
            self._host.notes.append(f"exceptions: {self._given_up.absent}")
        if self._listed and not self._seen and self._target.exceptions is not None:
            field = self._target.exceptions.subject.field
            self._host.notes.append(f"exceptions: of what was read nothing has a subject (`{field}`)")

    def take(self, content: Any) -> int:
        """Tell the desk of what was read; how many were new."""
        spec = self._target.exceptions
        assert spec is not None
        fresh = 0
        self._listed = self._listed or bool(spec.entries(content))
        for told in spec.told(content):
            key = tuple(told.values())
            if key not in self._seen:
                self._seen.add(key)
                fresh += self._raise(told)
        return fresh

    def _raise(self, told: Mapping[str, str]) -> int:
        """In the target's name; recorded as if it had called the desk itself."""
        desk = next(iter(self._host.estate.of_kind("desk")), None)
        operation = catalog.operations()[RAISE]
        try:
            command = msgspec.convert(dict(told), operation.command)
        except msgspec.ValidationError as error:
            self._host.notes.append(f"an exception about {told['subject']} cannot be told to the desk: {error}")
            return 0
        if desk is None:
            return 0
        self._host.world.advance()
        now, ledger, number = self._host.world.env.now, desk.ledger, desk.number
        keys = tuple(str(getattr(command, key)) for key in operation.keys)
        body = ledger.body(msgspec.json.encode(command))
        named = ledger.operations[RAISE]
        incarnation = self._host.incarnation
        exchange = ledger.write(Request, now, number, named, keys, "", 0, 0, "", incarnation, body)
        desk.apply(operation, command, exchange)
        ledger.write(ResponseFirst, now, number, exchange, operation.status, Reveals.OWN)
        ledger.write(ResponseEnd, now, number, exchange, Ending.SENT, 0)
        return 1


class ExceptionEndpoint:
    """Around what the port answers: takes what a target posts to the exceptions that are offered to it."""

    def __init__(self, inner: ASGIApp, services: Callable[[], Services | None]) -> None:
        self._inner = inner
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        services = self._services()
        if scope["type"] != "http" or scope["path"] != EXCEPTIONS_PATH or services is None:
            await self._inner(scope, receive, send)
            return
        request = HttpRequest(scope, receive)
        body = await request.body()
        codec = codec_of(request.headers.get("content-type", "").encode("latin-1")) or codecs()["json"]
        try:
            services.take(codec.decode(body))
        except Unreadable as error:
            await PlainTextResponse(str(error), 400)(scope, receive, send)
            return
        await PlainTextResponse("", 202)(scope, receive, send)
