"""A request for a token: an exchange like every other, so that faults strike it; its bodies are not recorded."""

from collections.abc import Mapping

import msgspec

from pilotplant.exchange.authentication import Token, TokenCheck
from pilotplant.exchange.exchange import Boundary, Exchange
from pilotplant.exchange.wire import WireRequest, WireResponse
from pilotplant.ledger.records import Ending, Request
from pilotplant.model.problem import InvalidRequest, NoSuchOperation
from pilotplant.model.script import NORMAL, Expire, Inner
from pilotplant.systems.catalog import TOKEN


def open_token(boundary: Boundary, form: Mapping[str, str], request: WireRequest) -> "TokenExchange":
    """Begin an exchange in which a token is asked for. It is recorded like every other, without its bodies."""
    now, number, ledger = boundary.env.now, boundary.system.number, boundary.ledger
    operation = ledger.operations[TOKEN]
    seq = ledger.write(Request, now, number, operation, (), "", 0, request.connection, "", request.incarnation, 0)
    boundary.open_exchanges += 1
    exchange = TokenExchange(boundary, seq, form, request)
    if boundary.faults.active:
        exchange.take(boundary.faults.bend(NORMAL, TOKEN, boundary.system.name, (), boundary.env.now))
    return exchange


class TokenExchange(Exchange):
    """A request for a token."""

    __slots__ = ("_form", "_life_s")

    def __init__(self, boundary: Boundary, seq: int, form: Mapping[str, str], request: WireRequest) -> None:
        super().__init__(boundary, seq, None, None, (), request, "", 0, 0)
        self._form = form
        self._life_s: float | None = None

    def _forestall(self, step: Inner) -> bool:
        if isinstance(step, Expire):
            self._life_s = step.after_s
            self._amended.append(step.fault)
        return super()._forestall(step)

    def _carry_out(self) -> None:
        boundary, form = self.boundary, self._form
        check, dialect = boundary.authenticator, boundary.dialect
        if not isinstance(check, TokenCheck):
            self._amended.clear()
            self.response = dialect.refusal(NoSuchOperation(detail="this system issues no tokens"))
            return
        if form.get("grant_type") != "client_credentials":
            self.response = dialect.refusal(InvalidRequest(detail="grant_type must be client_credentials"))
            return
        issued = check.issue(form.get("client_id", ""), form.get("client_secret", ""), boundary.env.now, self._life_s)
        if isinstance(issued, Token):
            boundary.ledger.keep_secret(issued.access_token)
            headers = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))
            self.response = WireResponse(200, headers, msgspec.json.encode(issued))
        else:
            self._write_refusal(issued)
            self.response = dialect.refusal(issued)

    @property
    def _number(self) -> int:
        return self.boundary.ledger.operations[TOKEN]

    def _kept_body(self, ending: Ending) -> int:
        return 0  # a token is nobody else's business
