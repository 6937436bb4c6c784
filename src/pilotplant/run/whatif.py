"""A run in virtual time with a model in the place of the middleware: the same course, and nothing that waits."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import ClassVar

from pilotplant.checks.result import Figure
from pilotplant.drive.whatif.host import WhatIfHost
from pilotplant.drive.whatif.model import ModelSpec
from pilotplant.drive.whatif.pieces import modelled
from pilotplant.ledger.records import Quiesce
from pilotplant.model.errors import InternalError, PilotplantError, UsageError
from pilotplant.run.comparison import compare
from pilotplant.run.course import Trace
from pilotplant.run.ending import ended_by_signals
from pilotplant.run.mortal import has_company
from pilotplant.run.preparation import Data, Foundation, lay
from pilotplant.run.quiescence import Rest
from pilotplant.run.request import Progress, RunRequest
from pilotplant.run.stage import EPOCH
from pilotplant.run.stimulation import Stimulation, occurrences
from pilotplant.scenario.loading import Setup
from pilotplant.scenario.possible import AFTERMATH_S
from pilotplant.systems import catalog
from pilotplant.target.model import TargetSpec

_LOOKS = 50
"""How often a run is looked at while its stimuli last."""
_GIVE_UP_S = 30 * 86_400.0
"""However much progress is seen: so long after the last stimulus a run is given up."""


def model_of(setup: Setup, target: TargetSpec) -> ModelSpec:
    """The parameters of the model: those of the target, and before them those of the scenario."""
    try:
        return (target.model or ModelSpec()).merged(setup.scenario.model)
    except ValueError as error:
        what = f"the model of `{target.target}`, as scenario `{setup.scenario.scenario}` turns it"
        raise UsageError(f"{what}: {error}", help="See docs/what-if.md.") from None


def with_modelled_flows(request: RunRequest) -> RunRequest:
    """The request with what a model can carry out, and a word on what it cannot."""
    setup = request.setup
    if setup.scenario.crash is not None:
        raise UsageError("the scenario crashes its target between two awaits", help="Run it with --mode inprocess.")
    if has_company(request):
        raise UsageError(
            "the scenario lets a second instance of the target run, and a model is one",
            help="Run it live, or with --mode inprocess.",
        )
    flows, left_out = modelled(setup.flows)
    if not flows:
        raise UsageError(
            "no step of these flows can be carried out by a model", help="Give the scenario a flow with replicas."
        )
    return replace(request, setup=replace(setup, flows=flows, left_out=tuple(left_out)))


class WhatIfCourse:
    """What happens between the start of an estate and its rest."""

    awaits = 0
    COMPARES_FACTS: ClassVar[bool] = False
    """What a model books is what is intended: it is compared in tests only. Replicas of state are compared always."""

    def __init__(self, request: RunRequest, directory: Path, data: Data) -> None:
        self.trace = Trace()
        self._request = request
        self._directory = directory
        self._data = data

    def perform(self) -> None:
        """Let it all happen, as fast as it goes."""
        with ended_by_signals(), _seldom_collected():
            laid = self._lay()
            try:
                self._happen(laid)
            finally:
                laid.ledger.close()

    def _lay(self) -> Foundation:
        request, scenario = self._request, self._request.setup.scenario
        return lay(
            request.setup.setup,
            self._data,
            mode="whatif",
            run=f"{scenario.scenario}-{request.seed}",
            seed=request.seed,
            epoch=EPOCH,
            speed=scenario.speed,
            directory=self._directory,
            flows=request.setup.flows,
            faults=scenario.faults,
        )

    def _happen(self, laid: Foundation) -> None:
        request, estate = self._request, laid.estate
        spec = model_of(request.setup, request.target)
        profiles, flows = request.setup.setup.profiles, request.setup.flows
        host = WhatIfHost(estate, profiles, laid.credentials, laid.faults, spec, flows)
        laid.expander.listeners.append(host.middleware.pieces.on_obligation)
        try:
            host.start()
            self._stimulate(host)
            self._come_to_rest(host)
        except Exception as error:
            host.fail(error)
        _raise_failure(host)
        self.trace.figures = [Figure(*told) for told in host.figures()]
        effects = dict.fromkeys((*laid.expander.effects, *estate.changed()))
        compared = (e for e in effects if self.COMPARES_FACTS or not _is_fact(e))
        compare(estate, laid.ledger, compared, dated=False)

    def _stimulate(self, host: WhatIfHost) -> None:
        """Let the scenario's stimuli happen."""
        request, env = self._request, host.env
        specs = request.setup.scenario.stimuli
        stimulation = Stimulation(specs, host.estate, occurrences(specs, host.world.draws))
        stimulation.start(float(env.now))
        ends_s = max((occurrence.moment for occurrence in stimulation.plan), default=0.0) + AFTERMATH_S
        begin_s = float(env.now)
        for look in range(1, _LOOKS + 1):
            request.on_progress(Progress("driving", stimulation.done, len(stimulation.plan)))
            env.run(until=begin_s + ends_s * look / _LOOKS)
            _raise_failure(host)
        self.trace.stimuli_digest = stimulation.digest
        self.trace.notes.extend(stimulation.skipped)

    def _come_to_rest(self, host: WhatIfHost) -> None:
        """Stop the stimuli, heal, and see how it ends."""
        host.estate.stop()
        host.heal()
        self._request.on_progress(Progress("waiting for rest"))
        rest = self.trace.rest = self._until_quiet(host)
        host.ledger.write(Quiesce, host.env.now, rest.settled, rest.note)
        if host.middleware.unfinished:
            self.trace.notes.append(f"the model has not finished {host.middleware.unfinished} piece(s) of work")

    def _until_quiet(self, host: WhatIfHost) -> Rest:
        env, spec = host.env, self._request.setup.scenario.quiescence
        patience_s = max(spec.give_up, 2 * host.spec.longest_wait_s())
        seen, since_s, end_s = host.ledger.progress, float(env.now), float(env.now) + _GIVE_UP_S
        while True:
            while moving := host.moving:
                if host.ledger.progress != seen:
                    seen, since_s = host.ledger.progress, float(env.now)
                due = env.peek()
                since_s = max(since_s, min(host.told_to_wait_until_s, float(env.now)))
                if due == inf or due - max(since_s, host.told_to_wait_until_s) > patience_s or due > end_s:
                    return Rest(False, moving)
                env.step()
                _raise_failure(host)
            env.run(until=float(env.now) + spec.quiet)
            if not host.moving and host.ledger.progress == seen:
                return Rest(True, f"nothing moved for {spec.quiet:.1f} s")
            seen, since_s = host.ledger.progress, float(env.now)


def _is_fact(effect: str) -> bool:
    operation = catalog.operations().get(effect.partition("|")[0])
    return operation is not None and operation.counted


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """What is simulated lives as long as the run does: to look through it again and again costs a tenth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 1000)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _raise_failure(host: WhatIfHost) -> None:
    error = host.failure
    if isinstance(error, PilotplantError):
        raise error
    if error is not None:
        raise InternalError(f"a simulator failed: {type(error).__name__}: {error}") from error
