"""How an error looks: as text, as JSON for programs, as annotations for GitHub."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from pilotplant.model.errors import DocumentError, PilotplantError, Problem
from pilotplant.model.suggestions import DID_YOU_MEAN

ANNOTATIONS_MAX = 10
"""GitHub shows no more than ten of a step."""


def render(error: PilotplantError, format: str = "text") -> str:
    """An error in one of the formats of the command line, ending with a line break."""
    return {"json": as_json, "github": as_github}.get(format, as_text)(error)


def as_text(error: PilotplantError) -> str:
    """For people: each problem with its place, the line, what may have been meant, and a hint."""
    problems = _problems(error)
    if not problems:
        help = f"  help: {printable(error.help)}\n" if error.help else ""
        return f"{error.kind.code} {printable(error.message)}\n{help}"
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    explain = f"{count}. `pilotplant explain {problems[0].code}` says more.\n"
    return "\n".join([*(_text(problem) for problem in problems), explain])


def as_json(error: PilotplantError) -> str:
    """For programs: one object on one line."""
    problems = [asdict(problem) for problem in _problems(error)]
    body = {"code": error.kind.code, "message": error.message, "help": error.help, "problems": problems}
    return json.dumps({"error": body}) + "\n"


def as_github(error: PilotplantError) -> str:
    """For GitHub Actions: workflow commands, which become annotations at the lines they name."""
    problems = _problems(error)
    if not problems:
        return _command({"title": error.kind.code}, f"{error.message}\n{error.help}".strip())
    commands = []
    for problem in problems[:ANNOTATIONS_MAX]:
        where: dict[str, str | int] = {}
        if problem.line:
            where = {"file": problem.path, "line": problem.line, "col": problem.column}
        what = problem.message if problem.line else f"{problem.path}: {problem.message}"
        commands.append(_command({**where, "title": problem.code}, f"{what}\n{problem.help}".strip()))
    if len(problems) > ANNOTATIONS_MAX:
        commands.append(f"{len(problems) - ANNOTATIONS_MAX} more; see them with --format text\n")
    return "".join(commands)


def printable(text: str) -> str:
    """A text without characters that a terminal would obey: messages quote documents, and those may be hostile."""
    return "".join(c if c.isprintable() else " " if c in "\t\r\n" else f"\\x{ord(c):02x}" for c in text)


def _problems(error: PilotplantError) -> Sequence[Problem]:
    return error.problems if isinstance(error, DocumentError) else ()


def _text(problem: Problem) -> str:
    place = f"{problem.path}:{problem.line}:{problem.column}" if problem.line else problem.path
    message, asked, meant = problem.message.partition(DID_YOU_MEAN)
    lines = [f"{printable(place)}: {problem.code} {printable(message)}"]
    if problem.excerpt:
        number = str(problem.line)
        line, _, mark = problem.excerpt.partition("\n")
        lines += [f"  {number} | {printable(line)}", f"  {' ' * len(number)} | {mark}"]
    if asked:
        lines.append(f"  did you mean {printable(meant)}")
    if problem.help:
        lines.append(f"  help: {printable(problem.help)}")
    return "\n".join(lines) + "\n"


def _command(properties: dict[str, str | int], message: str) -> str:
    written = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    return f"::error {written}::{_data(message)}\n"


def _data(text: str) -> str:
    lines = (printable(line) for line in text.splitlines())
    return "%0A".join(line.replace("%", "%25") for line in lines)


def _property(text: str) -> str:
    return printable(text).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
