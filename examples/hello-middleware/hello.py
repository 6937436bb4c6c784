"""A first middleware: what the shop floor reports as finished is booked in ERP, exactly once."""

import hmac
import json
import os
import sys
import threading
import time
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

env = {name.removeprefix("PILOTPLANT_"): value for name, value in os.environ.items()}
http = httpx.Client(timeout=5, trust_env=False)
token = {"text": "", "until": 0.0}
one_at_a_time = threading.Lock()


def erp(method, path, **what):
    """A request to ERP, with a token that is still good; if ERP is busy, again after the time it asks for."""
    if time.monotonic() > token["until"]:
        form = {"client_id": env["ERP_CLIENT_ID"], "client_secret": env["ERP_CLIENT_SECRET"]}
        form["grant_type"] = "client_credentials"
        given = http.post(env["ERP_TOKEN_URL"], data=form).raise_for_status().json()
        token.update(text=given["access_token"], until=time.monotonic() + 0.9 * given["expires_in"])
    headers = {"authorization": f"Bearer {token['text']}", **what.pop("headers", {})}
    while (answer := http.request(method, env["ERP_URL"] + path, headers=headers, **what)).status_code == 429:
        time.sleep(float(answer.headers["retry-after"]))
    return answer


def book(done):
    """One stock document per confirmation: what came out, what was scrap, what went in."""
    made = {"item": done["item"], "lot": done["lot"], "unit": done["unit"]}
    lines = [{**made, "movement": "receipt", "quantity": done["good"]}]
    lines += [{**made, "movement": "scrap", "quantity": done["scrap"]}]
    lines += [{**used, "movement": "issue"} for used in done["consumption"]]
    source = {"plant": done["plant"], "source_document": done["confirmation"]}
    document = {**source, "posting_date": done["posting_date"], "lines": [line for line in lines if line["quantity"]]}
    # Look before you post: an earlier attempt may have been booked although its answer was lost.
    found = erp("GET", "/stock-documents", params=source).raise_for_status().json()["items"]
    if all(earlier["reversed"] for earlier in found):
        key = f"{done['plant']}-{done['confirmation']}"  # the same at every attempt
        answer = erp("POST", "/stock-documents", json=document, headers={"idempotency-key": key})
        if answer.status_code == 422:  # understood and refused: trying again is no use, a person has to know
            told = {"flow": "production-confirmation", "subject": done["confirmation"], "plant": done["plant"]}
            told |= {"owner": "plant-it", "reason": answer.json()["code"], "text": answer.json()["title"]}
            answer = http.post(env["DESK_URL"] + "/exceptions", json=told, headers={"x-api-key": env["DESK_API_KEY"]})
        answer.raise_for_status()


def is_signed(header, body):
    """Whether the sender knows the secret, and signed this within five minutes: `t=<unix seconds>,v1=<hex>`."""
    given = dict(part.partition("=")[::2] for part in header.split(","))
    expected = hmac.new(env["EVENTS_SECRET"].encode(), given.get("t", "").encode() + b"." + body, sha256).hexdigest()
    matches = hmac.compare_digest(expected.encode(), given.get("v1", "").encode())
    return matches and abs(time.time() - int(given["t"])) < 300


class Events(BaseHTTPRequestHandler):
    """Takes events. One that is not acknowledged is sent again: that is all the memory this middleware needs."""

    def do_GET(self):  # whether it is ready
        self.end(200)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if not is_signed(self.headers.get("pilotplant-signature", ""), body):
            return self.end(401)
        try:
            with one_at_a_time:  # two deliveries of one event must not both find nothing booked
                book(json.loads(body)["data"])
        except (httpx.HTTPError, ValueError) as error:  # no answer, or half of one: booked or not, who knows
            print(f"to be sent again: {error!r}", file=sys.stderr)
            return self.end(503)
        return self.end(204)

    def end(self, status):
        self.send_response(status)
        self.end_headers()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Events).serve_forever()
