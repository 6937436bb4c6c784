"""Machines that say how they are, often: what nobody passes on one by one."""

from typing import TYPE_CHECKING

from pilotplant.model.instants import BusinessSeconds
from pilotplant.systems.mes.events import MachineEvent

if TYPE_CHECKING:
    from pilotplant.systems.system import System

STATES = ("running", "running", "running", "idle", "setup", "alarm")


class Machines:
    """The machines of a plant."""

    _system: "System"
    _told = 0

    def start_machines(self) -> None:
        """Let the machines talk, if the profile says so."""
        if self._system.parameters.machine_events_per_min:
            self._next_event()

    def _next_event(self) -> None:
        chance = self._system.world.draws.stream(f"{self._system.name}|machines")
        gap_s = BusinessSeconds(chance.expovariate(self._system.parameters.machine_events_per_min / 60))
        self._system.world.later_business(gap_s, self._tell)

    def _tell(self) -> None:
        if not self._system.working:
            return
        mes, chance = self._system.state, self._system.world.draws.stream(f"{self._system.name}|machines")
        centres = [centre.code for centre in mes.dataset.work_centres.values() if centre.plant == mes.plant]
        self._told += 1
        event = MachineEvent(
            plant=mes.plant,
            work_centre=chance.choice(centres),
            number=self._told,
            state=chance.choice(STATES),
            spindle_load=round(chance.random(), 3),
        )
        self._system.publish(event)
        self._next_event()
