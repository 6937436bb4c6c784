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
from pilotplant.systems import catalog
from pilotplant.target.exceptions import ExceptionsSpec, looked_up
from pilotplant.target.hooks import Hook, StatusHook
from pilotplant.target.model import TargetSpec
from pilotplant.target.words import filled

EXCEPTIONS_PATH = "/_pilotplant/exceptions"
RAISE = "desk.exception.raise"
_STATUS_EVERY_S = 0.25
_READ_MAX = 4 * 1024 * 1024


class Services:
    """Hooks and exceptions of one target in one run."""

    def __init__(self, target: TargetSpec, host: Host, fill: Mapping[str, str], folder: Path) -> None:
        self._target = target
        self._host = host
        self._fill = fill
        self._folder = folder
        self._http = httpx.AsyncClient(trust_env=False, timeout=5.0)
        self._tasks: list[asyncio.Task[None]] = []
        self._seen: set[tuple[str, ...]] = set()

    async def before(self) -> None:
        """Reset and start the target, where it has hooks for it."""
        hooks = self._target.hooks
        await self._call("reset", hooks.reset)
        await self._call("start", hooks.start)

    def watch(self) -> None:
        """Begin to read exceptions, and to ask whether the target is busy."""
        if self._target.exceptions is not None and not self._target.exceptions.endpoint:
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
        except (OSError, ValueError, TargetError) as error:
            self._host.fail(error if isinstance(error, TargetError) else TargetError(str(error)))

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
        except (httpx.HTTPError, OSError) as error:
            raise TargetError(f"the hook `{name}` cannot be called: {error}") from None

    async def _run(self, name: str, hook: Hook) -> bytes:
        words = [filled(word, self._fill) for word in hook.command]
        process = await asyncio.create_subprocess_exec(
            *words,
            cwd=self._folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said, _nothing = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode and not isinstance(hook, StatusHook):
            raise TargetError(f"the hook `{name}` ended with {process.returncode}")
        return b'{"busy": true}' if process.returncode else said

    async def _ask_status(self) -> None:
        hook = self._target.hooks.status
        assert hook is not None
        try:
            content = await self._call("status", hook)
            told = looked_up(json.loads(content or b"{}"), hook.busy)
        except (TargetError, ValueError):
            told = None  # one that is away cannot say that it is busy
        self._host.busy = f"the target says that it is busy ({hook.busy}: {told})"[:200] if told else ""

    # --- exceptions ---------------------------------------------------------------------------------------------------

    async def collect(self) -> None:
        """Read where the target gives up, and tell the desk."""
        spec = self._target.exceptions
        if spec is None or spec.endpoint:
            return
        try:
            content = await self._read(spec)
        except (OSError, ValueError, httpx.HTTPError, sqlite3.Error):
            return  # it is not there yet, or just being written
        self.take(content)

    def take(self, content: Any) -> int:
        """Tell the desk of what was read; how many were new."""
        spec = self._target.exceptions
        assert spec is not None
        fresh = 0
        for told in spec.told(content):
            key = (told["plant"], told["subject"], told["reason"])
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

    async def _read(self, spec: ExceptionsSpec) -> Any:
        if spec.poll is not None:
            answer = await self._http.get(filled(spec.poll, self._fill))
            codec = codec_of(answer.headers.get("content-type", "").encode()) or codecs()["json"]
            if answer.status_code >= 400:
                raise ValueError(f"status {answer.status_code}")
            return codec.decode(answer.content)
        if spec.sql is not None:
            return await asyncio.to_thread(_rows, self._folder / filled(spec.sql.sqlite, self._fill), spec.sql.query)
        path = self._folder / filled(spec.file, self._fill)
        lines = await asyncio.to_thread(_lines, path)
        return [codecs()["json"].decode(line) for line in lines if line.strip()]


def _lines(path: Path) -> list[bytes]:
    """The whole lines of a file; the last may be half written."""
    with path.open("rb") as file:
        content = file.read(_READ_MAX)
    return content[: content.rfind(b"\n") + 1].splitlines()


def _rows(path: Path, query: str) -> list[dict[str, Any]]:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=1.0)
    try:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query).fetchmany(100_000)]
    finally:
        connection.close()


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
