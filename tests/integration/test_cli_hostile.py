"""Bad luck and bad intent: odd names, files that are none, damaged run directories. Clear errors, no traceback."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.command_line import LIMIT_S, Project, environment_of


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with one run in it, to be copied from."""
    project = Project(tmp_path_factory.mktemp("finished"))
    assert project.call("run", "short", "-q").code == 0
    return project


@pytest.fixture
def damaged(project: Project, finished: Project) -> Path:
    """A run directory to damage."""
    shutil.copytree(finished.runs, project.runs)
    return project.run_directory


@pytest.mark.parametrize(
    "name",
    [
        "../short", "../../../../etc/passwd", "/etc/passwd", "scenarios/../scenarios/short", "", " ", ".", "..", "~",
        "short\n", "short\x1b[2J", "%s%n", "$(id)", "-", "x" * 4000, "scenarios", "null\u202e",
    ],
)  # fmt: skip
def test_a_name_leads_nowhere_but_to_a_document_of_the_project(project: Project, name: str) -> None:
    for words in (("run", "--", name), ("run", "short", f"--target={name}"), ("validate", "--", name)):
        done = project.call(*words)
        assert done.code == 2, done.said
        assert "root:" not in done.said and "\x1b" not in done.said
    assert not project.runs.exists()


@pytest.mark.parametrize(
    "words",
    [
        (b"run", b"sho\xff"),
        (b"run", b"short", b"--target", b"\xfe\xff"),
        (b"run", b"short", b"--set", b"about=\xff"),
        (b"explain", b"\xff"),
        (b"ledger", b"show", b"\xff"),
        (b"list", b"--project", b"\xff"),
    ],
)
def test_arguments_that_are_not_text(project: Project, words: tuple[bytes, ...]) -> None:
    done = project.call(*words)
    assert done.code == 2, done.said


def test_a_folder_whose_name_is_not_text(project: Project) -> None:
    done = project.call(b"run", b"short", b"-q", b"--out", b"o\xff")
    assert done.code == 0, done.said
    (info,) = Path(os.fsdecode(os.fsencode(project.root) + b"/o\xff")).glob("*/run.json")
    assert "o\\udcff" in json.loads(info.read_bytes())["argv"]


def test_a_terminal_that_cannot_show_everything(project: Project) -> None:
    done = project.call("run", "short", "-q", environment={"PYTHONIOENCODING": "ascii"})
    assert done.code == 0, done.said
    assert "short ? quick" in done.out


def test_a_reader_that_goes_away(project: Project) -> None:
    command = [sys.executable, "-m", "pilotplant", "list"]
    process = subprocess.Popen(
        command, cwd=project.root, env=environment_of(None), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(LIMIT_S) in (0, 1)
    assert b"Traceback" not in err


@pytest.mark.parametrize(
    "variables",
    [
        {"PILOTPLANT_SEED": "many"},
        {"PILOTPLANT_SEED": "9" * 30},
        {"PILOTPLANT_FORMAT": "xml"},
        {"PILOTPLANT_PORT": "-1"},
        {"PILOTPLANT_PROJECT": "/nowhere"},
        {"PILOTPLANT_TARGET": "../../x"},
        {"PILOTPLANT_REPORTS": "html,pdf"},
    ],
)
def test_an_environment_that_makes_no_sense(project: Project, variables: dict[str, str]) -> None:
    done = project.call("run", "short", environment=variables)
    assert done.code == 2, done.said
    assert not project.runs.exists()


@pytest.mark.parametrize("out", ["pilotplant.toml", "pilotplant.toml/x", "/proc/nowhere", "/dev/null"])
def test_a_place_for_results_that_is_none(project: Project, out: str) -> None:
    done = project.call("run", "short", "--out", out)
    assert done.code == 2, done.said
    assert "PP-FILE" in done.err and out in done.err


def test_a_run_directory_that_is_deleted_under_way(project: Project) -> None:
    process = project.start("run", "short", "--set", "stimuli.0.over=2s")
    assert process.stderr is not None
    for line in process.stderr:
        if line.rstrip().endswith("driving"):
            break
    shutil.rmtree(project.run_directory)
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 2, err
    assert "PP-FILE" in err and "run.json" in err and "Traceback" not in out + err


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b'"text"', b"\xff\xfe", b'{"run": 1}', b"[" * 100_000, None],
    ids=["empty", "cut", "list", "bare", "text", "bytes", "types", "deep", "gone"],
)
def test_a_damaged_run_json(project: Project, damaged: Path, content: bytes | None) -> None:
    path = damaged / "run.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    done = project.call("report", str(damaged))
    assert done.code == 2, done.said
    assert "PP-LEDGER" in done.err and "run.json" in done.err


