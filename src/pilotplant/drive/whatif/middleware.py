"""The model at work: takes what it is told, and carries out what the flows ask for, in order and once.

Order and once hold by construction: a task begins when everything that it has to wait for is known to the model, sends
what the declarations intend, and is repeated only when it is certain that it was not done and will not be.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from pilotplant.drive.whatif.crews import Crews
from pilotplant.drive.whatif.model import ModelSpec
from pilotplant.drive.whatif.performance import Alive
from pilotplant.drive.whatif.pieces import Dispatcher, Piece, Pieces, Sending, State, Task
from pilotplant.drive.whatif.port import GAVE_UP, Call, Port
from pilotplant.exchange.exchange import Boundary
from pilotplant.flows.grammar import FlowSpec
from pilotplant.kernel.world import World
from pilotplant.model.operation import version_number
from pilotplant.systems import catalog
from pilotplant.systems.estate import Estate
from pilotplant.systems.system import Published

_EXCEPTION = "desk.exception.raise"


class _Exception(NamedTuple):
    """What a person has to be told."""

    flow: str
    subject: str
    plant: str
    why: str


class Middleware:
    """What stands in the place of a middleware."""

    def __init__(
        self,
        spec: ModelSpec,
        flows: list[FlowSpec],
        estate: Estate,
        boundaries: Mapping[str, Boundary],
        alive: Alive,
        *,
        faults: bool,
    ) -> None:
        self.spec = spec
        self._scheduled = 0
        """Pieces that wait for their day."""
        self._estate = estate
        self._world: World = estate.world
        self._env = estate.world.env
        self._alive = alive
        operations = {number: name for name, number in next(iter(estate)).ledger.operations.items()}
        self.pieces = Pieces(flows, estate, operations, whole=spec.documents == "whole", keep=faults)
        self.ports = {name: Port(boundary, spec, estate.world, alive) for name, boundary in boundaries.items()}
        self.crews = Crews(self._env, spec, self._begin)
        self._send = Dispatcher(estate)
        self._triggers = {trigger for flow in flows for trigger in flow.triggers}
        self._cancels = {flow.cancelled_by for flow in flows if flow.cancelled_by}
        self._stated = {step.event for flow in flows for step in flow.steps.values() if step.event}
        self._refusing = {
            step.refused_by: step.event for flow in flows for step in flow.steps.values() if step.refused_by
        }
        self._known: dict[str, int] = {}
        self._under_way: dict[str, None] = {}
        """Facts that are being brought about: several flows may ask for the same, and it is done once."""
        self._stated_facts: dict[str, None] = {}
        """What has no version and was stated, not committed."""
        self._awaited: dict[str, dict[int, Piece]] = {}
        """By effect that is waited for, the pieces that wait."""
        self._withdrawn: dict[str, None] = {}
        self._unfinished: dict[int, Piece] = {}
        self._telling: dict[_Exception, None] = {}
        """What the desk has not taken yet."""
        self._flow_of = {trigger: flow.flow for flow in flows for trigger in flow.triggers}

    @property
    def busy(self) -> int:
        """How much it is at. What only waits for something that others have to do is not counted."""
        return self._scheduled + self.crews.busy + self.crews.waiting + len(self._telling)

    @property
    def unfinished(self) -> int:
        """Pieces that it has taken on and that are not over."""
        return len(self._unfinished)

    @property
    def wants(self) -> frozenset[str]:
        """The events that it has to hear of."""
        return frozenset((*self._triggers, *self._cancels, *self._stated, *self._refusing))

    def concerns_open_work(self, name: str) -> bool:
        """Whether an event only tells how work that was begun goes on."""
        return name not in self._triggers and name not in self._cancels

    # --- What it is told ----------------------------------------------------------------------------------------

    def take(self, published: Published) -> None:
        """Learn of an event."""
        name = published.type.name
        if name in self._cancels:
            self._withdraw(published.effect.partition("|")[2])
        if name in self._stated:
            self._learn(published.effect, published.version)
        if name in self._refusing:
            refused = "|".join((self._refusing[name], *published.effect.split("|")[1:]))
            self._refused_later(refused, published.version)
        if name in self._triggers:
            for piece in self.pieces.of(published.seq):
                self._adopt(piece)

    def _adopt(self, piece: Piece) -> None:
        self._unfinished[id(piece)] = piece
        if piece.subject in self._withdrawn:
            piece.stopped = "withdrawn"
        self._queue_when_due(piece)

    def _queue_when_due(self, piece: Piece) -> None:
        wait_s = piece.due - self._env.now
        if wait_s <= 0:
            self._queue(piece)
            return
        self._scheduled += 1

        def due(_event: Any) -> None:
            self._scheduled -= 1
            self._queue(piece)

        self._alive.later(wait_s, due)

    def _withdraw(self, subject: str) -> None:
        self._withdrawn[subject] = None
        for piece in list(self._unfinished.values()):
            if piece.subject == subject and not piece.stopped:
                piece.stopped = "withdrawn"
                self._look_again(piece)

    def _learn(self, effect: str, version: int) -> None:
        if version:
            self._known[effect] = max(version, self._known.get(effect, 0))
        elif effect.partition("|")[0] in self._stated:
            self._stated_facts[effect] = None
        waiting = self._awaited.get(effect)
        if waiting:
            for piece in list(waiting.values()):
                self._look_again(piece)

    def _refused_later(self, effect: str, version: int) -> None:
        for piece in list(self._awaited.get(effect, {}).values()):
            for task in piece.tasks:
                if task.state is State.AWAITED and (effect, version) in task.effects:
                    task.state = State.DONE
                    self._stop(piece, "refused-later")
            self._look_again(piece)

    # --- Who is next --------------------------------------------------------------------------------------------

    def _queue(self, piece: Piece) -> None:
        if self._alive.alive and not (piece.over or piece.queued or piece.working):
            piece.queued = True
            self.crews.add(piece)

    def _begin(self, piece: Piece) -> None:
        """A worker has taken it up."""
        piece.queued, piece.working = False, True
        life = piece.life = self._alive.life
        if piece.mapped:
            self._after_handling(piece)
            return
        spec = self.spec.mapping_of(piece.flow_name)
        u = self._world.draws.uniform(f"model|mapping|{piece.flow_name}|{piece.instance}") if spec.varies else 0.5

        def mapped(_event: Any) -> None:
            if life == self._alive.life:
                piece.mapped = True
                self._go_on(piece, life)

        self._alive.later(spec.at(u), mapped)

    def _look_again(self, piece: Piece) -> None:
        """Something has changed for it."""
        if not piece.working:
            self._queue(piece)
        elif piece.mapped:
            self._after_handling(piece)

    def _after_handling(self, piece: Piece) -> None:
        handling, life = self.spec.handling, piece.life
        u = 0.5
        if handling.varies:
            piece.handled += 1
            u = self._world.draws.uniform(f"model|handling|{piece.flow_name}|{piece.instance}|{piece.handled}")
        self._alive.later(handling.at(u), lambda _event: self._go_on(piece, life))

    def _go_on(self, piece: Piece, life: int) -> None:
        """Begin everything that may begin; leave the worker when there is nothing to do just now."""
        if life != self._alive.life or not piece.working or piece.over:
            return
        if not self._alive.thawed(lambda: self._go_on(piece, life)):
            return
        waits_for: dict[str, None] = {}
        for task in piece.tasks:
            if task.state is State.AWAITED and self._all_known(task):
                task.state = State.DONE
            if task.state is State.OPEN:
                self._consider(piece, task, waits_for)
            if task.state is State.AWAITED:
                waits_for.update((effect, None) for effect, _version in task.effects)
        if piece.in_flight or piece.over or life != self._alive.life:
            return  # where a system answers at once it may be over by now, or the model dead
        if waits_for and not piece.stopped:
            self._park(piece, waits_for)
        else:
            self._finish(piece)

    def _consider(self, piece: Piece, task: Task, waits_for: dict[str, None]) -> None:
        if piece.stopped:
            task.state = State.DONE
            return
        if piece.life != self._alive.life:
            return
        unknown = [effect for _step, effect, version in task.after if not self._is_known(effect, version)]
        unknown += [effect for effect, _version in task.effects if task.fact and effect in self._under_way]
        if unknown:
            waits_for.update(dict.fromkeys(unknown))
        elif piece.in_flight < self.spec.at_once:
            self._start(piece, task)

    def _is_known(self, effect: str, version: int) -> bool:
        if version:
            return self._known.get(effect, 0) >= version
        return effect in self._stated_facts or self._estate.stands(effect)

    def _all_known(self, task: Task) -> bool:
        if all(self._is_known(effect, version) for effect, version in task.effects):
            return True
        return any(self._estate.stands(effect) for effect in task.accept)

    def _park(self, piece: Piece, waits_for: dict[str, None]) -> None:
        """It waits for others, and keeps no worker busy."""
        for effect in waits_for:
            self._awaited.setdefault(effect, {})[id(piece)] = piece
        for task in piece.tasks:
            if task.state is State.AWAITED and not task.watched and self._may_stay_silent(piece, task):
                self._watch(piece, task)
        piece.working = False
        self.crews.done(piece)

    def _may_stay_silent(self, piece: Piece, task: Task) -> bool:
        on_silence = piece.flow.on_silence
        return on_silence is not None and task.step in on_silence.of

    def _watch(self, piece: Piece, task: Task) -> None:
        """Nobody can force an answer: where none comes for too long, a person is told, and the wait goes on."""
        task.watched = True
        self._scheduled += 1

        def too_long(_event: Any) -> None:
            self._scheduled -= 1
            if task.state is State.AWAITED and not piece.over and not self._all_known(task):
                self._tell_desk(_Exception(piece.flow_name, piece.subject, piece.plant, "no-answer"))

        self._alive.later(self.spec.answer_patience, too_long)

    def _finish(self, piece: Piece) -> None:
        piece.over, piece.working = True, False
        del self._unfinished[id(piece)]
        for task in piece.tasks:
            task.call = None  # it refers to the task: without the circle both are freed at once
            if self._awaited:
                self._await_no_more(piece, task)
        self.crews.done(piece)

    def _await_no_more(self, piece: Piece, task: Task) -> None:
        for effect in (*(e for e, _v in task.effects), *(e for _s, e, _v in task.after)):
            waiting = self._awaited.get(effect)
            if waiting is not None:
                waiting.pop(id(piece), None)
                if not waiting:
                    del self._awaited[effect]

    # --- One task -----------------------------------------------------------------------------------------------

    def _start(self, piece: Piece, task: Task) -> None:
        if self._all_known(task):
            task.state = State.DONE
            return
        if task.call is not None and self._still_open(piece, task.call):
            return
        sending = self._send.sending(task)
        if sending is None:
            stated_by_itself = task.name not in task.system.kind.replicas
            task.state = State.AWAITED if stated_by_itself else State.DONE
            return
        if not self._is_promised(task, sending):
            task.state = State.DONE
            return
        task.state = State.SENT
        piece.in_flight += 1
        if task.fact:
            self._under_way.update((effect, None) for effect, _version in task.effects)
        wanted = self.spec.lookups.get(sending.operation.name, 0)
        if wanted:
            self._look_first(piece, task, sending, wanted)
        else:
            self._dispatch(piece, task, sending)

    def _still_open(self, piece: Piece, call: Call) -> bool:
        """Whether a call of an earlier life may still come about; then the piece goes on when it is over."""
        performance, life = call.performance, self._alive.life
        if performance is None or performance.over:
            return False
        piece.in_flight += 1

        def over(_event: Any) -> None:
            if life == self._alive.life:
                piece.in_flight -= 1
                self._go_on(piece, life)

        performance.on_over = lambda: self._alive.later(0.0, over)
        return True

    def _is_promised(self, task: Task, sending: Sending) -> bool:
        """Whether what is intended now is what was promised. A newer version is the business of the piece that it was
        promised to; an older one means that this one was withdrawn."""
        if sending.instead:
            return True
        declared = catalog.operations().get(task.name)
        version_name = declared.effect.version if declared else catalog.events()[task.name].effect.version
        if not version_name:
            return True
        version = version_number(getattr(sending.command, version_name, 0))
        return all(version == wanted for _effect, wanted in task.effects)

    def _look_first(self, piece: Piece, task: Task, sending: Sending, left: int) -> None:
        asked = self._send.query(sending.operation, sending.command) if left else None
        if asked is None:
            self._dispatch(piece, task, sending)
            return
        operation, query = asked

        def looked(_call: Call, why: str, _items: tuple[str, ...]) -> None:
            if why:
                self._came_back(piece, task, sending, why, ())
            else:
                self._alive.later(0.0, lambda _event: self._look_first(piece, task, sending, left - 1))

        self._port(task).call(Call(operation, query, f"{self._name(piece, task)}|look|{left}", looked))

    def _dispatch(self, piece: Piece, task: Task, sending: Sending) -> None:
        def done(_call: Call, why: str, items: tuple[str, ...]) -> None:
            self._came_back(piece, task, sending, why, items)

        call = Call(sending.operation, sending.command, self._name(piece, task), done)
        if task.fact:
            call.key = f"{call.name}|instead" if sending.instead else call.name
            call.stands = lambda: all(task.system.stands(effect) for effect in sending.effects)
            call.look = self._send.query(sending.operation, sending.command)
            task.call = call
        self._port(task).call(call)

    def _name(self, piece: Piece, task: Task) -> str:
        effect, version = task.effects[0]
        return f"{effect}|{version}|{piece.instance}" if version else f"{effect}|{piece.instance}"

    def _port(self, task: Task) -> Port:
        return self.ports[task.system.name]

    def _came_back(self, piece: Piece, task: Task, sending: Sending, why: str, items: tuple[str, ...]) -> None:
        if piece.over or piece.life != self._alive.life:
            return
        if why and items and not task.mended and self._mend(piece, task, items):
            return
        piece.in_flight -= 1
        if why and task.accept and not task.instead and not why.startswith(GAVE_UP):
            task.instead, task.state = True, State.OPEN
        elif why:
            task.state = State.DONE
            self._stop(piece, why)
        else:
            self._succeeded(task, sending)
        if task.fact:
            self._release(task)
        left = piece.in_flight or any(each.state is not State.DONE for each in piece.tasks)
        if left or piece.stopped:
            self._after_handling(piece)
        else:
            self._finish(piece)

    def _release(self, task: Task) -> None:
        """Others that want the same may look whether it is done."""
        for effect, _version in task.effects:
            self._under_way.pop(effect, None)
            for other in list(self._awaited.get(effect, {}).values()):
                self._look_again(other)

    def _succeeded(self, task: Task, sending: Sending) -> None:
        if task.name in catalog.events():
            task.state = State.AWAITED
            return
        task.state = State.DONE
        version_name = sending.operation.effect.version
        if version_name:
            version = version_number(getattr(sending.command, version_name))
            for effect, _version in task.effects:
                self._learn(effect, version)

    def _mend(self, piece: Piece, task: Task, items: tuple[str, ...]) -> bool:
        """Send what was missing, and then the same once more; whether anything says how."""
        sendings = [self._send.prerequisite(task.system, piece.plant, item) for item in items]
        known = [sending for sending in sendings if sending is not None]
        if len(known) < len(items):
            return False
        task.mended = True
        left = len(known)

        def done(_call: Call, _why: str, _items: tuple[str, ...]) -> None:
            nonlocal left
            left -= 1
            if not left:
                piece.in_flight -= 1
                task.state = State.OPEN
                self._after_handling(piece)

        for item, sending in zip(items, known, strict=True):
            self._port(task).call(Call(sending.operation, sending.command, f"item|{piece.plant}|{item}", done))
        return True

    # --- What cannot be carried out -----------------------------------------------------------------------------

    def _stop(self, piece: Piece, why: str) -> None:
        """Nothing more of it; and a person has to know."""
        if piece.stopped:
            return
        piece.stopped = why
        self._tell_desk(_Exception(piece.flow_name, piece.subject, piece.plant, why))

    def set_aside(self, published: Published, subject: str) -> None:
        """What came cannot be carried out by anybody: somebody has to know."""
        self._tell_desk(_Exception(self._flow_of.get(published.type.name, ""), subject, "", "poison"))

    def _tell_desk(self, told: "_Exception") -> None:
        """Raise an exception, and remember it until the desk has taken it."""
        port = next((p for p in self.ports.values() if _EXCEPTION in p.boundary.system.kind.operations), None)
        if port is None:
            return
        self._telling[told] = None
        operation = port.boundary.system.kind.operations[_EXCEPTION]
        fields: dict[str, Any] = {
            "flow": told.flow,
            "subject": told.subject,
            "plant": told.plant,
            "owner": "plant-it",
            "reason": told.why.partition(":")[0],
            "text": told.why,
        }
        command = msgspec.convert(fields, operation.command)

        def done(_call: Call, _why: str, _items: tuple[str, ...]) -> None:
            self._telling.pop(told, None)

        port.call(Call(operation, command, "|".join(("exception", *told)), done))

    def go_on(self) -> None:
        """It stood still, and moves again."""
        for port in self.ports.values():
            port.go_on()

    # --- Death and return ---------------------------------------------------------------------------------------

    def die(self) -> None:
        """What it holds in memory is gone; what it has taken in stands in its database."""
        for port in self.ports.values():
            port.forget()
        self.crews.forget()
        self._awaited.clear()
        self._under_way.clear()
        for piece in self._unfinished.values():
            piece.in_flight = 0
            piece.queued = piece.working = piece.mapped = False
            for task in piece.tasks:
                if task.state is State.SENT:
                    task.state = State.OPEN

    def return_to_life(self) -> None:
        """Go on with all that was taken in and is not done."""
        for piece in list(self._unfinished.values()):
            self._queue_when_due(piece)
        for told in list(self._telling):
            self._tell_desk(told)
