"""Stands between the harness and a target process, so that the target never outlives the harness.

Run as a script: `warden.py COMMAND…`. It starts the command in a session of its own, prints its process id, and then
waits: for the command to end (and ends with its exit code), or for its own standard input to close, which is what
happens when the harness is gone, however it went. Then it ends the command's whole process group.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading

GRACE_S = 1.0


def signal_group(process_id: int, how: int) -> None:
    """Signal the process group, if it is still there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process_id, how)


def main(command: list[str]) -> int:
    """Guard the command; its exit code, or 127 where it cannot be started."""
    for outlived in (signal.SIGINT, signal.SIGTERM):
        # Not SIG_IGN: the command would inherit that and could not be ended by these signals.
        signal.signal(outlived, lambda *_: None)
    try:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sys.stderr, start_new_session=True, restore_signals=True
        )
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        return 127
    print(child.pid, flush=True)

    def watch() -> None:
        while os.read(0, 1024):  # not sys.stdin: its lock would be held when the interpreter ends
            pass
        signal_group(child.pid, signal.SIGTERM)
        try:
            child.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            signal_group(child.pid, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
    code = child.wait()
    signal_group(child.pid, signal.SIGKILL)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
