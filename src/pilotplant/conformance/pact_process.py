"""The process in which the Pact library verifies: it prints as it likes, and what it holds is gone when we end it.

    python -m pilotplant.conformance.pact_process

reads jobs from standard input, one JSON object a line, and answers each with a line of what the library found.
"""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

import msgspec


class Job(msgspec.Struct, frozen=True):
    """A pact to verify against a provider at an address."""

    provider: str
    url: str
    host: str
    pact: dict[str, Any]
    headers: dict[str, str]
    state_url: str
    """Where states are brought about; empty where nobody does."""
    message_port: int
    message_path: str
    timeout_ms: int = 15_000


class Found(msgspec.Struct, frozen=True):
    """What the library says: whether all is as it should be, and what is not."""

    passed: bool
    mismatches: tuple[dict[str, Any], ...] = ()
    error: str = ""
    pending: bool = False


def _verify(job: Job, folder: Path) -> Found:
    from pact import Verifier

    path = folder / "pact.json"
    path.write_bytes(msgspec.json.encode(job.pact))
    verifier = Verifier(job.provider, host=job.host).add_transport(url=job.url)
    if job.message_port:
        verifier.add_transport(protocol="message", port=job.message_port, path=job.message_path)
    if job.state_url:
        verifier.state_handler(job.state_url, body=True)
    verifier.add_custom_headers(job.headers).set_coloured_output(enabled=False).set_request_timeout(job.timeout_ms)
    verifier.set_error_on_empty_pact(enabled=True).follow_redirects(False)
    verifier.add_source(path)
    try:
        verifier.verify()
    except RuntimeError as error:
        return _found(verifier.results, str(error))
    return _found(verifier.results, "")


def _found(results: dict[str, Any], raised: str) -> Found:
    told = [*results.get("errors", ()), *results.get("pendingErrors", ())]
    mismatches: list[dict[str, Any]] = []
    errors: list[str] = []
    for each in told:
        mismatch = each.get("mismatch") or {}
        mismatches += mismatch.get("mismatches", ())
        if message := mismatch.get("message"):
            errors.append(str(message))
    passed = bool(results.get("result")) and not told and not raised
    if not passed and not mismatches and not errors:
        errors.append(raised or "the Pact library gives no reason")
    return Found(passed, tuple(mismatches), "; ".join(dict.fromkeys(errors)), bool(results.get("pendingErrors")))


def _serve(answers: TextIO) -> None:
    decode = msgspec.json.Decoder(Job).decode
    with TemporaryDirectory(prefix="pilotplant-pact-") as folder:
        for line in sys.stdin:
            answers.write(msgspec.json.encode(_verify(decode(line), Path(folder))).decode() + "\n")
            answers.flush()


def main() -> None:
    """Keep standard output for the answers: the library prints to the one that it knows."""
    os.environ["PACT_DO_NOT_TRACK"] = "true"
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        _serve(answers)


if __name__ == "__main__":
    main()
