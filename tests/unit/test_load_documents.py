"""Load profiles as documents: validated, described and completed like every other kind."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pilotplant.cli.main import app
from pilotplant.load.arrivals.arrival import shapes
from pilotplant.model.threshold import COUNTS, LATENCIES, SHARES


def told(*words: str) -> tuple[int, str]:
    """The exit code of a command, and all that it says."""
    done = CliRunner().invoke(app, list(words))
    return done.exit_code, done.output


def test_a_load_profile_is_validated_by_name_and_by_path(tmp_path: Path) -> None:
    assert told("validate", "steady-day")[0] == 0
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(
        "load: wrong\nestate: three-plants\nflows: [production-confirmation]\narrivals:\n"
        "  - {do: plm.change.release, shape: eco-storm, rate: 1/s, peak: 3/s, for: 0s}\n"
    )
    code, said = told("validate", str(wrong))
    assert code == 2 and "unknown field `peak`" in said
    assert "`do`, `follow_ups`, `for`, `key`, `rate`, `shape`, `spread`, `start`, `with`." in " ".join(said.split())
    assert "must be more than 0" in said and "missing field" not in said


def test_a_fault_that_is_misspelt_is_told_its_own_fields(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("scenario: wrong\nestate: three-plants\nflows: []\nfaults:\n  - {fault: latency, delay: 3}\n")
    said = " ".join(told("validate", str(wrong))[1].split())
    assert "`delay_s`, `fault`, `key`, `match`, `max_count`, `nth`, `p95_s`, `probability`, `window`." in said


def test_an_editor_knows_each_shape_with_its_own_fields() -> None:
    code, said = told("schema", "load")
    kinds = json.loads(said)["definitions"]
    by_shape = {kind["properties"]["shape"]["const"]: kind for kind in kinds.values() if "shape" in kind["properties"]}
    assert code == 0 and set(by_shape) == set(shapes())
    assert "peak" in by_shape["shift-change"]["properties"] and "peak" not in by_shape["eco-storm"]["properties"]


@pytest.mark.parametrize("kind", ["shapes", "metrics"])
def test_shapes_and_metrics_are_listed_and_explained(kind: str) -> None:
    names = {"shapes": [*shapes()], "metrics": [*LATENCIES, *COUNTS, *SHARES]}[kind]
    code, listed = told("list", kind, "--format", "json")
    assert code == 0 and list(json.loads(listed)[kind]) == names and all(json.loads(listed)[kind].values())
    for name in names:
        code, said = told("explain", name)
        assert code == 0 and f"{kind[:-1]} {name}" in said


HUB = str(Path(__file__).parents[2] / "examples" / "fast-hub")


def test_what_a_target_is_never_told_of_is_said_before_the_run() -> None:
    code, said = told("load", "steady-day", "--dry-run", "--project", HUB, "--target", "fast-hub")
    assert code == 0 and "takes `plm.change.released`, which sets off flow `engineering-change`" in said
    assert "warning" not in told("load", "shift-change", "--dry-run", "--project", HUB, "--target", "fast-hub")[1]


def test_arrivals_that_set_off_no_flow_are_said_before_the_run(tmp_path: Path) -> None:
    idle = tmp_path / "idle.yaml"
    idle.write_text(
        "load: idle\nestate: three-plants\nflows: [stock-movement]\narrivals:\n"
        "  - {do: mes.order.complete, shape: constant, rate: 1/s, for: 1s}\n"
    )
    code, said = told("load", str(idle), "--dry-run")
    assert code == 0 and "warning: what arrives is done by mes, and the flows are set off by wms" in said


def test_a_repeat_without_a_search_is_refused() -> None:
    code, said = told("load", "steady-day", "--dry-run", "--repeat", "3")
    assert code == 2 and "--repeat goes with --find-capacity" in said