@pytest.mark.parametrize("part", ["seed", "configuration", "target"])
def test_a_run_json_that_lost_a_part(project: Project, damaged: Path, part: str) -> None:
    path = damaged / "run.json"
    told = json.loads(path.read_bytes())
    told[part] = {"scenario": {"flows": 3}} if part == "configuration" else None
    path.write_text(json.dumps(told))
    done = project.call("report", str(damaged))
    assert done.code == 2, done.said
    assert "PP-LEDGER" in done.err


@pytest.mark.parametrize("size", [0, 3, 30, 3000])
def test_a_ledger_that_was_cut_off(project: Project, damaged: Path, size: int) -> None:
    with (damaged / "ledger.msgpack").open("r+b") as file:
        file.truncate(size)
    for words in (("ledger", "show"), ("ledger", "export"), ("report",)):
        done = project.call(*words)
        assert done.code == 2, done.said
        assert "PP-LEDGER" in done.err and "ledger.msgpack" in done.err


def test_a_ledger_whose_last_block_is_torn(project: Project, damaged: Path) -> None:
    path = damaged / "ledger.msgpack"
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 7)
    shown = project.call("ledger", "show", "--limit", "100000")
    assert shown.code == 0 and "are torn: the writer was killed" in shown.err, shown.said
    assert project.call("report").code == 4, "what is missing at the end may be anything"


@pytest.mark.parametrize("place", [0.01, 0.6, 0.99])
@pytest.mark.parametrize("garbage", [b"\xff", b"\xc1", b"\0"])
def test_a_ledger_with_garbage_in_it(project: Project, damaged: Path, place: float, garbage: bytes) -> None:
    path = damaged / "ledger.msgpack"
    content = bytearray(path.read_bytes())
    start = int(place * len(content))
    content[start : start + 40] = garbage * min(40, len(content) - start)
    path.write_bytes(bytes(content))
    for words in (("ledger", "show"), ("ledger", "export", "--out", "x.jsonl"), ("report",)):
        done = project.call(*words)
        assert done.code in (0, 1, 2, 4), done.said


def test_bodies_that_are_gone(project: Project, damaged: Path) -> None:
    (damaged / "bodies.pack").unlink()
    done = project.call("ledger", "show", "--bodies")
    assert done.code == 2 and "PP-LEDGER" in done.err and "bodies" in done.err, done.said


@pytest.mark.parametrize(
    "content", ["", "[]", '{"run": 3}', '{"run": ".."}', '{"run": "../../../etc"}', '{"run": "gone"}']
)
def test_a_pointer_to_the_latest_run_that_is_wrong(project: Project, damaged: Path, content: str) -> None:
    (project.runs / "latest.json").write_text(content)
    done = project.call("report")
    assert done.code == 0, done.said
    assert str(damaged) in done.out, "the newest run there is"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "the document is empty", id="empty"),
        pytest.param("scenario: [", "PP-YAML-SYNTAX", id="syntax"),
        pytest.param("- a\n- b\n", "must be a mapping", id="list"),
        pytest.param("scenario: a\nscenario: b\n", "PP-YAML-DUPLICATE-KEY", id="twice"),
        pytest.param("a: &a [*a]\n", "PP-YAML", id="recursive"),
        pytest.param(
            "scenario: ../../x\nestate: small\nflows: [production-confirmation]\n",
            "must be a text of the form",
            id="name",
        ),
        pytest.param("scenario: !!python/object/apply:os.system ['touch hacked']\n", "PP-", id="code"),
        pytest.param("x: " + "[" * 5000, "PP-YAML", id="deep"),
    ],
)
def test_documents_that_are_none(project: Project, text: str, reason: str) -> None:
    project.write("scenarios/odd.yaml", text)
    done = project.call("run", "odd")
    assert done.code == 2, done.said
    assert reason in done.err and "scenarios/odd.yaml" in done.err
    assert not (project.root / "hacked").exists()
