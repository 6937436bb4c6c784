"""`pilotplant doctor`: whether this machine can run Pilotplant, and what would help."""

import shutil
import socket
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from pilotplant.cli.frame import FormatOption, ProjectOption, guarded, open_project, print_json, settings_of
from pilotplant.model.verdict import Exit
from pilotplant.resources import Project

_CORE = ("simpy", "msgspec", "pydantic", "starlette", "uvicorn", "httptools", "httpx", "faker", "jinja2", "junitparser")
_EXTRAS = {"contracts": ("schemathesis", "pact"), "load": ("locust",), "inprocess": ("respx", "hypothesis")}


class Finding(NamedTuple):
    """One thing that was looked at."""

    good: bool
    needed: bool
    what: str
    help: str = ""


@guarded
def doctor(project: ProjectOption = None, format_: FormatOption = None) -> int:
    """Check this machine and the project: Python, packages, ports, disk, documents."""
    found = open_project(project)
    settings = settings_of(found, format=format_)
    findings = [*_machine(), *_project(found)]
    if settings.format == "json":
        print_json([finding._asdict() for finding in findings])
    else:
        for finding in findings:
            mark = "ok  " if finding.good else ("FAIL" if finding.needed else "note")
            print(
                f"{mark} {finding.what}"
                + (f"\n       help: {finding.help}" if not finding.good and finding.help else "")
            )
    return Exit.PASS if all(finding.good or not finding.needed for finding in findings) else Exit.USAGE


def _machine() -> Iterator[Finding]:
    yield Finding(
        sys.version_info >= (3, 11), True, f"Python {sys.version.split()[0]}", "Python 3.11 or newer is needed."
    )
    for package in _CORE:
        try:
            yield Finding(True, True, f"{package} {version(package)}")
        except PackageNotFoundError:
            yield Finding(False, True, f"{package} is missing", "pip install pilotplant")
    fast = find_spec("uvloop") is not None
    yield Finding(fast, False, "uvloop" if fast else "uvloop is not here: slower, nothing else", "pip install uvloop")
    for extra, modules in _EXTRAS.items():
        missing = [name for name in modules if find_spec(name) is None]
        text = f"extra {extra}" if not missing else f"extra {extra}: {', '.join(missing)} not installed"
        yield Finding(not missing, False, text, f"pip install 'pilotplant[{extra}]'")
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
        yield Finding(True, True, "loopback ports can be opened")
    except OSError as error:
        yield Finding(False, True, f"no loopback port can be opened: {error.strerror}")


def _project(found: Project) -> Iterator[Finding]:
    from pilotplant.model.errors import PilotplantError
    from pilotplant.scenario.loading import validate_all

    where = "the content that ships" if not found.writable else str(found.root)
    yield Finding(True, True, f"project: {where}")
    try:
        yield Finding(True, True, f"{len(validate_all(found))} documents are valid")
    except PilotplantError as error:
        yield Finding(False, True, error.message, "pilotplant validate")
    runs: Path = found.runs_dir()
    above = next(parent for parent in (runs, *runs.parents) if parent.exists())
    free_gb = shutil.disk_usage(above).free / 1e9
    yield Finding(free_gb > 1, False, f"{free_gb:.0f} GB free for {runs}", "Ledgers of long runs are large.")
