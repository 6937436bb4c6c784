"""The pytest plugin. Nothing of Pilotplant is imported before a test asks for it.

    @pytest.mark.pilotplant("ambiguous-timeouts", target="my_hub.app:create", seed=3)
    def test_nothing_is_booked_twice(verdict, ledger): ...

Fixtures: `scenario` runs scenarios, `verdict` and `ledger` belong to the one that the mark names, `estate` is for
stories told step by step. Files called `*.scenario.yaml` are collected as tests.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pilotplant.ledger.reader import Ledger
    from pilotplant.run.request import Finished, RunRequest
    from pilotplant.run.story import Story
    from pilotplant.scenario.model import Mode

SUFFIX = ".scenario.yaml"
_WISHES = {"target", "seed", "mode", "set"}
_FLOWS = ("engineering-change", "production-confirmation")
"""By what an estate without a scenario is judged, if a test says nothing else."""
_MARK = "pilotplant(scenario, target=, seed=, mode=, set=, estate=, flows=): of what verdict, ledger and estate are"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options, and what a project writes into its configuration."""
    parser.addini("pilotplant_target", "the middleware under test: a name, a YAML file or package.module:factory")
    parser.addini("pilotplant_mode", "inprocess (the default) or live", default="inprocess")
    group = parser.getgroup("pilotplant")
    group.addoption("--pilotplant-target", metavar="NAME", help="the middleware under test, in place of the configured")
    group.addoption("--pilotplant-mode", choices=("inprocess", "live"), help="how scenarios are run")
    group.addoption("--pilotplant-seed", type=int, default=0, metavar="N", help="the seed where a test names none")


def pytest_configure(config: pytest.Config) -> None:
    """The mark."""
    config.addinivalue_line("markers", _MARK)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "ScenarioFile | None":
    """A scenario beside the tests is a test."""
    if file_path.name.endswith(SUFFIX):
        file: ScenarioFile = ScenarioFile.from_parent(parent, path=file_path)
        return file
    return None


class Judged(str):
    """A verdict that knows what it rests on: `assert verdict == "pass"` shows the findings where it fails."""

    finished: "Finished"

    @classmethod
    def of(cls, finished: "Finished") -> "Judged":
        """The verdict of a run."""
        judged = cls(finished.result.verdict.value)
        judged.finished = finished
        return judged

    @property
    def result(self) -> Any:
        """Everything that the run came to: findings, figures, thresholds …"""
        return self.finished.result

    @property
    def ledger(self) -> "Ledger":
        """What was recorded."""
        from pilotplant.ledger.reader import Ledger

        return Ledger(self.finished.directory)

    @property
    def text(self) -> str:
        """What `pilotplant run` would print."""
        from pilotplant.reporting.text import render

        return render(self.finished.result, report=str(self.finished.directory))


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """What was found, where a verdict is not the expected one."""
    if isinstance(left, Judged) and op == "==":
        return [f"the verdict is {str(left)!r}, not {right!r}", "", *left.text.splitlines()]
    return None


Runs = Callable[..., Judged]


