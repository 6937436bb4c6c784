"""What an ERP does over time: activation jobs with a service time, and clerks who keep orders open."""

from collections.abc import Generator
from random import Random
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import simpy
from pydantic import BaseModel, ConfigDict, Field

from pilotplant.kernel.draws import lognormal
from pilotplant.model.instants import BusinessSeconds, WireSeconds
from pilotplant.model.revisions import ordinal
from pilotplant.systems.erp.clerks import Clerks
from pilotplant.systems.erp.events import VersionActivated, VersionRejected
from pilotplant.systems.erp.state import ActivationJob, Erp, OrderState, ProductionVersion
from pilotplant.systems.stimuli import Act, Serves, StimulusParameters, stimulus

if TYPE_CHECKING:
    from pilotplant.systems.system import System


class Parameters(BaseModel):
    """What a profile can set for an ERP. Durations are wire time in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    activation_median_s: Annotated[float, Field(gt=0)] = 0.3
    activation_p95_s: Annotated[float, Field(gt=0)] = 0.9
    activation_workers: Annotated[int, Field(ge=1)] = 4
    activation_per_line_s: Annotated[float, Field(ge=0)] = 0.01
    read_lag_s: Annotated[float, Field(ge=0)] = 0.0
    open_period_s: Annotated[float, Field(gt=0)] = 35 * 86400.0
    clerk_edits_per_min: Annotated[float, Field(ge=0)] = 6.0
    clerk_edit_s: Annotated[float, Field(gt=0)] = 1.5
    effectivities: tuple[Literal["immediate", "date"], ...] = ("immediate", "date")
    """Which effectivities this product takes: `date`, a structure that becomes effective later."""
    overlap: Literal["refuse", "replace"] = "refuse"
    """What it makes of a second structure that is to hold from the same moment."""
    gap: Literal["refuse", "allow"] = "refuse"
    """What it makes of a structure that begins after the one before has ended."""
    use_up: Literal["none", "discontinuation"] = "none"
    """How stock of a superseded revision is used up: by nothing of the ERP's, or it has to be told to use it first."""
    hold_new_items: bool = True
    """Whether an item that is new at a plant is held until it is released for production."""
    mrp_every_s: Annotated[float, Field(ge=0)] = 0.0
    """How often planned orders are created from demand, in business time: 86400 is every night; 0 only when asked."""
    over_delivery_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    """How much more than ordered a goods receipt may bring, as a share of the order."""


class Behaviour(Clerks):
    """The job queue and the clerks."""

    SERVES: ClassVar[Serves] = "either"

    def __init__(self, system: "System") -> None:
        self._system = system
        self._workers = simpy.Resource(system.world.env, system.parameters.activation_workers)
        self._clerk = system.world.draws.stream(f"{system.name}|clerk")

    def start(self) -> None:
        """Let the clerks begin their day, and the nights come."""
        self.start_planning()
        if self._system.parameters.clerk_edits_per_min and self._system.state.orders:
            self._next_edit()

    def start_job(self, job: ActivationJob | OrderState) -> None:
        """Queue an activation; or wait for the start of an order, before which nothing has come to rest."""
        self._system.jobs_open += 1
        if isinstance(job, OrderState):
            wait_s = BusinessSeconds(job.start_at - self._system.world.now().business)
            self._system.world.later_business(wait_s, self._started)
        else:
            self._system.world.process(self._activate(job))

    def _started(self) -> None:
        self._system.jobs_open -= 1

    def _activate(self, job: ActivationJob) -> Generator[Any, Any, None]:
        system, erp = self._system, self._system.state
        parameters = system.parameters
        with self._workers.request() as turn:
            yield turn
            u = system.world.draws.uniform(f"activation|{job.plant}|{job.item}|{job.revision}")
            bom = erp.bom(job.plant, job.item, job.revision)
            service_s = lognormal(u, parameters.activation_median_s, parameters.activation_p95_s)
            service_s += parameters.activation_per_line_s * (len(bom.lines) if bom else 0)
            yield system.world.env.timeout(service_s)
        system.jobs_open -= 1
        self._finish(job, erp)

    def _finish(self, job: ActivationJob, erp: Erp) -> None:
        routing = erp.routing(job.plant, job.item, job.revision)
        idle = [
            step.work_centre
            for step in (routing.steps if routing else ())
            if not erp.dataset.work_centres[job.plant, step.work_centre].active
        ]
        identity = {
            "plant": job.plant,
            "item": job.item,
            "revision": job.revision,
            "version": job.version,
            "change": job.change,
            "job": job.job,
        }
        reason = f"work centre {idle[0]} is inactive" if idle else job.doomed
        if routing is None:
            reason = "the routing is gone"
        if reason:
            job.status, job.reason = "failed", reason
            self._system.publish(VersionRejected(**identity, reason=job.reason))
            return
        job.status = "done"
        active = erp.version(job.plant, job.item)
        if active is None or ordinal(active.revision) <= ordinal(job.revision):
            erp.versions[job.plant, job.item] = ProductionVersion(job.plant, job.item, job.revision, job.version)
        self._system.publish(VersionActivated(**identity))

    def _next_edit(self) -> None:
        rate = self._system.parameters.clerk_edits_per_min / 60
        self._system.world.later(WireSeconds(self._clerk.expovariate(rate)), self._begin_edit)

    def _begin_edit(self) -> None:
        if not self._system.working:
            return
        self._lock(self._clerk)
        self._next_edit()

    @stimulus("erp.production_order.edit")
    def _edit(self, parameters: StimulusParameters, chance: Random) -> list[Act]:
        """A clerk opens an order now."""
        del parameters
        self._lock(chance)
        return []

    def _lock(self, chance: Random) -> None:
        erp: Erp = self._system.state
        held = erp.orders[chance.choice(list(erp.orders))]
        held.locked_until = self._system.world.env.now + self._system.parameters.clerk_edit_s
