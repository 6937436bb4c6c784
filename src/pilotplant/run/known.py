"""The project's list of known findings, `accepted.yaml`: read with all that is wrong with it, and added to."""

from datetime import date
from pathlib import Path

import msgspec

from pilotplant.checks.accepted import Acceptance, AcceptedSpec
from pilotplant.model.documents import Document, Problems
from pilotplant.resources import Project

FILE = "accepted.yaml"
_HEAD = """\
# Known findings that somebody answers for. They are listed in every run and do not fail it, until their day is over.
accepted:
"""


def known_findings(project: Project) -> list[Acceptance]:
    """What the project accepts."""
    path = project.root / FILE
    if not path.exists():
        return []
    document = Document.read(path)
    spec = document.validate(AcceptedSpec)
    problems = Problems()
    seen: set[tuple[str, str]] = set()
    for position, entry in enumerate(spec.accepted):
        if (entry.fingerprint, entry.scenario) in seen:
            place = ("accepted", position, "fingerprint")
            problems.add(document.problem(place, "PP-VALUE", f"{entry.fingerprint} is accepted twice"))
        seen.add((entry.fingerprint, entry.scenario))
    problems.raise_if_any()
    return spec.accepted


def add(project: Project, entry: Acceptance) -> Path:
    """Write one more into the list; what stands there stays as it was written."""
    path = project.root / FILE
    text = path.read_text("utf-8") if path.exists() else _HEAD
    told = {name: msgspec.json.encode(value).decode() for name, value in entry.model_dump(mode="json").items() if value}
    until = entry.until.isoformat() if isinstance(entry.until, date) else ""
    line = f"  - {{{', '.join(f'{name}: {value}' for name, value in {**told, 'until': until}.items())}}}\n"
    path.write_text(text.rstrip("\n") + "\n" + line, "utf-8")
    return path
