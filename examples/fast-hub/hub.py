"""A middleware made to be fast: what the shop floor reports as finished is booked in ERP, exactly once.

asyncio and httptools, no framework between. An event is acknowledged when it stands in a journal; what the journal
holds and ERP does not is booked after a restart. Where an answer is lost, it looks before it posts again.

    python hub.py PORT JOURNAL [--serial-ms N] [--lose N] [--leak-kb N]

--serial-ms: a step that only one can go through at a time, for N milliseconds. Planted, for the harness to find: --lose
acknowledges the Nth confirmation and forgets it; --leak-kb keeps so much for good with every confirmation.
"""

import argparse
import asyncio
import hmac
import os
import signal
import time
from collections import deque
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, urlsplit

import httptools
import msgspec

CONNECTIONS = 24
TIMEOUT_S = 10.0
env = {name.removeprefix("PILOTPLANT_"): value for name, value in os.environ.items()}
encode, decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode


class Used(msgspec.Struct):
    item: str
    lot: str
    quantity: float
    unit: str


class Finished(msgspec.Struct):
    plant: str
    confirmation: str
    item: str
    lot: str
    good: float
    scrap: float
    unit: str
    posting_date: str
    consumption: list[Used]


class Event(msgspec.Struct):
    data: Finished
    traceparent: str = ""


class Lost(Exception):
    """No complete answer came: it may have been carried out."""


class Line(asyncio.Protocol):
    """One connection to a system, for one request after the other."""

    def __init__(self):
        self.transport = self.answer = None

    def connection_made(self, transport):
        self.transport = transport
        self.begin()

    def begin(self):
        self.parser, self.body, self.headers = httptools.HttpResponseParser(self), [], {}

    def data_received(self, data):
        self.parser.feed_data(data)

    def on_header(self, name, value):
        self.headers[name.lower()] = value

    def on_body(self, body):
        self.body.append(body)

    def on_message_complete(self):
        told = self.parser.get_status_code(), self.headers, b"".join(self.body)
        if not self.parser.should_keep_alive():
            self.transport.close()
        self.begin()
        if self.answer and not self.answer.done():
            self.answer.set_result(told)

    def connection_lost(self, _error):
        if self.answer and not self.answer.done():
            self.answer.set_exception(Lost("the connection ended"))


class Client:
    """A system, and how to get in; `ask` is for one caller at a time."""

    def __init__(self, url, credentials):
        parts = urlsplit(url)
        self.host, self.port, self.path = parts.hostname, parts.port, parts.path
        self.credentials, self.line = credentials, None

    async def ask(self, method, path, body=b"", headers=b""):
        if self.line is None or self.line.transport.is_closing():
            try:
                _, self.line = await asyncio.get_running_loop().create_connection(Line, self.host, self.port)
            except OSError as error:
                raise Lost(str(error)) from None
        head = f"{method} {self.path}{path} HTTP/1.1\r\nhost: {self.host}\r\ncontent-type: application/json\r\n"
        rest = b"content-length: %d\r\n\r\n" % len(body)
        self.line.answer = asyncio.get_running_loop().create_future()
        self.line.transport.write(head.encode() + await self.credentials() + headers + rest + body)
        try:
            return await asyncio.wait_for(self.line.answer, TIMEOUT_S)
        except (TimeoutError, httptools.HttpParserError):
            self.line.transport.abort()
            raise Lost("no answer in time") from None


class Tokens:
    """A bearer token that is asked for once for all, shortly before the last one ends."""

    def __init__(self, system):
        self.header, self.until, self.asking = b"", 0.0, asyncio.Lock()
        self.system = system
        self.client = Client(env[f"{system}_TOKEN_URL"], self.none)

    async def none(self):
        return b""

    async def __call__(self):
        if time.monotonic() > self.until:
            async with self.asking:
                if time.monotonic() > self.until:
                    await self.renew()
        return self.header

    async def renew(self):
        form = f"client_id={env[self.system + '_CLIENT_ID']}&client_secret={env[self.system + '_CLIENT_SECRET']}"
        form += "&grant_type=client_credentials"
        status, _, body = await self.client.ask("POST", "", form.encode())
        if status != 200:
            raise Lost(f"no token: {status}")
        given = decode(body)
        self.header = f"authorization: Bearer {given['access_token']}\r\n".encode()
        self.until = time.monotonic() + 0.9 * given["expires_in"]

    def forget(self):
        self.until = 0.0


