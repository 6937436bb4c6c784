"""A middleware for the weekend: it moves plants from the legacy ERP to the cloud ERP while the shop floors go on.

For each plant: initial load of items, open orders and stock while clerks go on changing them; freeze; delta load of
what changed since the initial load *began*; reconcile by count, quantity and value; release, take over. If the books
do not agree, or a plant was frozen for longer than its window and is not released yet, it is thawed and stays where
it was, and a person is told. Confirmations are booked in the ERP that is in charge of the plant; while it is moved
they wait.

    python migrate.py PORT JOURNAL [--window-s N] [--defect delta-from-the-end|takes-over-first|forgets-what-waited]
"""

import asyncio
import sys
from urllib.parse import quote

import hub
import msgspec
from hub import Client, Hub, Lost, decode, encode, env

PAGE = 1000
AT_ONCE = 3


def option(name, usual):
    """Take an option off the command line; the rest of it belongs to the hub."""
    if name not in sys.argv:
        return usual
    place = sys.argv.index(name)
    value = sys.argv[place + 1]
    del sys.argv[place : place + 2]
    return value


DEFECT = option("--defect", "")
WINDOW_S = float(option("--window-s", 900))


class Begun(msgspec.Struct):
    cutover: str
    plant: str


class Envelope(msgspec.Struct):
    type: str
    data: msgspec.Raw
    traceparent: str = ""


class Refused(Exception):
    """An answer that is no success."""


def with_key(name):
    async def header():
        return f"x-api-key: {env[name]}\r\n".encode()

    return header


