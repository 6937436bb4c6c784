"""`pilotplant attach`: connect a middleware, and see live what works and what does not yet."""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pilotplant.cli.frame import FormatOption, ProjectOption, guarded, open_project, settings_of
from pilotplant.model.verdict import Exit

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from pilotplant.configuration import Settings
    from pilotplant.resources import Project
    from pilotplant.run.attaching import Attachment, Notice
    from pilotplant.run.live import LiveStage
    from pilotplant.run.preparation import Prepared
    from pilotplant.run.request import RunRequest
    from pilotplant.target.model import TargetSpec

_LAST_BYTES = 4_096
_LAST_LINES = 8
_STYLE = {
    "delivered": "green",
    "matched": "green",
    "sent": "cyan",
    "refused": "yellow",
    "anonymous": "yellow",
    "undelivered": "red",
    "unmatched": "red",
    "invalid": "red",
    "unauthorized": "red",
}


@guarded
def attach(
    target: Annotated[
        str | None, typer.Option("--target", metavar="NAME|FILE|URL", help="The middleware to connect. [reference]")
    ] = None,
    estate: Annotated[str, typer.Option("--estate", metavar="NAME", help="Which estate.")] = "three-plants",
    send: Annotated[
        list[str] | None,
        typer.Option("--send", metavar="EVENT", help="Let one sample event happen at once; may be repeated."),
    ] = None,
    for_: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="End after so long (15s, 5m). [Ctrl-C ends it]")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Seed of the data. [0]")] = None,
    port: Annotated[int | None, typer.Option("--port", metavar="N", help="Where the simulators listen. [free]")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the ledger goes. [reports/runs]")
    ] = None,
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """Start an estate without a scenario, and show live what is delivered, called, matched and missing.

    On a terminal the Enter key sends the samples again. With --for, exit code 0: connected; 4: something is missing.
    """
    from pilotplant.model.durations import length
    from pilotplant.run.stimulation import stimulus_of
    from pilotplant.scenario.loading import load_target

    found = open_project(project)
    settings = settings_of(found, seed=seed, target=target, port=port, out=out, format=format_)
    for_s = length(for_, "--for") if for_ is not None else None
    chosen = load_target(found, settings.target)
    samples = [stimulus_of(name) for name in send or []]
    session = _Session(_request(found, settings, chosen, estate), samples, for_s, settings.format == "json")
    try:
        session.run()
    finally:
        session.summarize()
    return Exit.PASS if session.attachment is not None and not session.attachment.misses() else Exit.UNKNOWN


def _request(found: "Project", settings: "Settings", chosen: "TargetSpec", estate: str) -> "RunRequest":

    from pilotplant.dataset.marking import mark_of
    from pilotplant.run.identity import new_directory
    from pilotplant.run.latest import point_to
    from pilotplant.run.request import RunRequest
    from pilotplant.scenario.loading import without_scenario

    directory = new_directory(settings.out or found.runs_dir(), f"attach-{chosen.target}", datetime.now(UTC))
    point_to(directory)
    setup = without_scenario(found, estate, "attach")
    mark = mark_of(time.time()) if chosen.remembers else ""
    return RunRequest(
        found,
        setup,
        chosen,
        settings.seed or 0,
        _nowhere,
        directory=directory,
        argv=sys.argv,
        mark=mark,
        port=settings.port,
    )


