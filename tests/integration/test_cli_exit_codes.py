"""What `pilotplant run` says and how it exits, for each way in which a run can end."""

import json
import socket
from pathlib import Path

import pytest

from tests.integration.command_line import Project

DEAF = """\
import http.server, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503)
        self.end_headers()

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
MORTAL = """\
import http.server, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def do_POST(self):
        os._exit(3)

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def test_a_correct_middleware_passes(project: Project) -> None:
    done = project.call("run", "short")
    assert done.code == 0, done.said
    assert "PASS" in done.out and "exit 0" in done.out
    assert "driving" in done.err, "progress goes to stderr"
    assert {path.name for path in project.run_directory.iterdir()} >= {
        "run.json", "result.json", "junit.xml", "summary.md", "report.html", "ledger.msgpack", "bodies.pack",
        "target.log",
    }  # fmt: skip
    info = project.run_info()
    assert info["seed"] == 0 and info["mode"] == "live" and info["ended"] == "at rest"
    assert info["repro"] == "pilotplant run short --target quick --seed 0"
    assert info["configuration"]["scenario"]["scenario"] == "short"


def test_a_middleware_that_does_nothing_is_told_what_never_happened_and_where(project: Project) -> None:
    done = project.call("run", "short", "--target", "null")
    assert done.code == 1, done.said
    assert "FAIL completeness" in done.out
    assert "never carried out" in done.out and "receipt of" in done.out and "issue of" in done.out
    findings = json.loads((project.run_directory / "result.json").read_bytes())["findings"]
    assert {finding["plant"] for finding in findings} == {"DE01", "US01"}
    assert all(finding["proof"] for finding in findings)


def test_a_missed_threshold_alone_exits_3(project: Project) -> None:
    done = project.call("run", "short", "--set", "thresholds=[confirmation_to_stock p50 < 0.000001s]")
    assert done.code == 3, done.said
    assert "confirmation_to_stock p50 < 0.000001s" in done.out


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        pytest.param("stimuli=[]", "Nothing happened", id="nothing happens"),
        pytest.param(
            "faults=[{fault: latency, delay_s: 1, match: {operation: plm.change.released}}]",
            "latency never bit",
            id="a fault that never bites",
        ),
    ],
)
def test_a_run_that_proves_nothing_is_unknown(project: Project, override: str, reason: str) -> None:
    done = project.call("run", "short", "--set", override)
    assert done.code == 4, done.said
    assert "UNKNOWN" in done.out and reason in done.out


def test_nobody_listens_at_the_address(project: Project) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, so that nobody else takes it, and not listening
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/events"
        done = project.call("run", "short", "--target", url)
    assert done.code == 5, done.said
    assert f"nothing can be delivered to {url}" in done.err
    assert "refused" in done.err.lower()


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        pytest.param("{command: [./no-such-program]}", "cannot start ./no-such-program", id="no such program"),
        pytest.param('{command: ["{python}", -c, "x = 1"], directory: nowhere}', "no such folder", id="no such folder"),
        pytest.param(
            '{command: ["{python}", -c, "raise SystemExit(\'licence expired\')"], ready: {url: "http://127.0.0.1:{port}/"}}',
            "licence expired",
            id="ends at once",
        ),
    ],
)
def test_a_target_that_does_not_start(project: Project, start: str, reason: str) -> None:
    project.write(
        "targets/mine.yaml", f'target: mine\nstart: {start}\ndeliver: {{url: "http://127.0.0.1:{{port}}/"}}\n'
    )
    done = project.call("run", "short", "--target", "mine")
    assert done.code == 5, done.said
    assert reason in done.err
    assert reason in project.run_info()["ended"]


def test_a_target_that_never_becomes_ready(project: Project) -> None:
    project.program("deaf", DEAF)
    target = project.root / "targets/deaf.yaml"
    target.write_text(target.read_text().replace("within: 10s", "within: 600ms"))
    done = project.call("run", "short", "--target", "deaf")
    assert done.code == 5, done.said
    assert "not ready within 0.6 s" in done.err and "/health" in done.err


def test_a_target_that_dies_under_way_ends_the_run_with_the_reason(project: Project) -> None:
    project.program("mortal", MORTAL)
    done = project.call("run", "short", "--target", "mortal", "--set", "stimuli.0.over=5s")
    assert done.code in (1, 4), done.said
    assert "the target ended by itself with exit code 3" in done.out
    assert "the target ended by itself with exit code 3" in (project.run_directory / "report.html").read_text("utf-8")