class Migration(Hub):
    """Books confirmations where they belong, and moves plants."""

    ERP = "CLOUD"

    def __init__(self, journal, serial_s=0.0):
        self.where, self.moves = {}, {}
        super().__init__(journal, serial_s)
        self.room = asyncio.Semaphore(AT_ONCE)

    def take(self, raw):
        told = msgspec.json.decode(raw, type=Envelope)
        if told.type == "mes.order.completed":
            super().take(raw)
        elif told.type == "legacy.cutover.begun":
            begun = msgspec.json.decode(told.data, type=Begun)
            if begun.plant not in self.moves:
                self.moves[begun.plant] = asyncio.create_task(self.move(begun, told.traceparent))

    def note(self, raw, again=False):
        if msgspec.json.decode(raw, type=Envelope).type == "mes.order.completed":
            super().note(raw, again)

    async def move(self, begun, traceparent):
        """Move one plant, or leave it where it is."""
        trace = f"traceparent: {traceparent}\r\n".encode()
        legacy, cloud = Client(env["LEGACY_URL"], with_key("LEGACY_API_KEY")), Client(env["CLOUD_URL"], self.tokens)
        plant = quote(begun.plant)
        async with self.room:
            marks = {}
            for part in ("items", "orders", "quants"):
                marks[part] = await self.load(legacy, cloud, plant, part, "", trace)
            self.where[begun.plant] = asyncio.Event()
            await self.sure(legacy, "POST", f"/plants/{plant}/freeze", trace)
            trouble = await self.catch_up(legacy, cloud, plant, marks, trace)
            if trouble and DEFECT != "delta-from-the-end":
                await self.fall_back(legacy, begun, trouble, trace)
                return
            steps = [(legacy, f"/plants/{plant}/release"), (cloud, f"/plants/{plant}/take-over")]
            for system, path in reversed(steps) if DEFECT == "takes-over-first" else steps:
                await self.sure(system, "POST", path, trace)
            waiting, self.where[begun.plant] = self.where[begun.plant], "cloud"
            waiting.set()  # what waited goes where it belongs now

    async def catch_up(self, legacy, cloud, plant, marks, trace):
        """The delta load and the look at both books; what speaks against the switch, if anything does."""
        try:
            async with asyncio.timeout(WINDOW_S):
                for part, since in marks.items():
                    await self.load(legacy, cloud, plant, part, since, trace)
                before = await self.sure(legacy, "GET", f"/totals?plant={plant}", trace)
                after = await self.sure(cloud, "GET", f"/totals?plant={plant}", trace)
        except TimeoutError:
            return "window-missed", f"not done {WINDOW_S:g} s after the plant was frozen"
        return () if before == after else ("books-differ", f"the books differ: {before} against {after}")

    async def fall_back(self, legacy, begun, trouble, trace):
        """Nothing was released yet: the plant stays in the ERP that it was in, and what waited is booked there."""
        await self.sure(legacy, "POST", f"/plants/{quote(begun.plant)}/thaw", trace)
        waiting = self.where.pop(begun.plant)
        waiting.set()
        reason, text = trouble
        told = {"flow": "cutover", "subject": begun.cutover, "plant": begun.plant, "owner": "plant-it"}
        told |= {"reason": reason, "text": text}
        await Client(env["DESK_URL"], with_key("DESK_API_KEY")).ask("POST", "/exceptions", encode(told), trace)

    async def load(self, legacy, cloud, plant, part, since, trace):
        """Copy the rows of a plant page by page; returns from when to look for changes the next time."""
        cursor, mark = "", ""
        while True:
            query = f"/{part}?plant={plant}&limit={PAGE}&cursor={quote(cursor)}&changed_since={quote(since)}"
            page = await self.sure(legacy, "GET", query, trace)
            if not mark or DEFECT == "delta-from-the-end":
                mark = page["as_of"]
            if page["items"] or page["removed"]:
                body = {"plant": plant, "rows": page["items"], "removed": page["removed"]}
                await self.sure(cloud, "POST", f"/migration/{part}", trace, encode(body))
            cursor = page["next"]
            if not cursor:
                return mark

    async def sure(self, client, method, path, trace, body=b""):
        """Ask until there is an answer. All that is asked here may be asked twice: a second time it says 409."""
        pause_s = 0.1
        while True:
            try:
                status, headers, said = await client.ask(method, path, body, trace)
            except (Lost, OSError):
                status, headers, said = 503, {}, b""
            if status < 300 or (status == 409 and pause_s > 0.1):
                return decode(said)
            if status == 401:
                self.tokens.forget()
            elif status not in (408, 429) and status < 500:
                raise Refused(f"{method} {path}: {status} {said[:200]!r}")
            await asyncio.sleep(float(headers.get(b"retry-after", pause_s)))
            pause_s = min(2.0, 2 * pause_s)

    def connect(self):
        legacy = Client(env["LEGACY_URL"], with_key("LEGACY_API_KEY"))
        return {"legacy": legacy, "cloud": Client(env["CLOUD_URL"], self.tokens)}

    async def see_through(self, clients, event, unsure):
        """Book a confirmation in the ERP that is in charge of its plant, once that is settled."""
        trace = f"traceparent: {event.traceparent}\r\n".encode()
        while True:
            place = self.where.get(event.data.plant, "legacy")
            if isinstance(place, asyncio.Event):
                await place.wait()
                if DEFECT == "forgets-what-waited":
                    return
                continue
            try:
                if unsure and await self.booked_anywhere(clients, event.data, trace):
                    return
                body = encode(document(event.data))
                status, _, said = await clients[place].ask("POST", "/stock-documents", body, trace)
            except (Lost, OSError):
                unsure = True
                await asyncio.sleep(0.2)
                continue
            if status < 300:
                return
            if status == 422:
                await self.tell_a_person(event.data, decode(said), trace)
                return
            if status == 401:
                self.tokens.forget()
            await asyncio.sleep(0.1)

    async def booked_anywhere(self, clients, done, trace):
        query = f"/stock-documents?plant={quote(done.plant)}&source_document={quote(done.confirmation)}"
        for client in clients.values():
            status, _, said = await client.ask("GET", query, headers=trace)
            if status != 200:
                raise Lost(f"status {status}")
            if decode(said)["booked"]:
                return True
        return False


def document(done):
    made = {"item": done.item, "lot": done.lot}
    lines = [
        {**made, "movement": "receipt", "quantity": done.good},
        {**made, "movement": "scrap", "quantity": done.scrap},
    ]
    lines += [{"item": u.item, "lot": u.lot, "movement": "issue", "quantity": u.quantity} for u in done.consumption]
    return {
        "plant": done.plant,
        "source_document": done.confirmation,
        "lines": [line for line in lines if line["quantity"]],
    }


if __name__ == "__main__":
    hub.start(Migration)
