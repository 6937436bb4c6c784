"""Whether a caller keeps to what a limit told it, in whatever form: a defect is convicted, the reference is not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import Reject
from pilotplant.reference import factory
from pilotplant.reference.defects import VARIABLE
from pilotplant.run.request import Finished
from tests.different.running import SHIPPED, ran

STORM = {
    "stimuli": [{"do": "mes.order.complete", "count": 45, "over": 0.6}],
    "flows": ["production-confirmation"],
    "faults": [],
    "thresholds": [],
    "estate": "limited",
}
FORMS = {
    "seconds": ("{kind: sliding-window, requests: 8, per_s: 3}", "d37_ignores_retry_after", "retry-after"),
    "growing": (
        "{kind: sliding-window, requests: 8, per_s: 3, retry_after: growing}",
        "d37_ignores_retry_after",
        "retry-after",
    ),
    "date": (
        "{kind: fixed-window, requests: 8, per_s: 3, retry_after: date}",
        "d37_ignores_retry_after",
        "retry-after",
    ),
    "vendor-400": (
        "{kind: sliding-window, requests: 8, per_s: 3, status: 400, code: SSS_REQUEST_LIMIT_EXCEEDED}",
        "d37_ignores_retry_after",
        "retry-after",
    ),
    "absent": ("{kind: sliding-window, requests: 8, per_s: 1, retry_after: absent}", "d36_retry_storm", "retry-storm"),
}


def project(root: Path, limit: str) -> Path:
    """A project whose one ERP has this limit."""
    estate = SHIPPED.find("estates", "three-plants").read_text(encoding="utf-8")
    profile = (
        f"profile: limited\nsystem: erp\nauth: {{kind: oauth2}}\nlatency: {{median_ms: 5}}\nlimits:\n  - {limit}\n"
    )
    written = {
        "erp/limited.yaml": profile,
        "estates/limited.yaml": estate.replace("estate: three-plants\n", "estate: limited\n").replace(
            "profile: cloud", "profile: limited"
        ),
    }
    for name, text in written.items():
        path = root / "simulators" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def stormed(folder: Path, limit: str, defect: str) -> Finished:
    """A storm of confirmations against that limit, with a defect or as it should be."""

    def create(environment: Mapping[str, str], work: Path, transport: httpx.AsyncBaseTransport | None = None) -> Any:
        return factory.create({**environment, VARIABLE: defect}, work, transport)

    overrides = [f"{name}={value!r}" for name, value in STORM.items()]
    return ran(create, "shift-change", 1, folder / "run", overrides=overrides, root=project(folder, limit))


@pytest.mark.parametrize("form", FORMS)
def test_who_ignores_what_a_limit_told_is_convicted_and_nobody_else(form: str, tmp_path: Path) -> None:
    limit, defect, kind = FORMS[form]
    seen: dict[str, set[str]] = {}
    for planted in (defect, ""):
        (tmp_path / (planted or "right")).mkdir()
        done = stormed(tmp_path / (planted or "right"), limit, planted)
        assert any(
            isinstance(each, Reject) and each.code.endswith(("limited", "exceeded")) for each in Ledger(done.directory)
        )
        seen[planted] = {finding.step for finding in done.result.findings if finding.check == "manners"}
    assert kind in seen[defect]
    assert seen[""] == set()
