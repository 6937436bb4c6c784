"""The project's list of known findings, `accepted.yaml`: read with all that is wrong with it, and added to."""

import re
from pathlib import Path

import msgspec

from pilotplant.checks.accepted import Acceptance, AcceptedSpec
from pilotplant.model.documents import Document, Problems
from pilotplant.model.errors import DocumentError, UsageError
from pilotplant.resources import Project

FILE = "accepted.yaml"
_HEAD = """\
# Known findings that somebody answers for. They are listed in every run and do not fail it, until their day is over.
accepted:
"""
_EMPTY = re.compile(r"^(accepted:)[ \t]*(\[[ \t]*\]|~|null)?(?=[ \t]*(#.*)?$)")


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
    """Write one more into the list; what stands there stays as it was written. Where that cannot be done without
    changing it, the line to be added by hand is told."""
    path = project.root / FILE
    before = known_findings(project)
    text = path.read_bytes().decode("utf-8-sig") if path.exists() else _HEAD
    told = {name: msgspec.json.encode(value).decode() for name, value in entry.model_dump(mode="json").items() if value}
    told["until"] = entry.until.isoformat()
    line = f"- {{{', '.join(f'{name}: {value}' for name, value in told.items())}}}"
    after = _with_line(text, line)
    try:
        kept = Document.parse(after, FILE).validate(AcceptedSpec).accepted == [*before, entry]
    except DocumentError:
        kept = False
    if not kept:
        raise UsageError(f"{path} is written in a way that nothing can be added to", help=f"Add to its list: {line}")
    part = path.with_name(path.name + ".part")
    part.write_text(after, "utf-8")
    part.replace(path)
    return path


def _with_line(text: str, line: str) -> str:
    """The list with one more line: behind its last entry, and as far from the margin as that."""
    lines = text.rstrip().split("\n")
    entries = [each for each in lines if each.lstrip().startswith("- ")]
    if entries:
        indent = min(len(each) - len(each.lstrip()) for each in entries)
        return "\n".join((*lines, " " * indent + line, ""))
    lines = [_EMPTY.sub(r"\1", each) for each in lines]
    if not any(each.startswith("accepted:") for each in lines):
        lines.append("accepted:")
    return "\n".join((*lines, "  " + line, ""))
