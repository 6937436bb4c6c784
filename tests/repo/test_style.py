"""The part of STYLE that a machine can keep: sizes, names, docstrings, and where chance is made."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

LINES_PER_FILE = 500
LINES_PER_FUNCTION = 70
NO_FILE_NAMES = {"util", "utils", "helper", "helpers"}
UNFINISHED = re.compile(r"\b(?:[T]ODO|[F]IXME|[X]XX)\b")  # written so that it does not find itself
MAKES_CHANCE = {"src/pilotplant/kernel/draws.py"}
WRITTEN_BY_US = ("src", "tests", "benchmarks", "examples", "loadtests")


def python_files(repository: Path, *folders: str) -> Iterator[tuple[str, str]]:
    """The Python files of some folders: path from the root, and text."""
    for folder in folders:
        for path in sorted((repository / folder).rglob("*.py")):
            yield path.relative_to(repository).as_posix(), path.read_text(encoding="utf-8")


def engine_violations(file: str, text: str) -> list[str]:
    """What a file of the engine does against the rules that hold for src/ only."""
    tree = ast.parse(text, file)
    found = []
    if (lines := len(text.splitlines())) > LINES_PER_FILE:
        found.append(f"{file}:1 has {lines} lines, more than {LINES_PER_FILE}: it wants to be two files")
    if not ast.get_docstring(tree):
        found.append(f"{file}:1 has no docstring that says its one responsibility")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LINES_PER_FUNCTION:
                found.append(f"{file}:{node.lineno} {node.name} has {lines} lines, more than {LINES_PER_FUNCTION}")
        if isinstance(node, ast.Call) and file not in MAKES_CHANCE and _name(node.func) == "Random":
            found.append(f"{file}:{node.lineno} makes its own chance: use a stream or a keyed draw of Draws")
    return found


def violations(file: str, text: str) -> list[str]:
    """What any Python file of ours does against the rules that hold everywhere."""
    tree = ast.parse(text, file)
    found = []
    if NO_FILE_NAMES & set(Path(file).with_suffix("").parts):
        found.append(f"{file}:1 is named after nothing: name it after what it holds")
    for number, line in enumerate(text.splitlines(), start=1):
        if UNFINISHED.search(line):
            found.append(f"{file}:{number} notes unfinished work: finish it, or open an issue")
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name.endswith(("Manager", "Helper", "Utils")):
            found.append(f"{file}:{node.lineno} {node.name} does not say what it is")
    return found


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def test_the_engine_keeps_its_rules(repository: Path) -> None:
    found = [line for file, text in python_files(repository, "src") for line in engine_violations(file, text)]
    assert not found, "\n".join(found)


def test_all_python_keeps_the_common_rules(repository: Path) -> None:
    found = [line for file, text in python_files(repository, *WRITTEN_BY_US) for line in violations(file, text)]
    assert not found, "\n".join(found)


DOCUMENTED = '"""What it does."""\n'
LONG_FUNCTION = DOCUMENTED + "def long():\n" + "    pass\n" * LINES_PER_FUNCTION


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("import os\n", "src/x.py:1 has no docstring", id="docstring"),
        pytest.param(DOCUMENTED + "x = 1\n" * LINES_PER_FILE, "src/x.py:1 has 501 lines", id="long file"),
        pytest.param(LONG_FUNCTION, "src/x.py:2 long has 71 lines", id="long function"),
        pytest.param(DOCUMENTED + "chance = random.Random(1)\n", "src/x.py:2 makes its own chance", id="chance"),
    ],
)
def test_a_planted_offence_in_the_engine_is_found(text: str, complaint: str) -> None:
    (found,) = engine_violations("src/x.py", text)
    assert found.startswith(complaint)


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        pytest.param("src/utils/x.py", "", "src/utils/x.py:1 is named after nothing", id="folder"),
        pytest.param("src/helpers.py", "", "src/helpers.py:1 is named after nothing", id="file"),
        pytest.param(
            "src/x.py", "# {}: later".format("todo".upper()), "src/x.py:1 notes unfinished work", id="unfinished"
        ),
        pytest.param("src/x.py", "class RunManager: ...", "src/x.py:1 RunManager does not say", id="class"),
    ],
)
def test_a_planted_offence_anywhere_is_found(file: str, text: str, complaint: str) -> None:
    (found,) = violations(file, text)
    assert found.startswith(complaint)
