"""`pilotplant attach`: what works is shown, and what is wrong with a mapping is explained while it is connected."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.command_line import Done, pilotplant

EXAMPLE = Path(__file__).parents[2] / "examples" / "foreign-hub"


def attach(project: Path, out: Path, *more: str) -> Done:
    return pilotplant(project, "attach", "--send", "mes.order.completed", "--out", str(out), *more)


def attached(project: Path, out: Path, *more: str) -> tuple[int, list[dict[str, Any]]]:
    done = attach(project, out, "--format", "json", *more)
    return done.code, [json.loads(line) for line in done.out.splitlines()]


def broken(folder: Path, before: str, after: str) -> Path:
    """The example with something in its target file changed."""
    project = Path(shutil.copytree(EXAMPLE, folder / "hub"))
    target = project / "targets" / "hub.yaml"
    text = target.read_text("utf-8")
    assert before in text
    target.write_text(text.replace(before, after), "utf-8")
    return project


def test_what_works_is_shown(tmp_path: Path) -> None:
    code, lines = attached(EXAMPLE, tmp_path, "--for", "6s")
    assert code == 0, lines
    assert lines[0]["ready"] and lines[-1]["misses"] == []
    assert {line.get("kind") for line in lines[1:-1]} == {"sent", "delivered", "matched"}


@pytest.mark.parametrize(
    ("before", "after", "kind", "why"),
    [
        ("confirmation: Nummer", "confirmation: Numer", "undelivered", "KeyError('Nummer')"),
        ("user: mes,", "user: mess,", "undelivered", "see `auth`"),
        (
            "erp/stock-documents",
            "erp/stock-document",
            "unmatched",
            "nearest is erp.stock.post: its path is /erp/",
        ),
        ("lines.item_text: text}", "lines.line_text: text}", "invalid", "unknown field `item_text`"),
        ("'CNF-[0-9A-Z-]+'", "'CONF [0-9]+'", "anonymous", "set `source_document`, or say in `identity`"),
    ],
)
def test_a_broken_mapping_is_explained(before: str, after: str, kind: str, why: str, tmp_path: Path) -> None:
    project = broken(tmp_path, before, after)
    if "line_text" in after:  # the rule has to name the same field
        target = project / "targets" / "hub.yaml"
        target.write_text(
            target.read_text("utf-8").replace("field: lines.item_text", "field: lines.line_text"), "utf-8"
        )
    code, lines = attached(project, tmp_path / "out", "--for", "4s")
    assert code == 4, lines
    told = [line for line in lines if line.get("kind") == kind]
    assert told and why in told[0]["why"], lines
    assert any(why in miss for miss in lines[-1]["misses"])


def test_who_fails_after_its_202_is_shown_with_what_it_wrote(tmp_path: Path) -> None:
    project = broken(tmp_path, '"{estate}/erp/stock-documents"', '"file:///nowhere"')
    done = attach(project, tmp_path / "out", "--for", "4s")
    assert "the last that hub wrote (target.log of the run):" in done.out
    assert "again: URLError(" in done.out.partition("the last that hub wrote")[2]


def test_ctrl_c_prints_what_still_misses(tmp_path: Path) -> None:
    words = ["attach", "--target", "null", "--out", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "pilotplant", *words],
        cwd=EXAMPLE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,
    )
    assert process.stdout is not None
    assert "is attached" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, out + err
    assert "the target has called no operation yet" in out and "NOT YET CONNECTED" in out


def test_a_sample_that_there_is_not_is_refused_before_anything_starts(tmp_path: Path) -> None:
    code, lines = attached(EXAMPLE, tmp_path, "--send", "plm.change.relesed")
    assert code == 2 and "did you mean" in lines[0]["error"]["message"]
