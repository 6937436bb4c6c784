"""What every command shares: options, the project it works in, and how errors, Ctrl-C and defects leave the process."""

import errno
import functools
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from pilotplant.model.verdict import Exit

if TYPE_CHECKING:
    from pilotplant.configuration import Settings
    from pilotplant.model.errors import PilotplantError
    from pilotplant.resources import Project

RunArgument = Annotated[
    str, typer.Argument(metavar="[RUN]", help="A run directory or its name; the latest if none, or if `latest`.")
]
ProjectOption = Annotated[
    str | None,
    typer.Option("--project", metavar="DIR", help="The project's folder; otherwise it is looked for upwards."),
]
FormatOption = Annotated[
    str | None, typer.Option("--format", metavar="text|json|github", help="How results and errors are printed.")
]
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""What a disk answers without naming the file."""
_FILE_HELP = "Is the path right, may you read and write there, and is there room on the disk?"
C = TypeVar("C", bound=Callable[..., Any])


def guarded(command: C) -> C:
    """Let a command end with a clear message and the right exit code, whatever happens in it; never with a
    traceback."""

    @functools.wraps(command)
    def call(*arguments: Any, **named: Any) -> None:
        from pilotplant.model.errors import PilotplantError

        format_ = str(named.get("format_") or os.environ.get("PILOTPLANT_FORMAT") or "text")
        try:
            code = command(*arguments, **named)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            code = Exit.INTERRUPTED
        except PilotplantError as error:
            code = _fail(error, format_)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = Exit.PASS
        except Exception as error:
            code = _fail(_as_ours(error), format_)
        raise typer.Exit(int(code or 0))

    return call  # type: ignore[return-value]


def _as_ours(error: Exception) -> "PilotplantError":
    """A file that cannot be read or written is the user's to mend; anything else that got this far is our defect."""
    from pilotplant.model.errors import REGISTRY, InternalError, UsageError

    if isinstance(error, OSError) and (error.filename is not None or error.errno in _NO_ROOM):
        where = f"{error.filename}: " if error.filename is not None else ""
        return UsageError(f"{where}{error.strerror or error}", kind=REGISTRY["PP-FILE"], help=_FILE_HELP)
    where_raised = error.__traceback__
    while where_raised is not None and where_raised.tb_next is not None:
        where_raised = where_raised.tb_next
    frame = where_raised.tb_frame.f_code if where_raised else None
    place = f" ({Path(frame.co_filename).name}:{where_raised.tb_lineno})" if frame and where_raised else ""
    return InternalError(f"{type(error).__name__}: {error}{place}")


def _fail(error: "PilotplantError", format_: str) -> Exit:
    from pilotplant.cli.rendering import render

    text = render(error, format_)
    print(text.rstrip("\n"), file=sys.stdout if format_ == "json" else sys.stderr)
    return error.exit


def open_project(named: str | None) -> "Project":
    """The project that the command works in."""
    from pilotplant.resources import find_project

    found = find_project(named, os.environ, Path.cwd())
    if any(found.root.glob("simulators/*/*.py")):  # systems of the project's own; looked for only where there are some
        from pilotplant.systems import catalog

        catalog.include(found.root)
    return found


def settings_of(project: "Project", **flags: Any) -> "Settings":
    """What the user has settled, flags first."""
    from pilotplant.configuration import load_settings

    return load_settings(project.root, os.environ, flags)


def check_reports(wanted: Iterable[str], known: Iterable[str]) -> None:
    """Refuse reports that there are not, before anything is started."""
    from pilotplant.model.errors import UsageError
    from pilotplant.model.suggestions import did_you_mean, listed

    for name in wanted:
        if name not in known:
            message = f"there is no report `{name}`{did_you_mean(name, known)}"
            raise UsageError(message, help=f"There are {listed(known)}.")


def print_json(content: object) -> None:
    """A result for programs."""
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(content), indent=2).decode())
