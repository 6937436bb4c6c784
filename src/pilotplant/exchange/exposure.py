"""Secrets that a request carries where others can read them."""

from pilotplant.exchange.wire import WireRequest
from pilotplant.ledger.records import Exposed
from pilotplant.ledger.writer import LedgerWriter
from pilotplant.model.operation import Operation


def note_secrets(
    ledger: LedgerWriter, seq: int, system: int, operation: Operation | None, request: WireRequest, now: float
) -> None:
    """Record it. Only here is it seen: what is written has its secrets blotted out."""
    address = request.path.encode() + b"?" + request.query
    if not ledger.betrays(address + request.body):
        return
    number = ledger.operations[operation.name] if operation is not None else 0
    for place, content in (("URL", address), ("body", request.body)):
        if ledger.betrays(content):
            ledger.write(Exposed, now, system, seq, number, place)
