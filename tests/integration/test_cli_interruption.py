"""A run that is ended from outside: what is left behind, and that nothing goes on living."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.command_line import LIMIT_S, Project

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")

LONG = "stimuli.0.over=60s"
GONE_WITHIN_S = 10.0


def started(project: Project) -> "subprocess.Popen[str]":
    """A run in the middle of its stimuli: the target has posted something."""
    process = project.start("run", "short", "--set", LONG, "--set", "stimuli.0.count=600")
    assert process.stderr is not None
    for line in process.stderr:
        if line.rstrip().endswith("driving"):
            break
    deadline = time.monotonic() + LIMIT_S
    # Its event stands in the ledger after the commit: whoever is killed now has written both.
    while b"erp.stock.posted|" not in project.run_directory.joinpath("ledger.msgpack").read_bytes():
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()
        time.sleep(0.02)
    return process


def of_target(project: Project) -> list[int]:
    """The processes that have to do with the target of this project: its warden, and itself."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:  # it ended meanwhile
            continue
        if os.fsencode(project.root) in words and b"pilotplant.reference" in words:
            found.append(int(entry.name))
    return found


def port_of_target(project: Project) -> int:
    """The port that the target was told."""
    (warden, *_rest) = of_target(project)
    words = Path(f"/proc/{warden}/cmdline").read_bytes()
    found = re.search(rb"--port\0(\d+)", words)
    assert found is not None
    return int(found[1])


def until_gone(project: Project) -> None:
    """Wait until no process of the target is left."""
    deadline = time.monotonic() + GONE_WITHIN_S
    while left := of_target(project):
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.02)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_keeps_its_ledger_and_ends_its_target(project: Project, how: signal.Signals) -> None:
    process = started(project)
    assert of_target(project)
    process.send_signal(how)
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130, err
    assert "interrupted" in err and "pilotplant ledger show" in err
    assert "Traceback" not in out + err
    assert not of_target(project), "gone before the harness is"
    assert project.run_info()["ended"] == "interrupted"
    shown = project.call("ledger", "show", "--kind", "commit")
    assert shown.code == 0 and "erp.stock.post" in shown.out, shown.said
    assert "torn" not in shown.err, "closed in order"


def test_a_killed_run_leaves_a_readable_ledger_and_no_orphan(project: Project) -> None:
    process = started(project)
    port = port_of_target(project)
    process.kill()
    process.communicate(timeout=LIMIT_S)
    until_gone(project)
    with socket.create_server(("127.0.0.1", port)):
        pass  # the port is free again
    shown = project.call("ledger", "show", "--kind", "commit")
    assert shown.code == 0 and "erp.stock.post" in shown.out, shown.said
    exported = project.call("ledger", "export")
    assert exported.code == 0 and len(exported.out.splitlines()) > 10


def test_a_killed_run_is_never_judged_a_pass(project: Project) -> None:
    process = started(project)
    process.kill()
    process.communicate(timeout=LIMIT_S)
    until_gone(project)
    done = project.call("report")
    assert done.code == 4, done.said
    assert "UNKNOWN" in done.out and "ended before the estate came to rest" in done.out


def test_a_target_that_ignores_signals_is_ended_all_the_same(project: Project) -> None:
    project.program(
        "stubborn",
        "import http.server, signal, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "class Handler(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n        self.send_response(200)\n        self.end_headers()\n"
        "    do_POST = do_GET\n"
        "http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()\n",
    )
    target = project.root / "targets/stubborn.yaml"
    target.write_text(target.read_text().replace("  ready:", "  stop: {signal: TERM, within: 200ms}\n  ready:"))
    done = project.call("run", "short", "--target", "stubborn")
    assert done.code == 1, done.said
    program = os.fsencode(project.root / "stubborn.py")
    left = [entry.name for entry in Path("/proc").glob("[0-9]*") if program in _command(entry)]
    assert not left


def test_a_target_starts_with_the_signals_as_they_are_everywhere(project: Project) -> None:
    project.program(
        "plain",
        "import pathlib, signal\n"
        "ignored = signal.getsignal(signal.SIGTERM) == signal.SIG_IGN\n"
        f"pathlib.Path({str(project.root / 'ignored')!r}).write_text(str(ignored))\n"
        "raise SystemExit('seen')\n",
    )
    assert project.call("run", "short", "--target", "plain").code == 5
    assert (project.root / "ignored").read_text() == "False", "a program that does not handle SIGTERM ends by it"


def _command(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:
        return b""


def test_sigterm_leaves_the_handlers_of_the_embedding_program_alone(project: Project) -> None:
    program = (
        "import signal, pathlib, pilotplant\n"
        "mine = lambda *_: None\n"
        "signal.signal(signal.SIGTERM, mine)\n"
        "result = pilotplant.run_scenario('short', target='null', project=pathlib.Path('.'))\n"
        "assert result.exit == 1, result\n"
        "assert signal.getsignal(signal.SIGTERM) is mine, signal.getsignal(signal.SIGTERM)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project.root, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 0, done.stderr
