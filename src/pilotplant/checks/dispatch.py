"""One pass over the records: by kind, and by operation where the kind has one, the handlers to call.

A check that breaks is noted and silenced, and the others go on; a fold that breaks ends the judgement, since all checks
stand on it. The loop pays nothing for that: only when something breaks are the rest of the record's handlers called
apart.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from pilotplant.checks.check import Check
from pilotplant.ledger.header import Header
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import AnyRecord, Record

Handle = Callable[[Any], None]


class Dispatch:
    """The handlers of all folds and checks."""

    def __init__(self, header: Header) -> None:
        self.crashed: dict[str, str] = {}
        self._header = header
        self._by_kind: dict[type[Record], list[Handle]] = {}
        self._by_operation: dict[type[Record], list[list[Handle]]] = {}

    def add(self, handlers: dict[Any, Any]) -> None:
        """Take in the handlers of a fold or check. They are called in the order in which they are added."""
        for kind, (wants, handle) in handlers.items():
            if "operation" not in kind.__struct_fields__:
                self._by_kind.setdefault(kind, []).append(handle)
                continue
            lists = self._by_operation.setdefault(kind, [[] for _ in self._header.operations])
            for number, named in enumerate(self._header.operations):
                if wants is None or wants(named):
                    lists[number].append(handle)

    def run(self, ledger: Ledger) -> dict[type[Record], int]:
        """Call the handlers, record by record; how many of each kind there were."""
        seen: Counter[type[Record]] = Counter()
        for block in ledger.blocks():
            seen.update(map(type, block))
            self._run_block(block)
        return dict(seen)

    def _run_block(self, block: list[AnyRecord]) -> None:
        by_operation, by_kind = self._by_operation, self._by_kind
        none: list[Handle] = []
        records = iter(block)
        record: AnyRecord | None = None
        handle: Handle | None = None
        while True:
            try:
                for record in records:
                    kind = record.__class__
                    lists = by_operation.get(kind)
                    for handle in lists[record.operation] if lists is not None else by_kind.get(kind, none):  # type: ignore[union-attr]
                        handle(record)
                return
            except Exception as error:
                self._go_on_without(handle, record, error)

    def _go_on_without(self, broken: Handle | None, record: AnyRecord | None, error: Exception) -> None:
        """Silence the check that broke, and finish the record with the others."""
        check = getattr(broken, "__self__", None)
        if broken is None or record is None or not isinstance(check, Check):
            raise error
        self.crashed[check.NAME] = f"at #{record.seq}: {type(error).__name__}: {error}"
        handlers = self._handlers(record)
        rest = handlers[handlers.index(broken) + 1 :]
        for lists in (self._by_kind.values(), *self._by_operation.values()):
            for handles in lists:
                handles[:] = [handle for handle in handles if getattr(handle, "__self__", None) is not check]
        for handle in rest:
            try:
                handle(record)
            except Exception as another:
                self._go_on_without(handle, record, another)
                return

    def _handlers(self, record: AnyRecord) -> list[Handle]:
        lists = self._by_operation.get(type(record))
        if lists is None:
            return list(self._by_kind.get(type(record), ()))
        return list(lists[record.operation])  # type: ignore[union-attr]