@pytest.fixture
def scenario(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Runs a scenario: `scenario("eco-cascade", target=…, seed=…, mode=…, set={"speed": 2})` gives its verdict.

    A target is a name, a YAML file, `package.module:factory`, or the factory itself.
    """

    def runs(name: str | Path, **wishes: Any) -> Judged:
        from pilotplant.cli.rendering import render
        from pilotplant.model.errors import PilotplantError
        from pilotplant.run.running import run

        if strange := sorted(set(wishes) - _WISHES):
            raise pytest.UsageError(f"a scenario takes {', '.join(sorted(_WISHES))}, not {', '.join(strange)}")
        try:
            return Judged.of(run(_asked(request.config, tmp_path_factory.mktemp("pilotplant"), name, **wishes)))
        except PilotplantError as error:
            pytest.fail(render(error, "text"), pytrace=False)

    return runs


@pytest.fixture
def verdict(request: pytest.FixtureRequest, scenario: Runs) -> Judged:
    """The verdict of the scenario that the mark `pilotplant` names; compare it with "pass"."""
    mark = _mark(request)
    if mark is None or not mark.args:
        raise pytest.UsageError('the fixture `verdict` needs @pytest.mark.pilotplant("a-scenario")')
    return scenario(*mark.args, **mark.kwargs)


@pytest.fixture
def ledger(verdict: Judged) -> "Ledger":
    """The ledger of the scenario that the mark `pilotplant` names."""
    return verdict.ledger


@pytest.fixture
def estate(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> "Story":
    """An estate on a virtual clock, for stories: `estate.play(story)`."""
    from pilotplant.run.story import Story

    mark = _mark(request)
    wishes = dict(mark.kwargs) if mark is not None else {}
    name, flows = wishes.pop("estate", "three-plants"), wishes.pop("flows", _FLOWS)
    directory = tmp_path_factory.mktemp("pilotplant")
    written = directory / "story.yaml"
    written.write_text(f"scenario: story\nestate: {name}\nflows: [{', '.join(flows)}]\n", encoding="utf-8")
    wishes.setdefault("target", _configured(request.config) or "null")
    return Story(_asked(request.config, directory, written, **{**wishes, "mode": "inprocess"}))


def _mark(request: pytest.FixtureRequest) -> pytest.Mark | None:
    node: pytest.Item = request.node
    return node.get_closest_marker("pilotplant")


def _asked(
    config: pytest.Config,
    directory: Path,
    name: str | Path,
    *,
    target: str | Path | Callable[..., Any] | None = None,
    seed: int | None = None,
    mode: "Mode | None" = None,
    set: Mapping[str, Any] | None = None,
) -> "RunRequest":
    """The run that a test asks for."""
    import json
    import os

    from pilotplant.resources import find_project
    from pilotplant.run.elsewhere import only_null_target
    from pilotplant.run.request import RunRequest
    from pilotplant.scenario.loading import load_run
    from pilotplant.target.model import in_process

    wanted = target or _configured(config) or "reference"
    chosen: Mode = mode or config.getoption("--pilotplant-mode") or config.getini("pilotplant_mode")
    if chosen not in ("inprocess", "live"):
        raise pytest.UsageError(f"pilotplant_mode is {chosen!r}; it may be inprocess or live")
    overrides = [f"{path}={json.dumps(value)}" for path, value in (set or {}).items()]
    project = find_project(None, os.environ, config.rootpath)
    factory = _factory(wanted)
    setups, spec = load_run(project, [str(name)], overrides, "null" if factory else str(wanted))
    if factory is not None:
        spec = in_process(str(getattr(factory, "__name__", factory)))
    seeded = int(str(config.getoption("--pilotplant-seed"))) if seed is None else seed
    return RunRequest(
        project, setups[0], spec, seeded, only_null_target, chosen, factory, directory, overrides=overrides
    )


def _configured(config: pytest.Config) -> str:
    """The target that the project or the call names."""
    named: str = config.getoption("--pilotplant-target") or config.getini("pilotplant_target")
    return named


def _factory(target: str | Path | Callable[..., Any]) -> str | Callable[..., Any] | None:
    """A factory is given itself, or named `package.module:name`; anything else is a target's name or file."""
    if callable(target):
        return target
    module, colon, name = str(target).partition(":")
    names_one = bool(colon) and all(part.isidentifier() for part in (*module.split("."), *name.split(".")))
    return str(target) if names_one else None


class ScenarioFile(pytest.File):
    """A file with one scenario."""

    def collect(self) -> Iterator["ScenarioItem"]:
        """Its one test."""
        yield ScenarioItem.from_parent(self, name=self.path.name.removesuffix(SUFFIX))


class ScenarioItem(pytest.Item):
    """A scenario as a test: it passes when its verdict is pass."""

    def runtest(self) -> None:
        """Run it against the configured target."""
        from pilotplant.run.running import run

        directory = self.config._tmp_path_factory.mktemp("pilotplant")  # type: ignore[attr-defined]
        judged = Judged.of(run(_asked(self.config, directory, self.path)))
        if judged != "pass":
            raise NotPassed(judged)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What was found, in place of a traceback through Pilotplant."""
        from pilotplant.model.errors import PilotplantError

        if isinstance(excinfo.value, NotPassed):
            return excinfo.value.judged.text
        if isinstance(excinfo.value, PilotplantError):
            from pilotplant.cli.rendering import render

            return render(excinfo.value, "text")
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it stands."""
        return self.path, None, f"scenario {self.name}"


class NotPassed(Exception):
    """A scenario did not pass."""

    def __init__(self, judged: Judged) -> None:
        super().__init__(judged)
        self.judged = judged