class _Session:
    """An estate, a target, and whoever looks on."""

    def __init__(self, request: "RunRequest", samples: list[str], for_s: float | None, as_json: bool) -> None:
        from dataclasses import replace

        self.attachment: Attachment | None = None
        self._request = replace(request, elsewhere=self._elsewhere)
        self._samples = samples
        self._for_s = for_s
        self._as_json = as_json

    def run(self) -> None:
        """Until it is ended, or its time is over."""
        from pilotplant.run.live import LiveStage

        stage = LiveStage(self._request)
        stage.perform(self._serve(stage))

    async def _serve(self, stage: "LiveStage") -> None:
        from pilotplant.run.attaching import Attachment, attached
        from pilotplant.run.preparation import generate_data

        request = self._request
        assert request.directory is not None
        prepared = stage.prepare(request, generate_data(request.setup.setup, request.seed), request.directory)
        try:
            async with prepared.host as host:
                try:
                    await stage.start_target(prepared)
                    self.attachment = attachment = Attachment(prepared, self._say)
                    attachment.watch()
                    self._announce(prepared)
                    host.begin()
                    with self._enter_key(attachment):
                        await attached(attachment, self._samples, self._for_s)
                finally:
                    await stage.stop_target()
        finally:
            prepared.ledger.close()

    def _elsewhere(self, prepared: "Prepared") -> "ASGIApp":
        from pilotplant.control.application import Control
        from pilotplant.control.unknown import Unknown

        return Unknown(Control(prepared).application(), self._note_elsewhere)

    def _note_elsewhere(self, method: str, path: str) -> None:
        if self.attachment is not None:
            self.attachment.on_elsewhere(method, path)

    @contextmanager
    def _enter_key(self, attachment: "Attachment") -> Iterator[None]:
        """On a terminal the Enter key sends the samples again."""
        if not self._samples or not sys.stdin.isatty():
            yield
            return
        loop = asyncio.get_running_loop()

        def pressed() -> None:
            sys.stdin.readline()
            for each in self._samples:
                attachment.send(each)

        loop.add_reader(sys.stdin, pressed)
        try:
            yield
        finally:
            loop.remove_reader(sys.stdin)

    def _announce(self, prepared: "Prepared") -> None:
        target, host = self._request.target, prepared.host
        if self._as_json:
            self._print({"ready": True, "control": f"{host.url}/_pilotplant/", "target": target.target})
            return
        print(f"{target.target} is attached to estate {prepared.estate.spec.estate} at {host.url}  (Ctrl-C ends it)")
        for address in prepared.addresses():
            print(f"  {address.name:<14} {address.url}")
        sys.stdout.flush()

    def _say(self, notice: "Notice") -> None:
        if self._as_json:
            self._print(notice)
            return
        from rich.console import Console
        from rich.text import Text

        place = f" at {notice.where}" if notice.where else ""
        about = f" {notice.about}" if notice.about else ""
        status = f" ({notice.status})" if notice.status else ""
        line = Text(f"{notice.kind:<13}", style=_STYLE[notice.kind])
        line.append(f"{notice.what}{place}{about}{status}", style="default")
        if notice.why:
            line.append(f"\n{'':<13}{notice.why}", style="default")
        Console(file=sys.stdout, highlight=False, soft_wrap=True).print(line)
        sys.stdout.flush()

    def summarize(self) -> None:
        """What works, and what still misses."""
        from pilotplant.reporting.wording import printable

        attachment = self.attachment
        if attachment is None:
            return
        misses = attachment.misses()
        if self._as_json:
            said = self._last_words() if misses else []
            told = {"delivered": attachment.delivered, "matched": attachment.matched, "misses": misses}
            self._print(told | {"said": said} if said else told)
            return
        for title, counted in (("delivered", attachment.delivered), ("matched", attachment.matched)):
            listed = ", ".join(f"{name} {times}" for name, times in sorted(counted.items())) or "nothing"
            print(f"\n{title}: {listed}", end="")
        print("\n")
        for miss in misses:
            print(f"  missing  {miss}")
        if misses and (said := self._last_words()):
            print(f"  the last that {self._request.target.target} wrote (target.log of the run):")
            print("".join(f"    {printable(line)}\n" for line in said), end="")
        print("CONNECTED" if not misses else f"NOT YET CONNECTED — {len(misses)} left", flush=True)

    def _last_words(self) -> list[str]:
        """What a target that was started here has written: whoever fails after its 202 tells nobody else."""
        assert self._request.directory is not None
        try:
            with (self._request.directory / "target.log").open("rb") as log:
                log.seek(max(0, log.seek(0, 2) - _LAST_BYTES))
                return log.read().decode("utf-8", "replace").rstrip().splitlines()[-_LAST_LINES:]
        except OSError:
            return []

    @staticmethod
    def _print(content: object) -> None:
        import msgspec

        print(msgspec.json.encode(content).decode(), flush=True)


def _nowhere(prepared: "Prepared") -> "ASGIApp":
    raise AssertionError(f"the session says what else {prepared.setup.estate.estate} answers")
