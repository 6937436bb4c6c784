"""What is committed stands on its own: no paths of one machine, no secrets, no lock files, no results of runs."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

LOCK_FILES = {"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "package-lock.json", "yarn.lock", "pylock.toml"}
# Where git is not there to ask (an unpacked archive), these are what a working checkout gathers and never commits.
NOT_OURS = {".git", ".venv", ".nox", "build", "dist", "__pycache__", ".hypothesis"}
NOT_OURS |= {f".{tool}_cache" for tool in ("mypy", "pytest", "ruff")}
# The patterns are written so that they do not find themselves.
MACHINE_PATH = re.compile(
    r"(?<![\w.:/$}-])(?:/(?:[w]ork|[r]oot)/[\w.]|/[h]ome/(?!user)\w|/[U]sers/\w)|\b[C]:\\+[U]sers\\"
)
SECRETS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*[P]RIVATE KEY-----"),
    "an AWS key": re.compile(r"\b[A]KIA[0-9A-Z]{16}\b"),
    "a GitHub token": re.compile(r"\b(?:[g]h[pousr]_[A-Za-z0-9]{36}|[g]ithub_pat_\w{22,})"),
    "a GitLab token": re.compile(r"\b[g]lpat-[\w-]{20}"),
    "a Slack token": re.compile(r"\b[x]ox[abprs]-[\w-]{10,}"),
    "a signed token": re.compile(r"\b[e]yJ[\w-]{10,}\.[e]yJ[\w-]{10,}\.[\w-]{10,}"),
    # Hosts without a dot, loopback, and the names reserved for examples and tests are nobody's.
    "a password in an address": re.compile(
        r"\b[a-z][a-z0-9+]*://[^\s/:@{}<>$]+:[^\s/:@{}<>$]+@(?!127\.|[\w.-]*\b(?:example|test|invalid|localhost)\b)[\w-]+\.\w"
    ),
}


def committed_files(repository: Path) -> list[str]:
    """What git tracks or would track; without git, everything but what a working checkout gathers."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listing = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return sorted(_walk(repository, repository))
    return sorted({name for name in listing.split("\0") if name and (repository / name).is_file()})


def _walk(repository: Path, folder: Path) -> Iterator[str]:
    for path in folder.iterdir():
        name = path.relative_to(repository).as_posix()
        if path.name in NOT_OURS or name == "reports/runs" or path.name.endswith(".egg-info"):
            continue
        if path.is_dir():
            yield from _walk(repository, path)
        else:
            yield name


def misplaced(name: str) -> list[str]:
    """What is wrong with committing a file of this name."""
    if Path(name).name in LOCK_FILES:
        return [f"{name} records download addresses: constraints.txt is what we commit"]
    if name.startswith("reports/runs/"):
        return [f"{name} is the result of a run: it stays on the machine that made it"]
    return []


def revealing(name: str, text: str) -> list[str]:
    """Lines that belong to one machine, or to nobody's eyes."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if MACHINE_PATH.search(line):
            found.append(f"{name}:{number} names a path of one machine")
        found += [f"{name}:{number} looks like {what}" for what, pattern in SECRETS.items() if pattern.search(line)]
    return found


def test_nothing_is_committed_that_should_stay_behind(repository: Path) -> None:
    names = committed_files(repository)
    assert "pyproject.toml" in names
    found = [complaint for name in names for complaint in misplaced(name)]
    for name in names:
        found += revealing(name, (repository / name).read_text(encoding="utf-8", errors="replace"))
    assert not found, "\n".join(found)


def test_files_are_found_without_git(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "src/a.py", ".venv/lib/b.py", "reports/runs/1/run.json", "reports/sample/run.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert committed_files(tmp_path) == ["pyproject.toml", "reports/sample/run.json", "src/a.py"]


@pytest.mark.parametrize("name", ["uv.lock", "docs/package-lock.json", "reports/runs/x/run.json"])
def test_a_misplaced_file_is_found(name: str) -> None:
    assert len(misplaced(name)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "open('{}work/main/x')".format("/"),
        "{}root/.cache".format("/"),
        "cd {}home/ann/project".format("/"),
        "{}Users/ann".format("/"),
        r"C{}\Users\ann".format(":"),
        "-----BEGIN RSA {} KEY-----".format("PRIVATE"),
        "{}IOSFODNN7EXAMPLE".format("AKIA"),
        "token={}{}".format("ghp_", "a" * 36),
        "amqp://user:hunter2@{}".format("broker.acme.io"),
    ],
)
def test_a_planted_line_is_found(line: str) -> None:
    assert len(revealing("x.md", f"first\n{line}\n")) == 1


@pytest.mark.parametrize(
    "line",
    ["GET /erp/work/orders", "https://example.com/root/x", "http://a:b@127.0.0.1:80/", "http://a:b@erp.example/"],
)
def test_an_ordinary_line_is_not_accused(line: str) -> None:
    assert revealing("x.md", line) == []
