"""`pilotplant up`: the simulators for scripts and people, until Ctrl-C."""

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from tests.integration.command_line import ESTATE, LIMIT_S, Project


@contextmanager
def up(project: Project, *words: str) -> Iterator[tuple[Any, "subprocess.Popen[str]"]]:
    """An estate that is up: the line for scripts, and the process."""
    process = project.start("up", "--estate", "small", "--format", "json", *words)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()
        yield json.loads(line), process
    finally:
        process.kill()
        process.communicate(timeout=LIMIT_S)


def test_one_line_tells_a_script_everything_it_needs(project: Project) -> None:
    with up(project) as (told, process), httpx.Client(trust_env=False) as http:
        assert told["ready"] is True and told["events"]["secret"]
        assert set(told["systems"]) == {
            "plm", "plm@DE01", "plm@US01", "erp", "erp@DE01", "erp@US01", "mes@DE01", "mes@US01",
            "desk", "desk@DE01", "desk@US01",
        }  # fmt: skip
        erp = told["systems"]["erp@DE01"]
        form = {
            "grant_type": "client_credentials",
            "client_id": erp["client_id"],
            "client_secret": erp["client_secret"],
        }
        token = http.post(erp["token_url"], data=form).json()["access_token"]
        items = http.get(f"{erp['url']}/plants/DE01/items", headers={"authorization": f"Bearer {token}"})
        assert items.status_code == 200 and items.json()["items"]
        assert http.get(f"{erp['url']}/plants/DE01/items").status_code == 401
        desk = told["systems"]["desk"]
        assert http.get(f"{desk['url']}/exceptions", headers={"x-api-key": desk["api_key"]}).status_code == 200
        for system in ("plm", "erp", "mes@US01", "desk"):
            document = http.get(f"{told['systems'][system]['url']}/openapi.json").json()
            assert document["openapi"].startswith("3.1")
        assert http.get(told["control"] + "health").json() == {"status": "ready"}
        info = http.get(told["control"] + "info").text
        assert json.loads(info)["seed"] == 0
        secrets = [
            told["events"]["secret"],
            *(s.get("client_secret") or s["api_key"] for s in told["systems"].values()),
        ]
        assert not [secret for secret in secrets if secret in info]
        metrics = http.get(told["control"].replace("/_pilotplant/", "/metrics")).text
        assert "pilotplant_ledger_records_total" in metrics
        assert "erp@DE01" not in metrics and 'system="erp"' in metrics
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 130 and err.strip() == "interrupted"
    shown = project.call("ledger", "show", str(project.run_directory), "--kind", "req")
    assert shown.code == 0 and "erp.item.list" in shown.out, shown.said


def test_sigterm_ends_it_in_order_too(project: Project) -> None:
    with up(project) as (_told, process):
        process.terminate()
        _out, err = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 130 and err.strip() == "interrupted"


def test_people_are_told_the_addresses_and_no_secret(project: Project) -> None:
    process = project.start("up", "--estate", "small")
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(6)]
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130, err
    text = "".join(lines) + out
    assert "Estate small is up at http://127.0.0.1:" in text and "/mes/DE01" in text
    assert "secret" not in text.lower()


@pytest.mark.parametrize("words", [["--host", "0.0.0.0"], ["--host", "0.0.0.0", "--token", ""], ["--host", "::"]])
def test_nothing_is_opened_to_others_without_a_token(project: Project, words: list[str]) -> None:
    done = project.call("up", "--estate", "small", *words)
    assert done.code == 2
    assert "would open the estate to others" in done.err and "--token" in done.err


def test_a_token_guards_what_the_estate_tells_of_itself(project: Project) -> None:
    with up(project, "--token", "geheim") as (told, _process), httpx.Client(trust_env=False) as http:
        metrics = told["control"].replace("/_pilotplant/", "/metrics")
        for url in (told["control"] + "info", told["control"] + "clock", told["control"] + "ledger", metrics):
            assert http.get(url).status_code == 401
            assert http.get(url, headers={"authorization": "Bearer wrong"}).status_code == 401
            assert http.get(url, headers={"authorization": "Bearer geheim"}).status_code == 200
        assert http.get(told["control"] + "health").status_code == 200, (
            "whether it lives may be asked by a load balancer"
        )


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        pytest.param(["--estate", "smal"], "there is no estate `smal`; did you mean `small`?", id="estate"),
        pytest.param(["--port", "65536"], "must be a whole number from 0 to 65535", id="port"),
        pytest.param(["--speed", "0"], "--speed 0 must be more than 0", id="speed"),
        pytest.param(["--speed", "nan"], "--speed nan must be more than 0", id="speed that is no number"),
        pytest.param(["--deliver", "localhost:80"], "--deliver 'localhost:80' is not an address", id="deliver"),
        pytest.param(["--deliver", "http://"], "this is not an address", id="deliver to nobody"),
        pytest.param(["--host", "256.1.1.1", "--token", "x"], "cannot listen on 256.1.1.1", id="host"),
    ],
)
def test_bad_arguments(project: Project, words: list[str], reason: str) -> None:
    done = project.call("up", *words)
    assert done.code == 2 and reason in done.err, done.said


