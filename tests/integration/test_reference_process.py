"""The reference middleware as a process: it starts from its environment, stops when told to, and survives being killed."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.unit.reference_estate import PLANTS, SECRET, Estate

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


@asynccontextmanager
async def served(estate: Estate) -> AsyncIterator[str]:
    """The estate at an address of its own."""

    async def handle(request: Request) -> Response:
        body = await request.body()
        answer = await estate.handle(httpx.Request(request.method, str(request.url), headers=request.headers, content=body))
        headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
        return Response(answer.content, answer.status_code, headers)

    app = Starlette(routes=[Route("/{path:path}", handle, methods=["GET", "POST", "PUT"])])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await task