def test_all_problems_of_all_documents_come_at_once(project: Project) -> None:
    project.write(
        "scenarios/broken.yaml",
        "scenario: broken\nestate: smal\nspead: 2\nstimuli:\n  - {do: mes.order.complet, at: 1s}\n"
        "  - {do: mes.order.complete, count: 3}\nflows: [bad]\nthresholds: [confirmation_to_stock < 4s]\n",
    )
    project.write("contracts/flows/bad.yaml", "flow: bad\ntrigger: mes.order.completd\nfor_each: movements\n")
    project.write("targets/broken.yaml", 'target: broken\ndeliver: {url: "http://127.0.0.1:{prot}/"}\n')
    done = project.call("run", "broken", "--target", "broken")
    assert done.code == 2, done.said
    for expected in (
        "scenarios/broken.yaml:2:9: PP-NOT-FOUND there is no estate `smal`\n",
        "did you mean `small`?",
        "scenarios/broken.yaml:3:1: PP-FIELD-UNKNOWN unknown field `spead`\n",
        "did you mean `speed`?",
        "scenarios/broken.yaml:5:10: PP-REFERENCE there is no stimulus `mes.order.complet`\n",
        "did you mean `mes.order.complete`?",
        "scenarios/broken.yaml:6:5: PP-VALUE `count` and `over` go together",
        "scenarios/broken.yaml:8:14: PP-VALUE `confirmation_to_stock` needs a statistic",
        "contracts/flows/bad.yaml:1:1: PP-FIELD-MISSING missing field `scope`",
        "contracts/flows/bad.yaml:1:1: PP-FIELD-MISSING missing field `steps`",
        "targets/broken.yaml:2:16: PP-VALUE `{prot}` is none of",
        "did you mean `port`?",
        "8 problems",
    ):
        assert expected in done.err, f"{expected}\n{done.err}"
    assert not project.runs.exists(), "nothing was started"


def test_a_fault_that_cannot_be_is_refused_with_line_and_help(project: Project) -> None:
    project.write(
        "scenarios/broken.yaml",
        "scenario: broken\nestate: small\nstimuli:\n  - {do: mes.order.complete, at: 1s}\nfaults:\n"
        "  - {fault: request-dropped, match: {operation: erp.stock.pst}}\n"
        "  - {fault: request-dropped, probability: -1}\n"
        "flows: [production-confirmation]\n",
    )
    done = project.call("run", "broken")
    assert done.code == 2, done.said
    assert "scenarios/broken.yaml:6:" in done.err and "did you mean `erp.stock.post`?" in done.err
    assert "scenarios/broken.yaml:7:43: PP-VALUE must be more than 0, got -1" in done.err and "  help: " in done.err
    late = "faults:\n  - fault: request-dropped\n    window: {from_s: 2}\n"
    project.write(
        "scenarios/late.yaml",
        f"scenario: late\nestate: small\nstimuli:\n  - {{do: mes.order.complete, at: 1s}}\n{late}"
        "flows: [production-confirmation]\n",
    )
    done = project.call("validate")
    assert done.code == 2 and "scenarios/late.yaml:7:22: PP-VALUE the stimuli are over after 1 s" in done.err


