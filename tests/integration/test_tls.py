"""The simulators serve HTTPS with an authority of the run, and ask for certificates where the target's file says so."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pilotplant.drive.live.certificates import Certificates
from pilotplant.drive.live.wire import Server
from pilotplant.model.errors import UsageError
from tests.integration.command_line import Project

HUB = """\
import json, os, ssl, sys, threading, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

trust = ssl.create_default_context(cafile=os.environ["PILOTPLANT_CA_FILE"])
trust.load_cert_chain(os.environ["PILOTPLANT_CLIENT_CERTIFICATE_FILE"], os.environ["PILOTPLANT_CLIENT_KEY_FILE"])

def call(url, content, **headers):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    request = urllib.request.Request(url, body, headers)
    with urllib.request.urlopen(request, timeout=5, context=trust) as answer:
        return json.load(answer)

def book(done):
    env = os.environ
    form = "grant_type=client_credentials&client_id=%s&client_secret=%s" % (
        env["PILOTPLANT_ERP_CLIENT_ID"], env["PILOTPLANT_ERP_CLIENT_SECRET"])
    token = call(env["PILOTPLANT_ERP_TOKEN_URL"], form.encode())["access_token"]
    made = {"item": done["item"], "lot": done["lot"], "unit": done["unit"]}
    lines = [{**made, "movement": "receipt", "quantity": done["good"]},
             {**made, "movement": "scrap", "quantity": done["scrap"]}]
    lines += [{**used, "movement": "issue"} for used in done["consumption"]]
    document = {"plant": done["plant"], "source_document": done["confirmation"], "posting_date": done["posting_date"],
                "lines": [line for line in lines if line["quantity"]]}
    key = done["plant"] + done["confirmation"]
    call(env["PILOTPLANT_ERP_URL"] + "/stock-documents", document,
         **{"authorization": "Bearer " + token, "content-type": "application/json", "idempotency-key": key})

class Door(BaseHTTPRequestHandler):
    def do_GET(self):
        self.end(200)
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            event = json.loads(body)
            if event["type"] == "mes.order.completed":
                book(event["data"])
        except OSError as error:
            print(repr(error), file=sys.stderr)
            return self.end(503)
        self.end(204)
    def end(self, status):
        self.send_response(status)
        self.end_headers()
    def log_message(self, *about):
        pass

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Door).serve_forever()
"""


def test_a_target_that_trusts_and_is_trusted_passes_though_answers_are_reset(project: Project) -> None:
    project.program("secure", HUB)
    target = project.root / "targets" / "secure.yaml"
    target.write_text(target.read_text("utf-8") + "tls: {client_certificate: true}\n", "utf-8")
    lost = 'faults=[{"fault": "response-lost", "match": {"operation": "erp.stock.post"}, "nth": 1}]'
    done = project.call("run", "short", "--target", "secure", "-q", "--set", lost)
    assert done.code == 0, done.said
    kept = [path for path in project.run_directory.rglob("*") if path.is_file()]
    assert not any(b"PRIVATE KEY" in path.read_bytes() for path in kept)
    log = (project.run_directory / "target.log").read_text("utf-8")
    assert "pilotplant-tls-" not in log


@pytest.fixture(scope="module")
def certificates() -> Iterator[Certificates]:
    made = Certificates(("127.0.0.1", "localhost"))
    yield made
    made.remove()
    assert not made.folder.exists()


def answered(certificates: Certificates, context: ssl.SSLContext, *, clients: bool) -> int:
    async def application(scope: dict[str, object], receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": b""})  # type: ignore[operator]

    async def main() -> int:
        server = Server(application, "127.0.0.1", 0, tls=certificates.context(clients=clients))  # type: ignore[arg-type]
        async with server, httpx.AsyncClient(verify=context, trust_env=False) as client:
            return (await client.get(f"https://127.0.0.1:{server.port}/")).status_code

    return asyncio.run(main())


def test_who_trusts_the_authority_is_served(certificates: Certificates) -> None:
    context = ssl.create_default_context(cafile=str(certificates.folder / "ca.pem"))
    assert answered(certificates, context, clients=False) == 204


def test_who_shows_no_certificate_is_not_served_where_one_is_asked_for(certificates: Certificates) -> None:
    told = certificates.told()
    context = ssl.create_default_context(cafile=told["PILOTPLANT_CA_FILE"])
    with pytest.raises(httpx.HTTPError):
        answered(certificates, context, clients=True)
    context.load_cert_chain(told["PILOTPLANT_CLIENT_CERTIFICATE_FILE"], told["PILOTPLANT_CLIENT_KEY_FILE"])
    assert answered(certificates, context, clients=True) == 204


def test_an_authority_that_is_there_already_is_used(certificates: Certificates) -> None:
    own = certificates.folder
    other = Certificates(("127.0.0.1",), authority=(own / "ca.pem", own / "ca.key"))
    try:
        context = ssl.create_default_context(cafile=str(own / "ca.pem"))
        assert answered(other, context, clients=False) == 204
    finally:
        other.remove()


def test_an_authority_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"tls.authority"):
        Certificates(("127.0.0.1",), authority=(tmp_path / "no.pem", tmp_path / "no.key"))
    (tmp_path / "bad.pem").write_text("nothing", "ascii")
    with pytest.raises(UsageError, match="cannot be made"):
        Certificates(("127.0.0.1",), authority=(tmp_path / "bad.pem", tmp_path / "bad.pem"))
