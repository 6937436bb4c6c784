"""The answer comes whole, but its body is no good: cut off, not JSON, a gateway's page, or nothing at all."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pilotplant.faults.fault import Fault, Occasion, Settings
from pilotplant.model.script import Answer, Commit, Rewrite, Script, after

How = Literal["truncated", "invalid", "page", "empty"]
_PAGE = b"<!doctype html><title>Gateway</title><p>Your request is being processed.</p>"


@dataclass(frozen=True, slots=True)
class Garble(Rewrite):
    """Spoils the body; the head stays true to its length."""

    how: How = "truncated"
    keep: float = 0.5

    def rewrite(self, answer: Answer) -> Answer:
        status, headers, body = answer
        match self.how:
            case "truncated":
                return status, headers, body[: int(len(body) * self.keep)]
            case "invalid":
                return status, headers, body.replace(b'"', b"'")
            case "page":
                kept = tuple(header for header in headers if header[0] != b"content-type")
                return status, (*kept, (b"content-type", b"text/html")), _PAGE
            case "empty":
                return status, headers, b""


class AnswerGarbled(Fault):
    """`{fault: answer-garbled, match: {operation: erp.stock.post}, how: truncated, keep: 0.5}`"""

    KIND: ClassVar[str] = "answer-garbled"
    DRAWN: ClassVar[Settings | None] = {"how": ("truncated", "invalid", "page", "empty")}

    how: How = "truncated"
    """What is wrong with the body."""
    keep: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Of a truncated body, the share that is left."""

    def bend(self, script: Script, occasion: Occasion) -> Script:
        return after(script, Commit, Garble(self.KIND, self.how, self.keep))
