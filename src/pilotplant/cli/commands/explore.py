"""`pilotplant explore`: random runs of a scenario; what fails is shrunk and saved."""

import os
import shlex
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pilotplant.cli.commands.run import near
from pilotplant.cli.frame import FormatOption, ProjectOption, guarded, open_project, print_json, settings_of
from pilotplant.model.verdict import Exit, Verdict

if TYPE_CHECKING:
    from pilotplant.configuration import Settings
    from pilotplant.explore.exploring import Campaign, Explored, Found
    from pilotplant.resources import Project
    from pilotplant.scenario.loading import Setup
    from pilotplant.scenario.model import Mode
    from pilotplant.target.model import TargetSpec

LIVE_BUDGET = 60
LIVE_TRIES = 2
"""Runs on the real clock differ: a smaller scenario has passed only if it passed so often."""


@guarded
def explore(
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="Name of a scenario, or a YAML file.")],
    runs: Annotated[int, typer.Option("--runs", metavar="N", min=1, help="How many random runs.")] = 100,
    target: Annotated[
        str | None, typer.Option("--target", metavar="NAME|FILE", help="The middleware under test. [reference]")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Explore the same runs again. [0]")] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", metavar="N", min=1, help="Processes. [one per core]")] = None,
    mode: Annotated[
        Literal["live", "inprocess"],
        typer.Option("--mode", help="Over sockets, or Python middleware in these processes on a virtual clock."),
    ] = "inprocess",
    faults: Annotated[bool, typer.Option("--faults/--no-faults", help="Whether faults strike.")] = True,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Make all runs, even if some fail; find every kind of failure.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where to save what fails. [reports/explored]")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
    project: ProjectOption = None,
    format_: FormatOption = None,
) -> int:
    """Run random parts of a scenario, with random timings and faults, and shrink what fails to a small scenario.

    The same seed explores the same runs. What fails is saved as a scenario that `pilotplant replay` runs again.
    Exit codes: 0 no run failed, 1 one did, 2 invalid input, 4 nothing could be decided, 5 target unreachable, 70
    internal error, 130 interrupted.
    """
    from pilotplant.explore.exploring import Campaign
    from pilotplant.explore.swarm import scene_of
    from pilotplant.scenario.loading import load_run

    found = open_project(project)
    settings = settings_of(found, seed=seed, target=target, format=format_)
    (setup,), chosen = load_run(found, [scenario], [], settings.target)
    _startable(chosen, mode)
    campaign = Campaign(
        setup.scenario,
        settings.seed or 0,
        runs,
        scene_of(setup) if faults else None,
        crashes=faults and mode == "inprocess",
        keep_going=keep_going,
    )
    if mode == "live":
        campaign = replace(campaign, budget=LIVE_BUDGET, tries=LIVE_TRIES)
    work = _Work(found, settings, setup, chosen, mode, out or explored_folder(found))
    explored = work.run(campaign, jobs or os.cpu_count() or 1, quiet=quiet or settings.format == "json")
    code = Exit.VIOLATION if explored.found else Exit.PASS if explored.verdicts[Verdict.PASS] else Exit.UNKNOWN
    if settings.format == "json":
        print_json(work.summary(campaign, explored, code))
    else:
        print(work.conclusion(campaign, explored, code))
    return code


def explored_folder(project: "Project") -> Path:
    """Where scenarios that fail are saved."""
    return project.runs_dir().parent / "explored"


def _startable(target: "TargetSpec", mode: "Mode") -> None:
    """Every run has systems of its own, which a target that runs already cannot know."""
    from pilotplant.model.errors import UsageError

    begins = target.start if mode == "live" else target.inprocess or target.start  # the run says what is missing
    if begins is None and not any("{estate}" in each.url for each in target.deliveries):
        raise UsageError(
            f"{target.target} runs already; to explore, each run has to start it anew",
            help="Name a target with `start` or `inprocess`; see docs/connect.md.",
        )


