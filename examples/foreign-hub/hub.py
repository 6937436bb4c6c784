"""A middleware that knows nothing of Pilotplant: own words, XML, basic authentication, a worker that polls.

It collects what plants confirm and books it shift by shift: every two seconds (a short shift) one document for each
site, with one line for each movement, part and charge. Which confirmations a line sums up stands in its text, as
accounting wants it. What is not booked yet survives a restart; a booking is sent again under the same key until it is
answered. What the ERP refuses is taken apart until the confirmation is found that spoils it, and listed at /rejected.
"""

import base64
import json
import os
import sqlite3
import sys
import threading
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SHIFT_S = 2.0
TIMEOUT_S = 4.0
TEXT_MAX = 120
EXPECTED = "Basic " + base64.b64encode(f"mes:{os.environ['HUB_PASSWORD']}".encode()).decode()
ERP_LOGIN = "Basic " + base64.b64encode(f"hub:{os.environ['ERP_PASSWORD']}".encode()).decode()

lock = threading.Lock()
due = threading.Event()
base = sqlite3.connect(sys.argv[2], check_same_thread=False)
with base:
    base.execute("CREATE TABLE IF NOT EXISTS inbox (site, number, message, shift, UNIQUE (site, number))")
    base.execute("CREATE TABLE IF NOT EXISTS shifts (shift INTEGER PRIMARY KEY, site, state, reason)")


def rows(statement, *values):
    with lock, base:
        return base.execute(statement, values).fetchall()


def take(body):
    """A message from the shop floor: kept once, however often it comes."""
    message = ET.fromstring(body).find("Meldung")
    told = {field.tag: field.text or "" for field in message if len(field) == 0}
    told["Verbrauch"] = [{field.tag: field.text or "" for field in used} for used in message.findall("Verbrauch")]
    rows("INSERT OR IGNORE INTO inbox VALUES (?, ?, ?, NULL)", told["Werk"], told["Nummer"], json.dumps(told))


def close_shifts():
    """What came in since the last shift belongs to this one, site by site and day by day."""
    days = defaultdict(list)
    for site, number, message in rows("SELECT site, number, message FROM inbox WHERE shift IS NULL"):
        days[site, json.loads(message)["Buchungstag"]].append(number)
    for (site, _day), numbers in days.items():
        open_shift(site, numbers)


def open_shift(site, numbers):
    with lock, base:
        shift = base.execute("INSERT INTO shifts (site, state) VALUES (?, 'open')", (site,)).lastrowid
        for number in numbers:
            base.execute("UPDATE inbox SET shift = ? WHERE site = ? AND number = ?", (shift, site, number))


def lines_of(messages):
    """Sums by movement, part and charge, and whose they are. A text that is full begins another line."""
    sums = {}
    for told in messages:
        made = (told["Teil"], told["Charge"], told["ME"])
        parts = [("receipt", *made, told["Gut"]), ("scrap", *made, told["Ausschuss"])]
        parts += [("issue", used["Teil"], used["Charge"], used["ME"], used["Menge"]) for used in told["Verbrauch"]]
        for *key, quantity in parts:
            if float(quantity):
                started = sums.setdefault(tuple(key), [[0.0, []]])
                if told["Nummer"] not in started[-1][1] and len(" ".join(started[-1][1])) > TEXT_MAX:
                    started.append([0.0, []])
                started[-1][0] += float(quantity)
                if told["Nummer"] not in started[-1][1]:
                    started[-1][1].append(told["Nummer"])
    return [(*key, total, " ".join(numbers)) for key, started in sums.items() for total, numbers in started]


def document(site, messages):
    root = ET.Element("StockDocument")
    told = {"plant": site, "posting_date": messages[0]["Buchungstag"], "text": "Schichtbuchung"}
    for name, text in told.items():
        ET.SubElement(root, name).text = text
    for movement, part, charge, unit, total, text in lines_of(messages):
        line = ET.SubElement(root, "lines")
        values = {"movement": movement, "item": part, "quantity": repr(round(total, 6)), "unit": unit, "lot": charge}
        for name, value in {**values, "item_text": text}.items():
            ET.SubElement(line, name).text = value
    return ET.tostring(root, encoding="utf-8", xml_declaration=True)


def book(shift, site):
    """One attempt to book a shift."""
    found = rows("SELECT number, message FROM inbox WHERE shift = ? ORDER BY number", shift)
    request = urllib.request.Request(
        os.environ["ERP_BOOKINGS"],
        document(site, [json.loads(message) for _number, message in found]),
        {"content-type": "text/xml", "accept": "text/xml", "authorization": ERP_LOGIN},
    )
    request.add_header("idempotency-key", f"{site}-{shift}")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            answer.read()
        state, reason = "booked", ""
    except urllib.error.HTTPError as error:
        if error.code != 422:
            return  # another attempt, under the same key
        state, reason = "refused", ET.fromstring(error.read()).findtext("code")
    rows("UPDATE shifts SET state = ?, reason = ? WHERE shift = ?", state, reason, shift)
    if state == "refused" and len(found) > 1:
        for number, _message in found:
            open_shift(site, [number])
        due.set()


def work():
    while True:
        due.wait(SHIFT_S)
        due.clear()
        close_shifts()
        for shift, site in rows("SELECT shift, site FROM shifts WHERE state = 'open'"):
            try:
                book(shift, site)
            except (OSError, ValueError, ET.ParseError) as error:  # no answer, or half of one: booked or not
                print(f"shift {shift} again: {error!r}", file=sys.stderr)


def rejected():
    """What nobody could book, for whoever looks after the hub."""
    root = ET.Element("Abgewiesen")
    query = "SELECT site, number, reason FROM inbox JOIN shifts USING (shift, site) WHERE state = 'refused'"
    for site, number, reason in rows(query):
        entry = ET.SubElement(root, "Eintrag")
        for name, text in {"Werk": site, "Betreff": f"Meldung {number}", "Grund": reason, "Amt": "FI"}.items():
            ET.SubElement(entry, name).text = text
    return ET.tostring(root, encoding="utf-8", xml_declaration=True)


class Door(BaseHTTPRequestHandler):
    def do_GET(self):
        self.end(200, rejected() if self.path == "/rejected" else b"<ok/>")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        if self.path == "/shift":  # for those who cannot wait for its end
            due.set()
            return self.end(202)
        if self.headers.get("authorization") != EXPECTED:
            return self.end(401)
        try:
            take(body)
        except (ET.ParseError, KeyError, AttributeError) as error:
            return self.end(400, f"<fehler>{error!r}</fehler>".encode())
        return self.end(202)

    def end(self, status, body=b""):
        self.send_response(status)
        self.send_header("content-type", "text/xml")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *about):
        pass


if __name__ == "__main__":
    threading.Thread(target=work, daemon=True).start()
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Door).serve_forever()
