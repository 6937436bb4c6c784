"""An estate in virtual time with a model in the place of a middleware: SimPy drives all of it, nothing waits."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pilotplant.dialects.rest import Rest
from pilotplant.drive.whatif.intake import Intake
from pilotplant.drive.whatif.middleware import Middleware
from pilotplant.drive.whatif.model import ModelSpec
from pilotplant.drive.whatif.port import PortFigures
from pilotplant.exchange.authentication import Credentials
from pilotplant.exchange.exchange import Boundary
from pilotplant.exchange.profile import ProfileSpec
from pilotplant.faults.plan import FaultPlan
from pilotplant.flows.grammar import FlowSpec
from pilotplant.ledger.records import Crash, FaultArmed, Heal, Restart
from pilotplant.model.script import Kill, Step, Suspend
from pilotplant.systems.estate import Estate, said_of


class ModelFigure(NamedTuple):
    """A quantity that only the model knows."""

    name: str
    title: str
    value: float
    unit: str


class WhatIfHost:
    """The estate, its doors, and the model; also what an exchange and the model need of their surroundings."""

    def __init__(
        self,
        estate: Estate,
        profiles: Mapping[str, ProfileSpec],
        credentials: Mapping[str, Credentials],
        faults: FaultPlan,
        spec: ModelSpec,
        flows: list[FlowSpec],
    ) -> None:
        self.estate = estate
        self.world = estate.world
        self.env = estate.world.env
        self.ledger = next(iter(estate)).ledger
        self.faults = faults
        self.spec = spec
        self.failure: BaseException | None = None
        self.incarnation = 0
        self.life = 0
        self.alive = False
        self.away = ""
        self.still = False
        self._thaw: list[Callable[[], None]] = []
        self._held: dict[int, Callable[[Any], None]] = {}
        self._holds = 0
        self.boundaries = {
            system.name: Boundary(
                system,
                said_of(system.name, system.kind.name, profiles),
                credentials[system.name],
                Rest(system.operations),
                faults,
                self.fail,
            )
            for system in estate
        }
        self.middleware = Middleware(spec, flows, estate, self.boundaries, self, faults=bool(faults.faults))
        self.intake = Intake(self.middleware, self.world, self.ledger, faults, self, self._listening)

    def start(self) -> None:
        """The estate is up, the model listens, and the plants begin to work."""
        for label in self.faults.armed:
            self.ledger.write(FaultArmed, self.env.now, label)
        for system in self.estate:
            system.listeners.append(self.intake.on_event)
        self._start_model()
        self.faults.origin_s = self.env.now
        self.estate.start()

    def heal(self) -> None:
        """Lift all faults, and let go what was held."""
        self.faults.healed = True
        self.ledger.write(Heal, self.env.now)
        held, self._held = self._held, {}
        for action in held.values():
            self.later(0.0, action)

    def fail(self, error: BaseException) -> None:
        """Something broke in a simulator: the run cannot go on."""
        if self.failure is None:
            self.failure = error

    @property
    def moving(self) -> str:
        """What is moving, in words; empty where nothing is."""
        if self.away:
            return self.away
        if self.middleware.busy:
            return f"the model is at {self.middleware.busy} piece(s) of work"
        if self.intake.pending:
            return f"{self.intake.pending} event(s) are not known to the model"
        if self.estate.jobs_open:
            return f"{self.estate.jobs_open} job(s) are queued"
        exchanges = sum(boundary.open_exchanges for boundary in self.boundaries.values())
        return f"{exchanges} exchange(s) are open" if exchanges else ""

    @property
    def told_to_wait_until_s(self) -> float:
        """The latest moment until which the model was asked to wait."""
        return max(port.told_to_wait_until_s for port in self.middleware.ports.values())

    def figures(self) -> list[ModelFigure]:
        """What the model came to, besides what the ledger shows."""
        crews, ports = self.middleware.crews, [port.figures for port in self.middleware.ports.values()]
        work, length_s = crews.figures, max(1e-9, float(self.env.now))
        attempts = sum(port.attempts for port in ports)
        throttled = sum(port.throttled for port in ports)
        calls = sum(port.calls for port in ports)
        told = (
            ("workers_busy", "Model: workers busy", 100 * work.busy_s / (crews.workers * length_s), "%"),
            ("work_waited_mean", "Model: work waited for a worker, mean", work.waited_s / max(1, work.begun), "s"),
            ("work_waited_max", "Model: work waited for a worker, max", work.waited_s_max, "s"),
            ("backlog_max", "Model: work waiting, most at once", work.backlog_max, ""),
            ("calls_sent", "Model: calls sent, with repetitions", attempts, ""),
            ("calls_repeated", "Model: calls repeated", attempts - calls, ""),
            ("calls_throttled", "Model: calls refused by a limit", throttled, ""),
            (
                "calls_throttled_share",
                "Model: share of calls refused by a limit",
                100 * throttled / max(1, attempts),
                "%",
            ),
            ("calls_waited_mean", "Model: calls waited to be sent, mean", _waited(ports) / max(1, attempts), "s"),
            ("calls_given_up", "Model: calls given up", sum(port.given_up for port in ports), ""),
        )
        return [ModelFigure(name, title, round(float(value), 6), unit) for name, title, value, unit in told]

    # --- What exchanges and the model need ----------------------------------------------------------------------

    def later(self, delay_s: float, action: Callable[[Any], None]) -> None:
        """Call `action` after so long."""
        callbacks = self.env.timeout(delay_s).callbacks
        assert callbacks is not None
        callbacks.append(action)

    def hold(self, until_s: float, action: Callable[[Any], None]) -> None:
        """Call `action` at a wire moment, or when all is healed."""
        if self.faults.healed:
            self.later(0.0, action)
            return
        self._holds += 1
        number = self._holds
        self._held[number] = action

        def due(_event: Any) -> None:
            held = self._held.pop(number, None)
            if held is not None:
                held(None)

        self.later(max(0.0, until_s - float(self.env.now)), due)

    def thawed(self, action: Callable[[], None]) -> bool:
        """Whether the model moves; if it stands still, `action` is called when it goes on."""
        if self.still:
            self._thaw.append(action)
        return not self.still

    def _listening(self) -> str:
        if not self.alive:
            return "refused"
        return "timeout" if self.still else ""

    # --- What faults do to the model ----------------------------------------------------------------------------

    def strike(self, step: Step) -> None:
        """Kill the model, or let it stand still."""
        if self.away:
            return
        match step:
            case Kill(restart_after_s=restart_after_s):
                self.alive = False
                self.life += 1
                self.away = "the target is being restarted"
                self.ledger.write(Crash, self.env.now, self.incarnation, "killed by a fault")
                self.middleware.die()
                self.later(restart_after_s + self.spec.restart, self._return)
            case Suspend(for_s=for_s):
                self.still = True
                self.away = "the target stands still"
                self.later(for_s, self._go_on)

    def _start_model(self) -> None:
        self.alive = True
        self.incarnation += 1
        self.life += 1
        self.ledger.write(Restart, self.env.now, self.incarnation)

    def _return(self, _event: Any) -> None:
        self.away = ""
        self._start_model()
        self.middleware.return_to_life()

    def _go_on(self, _event: Any) -> None:
        self.still = False
        self.away = ""
        thaw, self._thaw = self._thaw, []
        for action in thaw:
            action()
        self.middleware.go_on()


def _waited(ports: list[PortFigures]) -> float:
    return sum(port.waited_s for port in ports)
