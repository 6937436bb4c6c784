"""Performs the script of one exchange in virtual time: the same steps as on sockets, as callbacks of SimPy events."""

from collections.abc import Callable
from typing import Any, Protocol

from pilotplant.exchange.exchange import Exchange
from pilotplant.exchange.wire import WireResponse
from pilotplant.ledger.records import Ending
from pilotplant.model.script import Commit, Delay, Drop, Hold, Kill, Reset, Respond, Script, Step, Suspend, Trickle

Answered = Callable[[WireResponse | None], None]
"""Called with the answer; with nothing where the line broke."""


class Stage(Protocol):
    """What an exchange needs of its surroundings."""

    def later(self, delay_s: float, action: Callable[[Any], None]) -> None:
        """Call `action` after so long."""
        ...

    def hold(self, until_s: float, action: Callable[[Any], None]) -> None:
        """Call `action` at a wire moment, or when all is healed."""
        ...

    def strike(self, step: Step) -> None:
        """Do to the middleware what a step says."""
        ...


class Alive(Stage, Protocol):
    """The middleware as a whole, as its ports see it."""

    incarnation: int
    """How often it was started: what requests carry."""
    life: int
    """Changes when it dies and when it returns: what was begun in another life is nobody's any more."""
    alive: bool
    still: bool
    """Whether it stands still, and so begins nothing."""

    def thawed(self, action: Callable[[], None]) -> bool:
        """Whether it moves; if it stands still, `action` is called when it goes on."""
        ...


class Performance:
    """One exchange on its way."""

    __slots__ = ("_answered", "_next", "_script", "_stage", "exchange", "gone", "on_over", "over")

    def __init__(self, exchange: Exchange, stage: Stage, answered: Answered) -> None:
        self.exchange = exchange
        self.gone = False
        """Whether nobody waits for the answer any more."""
        self.over = False
        self.on_over: Callable[[], None] | None = None
        self._stage = stage
        self._answered = answered
        self._script: Script = exchange.script
        self._next = 0

    @property
    def patience_needed_s(self) -> float:
        """How long it may take to answer, as far as its script says; infinite where it says nothing of that."""
        total_s = 0.0
        for step in self._script:
            kind = type(step)
            if kind is Delay:
                total_s += step.seconds  # type: ignore[attr-defined]
            elif kind is not Commit and kind is not Respond:
                return float("inf")
        return total_s if self.exchange.turn is None or self.exchange.turn.come else float("inf")

    def go(self, _event: Any = None) -> None:
        """Perform steps until one takes time."""
        exchange, script = self.exchange, self._script
        while self._next < len(script):
            step = script[self._next]
            kind = type(step)
            if kind is Commit:
                turn = exchange.turn
                if turn is not None and not turn.come:
                    turn.wake = self._woken
                    return
                self._next += 1
                exchange.commit()
                continue
            self._next += 1
            if kind is not Delay and self.gone:
                self._end(Ending.CALLER_GONE, None)
                return
            if step.fault:
                exchange.bitten(step.fault)
            if kind is Respond:
                exchange.first_byte()
                self._end(Ending.SENT, exchange.response)
                return
            if kind is Delay:
                self._stage.later(step.seconds, self.go)  # type: ignore[attr-defined]
                return
            if self._special(step):
                return
        self._end(Ending.CUT_SHORT, None)

    def _woken(self) -> None:
        self._stage.later(0.0, self.go)

    def _special(self, step: Step) -> bool:
        """The steps that are rare; whether they go on by themselves, later or never."""
        exchange = self.exchange
        match step:
            case Kill() | Suspend():
                self._stage.strike(step)
                return False
            case Hold(until=until):
                self._stage.hold(until, self.go)
            case Drop():
                self._end(Ending.DROPPED, None)
            case Reset(at_byte=at_byte):
                if at_byte:
                    exchange.first_byte()
                self._end(Ending.RESET, None)
            case Trickle(bytes_each=bytes_each, pause_s=pause_s):
                exchange.first_byte()
                pauses = max(0, (len(exchange.response.body) - 1) // bytes_each)
                self._stage.later(pauses * pause_s, self._trickled)
            case _:
                raise AssertionError(f"no driver performs {step!r}")
        return True

    def _trickled(self, _event: Any) -> None:
        self._end(Ending.CALLER_GONE if self.gone else Ending.SENT, self.exchange.response)

    def _end(self, ending: Ending, response: WireResponse | None) -> None:
        self.over = True
        self.exchange.end(ending)
        if self.on_over is not None:
            self.on_over()
        answered, self._answered = self._answered, _nobody
        if not self.gone:
            answered(response)


def _nobody(_response: WireResponse | None) -> None:
    """Who was answered is not held on to: calls refer to their performance, and without the circle both are freed."""
