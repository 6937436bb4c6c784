"""Suppliers take their time: they answer notices late, partly or never, ship in parts, and announce it as they like."""

from functools import partial
from random import Random
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pilotplant.dataset.units import DIVISIBLE
from pilotplant.kernel.draws import lognormal
from pilotplant.model.durations import Duration
from pilotplant.model.instants import BusinessSeconds
from pilotplant.systems.stimuli import Act, Serves, StimulusParameters, stimulus
from pilotplant.systems.supplier.answers import AnswerNotice, answer_notice
from pilotplant.systems.supplier.shipments import CorrectAsn, SendAsn, ShipLine, correct_asn, moment, send_asn
from pilotplant.systems.supplier.state import Notice, OpenOrder, Portal

if TYPE_CHECKING:
    from pilotplant.systems.system import System

Share = Annotated[float, Field(ge=0, le=1)]


class Parameters(BaseModel):
    """What a profile can set for suppliers. Durations are business time in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    answer_median_s: Annotated[float, Field(gt=0)] = 6 * 3600.0
    answer_p95_s: Annotated[float, Field(gt=0)] = 3 * 86400.0
    silent_share: Share = 0.05
    """Share of notices that are never answered."""
    rejected_share: Share = 0.1
    """Share of notices that are refused: the goods are made already."""
    partly_share: Share = 0.2
    """Share of notices that are accepted for a part only: some of the goods are made already."""

    @model_validator(mode="after")
    def _all_of_them(self) -> "Parameters":
        if self.silent_share + self.rejected_share + self.partly_share > 1:
            raise ValueError("silent_share, rejected_share and partly_share are more than all notices")
        return self


class SendParameters(StimulusParameters):
    """How suppliers announce what they ship."""

    early: Share = 0.0
    """Share of announcements long before the goods arrive (`ahead` instead of `transit`)."""
    late: Share = 0.0
    """Share of announcements of goods that have arrived already."""
    twice: Share = 0.0
    """Share of announcements that are sent a second time, as they are."""
    short: Share = 0.0
    """Share of announcements that are corrected, because less was loaded than was announced."""
    transit: Duration = 1.0
    """How long goods travel, in business time."""
    ahead: Duration = 86_400.0
    """How long before the goods an early announcement comes, in business time."""
    gap: Duration = 0.8
    """How long after an announcement it comes again or is corrected, at most, in business time."""


class AnswerParameters(StimulusParameters):
    """What a supplier says to the notice that has waited for longest."""

    answer: Literal["accepted", "rejected"] = "accepted"


class Behaviour:
    """The people who work for the suppliers."""

    SERVES: ClassVar[Serves] = "estate"

    def __init__(self, system: "System") -> None:
        self._system = system
        self._announced = 0

    def start(self) -> None:
        """Ship part of every order on the day on which it is due."""
        for order in self._portal.orders.values():
            self._system.world.later_business(BusinessSeconds(order.due_s), partial(self._ship_due, order))

    def start_job(self, notice: Notice) -> None:
        """A notice came in: it is answered after a while, or never."""
        system, parameters = self._system, self._system.parameters
        key = f"{notice.po}|{notice.change}"
        u = system.world.draws.uniform(f"answer|{key}")
        if u < parameters.silent_share:
            system.silent_since = system.world.env.now
            return
        u -= parameters.silent_share
        rejects, partly = parameters.rejected_share, parameters.rejected_share + parameters.partly_share
        answer: Literal["accepted", "partly", "rejected"] = (
            "rejected" if u < rejects else "partly" if u < partly else "accepted"
        )
        pace = system.world.draws.uniform(f"answer-time|{key}")
        delay_s = BusinessSeconds(lognormal(pace, parameters.answer_median_s, parameters.answer_p95_s))
        system.jobs_open += 1
        system.world.later_business(delay_s, partial(self._answer, notice, answer))

    def _answer(self, notice: Notice, answer: Literal["accepted", "partly", "rejected"]) -> None:
        self._system.jobs_open -= 1
        if notice.status != "received":
            return  # somebody did
        order, quantity = self._portal.orders[notice.po], 0.0
        if answer == "partly":
            made = self._system.world.draws.uniform(f"made|{notice.po}|{notice.change}")
            quantity = order.shipped + _part(order, 0.2 + 0.6 * made)
        if quantity <= order.shipped and answer == "partly":
            answer = "accepted"  # too little is left to have a part of it
        reason = "the goods are made" if answer == "rejected" else ""
        command = AnswerNotice(
            po=notice.po, change=notice.change, answer=answer, quantity=round(quantity, 6), reason=reason
        )
        self._system.apply(answer_notice, command)

    @stimulus("supplier.po.acknowledge", AnswerParameters)
    def _acknowledge(self, parameters: AnswerParameters, chance: Random) -> list[Act]:
        """A supplier answers the notice that has waited for longest."""
        del chance
        waiting = [notice for notice in self._portal.notices.values() if notice.status == "received"]
        if not waiting:
            return []
        first = waiting[0]
        return [(answer_notice, AnswerNotice(po=first.po, change=first.change, answer=parameters.answer))]

    @stimulus("supplier.asn.send", SendParameters)
    def _send(self, parameters: SendParameters, chance: Random) -> list[Act]:
        """A supplier ships part of one or two orders of a plant, and announces it."""
        lines = self._load(chance)
        if not lines:
            return []
        early, late = chance.random() < parameters.early, chance.random() < parameters.late
        travels_s = parameters.transit * (0.5 + chance.random())
        if early:
            travels_s = parameters.ahead
        elif late:
            travels_s = -travels_s
        twice, short = chance.random() < parameters.twice, chance.random() < parameters.short
        now = self._system.world.now().business
        command = SendAsn(asn=self._next_number(), lines=lines, arrives_at=moment(now + travels_s))
        if short:
            less = tuple(ShipLine(po=line.po, quantity=self._less(line, chance), lot=line.lot) for line in lines)
            self._later(CorrectAsn(asn=command.asn, lines=less), parameters.gap * (0.3 + 0.7 * chance.random()))
        if twice:
            self._later(CorrectAsn(asn=command.asn), parameters.gap * (0.3 + 0.7 * chance.random()))
        return [(send_asn, command)]

    def _later(self, command: CorrectAsn, delay_s: float) -> None:
        """Say it again, or say it better, after a while."""
        self._system.jobs_open += 1
        self._system.world.later_business(BusinessSeconds(delay_s), partial(self._say_again, command))

    def _say_again(self, command: CorrectAsn) -> None:
        self._system.jobs_open -= 1
        self._system.apply(correct_asn, command)

    def _ship_due(self, order: OpenOrder) -> None:
        quantity = _part(order, 0.5)
        if self._system.working and quantity:
            line = ShipLine(po=order.po, quantity=quantity, lot=self._lot(order))
            self._system.apply(send_asn, SendAsn(asn=self._next_number(), lines=(line,)))

    def _load(self, chance: Random) -> tuple[ShipLine, ...]:
        """Part of an order, and now and then of another that goes the same way. No order is ever shipped in full here,
        so that it stays open whatever the plant receives."""
        tracking = self._portal.dataset.items
        able = [
            order
            for order in self._portal.orders.values()
            if _part(order, 0.5) and tracking[order.item].tracking != "serial"
        ]
        if not able:
            return ()
        first = chance.choice(able)
        along = [o for o in able if (o.plant, o.supplier) == (first.plant, first.supplier) and o.item != first.item]
        chosen = [first, chance.choice(along)] if along and chance.random() < 0.4 else [first]
        return tuple(
            ShipLine(po=order.po, quantity=_part(order, 0.1 + 0.25 * chance.random()), lot=self._lot(order))
            for order in chosen
        )

    def _less(self, line: ShipLine, chance: Random) -> float:
        """Less than was announced, and still something."""
        unit = self._portal.orders[line.po].unit
        less = line.quantity * (0.4 + 0.5 * chance.random())
        return round(less, 3) if unit in DIVISIBLE else float(max(1, min(int(less), int(line.quantity) - 1)))

    def _lot(self, order: OpenOrder) -> str:
        tracked = self._portal.dataset.items[order.item].tracking == "lot"
        return f"{order.supplier}-{self._portal.dataset.mark}B{self._announced + 1:05d}" if tracked else ""

    def _next_number(self) -> str:
        while True:
            self._announced += 1
            number = f"ASN-{self._portal.dataset.mark}{self._announced:06d}"
            if number not in self._portal.asns:
                return number

    @property
    def _portal(self) -> Portal:
        portal: Portal = self._system.state
        return portal


def _part(order: OpenOrder, share: float) -> float:
    """A part of what is left of an order, which can be counted in its unit and leaves something; 0 if there is none."""
    part = order.left * share
    if order.unit in DIVISIBLE:
        return round(part, 3) if part >= 0.001 else 0.0
    whole = float(int(part)) if part >= 1 else float(order.left >= 2)
    return whole if whole < order.left else 0.0
