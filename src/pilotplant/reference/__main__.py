"""`python -m pilotplant.reference`: the middleware as a process, with the real clock and the real network."""

import argparse
import os
import secrets
import sys
from pathlib import Path

import uvicorn

from pilotplant.reference.app import create_app
from pilotplant.reference.clock import SystemClock
from pilotplant.reference.settings import SettingsError, from_environment


def main() -> int:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m pilotplant.reference", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="where events are received")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: %(default)s)")
    parser.add_argument("--database", type=Path, required=True, help="the file that keeps what must not be forgotten")
    arguments = parser.parse_args()
    try:
        settings = from_environment(os.environ)
    except SettingsError as error:
        print(f"pilotplant.reference: {error}", file=sys.stderr)
        return 2
    app = create_app(
        settings, clock=SystemClock(), transport=None, database=arguments.database, chance=secrets.SystemRandom()
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


if __name__ == "__main__":
    sys.exit(main())
