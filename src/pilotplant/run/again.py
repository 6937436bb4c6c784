"""Judge a run again from its directory alone: ledger and run.json hold everything."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError

from pilotplant.checks.accepted import Acceptance, Known
from pilotplant.checks.judge import judge
from pilotplant.checks.load_result import LoadTerms, Soak
from pilotplant.checks.result import Result
from pilotplant.flows.grammar import FlowSpec
from pilotplant.ledger.merging import whole
from pilotplant.model.errors import LedgerError
from pilotplant.run.identity import RunInfo
from pilotplant.run.summary import result_of
from pilotplant.scenario.model import ScenarioSpec
from pilotplant.target.model import Declares


def judge_again(directory: Path) -> Result:
    """The result of a run, from what it left behind; the same as when it ended."""
    path = directory / "run.json"
    try:
        info = msgspec.json.decode(path.read_bytes(), type=RunInfo)
        scenario = ScenarioSpec.model_validate(info.configuration["scenario"])
        flows = [FlowSpec.model_validate(flow) for flow in info.configuration["flows"]]
        declares = Declares.model_validate(info.configuration["target"]["declares"])
        accepted = [Acceptance.model_validate(each) for each in info.configuration.get("accepted", [])]
        started = datetime.fromisoformat(info.started).date()
    except (OSError, KeyError, ValueError, msgspec.MsgspecError, ValidationError) as error:
        raise LedgerError(f"{path} cannot be read: {error}") from None
    try:
        judgement = judge(
            whole(directory),
            flows,
            target=info.target,
            expressions=scenario.thresholds,
            declares=declares,
            known=Known(tuple(accepted), started),
            under_load=load_terms(info.configuration),
        )
    except IndexError:
        # Records name systems and operations by number; one beyond the header's tables was not written by us.
        raise LedgerError(f"the ledger in {directory} is damaged: a record names what its header lacks") from None
    return result_of(info, scenario.about, judgement)


def load_terms(configuration: Mapping[str, Any]) -> LoadTerms | None:
    """What a run under load is held to, from what run.json says; nothing of any other run."""
    load = configuration.get("load")
    if load is None:
        return None
    soak = load.get("soak")
    return LoadTerms(msgspec.convert(soak, Soak) if soak is not None else None)
