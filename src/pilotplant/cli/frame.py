"""What every command shares: options, the project it works in, and how errors, Ctrl-C and defects leave the process."""

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from pilotplant.model.verdict import Exit

if TYPE_CHECKING:
    from pilotplant.configuration import Settings
    from pilotplant.resources import Project

ProjectOption = Annotated[
    str | None,
    typer.Option("--project", metavar="DIR", help="The project's folder; otherwise it is looked for upwards."),
]
FormatOption = Annotated[
    str | None, typer.Option("--format", metavar="text|json|github", help="How results and errors are printed.")
]
C = TypeVar("C", bound=Callable[..., Any])


def guarded(command: C) -> C:
    """Let a command end with a clear message and the right exit code, whatever happens in it; never with a
    traceback."""

    @functools.wraps(command)
    def call(*arguments: Any, **named: Any) -> None:
        from pilotplant.model.errors import InternalError, PilotplantError

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
            where = error.__traceback__
            while where is not None and where.tb_next is not None:
                where = where.tb_next
            place = f" ({Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno})" if where else ""
            code = _fail(InternalError(f"{type(error).__name__}: {error}{place}"), format_)
        raise typer.Exit(int(code or 0))

    return call  # type: ignore[return-value]


def _fail(error: Any, format_: str) -> Exit:
    from pilotplant.cli.rendering import render

    text = render(error, format_)
    print(text.rstrip("\n"), file=sys.stdout if format_ == "json" else sys.stderr)
    exit_: Exit = error.exit
    return exit_


def open_project(named: str | None) -> "Project":
    """The project that the command works in."""
    from pilotplant.resources import find_project

    return find_project(named, os.environ, Path.cwd())


def settings_of(project: "Project", **flags: Any) -> "Settings":
    """What the user has settled, flags first."""
    from pilotplant.configuration import load_settings

    return load_settings(project.root, os.environ, flags)


def print_json(content: object) -> None:
    """A result for programs."""
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(content), indent=2).decode())