@pytest.mark.parametrize("form", ["json", "github"])
def test_problems_are_also_told_to_programs(project: Project, form: str) -> None:
    project.write("scenarios/broken.yaml", "scenario: broken\nestate: smal\nflows: [production-confirmation]\n")
    done = project.call("run", "broken", "--format", form)
    assert done.code == 2
    if form == "json":
        (problem,) = done.json()["error"]["problems"]
        assert (problem["path"], problem["line"], problem["column"]) == ("scenarios/broken.yaml", 2, 9)
    else:
        assert "::error file=scenarios/broken.yaml,line=2,col=9," in done.err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        pytest.param(["shrt"], "there is no scenario `shrt`; did you mean `short`?", id="scenario"),
        pytest.param(["short", "--target", "quik"], "there is no target `quik`; did you mean `quick`?", id="target"),
        pytest.param(["short", "--report", "htm"], "there is no report `htm`; did you mean `html`?", id="report"),
        pytest.param(["short", "--format", "jso"], "must be one of `text`, `json`, `github`", id="format"),
        pytest.param(["short", "--seed", "-1"], "must be a whole number from 0", id="seed"),
        pytest.param(["short", "--seed", "1e3"], "Invalid value for '--seed'", id="seed that is no number"),
        pytest.param(["short", "--repeat", "0"], "--repeat", id="repeat"),
        pytest.param(["short", "--set", "speed"], "not of the form a.b=c", id="set without a value"),
        pytest.param(["short", "--set", "sped=2"], "unknown field `sped`", id="set an unknown field"),
        pytest.param(["short", "--set", "stimuli.7.at=2s"], "`7` is not one of the 1 elements", id="set beyond a list"),
        pytest.param(["short", "--set", "estate=smal"], "did you mean `small`?", id="set an unknown name"),
        pytest.param(["short", "--set", "stimuli.0.count=" + "9" * 40], "must be 1000000 or less", id="huge count"),
        pytest.param(["short", "--set", "stimuli.0.over=9999999h"], "must be 604800 or less", id="huge duration"),
        pytest.param(["short", "--set", "faults=[{fault: outtage}]"], "did you mean `outage`?", id="unknown fault"),
        pytest.param(
            ["short", "--set", "faults=[{fault: duplicate, match: {operation: erp.stock.post}}]"],
            "strikes the delivery of events",
            id="impossible fault",
        ),
        pytest.param(["short", "--target", "http://u:geheim@127.0.0.1/"], "a password in it", id="password in address"),
        pytest.param(["short", "--target", "http://127.0.0.1:99999/"], "not an address", id="impossible port"),
        pytest.param(["short", "--target", "http://[::1"], "not an address", id="broken address"),
        pytest.param([], "Missing argument", id="no scenario"),
        pytest.param(["short", "--nonsense"], "No such option", id="unknown option"),
    ],
)
def test_bad_arguments_exit_2_with_the_reason(project: Project, words: list[str], reason: str) -> None:
    done = project.call("run", *words)
    assert done.code == 2, done.said
    said = done.err.replace("\n  did you mean", "; did you mean")
    assert reason in said
    assert "geheim" not in said
    assert not project.runs.exists(), "nothing was started"


def test_one_seed_gives_the_same_data_and_stimuli_and_another_seed_others(project: Project) -> None:
    assert project.call("run", "short", "--seed", "7", "--quiet").code == 0
    assert project.call("run", "short", "--seed", "7", "--quiet", "--target", "null").code == 1
    assert project.call("run", "short", "--seed", "8", "--quiet").code == 0
    told = [json.loads(path.read_bytes()) for path in sorted(project.runs.glob("*/run.json"))]
    assert [info["seed"] for info in told] == [7, 7, 8]
    digests = [(info["data_digest"], info["stimuli_digest"]) for info in told]
    assert digests[0] == digests[1] and all(digests[0])
    assert digests[2][0] != digests[0][0] and digests[2][1] != digests[0][1]


def test_no_secret_reaches_the_run_directory(project: Project) -> None:
    spy = project.root / "told.json"
    project.write(
        "targets/spied.yaml",
        "target: spied\nstart:\n"
        f"  command: ['{{python}}', '{project.root / 'spy.py'}', '{{port}}', '{{work}}/reference.sqlite']\n"
        '  ready: {url: "http://127.0.0.1:{port}/health", within: 10s}\n'
        'deliver: {url: "http://127.0.0.1:{port}/events"}\n',
    )
    project.write(
        "spy.py",
        "import json, os, sys\n"
        f"json.dump({{n: v for n, v in os.environ.items() if n.startswith('PILOTPLANT_')}}, open({str(spy)!r}, 'w'))\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'pilotplant.reference', '--port', sys.argv[1],"
        " '--database', sys.argv[2]])\n",
    )
    done = project.call("run", "short", "--target", "spied")
    assert done.code == 0, done.said
    told = json.loads(spy.read_text())
    secrets = [value for name, value in told.items() if name.endswith(("_SECRET", "_API_KEY"))]
    assert len(set(secrets)) == 6, "of PLM, ERP, two MES, the desk, and of the events"
    found = _files_with(project.run_directory, [secret.encode() for secret in secrets])
    assert not found
    assert not any(secret in done.out + done.err for secret in secrets)


def _files_with(directory: Path, secrets: list[bytes]) -> list[str]:
    files = [path for path in directory.rglob("*") if path.is_file()]
    return [path.name for path in files for secret in secrets if secret in path.read_bytes()]