def _workplace() -> "TemporaryDirectory[str]":
    """Where runs take place. A target that is being ended may still write there while it is removed."""
    return TemporaryDirectory(prefix="pilotplant-", ignore_cleanup_errors=True)


@dataclass
class _Work:
    """A campaign of the command line: saved and told as it goes."""

    project: "Project"
    settings: "Settings"
    setup: "Setup"
    target: "TargetSpec"
    mode: "Mode"
    folder: Path
    saved: list[dict[str, object]] = field(default_factory=list)

    def run(self, campaign: "Campaign", jobs: int, *, quiet: bool) -> "Explored":
        """Explore."""
        from pilotplant.cli.progress import Watcher
        from pilotplant.explore.exploring import explore
        from pilotplant.explore.processes import processes
        from pilotplant.explore.trial import Trial

        title = f"{self.setup.scenario.scenario} · {self.target.target} · seed {campaign.seed}"
        with _workplace() as folder, processes(jobs) as pool:
            trial = Trial(self.project, self.setup, self.target, self.mode, Path(folder))
            with Watcher(title, quiet=quiet) as watcher:
                on_found = partial(self._save, campaign)
                return explore(campaign, trial, pool, jobs, on_progress=watcher, on_found=on_found)

    def _save(self, campaign: "Campaign", found: "Found") -> None:
        """Save a failure, and print it as `run` prints one."""
        import msgspec

        from pilotplant.explore.saving import save
        from pilotplant.scenario.model import FoundSpec

        kind, drawn = found.kind, found.drawn
        spec = FoundSpec(seed=drawn.seed, mode=self.mode, target=self.settings.target, check=kind.check, step=kind.step)
        path = save(self.folder, found.shrunk.scenario, spec, told=found.told(campaign.seed))
        command = shlex.join(["pilotplant", "replay", near(path)])
        self.saved.append(
            {
                "check": kind.check,
                "step": kind.step,
                "sentence": found.sentence,
                "times": found.times,
                "run": drawn.number,
                "seed": drawn.seed,
                "stimuli": len(found.shrunk.scenario.stimuli),
                "faults": len(found.shrunk.scenario.faults),
                "shrinking": {"runs": found.shrunk.runs, "finished": found.shrunk.finished},
                "file": str(path),
                "replay": command,
            }
        )
        result = msgspec.structs.replace(found.result, repro=command)
        if self.settings.format == "github":
            from pilotplant.reporting.github import annotations

            print(annotations(result), end="")
        elif self.settings.format == "text":
            from pilotplant.reporting import text

            print(text.render(result, report="replay it to get one"))
            print(f"    saved: {near(path)}\n    replay: {command}\n")

    def summary(self, campaign: "Campaign", explored: "Explored", code: Exit) -> dict[str, object]:
        """What it came to, for programs."""
        return {
            "scenario": campaign.scenario.scenario,
            "target": self.target.target,
            "mode": self.mode,
            "seed": campaign.seed,
            "runs": explored.runs,
            **{str(verdict): explored.verdicts[verdict] for verdict in Verdict},
            "doubts": dict(explored.doubts),
            "found": self.saved,
            "exit": int(code),
        }

    def conclusion(self, campaign: "Campaign", explored: "Explored", code: Exit) -> str:
        """What it came to, for people: ends as a run does."""
        from pilotplant.reporting.wording import count, printable

        passed, failed, unknown = (explored.verdicts[v] for v in (Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN))
        lines = [f"{count(explored.runs, 'run')}: {passed} passed, {failed} failed, {unknown} undecided"]
        lines += [f"    undecided ({times}): {printable(why)}" for why, times in explored.doubts.most_common(3)]
        if explored.runs < campaign.runs:
            lines.append("    stopped at the first that failed; --keep-going makes them all")
        word = {Exit.PASS: "PASS", Exit.VIOLATION: "FAIL"}.get(code, "UNKNOWN")
        return "\n".join([*lines, f"{word}   exit {int(code)}"])