def test_a_port_that_is_taken(project: Project) -> None:
    with up(project) as (told, _process):
        port = told["control"].split(":")[2].split("/")[0]
        done = project.call("up", "--estate", "small", "--port", port)
    assert done.code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.err and "in use" in done.err


def test_events_are_posted_where_they_are_wanted(project: Project) -> None:
    arrived = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(204)
            self.end_headers()
            arrived.set()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the test looks at what arrives."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/events"
    project.write("simulators/estates/small.yaml", ESTATE.replace("dispatched: 0", "dispatched: 1"))
    with server, up(project, "--deliver", url) as (told, _process), httpx.Client(trust_env=False) as http:
        mes = told["systems"]["mes@DE01"]
        key = {"x-api-key": mes["api_key"]}
        order = http.get(f"{mes['url']}/orders", headers=key).json()["items"][0]
        done = http.post(f"{mes['url']}/orders/{order['order']}/completion", json={"good": 1}, headers=key)
        assert done.status_code < 300, done.text
        assert arrived.wait(LIMIT_S)
        server.shutdown()


def test_faults_are_armed_and_lifted_while_it_is_up(project: Project) -> None:
    with up(project, "--token", "geheim") as (told, process), httpx.Client(trust_env=False) as http:
        faults = told["control"] + "faults"
        dropped = {"fault": "request-dropped", "match": {"operation": "desk.exception.list"}}
        for method, url in (("GET", faults), ("POST", faults), ("DELETE", faults), ("DELETE", faults + "/outage")):
            assert http.request(method, url).status_code == 401
        http.headers["authorization"] = "Bearer geheim"
        assert http.post(faults, json=dropped).json() == {"armed": "request-dropped"}
        answer = http.post(faults, json={"fault": "outage", "match": {"system": "desk"}, "answer": "unavailable"})
        assert (answer.status_code, answer.json()) == (201, {"armed": "outage"})
        assert http.get(faults).json() == {
            "armed": ["request-dropped", "outage"], "bitten": {"request-dropped": 0, "outage": 0}
        }  # fmt: skip
        desk = told["systems"]["desk"]
        asked, key = f"{desk['url']}/exceptions", {"x-api-key": desk["api_key"]}
        with pytest.raises(httpx.RemoteProtocolError):
            http.get(asked, headers=key)
        assert http.delete(faults + "/request-dropped").json() == {"lifted": ["request-dropped"]}
        assert http.get(asked, headers=key).status_code == 503
        assert http.delete(faults + "/request-dropped").status_code == 404
        assert http.delete(faults).json() == {"lifted": ["outage"]}
        assert http.get(asked, headers=key).status_code == 200
        for wrong, message in (
            ({"fault": "outtage"}, "did you mean `outage`?"),
            ({"fault": "outage", "match": {"system": "wms"}}, "the estate has no system `wms`"),
            ({"fault": "outage", "probability": -1}, "must be more than 0"),
            ({"fault": "duplicate", "match": {"operation": "erp.stock.post"}}, "strikes the delivery of events"),
            ({"fault": "killed"}, "`killed` is done to the target, and no target was started here"),
            ([], "a fault needs `fault`"),
        ):
            answer = http.post(faults, json=wrong)
            assert answer.status_code == 422 and message in answer.text, answer.text
        assert http.post(faults, content=b"\xff").status_code == 422
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LIMIT_S)
    shown = project.call("ledger", "export", str(project.run_directory))
    kinds = [record["kind"] for record in map(json.loads, shown.out.splitlines()) if record["kind"].startswith("fault")]
    assert kinds == ["fault-armed"] * 2 + ["fault-bitten", "fault-lifted", "fault-bitten", "fault-lifted"]
