"""What a simulator can answer instead of doing what it was asked: one registry of problem types (RFC 9457).

`definite` says whether the caller may conclude that nothing was changed. A 4xx of ours is definite; a time-out or a 500
is not. The judge, the OpenAPI documents, `pilotplant explain` and the docs all read this registry.
"""

from collections.abc import Callable
from typing import ClassVar, TypeVar

import msgspec

PROBLEMS: dict[str, type["Rejection"]] = {}


class Rejection(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A refusal. Subclasses add fields that tell the caller what to mend."""

    code: ClassVar[str] = ""
    status: ClassVar[int] = 0
    title: ClassVar[str] = ""
    definite: ClassVar[bool] = True

    detail: str = ""

    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """Extra response headers that belong to this refusal."""
        return ()

    def document(self) -> dict[str, object]:
        """The problem+json document."""
        fields: dict[str, object] = {
            "type": f"urn:pilotplant:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "definite": self.definite,
        }
        for name in self.__struct_fields__:
            if value := getattr(self, name):
                fields[name] = value
        return fields


R = TypeVar("R", bound=type[Rejection])


def problem(code: str, status: int, title: str, *, definite: bool = True) -> Callable[[R], R]:
    """Enter a refusal into the registry."""

    def enter(cls: R) -> R:
        assert code not in PROBLEMS, f"problem {code} is defined twice"
        cls.code, cls.status, cls.title, cls.definite = code, status, title, definite
        PROBLEMS[code] = cls
        return cls

    return enter


# --- The boundary itself -------------------------------------------------------------------------------------------


@problem("malformed-json", 400, "The body is not JSON")
class MalformedJson(Rejection, frozen=True, kw_only=True, gc=False):
    """The bytes are no document of the type that they are said to be."""


@problem("invalid-request", 422, "The request does not fit the schema")
class InvalidRequest(Rejection, frozen=True, kw_only=True, gc=False):
    """A field is missing, unknown or of the wrong type."""


@problem("body-too-large", 413, "The body is too large")
class BodyTooLarge(Rejection, frozen=True, kw_only=True, gc=False):
    """More bytes than the system accepts."""


@problem("unsupported-media-type", 415, "The body must be JSON")
class UnsupportedMediaType(Rejection, frozen=True, kw_only=True, gc=False):
    """The declared content type is not one that the dialect reads."""


@problem("no-such-operation", 404, "No operation at this path")
class NoSuchOperation(Rejection, frozen=True, kw_only=True, gc=False):
    """No operation is served at this path."""


@problem("method-not-allowed", 405, "The path does not take this method")
class MethodNotAllowed(Rejection, frozen=True, kw_only=True, gc=False):
    """The path exists with other methods."""

    allowed: tuple[str, ...] = ()

    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        return ((b"allow", ", ".join(self.allowed).encode()),)


@problem("unauthorized", 401, "Credentials are missing, wrong or expired")
class Unauthorized(Rejection, frozen=True, kw_only=True, gc=False):
    """No valid credentials came with the request."""

    scheme: str = ""

    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        return ((b"www-authenticate", (self.scheme or "Bearer").encode()),)


@problem("forbidden", 403, "These credentials may not do this")
class Forbidden(Rejection, frozen=True, kw_only=True, gc=False):
    """The credentials are valid, but not for this."""


@problem("rate-limited", 429, "Too many requests")
class RateLimited(Rejection, frozen=True, kw_only=True, gc=False):
    """A limit of the profile was reached; nothing was done. When to come again says `Retry-After`, if anything does."""

    limit: str = ""
    vendor_code: str = ""
    retry_after_s: float = 0.0


@problem("idempotency-key-missing", 400, "This system requires an idempotency key")
class IdempotencyKeyMissing(Rejection, frozen=True, kw_only=True, gc=False):
    """The profile is strict and the request carries no `idempotency-key`."""


@problem("idempotency-key-reused", 422, "The key was used for other content")
class IdempotencyKeyReused(Rejection, frozen=True, kw_only=True, gc=False):
    """The same key came with another body."""


@problem("idempotency-conflict", 409, "A request with this key was already accepted", definite=False)
class IdempotencyConflict(Rejection, frozen=True, kw_only=True, gc=False):
    """The first request with this key is still being worked on, or (strict profiles) was already accepted."""


@problem("precondition-required", 428, "If-Match is required")
class PreconditionRequired(Rejection, frozen=True, kw_only=True, gc=False):
    """The operation changes something that others change too: send the ETag you read."""


@problem("precondition-failed", 412, "The ETag is stale")
class PreconditionFailed(Rejection, frozen=True, kw_only=True, gc=False):
    """Somebody changed it since you read it."""


@problem("unavailable", 503, "Temporarily unavailable")
class Unavailable(Rejection, frozen=True, kw_only=True, gc=False):
    """A maintenance window or an outage; nothing was done."""

    retry_after_s: float = 0.0

    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        if not self.retry_after_s:
            return ()
        return ((b"retry-after", b"%d" % max(1, -(-self.retry_after_s // 1))),)


# --- What only a fault makes a system answer -------------------------------------------------------------------------


@problem("bad-request", 400, "The request is not accepted")
class BadRequest(Rejection, frozen=True, kw_only=True, gc=False):
    """The system finds fault with the request, and will again."""


@problem("request-limit-exceeded", 400, "The request limit of this account is exceeded")
class RequestLimitExceeded(Rejection, frozen=True, kw_only=True, gc=False):
    """Some vendors say "too many requests" with a 400 and a code of their own; nothing was done."""

    limit: str = ""
    vendor_code: str = ""


@problem("not-found", 404, "Not found")
class NotFound(Rejection, frozen=True, kw_only=True, gc=False):
    """The system does not know what the request is about."""


@problem("version-removed", 410, "This version of the interface was removed")
class VersionRemoved(Rejection, frozen=True, kw_only=True, gc=False):
    """The vendor has announced it, and now it is gone; another version does the same."""


@problem("request-timeout", 408, "The request took too long", definite=False)
class RequestTimeout(Rejection, frozen=True, kw_only=True, gc=False):
    """Something on the way gave up waiting."""


@problem("conflict", 409, "Somebody else is working on it")
class Conflict(Rejection, frozen=True, kw_only=True, gc=False):
    """Nothing was done; try again in a while."""


@problem("not-accepted", 422, "A rule of the system forbids it")
class NotAccepted(Rejection, frozen=True, kw_only=True, gc=False):
    """The request is well formed, and refused for good."""


@problem("locked", 423, "It is locked")
class Locked(Rejection, frozen=True, kw_only=True, gc=False):
    """Nothing was done; try again when the lock is gone."""


@problem("internal-error", 500, "The system failed", definite=False)
class InternalError(Rejection, frozen=True, kw_only=True, gc=False):
    """The system failed somewhere on the way; whether it had carried out the request is open."""


@problem("bad-gateway", 502, "The gateway got no proper answer", definite=False)
class BadGateway(Rejection, frozen=True, kw_only=True, gc=False):
    """What stands before the system could not read its answer."""


@problem("overloaded", 503, "The system is overloaded", definite=False)
class Overloaded(Rejection, frozen=True, kw_only=True, gc=False):
    """The system gave up on the request; how far it had come is open."""


@problem("gateway-timeout", 504, "The gateway waited too long", definite=False)
class GatewayTimeout(Rejection, frozen=True, kw_only=True, gc=False):
    """What stands before the system got no answer in time; the system may have carried the request out."""
