"""`python -m pilotplant.reference`: the middleware as a process, with the real clock and the real network."""

import argparse
import os
import secrets
import sys
from pathlib import Path

import msgspec
import uvicorn

from pilotplant.reference.app import create_app
from pilotplant.reference.clock import SystemClock
from pilotplant.reference.defects import VARIABLE, UnknownDefect, defects, find, planted
from pilotplant.reference.settings import SettingsError, from_environment


class _ListDefects(argparse.Action):
    """Prints what can be switched on, for programs, and ends."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        keys = ("id", "number", "name", "about", "check", "scenario", "live")
        told = [{key: getattr(defect, key) for key in keys} for defect in defects().values()]
        print(msgspec.json.encode(told).decode())
        parser.exit()


def main() -> int:
    """Serve until SIGTERM or SIGINT."""
    arguments = _parser().parse_args()
    try:
        settings = from_environment(os.environ)
        parts = find(arguments.defect).parts if arguments.defect else planted(os.environ)
    except (SettingsError, UnknownDefect) as error:
        print(f"pilotplant.reference: {error}", file=sys.stderr)
        return 2
    app = create_app(
        settings,
        clock=SystemClock(),
        transport=None,
        database=arguments.database,
        chance=secrets.SystemRandom(),
        parts=parts,
    )
    uvicorn.run(
        app,
        host=arguments.host,
        port=arguments.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,  # events that are not acknowledged by then will be sent again
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pilotplant.reference", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="where events are received")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: %(default)s)")
    parser.add_argument("--database", type=Path, required=True, help="the file that keeps what must not be forgotten")
    parser.add_argument("--defect", default="", metavar="NAME", help=f"plant a defect (default: ${VARIABLE}, or none)")
    parser.add_argument("--list-defects", action=_ListDefects, nargs=0, help="print the defects as JSON, and end")
    return parser


if __name__ == "__main__":
    sys.exit(main())
