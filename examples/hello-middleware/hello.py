"""A middleware in one file, standard library only: what the shop floor reports becomes stock in the ERP, exactly once."""

import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

ERP, SECRET = os.environ["PILOTPLANT_ERP_URL"], os.environ["PILOTPLANT_EVENTS_SECRET"].encode()
token = {"value": "", "until": 0.0}


def bearer():
    if token["until"] < time.monotonic():
        names = {"client_id": "PILOTPLANT_ERP_CLIENT_ID", "client_secret": "PILOTPLANT_ERP_CLIENT_SECRET"}
        form = {"grant_type": "client_credentials", **{field: os.environ[name] for field, name in names.items()}}
        with urlopen(os.environ["PILOTPLANT_ERP_TOKEN_URL"], urlencode(form).encode(), timeout=5) as answer:
            granted = json.load(answer)
        token.update(value=granted["access_token"], until=time.monotonic() + granted["expires_in"] - 30)
    return f"Bearer {token['value']}"


def call(method, path, body=None, key=""):
    headers = {"authorization": bearer(), "content-type": "application/json", "idempotency-key": key}
    with urlopen(Request(ERP + path, body and json.dumps(body).encode(), headers, method=method), timeout=5) as answer:
        return json.load(answer)


def document(event):
    made = {"item": event["item"], "lot": event["lot"], "unit": event["unit"]}
    lines = [{"movement": "receipt", "quantity": event["good"], **made}] if event["good"] else []
    lines += [{"movement": "scrap", "quantity": event["scrap"], **made}] if event["scrap"] else []
    lines += [{"movement": "issue", **used} for used in event["consumption"]]
    source = {"plant": event["plant"], "source_document": event["confirmation"]}
    return {**source, "posting_date": event["posting_date"], "lines": lines}


def book(event):
    body = document(event)
    source = {name: body[name] for name in ("plant", "source_document")}
    for attempt in range(8):
        try:
            if not call("GET", f"/stock-documents?{urlencode(source)}")["items"]:  # an answer may have been lost
                call("POST", "/stock-documents", body, key="/".join(source.values()))
            return True
        except OSError as error:  # HTTPError is one; only what may pass by itself is tried again
            if isinstance(error, HTTPError) and error.code < 500 and error.code not in (401, 409, 429):
                return False
            time.sleep(min(2.0, 0.1 * 2**attempt))
    return False


class Events(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        signed = dict(part.split("=", 1) for part in self.headers.get("pilotplant-signature", "t=0,v1=").split(","))
        expected = hmac.new(SECRET, signed["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
        event = json.loads(body) if hmac.compare_digest(expected, signed["v1"]) else {"type": "forged"}
        done = event["type"] != "mes.order.completed" or book(event["data"])
        self.send_response(401 if event["type"] == "forged" else 202 if done else 503)  # not done: deliver it again
        self.end_headers()

    def log_message(self, *arguments):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Events)
    server.serve_forever()
