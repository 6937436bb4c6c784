"""The `rest` dialect: JSON (or XML) over HTTP, with refusals as problems, straight from the declarations."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

import msgspec

from pilotplant.dialects.codecs.codec import Unreadable, codec_of, codecs
from pilotplant.dialects.codecs.shaping import shaped
from pilotplant.exchange.wire import Route, WireRequest, WireResponse
from pilotplant.model.operation import Command, Operation
from pilotplant.model.problem import (
    InvalidRequest,
    MalformedJson,
    MethodNotAllowed,
    NoSuchOperation,
    Rejection,
    UnsupportedMediaType,
)

_PARAMETER = re.compile(r"\{(\w+)\}")
_PROBLEM = b"application/problem+json"
_FOREIGN = re.compile("|".join(name for name in codecs() if name != "json").encode(), re.IGNORECASE)
"""What names a format other than our own."""
_NO_VALUES: Mapping[str, str] = {}
_encode = msgspec.json.Encoder().encode


class Rest:
    """Routes, decodes and encodes for one kind of system."""

    content_type = b"application/json"

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        self._static: dict[str, dict[str, Route]] = {}
        self._patterns: list[tuple[re.Pattern[str], Operation]] = []
        self._decoders: dict[str, msgspec.json.Decoder[Any]] = {}
        for operation in operations.values():
            self._decoders[operation.name] = msgspec.json.Decoder(operation.command)
            if "{" in operation.path:
                pattern = _PARAMETER.sub(r"(?P<\1>[^/]+)", operation.path)
                self._patterns.append((re.compile(pattern), operation))
            else:
                self._static.setdefault(operation.path, {})[operation.method] = Route(operation, _NO_VALUES)

    def route(self, method: str, path: str) -> Route | Rejection:
        """Which operation a request is for. The path is as it came: a `%2F` in a value does not part it."""
        static = self._static.get(path)
        if static is not None:
            found = static.get(method)
            return found if found is not None else MethodNotAllowed(allowed=tuple(static))
        allowed: list[str] = []
        for pattern, operation in self._patterns:
            if match := pattern.fullmatch(path):
                if operation.method == method:
                    return Route(operation, {name: unquote(value) for name, value in match.groupdict().items()})
                allowed.append(operation.method)
        if allowed:
            return MethodNotAllowed(allowed=tuple(allowed))
        return NoSuchOperation(detail=path[:200])

    def decode(self, route: Route, request: WireRequest) -> Command | Rejection:
        """The command that path, query and body make up."""
        operation = route.operation
        try:
            if operation.query:
                return self._from_query(operation, route, request)
            if request.body:
                content_type = request.headers.get(b"content-type", b"application/json")
                if b"json" not in content_type.lower():
                    return self._from_other(operation, route, request, content_type)
            if not route.path_values:
                command: Command = self._decoders[operation.name].decode(request.body)
                return command
            return self._from_path_and_body(operation, route, request)
        except msgspec.ValidationError as error:
            return InvalidRequest(detail=str(error))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return MalformedJson(detail=str(error)[:200])

    def compose(self, operation: Operation, command: Command) -> tuple[str, str, bytes, bytes]:
        """What a client sends for a command: method, path, query, body. The inverse of `route` and `decode`."""
        if not operation.query and "{" not in operation.path:
            return operation.method, operation.path, b"", _encode(command)
        fields: dict[str, Any] = msgspec.to_builtins(command)
        path = _PARAMETER.sub(lambda name: quote(str(fields.pop(name[1])), safe=""), operation.path)
        if operation.query:
            return operation.method, path, urlencode(fields).encode(), b""
        return operation.method, path, b"", _encode(fields)

    def encode(self, result: Any) -> bytes:
        """A result as JSON."""
        return _encode(result)

    def refusal(self, rejection: Rejection) -> WireResponse:
        """A refusal as problem+json."""
        headers = ((b"content-type", _PROBLEM), *rejection.headers())
        return WireResponse(rejection.status, headers, _encode(rejection.document()))

    def negotiated(self, response: WireResponse, request: WireRequest) -> WireResponse:
        """The answer in the format that the caller accepts, or else sends; JSON unless that is said."""
        accepted, sent = request.headers.get(b"accept", b""), request.headers.get(b"content-type", b"")
        if not _FOREIGN.search(accepted) and (_FOREIGN.search(sent) is None or b"json" in accepted):
            return response
        named = accepted if _FOREIGN.search(accepted) else sent
        codec = next(filter(None, map(codec_of, named.split(b","))), None)
        if codec is None or codec.CONTENT_TYPE == self.content_type or b"html" in accepted or not response.body:
            return response
        try:
            content = msgspec.json.decode(response.body)
        except msgspec.MsgspecError:
            return response  # a fault has garbled it
        problem = any(value == _PROBLEM for name, value in response.headers if name == b"content-type")
        kind = b"application/problem+" + codec.NAME.encode() if problem else codec.CONTENT_TYPE
        headers = tuple((name, kind if name == b"content-type" else value) for name, value in response.headers)
        return WireResponse(response.status, headers, codec.encode(content, "problem" if problem else "answer"))

    def _from_other(
        self, operation: Operation, route: Route, request: WireRequest, content_type: bytes
    ) -> Command | Rejection:
        """A body in another format than JSON, shaped after what the operation is called with."""
        codec = codec_of(content_type)
        if codec is None:
            return UnsupportedMediaType(detail=content_type.decode("latin-1")[:100])
        try:
            given = shaped(codec.decode(request.body), operation.command)
        except Unreadable as error:
            return MalformedJson(detail=str(error))
        return self._composed(operation, route, given, strict=False)

    def _from_query(self, operation: Operation, route: Route, request: WireRequest) -> Command | Rejection:
        pairs = parse_qsl(request.query.decode("ascii", "replace"), keep_blank_values=True)
        given = dict(pairs)
        if len(given) < len(pairs):
            return InvalidRequest(detail="The query gives a field twice")
        twice = given.keys() & route.path_values.keys()
        if twice:
            return InvalidRequest(detail=f"The query contains field(s) that the path gives: {', '.join(sorted(twice))}")
        command: Command = msgspec.convert({**given, **route.path_values}, operation.command, strict=False)
        return command

    def _from_path_and_body(self, operation: Operation, route: Route, request: WireRequest) -> Command | Rejection:
        given = msgspec.json.decode(request.body) if request.body else {}
        return self._composed(operation, route, given, strict=True)

    def _composed(self, operation: Operation, route: Route, given: Any, *, strict: bool) -> Command | Rejection:
        if not isinstance(given, dict):
            return InvalidRequest(detail="Expected `object`")
        twice = given.keys() & route.path_values.keys()
        if twice:
            return InvalidRequest(detail=f"Object contains field(s) that the path gives: {', '.join(sorted(twice))}")
        command: Command = msgspec.convert({**given, **route.path_values}, operation.command, strict=strict)
        return command
