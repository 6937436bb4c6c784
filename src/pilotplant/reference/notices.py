"""Telling the desk and PLM, through an outbox: what was decided is told, even if this process dies meanwhile."""

import logging

import msgspec

from pilotplant.reference.calls import Call, GaveUp, Refusal
from pilotplant.reference.client import SystemClient
from pilotplant.reference.lanes import Key
from pilotplant.reference.messages import Owner, RaiseException, ReportResult
from pilotplant.reference.retry import RetryPolicy
from pilotplant.reference.store import Store

log = logging.getLogger("pilotplant.reference")


class Notices:
    """Notes what has to be told, in the transaction of its cause, and tells it."""

    def __init__(self, store: Store, clients: dict[str, SystemClient], retry: RetryPolicy) -> None:
        self._store = store
        self._clients = clients
        self._retry = retry

    def exception(
        self, flow: str, subject: str, plant: str, *, owner: Owner, reason: str, text: str, traceparent: str
    ) -> None:
        """Raise an exception at the desk: whose it is, which instance it is about, and why; once."""
        body = RaiseException(flow, subject, plant, owner, reason, text[:500])
        self._note(f"exception|{flow}|{subject}|{plant}|{reason}", "desk", "/exceptions", body, traceparent)

    def report(self, change: str, plant: str, *, accepted: bool, text: str, path: str, traceparent: str) -> None:
        """Report to PLM what ERP made of a change. A later report replaces an earlier one."""
        body = ReportResult(plant, "erp", "accepted" if accepted else "rejected", text[:500])
        key = f"report|{change}|{plant}"
        with self._store.transaction() as db:
            db.execute("delete from notices where key = ?", (key,))
            self._note(key, "plm", path, body, traceparent)

    def forget(self, flow: str, subject: str, plant: str) -> None:
        """The exceptions of an instance were resolved: should it fail again, that is to be told again."""
        prefix = f"exception|{flow}|{subject}|{plant}|"
        with self._store.transaction() as db:
            db.execute("delete from notices where substr(key, 1, ?) = ?", (len(prefix), prefix))

    def open_keys(self) -> list[Key]:
        """What still has to be told."""
        rows = self._store.db.execute("select key from notices where state = 'open' order by number")
        return [(row["key"],) for row in rows]

    async def tell(self, key: Key) -> None:
        """Tell one thing, as long as it takes."""
        row = self._store.db.execute("select * from notices where key = ? and state = 'open'", key).fetchone()
        if row is None:
            return
        client = self._clients[row["system"]]
        call = Call("POST", row["path"], row["body"], traceparent=row["traceparent"])
        state = ""
        while not state:
            try:
                await self._retry.persist(lambda: client.send(call, msgspec.Raw))
                state = "told"
            except Refusal as refusal:
                log.warning("%s did not take the notice %s: %s", row["system"], row["key"], refusal)
                state = "refused"
            except GaveUp as failed:
                # There is nobody else to tell, so there is no giving up.
                log.warning("%s cannot be told %s yet: %s", row["system"], row["key"], failed)
        with self._store.transaction() as db:
            db.execute("update notices set state = ? where number = ?", (state, row["number"]))

    def _note(self, key: str, system: str, path: str, body: msgspec.Struct, traceparent: str) -> None:
        with self._store.transaction() as db:
            db.execute(
                "insert or ignore into notices (key, system, path, body, traceparent) values (?, ?, ?, ?, ?)",
                (key, system, path, msgspec.json.encode(body), traceparent),
            )
