"""The internals of uvicorn, httptools and asyncio that we touch: an upgrade that renames one fails here, by name.

`drive/live/wire.py` may touch what is listed here and nothing else; so a new dependence is a decision.
"""

import ast
import asyncio
import inspect
import random
from importlib.metadata import version
from random import Random
from typing import Any

import httptools
import pytest
import uvicorn.protocols.http.httptools_impl as implementation
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.server import ServerState

from pilotplant.drive.inprocess.loop import VirtualLoop
from pilotplant.drive.live import wire

METHODS = {
    "data_received",
    "on_headers_complete",
    "on_message_complete",
    "connection_lost",
    "shutdown",
    "_start_asgi_task",
    "_should_upgrade",
    "_unset_keepalive_if_required",
}
CONNECTION = {"parser", "transport", "flow", "loop", "pipeline", "scope", "headers", "cycle"}
PER_MESSAGE = {"url"}  # set when a message begins
CYCLE = {
    "scope",
    "transport",
    "flow",
    "message_event",
    "disconnected",
    "keep_alive",
    "more_body",
    "on_response",
    "waiting_for_100_continue",
    "response_started",
    "response_complete",
}
FLOW = {"drain", "pause_reading", "resume_reading"}
STATE = {"connections", "tasks", "default_headers"}
PARSER = {"feed_data", "get_method", "get_http_version"}
OPTIONS = {
    "interface",
    "http",
    "ws",
    "lifespan",
    "log_config",
    "log_level",
    "access_log",
    "proxy_headers",
    "server_header",
    "date_header",
    "timeout_keep_alive",
}


def _missing(owner: object, names: set[str], what: str) -> str:
    gone = sorted(name for name in names if not hasattr(owner, name))
    return (
        f"{what} of uvicorn {version('uvicorn')}, httptools {version('httptools')} no longer has {gone}" if gone else ""
    )


@pytest.fixture
def connection() -> wire.WireProtocol:
    async def app(scope: object, receive: object, send: object) -> None: ...

    async def build() -> wire.WireProtocol:
        return wire.WireProtocol(Config(app, log_config=None), ServerState(), {}, asyncio.get_running_loop())

    return asyncio.run(build())


def test_the_protocol_has_what_we_override_and_read(connection: wire.WireProtocol) -> None:
    assert not _missing(implementation.HttpToolsProtocol, METHODS, "HttpToolsProtocol")
    assert not _missing(connection, CONNECTION, "HttpToolsProtocol")
    assert not _missing(connection.parser, PARSER, "HttpRequestParser")
    connection.on_message_begin()
    assert not _missing(connection, PER_MESSAGE, "HttpToolsProtocol after on_message_begin")
    assert "method" not in connection.scope, "a scope has its method only when its head is complete"


def test_the_cycle_has_what_we_read_and_set() -> None:
    parameters = inspect.signature(implementation.RequestResponseCycle.__init__).parameters
    source = inspect.getsource(implementation.RequestResponseCycle.__init__)
    gone = sorted(name for name in CYCLE if f"self.{name} = " not in source)
    assert not gone, f"RequestResponseCycle of uvicorn {version('uvicorn')} no longer sets {gone}"
    assert "scope" in parameters and "transport" in parameters
    assert not _missing(FlowControl, FLOW, "FlowControl")
    assert "self.write_paused = " in inspect.getsource(FlowControl.__init__)


def test_the_server_parts() -> None:
    assert not _missing(ServerState(), STATE, "ServerState")
    assert implementation.STATUS_LINE[200] == b"HTTP/1.1 200 OK\r\n"
    assert not OPTIONS - set(inspect.signature(Config.__init__).parameters), "an option of Config was renamed"
    assert {"load", "loaded"} <= set(dir(Config(lambda: None, log_config=None)))
    names = list(inspect.signature(implementation.HttpToolsProtocol.__init__).parameters)
    assert names == ["self", "config", "server_state", "app_state", "_loop"]


def test_the_parser_reports_an_upgrade_apart_from_an_error_and_with_its_place() -> None:
    assert not issubclass(httptools.HttpParserUpgrade, httptools.HttpParserError)
    request = b"GET / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"
    with pytest.raises(httptools.HttpParserUpgrade) as caught:
        httptools.HttpRequestParser(object()).feed_data(request + b"rest")
    assert caught.value.args == (len(request),)


def test_the_wire_touches_nothing_else() -> None:
    tree = ast.parse(inspect.getsource(wire))
    protocol = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "WireProtocol")
    own = {"connection", "_line", "_running", "_head_of", "_head_size"}
    own |= {node.name for node in protocol.body if isinstance(node, ast.FunctionDef)}
    touched = {
        node.attr
        for node in ast.walk(protocol)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    }
    assert touched - own <= METHODS | CONNECTION | PER_MESSAGE
    of_cycle = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("cycle", "running")
    }
    assert of_cycle <= CYCLE
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name for name in imported if name and name.startswith("uvicorn")} == {
        "uvicorn.config",
        "uvicorn.protocols.http.httptools_impl",
        "uvicorn.server",
    }


LOOP = {"_ready", "_scheduled", "_clock_resolution", "_process_events", "_write_to_self", "_run_once", "call_at"}


def test_the_event_loop_has_what_the_virtual_one_overrides_and_reads() -> None:
    loop = VirtualLoop(Random(1))
    assert not sorted(name for name in LOOP if not hasattr(loop, name))
    handle, timer = loop.call_soon(print), loop.call_later(1, print)
    assert not _missing(handle, {"_context", "_callback", "cancelled"}, "Handle")
    assert not _missing(timer, {"_context", "_when"}, "TimerHandle")
    assert "self._selector.select(timeout)" in inspect.getsource(asyncio.base_events)
    task = loop.create_task(asyncio.sleep(0))
    assert not _missing(task, {"_log_destroy_pending", "get_coro"}, "Task")
    step: Any = loop._ready[-1]
    assert step._callback.__self__ is task, "a step of a task is known by its callback"
    loop.run_until_complete(task)
    loop.close()
    assert not _missing(random, {"_urandom"}, "the module random")
