"""Notices requests that lead nowhere: what a target calls that is told a wrong address."""

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Unknown:
    """Around an application: tells of every request that it answers with 404."""

    def __init__(self, inner: ASGIApp, on_unknown: Callable[[str, str], None]) -> None:
        self._inner = inner
        self._on_unknown = on_unknown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 404:
                self._on_unknown(scope["method"], scope["path"])
            await send(message)

        await self._inner(scope, receive, told)
