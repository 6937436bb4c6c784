"""What an exchange receives and answers, free of any server or client library."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol

from pilotplant.model.operation import Command, Operation
from pilotplant.model.problem import Rejection


class WireRequest(NamedTuple):
    """A request whose last byte has arrived. `path` is as it came, percent-encoded."""

    method: str
    path: str
    query: bytes
    headers: Mapping[bytes, bytes]
    body: bytes
    connection: int = 0
    incarnation: int = 0


class WireResponse(NamedTuple):
    """An answer, ready to be sent."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Route(NamedTuple):
    """Where a request leads: the operation, and what the path says."""

    operation: Operation
    path_values: Mapping[str, str]


class Dialect(Protocol):
    """A wire form of the operations."""

    def route(self, method: str, path: str) -> Route | Rejection:
        """Which operation a request is for."""
        ...

    def decode(self, route: Route, request: WireRequest) -> Command | Rejection:
        """The command that a request carries."""
        ...

    def compose(self, operation: Operation, command: Command) -> tuple[str, str, bytes, bytes]:
        """What a client sends for a command: method, path, query, body."""
        ...

    def encode(self, result: Any) -> bytes:
        """The body for a result."""
        ...

    def refusal(self, rejection: Rejection) -> WireResponse:
        """The answer for a refusal."""
        ...

    def negotiated(self, response: WireResponse, request: WireRequest) -> WireResponse:
        """The answer in the format that the caller wants, where that is not the usual one."""
        ...

    @property
    def content_type(self) -> bytes:
        """The content type of bodies."""
        ...


def fingerprint_of(request: WireRequest) -> int:
    """What a request asks for, as a number: where it goes is part of it, so that one key cannot stand for two."""
    return int.from_bytes(blake2b(request.path.encode() + b"\n" + request.body, digest_size=8).digest())
