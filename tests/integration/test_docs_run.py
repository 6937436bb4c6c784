"""What docs/flows.md, profiles.md and scenarios.md show as one's own is run, as a project would run it."""

import re
from pathlib import Path

import pytest

from pilotplant.resources import Project, bundled
from pilotplant.run.elsewhere import only_null_target
from pilotplant.run.request import RunRequest
from pilotplant.run.running import run
from pilotplant.scenario.loading import load_run

DOCS = Path(__file__).parents[2] / "docs"
RELEASES = '[{"do": "plm.change.release", "count": 8, "over": "5s", "with": {"affected_median": 2}}]'
PLACES = {"flow": "contracts/flows", "scenario": "scenarios", "estate": "simulators/estates"}


@pytest.fixture
def own(tmp_path: Path) -> Project:
    """A project that holds every flow, scenario, estate and profile that these pages show."""
    for page in ("flows", "profiles", "scenarios"):
        text = (DOCS / f"{page}.md").read_text("utf-8")
        for kind, block in re.findall(r"```yaml (\w+)\n(.*?)```", text, re.DOTALL):
            name = re.search(rf"^{kind}: ([\w-]+)", block, re.MULTILINE)
            system = re.search(r"^system: (\w+)", block, re.MULTILINE)
            folder = f"simulators/{system[1]}" if system is not None else PLACES.get(kind, "")
            if name is not None and folder:
                path = tmp_path / folder / f"{name[1]}.yaml"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block, "utf-8")
    return Project(tmp_path, bundled(), writable=True)


@pytest.mark.parametrize(
    ("scenario", "overrides"),
    [
        pytest.param("receipts-under-fire", ["estate=one-plant"], id="own-scenario-and-estate"),
        pytest.param("change-storm", ["flows=[instructions-only]", f"stimuli={RELEASES}"], id="own-flow"),
    ],
)
def test_what_the_pages_show_is_passed_by_the_reference(
    own: Project, scenario: str, overrides: list[str], tmp_path: Path
) -> None:
    (setup,), target = load_run(own, [scenario], overrides, "reference")
    done = run(RunRequest(own, setup, target, 1, only_null_target, "inprocess", directory=tmp_path / "run"))
    assert done.result.findings == ()
    assert done.result.verdict == "pass", done.result.doubts


def test_the_own_profile_is_obeyed(own: Project, tmp_path: Path) -> None:
    estate = own.root / "simulators" / "estates" / "one-plant.yaml"
    estate.write_text(estate.read_text("utf-8").replace("erp: {profile: cloud}", "erp: {profile: strict}"), "utf-8")
    (setup,), target = load_run(own, ["receipts-under-fire"], ["estate=one-plant", "thresholds=[]"], "reference")
    assert setup.setup.profiles["erp"].idempotency == "strict"
    done = run(RunRequest(own, setup, target, 1, only_null_target, "inprocess", directory=tmp_path / "run"))
    assert done.result.findings == () and done.result.counts.refusals > 0, "few callers are let in"