class Hub:
    """What was reported and is not booked, and those who book it."""

    ERP = "ERP"

    def __init__(self, journal, serial_s=0.0):
        self.todo, self.seen, self.wanted = deque(), set(), asyncio.Event()
        self.serial_s, self.one_at_a_time = serial_s, asyncio.Lock()
        self.lose, self.leak, self.leaked = 0, 0, []
        self.tokens = Tokens(self.ERP)
        self.path = Path(journal)
        if self.path.exists():
            for raw in self.path.read_bytes().splitlines():
                self.note(raw, again=True)
        self.journal = self.path.open("ab", buffering=0)

    def take(self, raw):
        """Write an event down before it is acknowledged; the operating system has it then, whatever becomes of us."""
        event = msgspec.json.decode(raw, type=Event)
        if (event.data.plant, event.data.confirmation) not in self.seen:
            self.journal.write(raw.replace(b"\n", b" ") + b"\n")
            self.note(raw)

    def note(self, raw, again=False):
        event = msgspec.json.decode(raw, type=Event)
        self.seen.add((event.data.plant, event.data.confirmation))
        if self.leak:
            self.leaked.append(os.urandom(self.leak))
        if len(self.seen) == self.lose:
            return
        self.todo.append((event, again))
        self.wanted.set()

    async def work(self):
        """Book one after the other, over a connection of its own."""
        erp = self.connect()
        while True:
            while not self.todo:
                self.wanted.clear()
                await self.wanted.wait()
            await self.see_through(erp, *self.todo.popleft())

    def connect(self):
        return Client(env["ERP_URL"], self.tokens)

    async def see_through(self, erp, event, unsure):
        pause_s = 0.1
        while True:
            try:
                if self.serial_s:
                    async with self.one_at_a_time:
                        await asyncio.sleep(self.serial_s)
                wait_s = await self.book(erp, event, unsure)
                if wait_s is None:
                    return
            except (Lost, OSError):
                unsure, wait_s = True, pause_s
                pause_s = min(2.0, 2 * pause_s)
            await asyncio.sleep(wait_s)

    async def book(self, erp, event, unsure):
        """Nothing when it is booked or given to a person; else how long to wait."""
        done = event.data
        trace = f"traceparent: {event.traceparent}\r\n".encode()
        if unsure and await self.booked(erp, done, trace):
            return None
        made = {"item": done.item, "lot": done.lot, "unit": done.unit}
        lines = [
            {**made, "movement": "receipt", "quantity": done.good},
            {**made, "movement": "scrap", "quantity": done.scrap},
        ]
        lines += [
            {"item": u.item, "lot": u.lot, "unit": u.unit, "movement": "issue", "quantity": u.quantity}
            for u in done.consumption
        ]
        document = {"plant": done.plant, "source_document": done.confirmation, "posting_date": done.posting_date}
        document["lines"] = [line for line in lines if line["quantity"]]
        key = f"idempotency-key: {done.plant}-{done.confirmation}\r\n".encode()
        status, headers, body = await erp.ask("POST", "/stock-documents", encode(document), trace + key)
        if status < 300:
            return None
        if status == 422:
            return await self.tell_a_person(done, decode(body), trace)
        if status == 401:
            self.tokens.forget()
        return float(headers.get(b"retry-after", b"0.2"))

    async def booked(self, erp, done, trace):
        query = f"/stock-documents?plant={quote(done.plant)}&source_document={quote(done.confirmation)}"
        status, _, body = await erp.ask("GET", query, headers=trace)
        if status != 200:
            raise Lost(f"status {status}")
        return any(not document["reversed"] for document in decode(body)["items"])

    async def tell_a_person(self, done, problem, trace):
        async def key():
            return f"x-api-key: {env['DESK_API_KEY']}\r\n".encode()

        told = {
            "flow": "production-confirmation",
            "subject": done.confirmation,
            "plant": done.plant,
            "owner": "plant-it",
        }
        told |= {"reason": problem["code"], "text": problem["title"]}
        status, _, _ = await Client(env["DESK_URL"], key).ask("POST", "/exceptions", encode(told), trace)
        return None if status < 300 else 1.0


class Inlet(asyncio.Protocol):
    """Takes events on one connection."""

    secret = env.get("EVENTS_SECRET", "").encode()

    def __init__(self, hub):
        self.hub = hub

    def connection_made(self, transport):
        self.transport = transport
        self.begin()

    def begin(self):
        self.parser, self.body, self.signature = httptools.HttpRequestParser(self), [], ""

    def data_received(self, data):
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.close()

    def on_header(self, name, value):
        if name.lower() == b"pilotplant-signature":
            self.signature = value.decode("latin-1")

    def on_body(self, body):
        self.body.append(body)

    def on_message_complete(self):
        body = b"".join(self.body)
        self.begin()
        self.transport.write(b"HTTP/1.1 %s\r\ncontent-length: 0\r\n\r\n" % self.answer(body, self.signature_of_last))

    def on_headers_complete(self):
        self.signature_of_last = self.signature

    def answer(self, body, given):
        if not body:
            return b"200 OK"  # whether it is ready
        parts = dict(part.partition("=")[::2] for part in given.split(","))
        moment = parts.get("t", "")
        expected = hmac.new(self.secret, moment.encode() + b"." + body, sha256).hexdigest()
        if not hmac.compare_digest(expected, parts.get("v1", "")) or abs(time.time() - int(moment)) > 300:
            return b"401 Unauthorized"
        try:
            self.hub.take(body)
        except (msgspec.MsgspecError, OSError):
            return b"503 Service Unavailable"
        return b"204 No Content"


async def main(port, journal, serial_s, kind=Hub, lose=0, leak=0):
    hub = kind(journal, serial_s)
    hub.lose, hub.leak = lose, leak
    workers = [asyncio.create_task(hub.work()) for _ in range(CONNECTIONS)]
    server = await asyncio.get_running_loop().create_server(lambda: Inlet(hub), "127.0.0.1", port, backlog=512)
    ended = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, ended.set)
    stopped = asyncio.create_task(ended.wait())
    done, _ = await asyncio.wait({stopped, *workers}, return_when=asyncio.FIRST_COMPLETED)
    server.close()
    for worker in workers:
        worker.cancel()
    for task in done - {stopped}:
        task.result()  # a worker never ends by itself: whatever broke in it is to be seen


def start(kind=Hub):
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("port", type=int)
    given.add_argument("journal")
    given.add_argument("--serial-ms", type=float, default=0.0)
    given.add_argument("--lose", type=int, default=0)
    given.add_argument("--leak-kb", type=int, default=0)
    told = given.parse_args()
    try:
        import uvloop
    except ImportError:
        run = asyncio.run
    else:
        run = uvloop.run
    run(main(told.port, told.journal, told.serial_ms / 1000, kind, told.lose, 1024 * told.leak_kb))


if __name__ == "__main__":
    start()
