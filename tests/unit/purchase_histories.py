"""Histories of purchasing by hand: a part on order is superseded, suppliers answer and announce; the test is the
middleware."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from pilotplant.dataset.generate import generate
from pilotplant.dataset.records import Dataset
from pilotplant.exchange.wire import WireResponse
from pilotplant.kernel.draws import Draws
from pilotplant.model.operation import Command
from pilotplant.systems import catalog
from pilotplant.systems.estate import EstateSpec
from pilotplant.systems.plm.operations import (
    AddAffected,
    CreateChange,
    NameChange,
    ReviseItem,
    Supersede,
    add_affected,
    approve_change,
    create_change,
    revise_item,
    supersede,
)
from pilotplant.systems.plm.substitution import Substitution, choose_substitution
from pilotplant.systems.supplier.answers import AnswerNotice, answer_notice
from pilotplant.systems.supplier.shipments import CorrectAsn, SendAsn, ShipLine, correct_asn, send_asn
from pilotplant.systems.supplier.state import OpenOrder
from pilotplant.systems.system import Published
from tests.unit.histories import REPOSITORY, History, shipped_flow

ECO, ASN = "ECO-000001", "ASN-1"
INBOUND, GOODS_RECEIPT, PURCHASE_CHANGE = "inbound", "goods-receipt", "purchase-change"


@cache
def whole(warehouses: bool = False) -> EstateSpec:
    """The estate with suppliers, with little data; with a WMS at every site if the test is about goods there."""
    document = yaml.safe_load((REPOSITORY / "simulators/estates/whole.yaml").read_text(encoding="utf-8"))
    document["data"] = {"items": 80, "depth_min": 2, "depth_max": 3, "suppliers": 6, "production_orders": 2}
    document["data"] |= {"dispatched": 0, "purchase_orders": 8}
    if not warehouses:
        del document["systems"]["wms"]
    return EstateSpec.model_validate(document)


@cache
def goods() -> Dataset:
    """The generated data."""
    return generate(whole().plan(), 1, Draws(1))


class PurchaseHistory(History):
    """A run without a target in the whole estate."""

    def __init__(self, directory: Path, *flows: str, warehouses: bool = False) -> None:
        super().__init__(directory, *map(shipped_flow, flows), spec=whole(warehouses), data=goods())
        self.replaced: Substitution

    # --- what engineering and suppliers do -----------------------------------------------------------------------

    def substitute(self, change: str = ECO) -> Published:
        """Engineering replaces a part that is on order by one of another supplier."""
        plm = self.estate.systems["plm"].state
        found = choose_substitution(plm, (), Draws(1).fresh("substitution"))
        assert found is not None
        self.replaced = found
        for item in found.users:
            bom, routing = plm.bom(item, plm.latest(item)), plm.routing(item, plm.latest(item))
            self.act("plm", revise_item, ReviseItem(item=item, lines=found.applied(bom.lines), steps=routing.steps))
        self.act("plm", create_change, CreateChange(change=change, title="Another supplier"))
        for item in found.users:
            added = AddAffected(change=change, item=item, plants=goods().items[item].plants)
            self.act("plm", add_affected, added)
        command: Supersede = found.command(change)
        self.act("plm", supersede, command)
        self.act("plm", approve_change, NameChange(change=change))
        return self.release_approved(change)

    @property
    def orders(self) -> list[OpenOrder]:
        """The orders for what was replaced."""
        every: Sequence[OpenOrder] = list(self.estate.systems["supplier"].state.orders.values())
        return [order for order in every if order.item == self.replaced.item and order.left]

    def supplier_answers(
        self, po: str, answer: Literal["accepted", "partly", "rejected"] = "accepted", quantity: float = 0.0
    ) -> Published:
        """A supplier answers a notice."""
        self.act("supplier", answer_notice, AnswerNotice(po=po, change=ECO, answer=answer, quantity=quantity))
        return self.published[-1]

    def announces(self, quantity: float = 6.0, asn: str = ASN) -> Published:
        """A supplier ships and announces goods."""
        order = self.some_order
        self.act("supplier", send_asn, SendAsn(asn=asn, lines=(ShipLine(po=order.po, quantity=quantity),)))
        return self.published[-1]

    def announces_again(self, quantity: float = 0.0) -> Published:
        """A supplier sends an announcement again, or a corrected one."""
        lines = (ShipLine(po=self.some_order.po, quantity=quantity),) if quantity else ()
        self.act("supplier", correct_asn, CorrectAsn(asn=ASN, lines=lines))
        return self.published[-1]

    @property
    def some_order(self) -> OpenOrder:
        """An order of which much is left."""
        every: Sequence[OpenOrder] = list(self.estate.systems["supplier"].state.orders.values())
        return next(order for order in every if order.left > 20)

    # --- what a middleware does ----------------------------------------------------------------------------------

    def send(self, name: str, **fields: object) -> WireResponse:
        """Call an operation by its name."""
        operation = catalog.operations()[name]
        command: Command = msgspec.convert(fields, operation.command)
        if_match = "*" if operation.etag is not None else ""
        return self.call(operation.system, operation, command, if_match=if_match)

    def give_notice(self, po: str) -> WireResponse:
        """Tell the supplier."""
        by = self.replaced.by
        return self.send("supplier.po.change_notice", po=po, change=ECO, item=self.replaced.item, superseded_by=by)

    def share(self, supplier: str = "", revision: str = "") -> WireResponse:
        """Give a supplier the drawing of the new part: the one that the change names, or another."""
        revision = revision or goods().items[self.replaced.by].revision
        who = supplier or self.replaced.supplier
        return self.send("supplier.drawing.share", supplier=who, item=self.replaced.by, revision=revision)

    def become(self, po: str, quantity: float) -> WireResponse:
        """Let an order be what was agreed."""
        plant = self.estate.systems["erp"].state.purchases.orders[po].plant
        if quantity:
            return self.send("erp.po.change", plant=plant, po=po, change=ECO, quantity=quantity)
        return self.send("erp.po.cancel", plant=plant, po=po, change=ECO)

    def carry_out_all(self, but: Sequence[str] = ()) -> None:
        """All of a substitution, save the answers to these orders' notices."""
        self.share()
        for order in self.orders:
            assert self.give_notice(order.po).status == 201
        for order in [order for order in self.orders if order.po not in but]:
            event = self.supplier_answers(order.po)
            self.deliver(event)
            assert self.become(order.po, event.event.quantity).status in (200, 201)  # type: ignore[attr-defined]

    def note(self, event: Published, *, replace: bool = False, quantity: float = 0.0) -> WireResponse:
        """Let the ERP know of what was announced; of another quantity if one is given."""
        asn = event.event
        fields = {
            "plant": asn.plant,  # type: ignore[attr-defined]
            "asn": asn.asn,  # type: ignore[attr-defined]
            "supplier": asn.supplier,  # type: ignore[attr-defined]
            "arrives_at": asn.arrives_at,  # type: ignore[attr-defined]
            "version": asn.version,  # type: ignore[attr-defined]
            "lines": [
                {
                    "po": line.po,
                    "item": line.item,
                    "quantity": quantity or line.quantity,
                    "unit": line.unit,
                    "lot": line.lot,
                }
                for line in asn.lines  # type: ignore[attr-defined]
            ],
        }
        return self.send("erp.asn.replace" if replace else "erp.asn.create", **fields)

    def expect(self, event: Published) -> WireResponse:
        """Let the warehouse expect what was announced."""
        asn: Any = event.event
        lines = [
            {"item": line.item, "po": line.po, "quantity": line.quantity, "unit": line.unit, "lot": line.lot}
            for line in asn.lines
        ]
        operation = catalog.operations()["wms.receipt.expect"]
        fields = {"plant": asn.plant, "asn": asn.asn, "version": asn.version, "lines": lines}
        return self.call(f"wms@{asn.plant}", operation, msgspec.convert(fields, operation.command))

    def comes_in(self, plant: str, quantity: float) -> Published:
        """So much comes in at the dock, whatever was announced."""
        operation = catalog.operations()["wms.receipt.confirm"]
        came = {"asn": ASN, "lines": [{"line": 0, "quantity": quantity}]}
        self.act(f"wms@{plant}", operation, msgspec.convert(came, operation.command))
        return self.last("wms.receipt.confirmed")

    def book(self, event: Published, *, quantity: float = 0.0) -> WireResponse:  # type: ignore[override]
        """Book in the ERP what came in, or another quantity."""
        came: Any = event.event
        lines = [
            {
                "po": line.po,
                "item": line.item,
                "quantity": quantity or line.quantity,
                "unit": line.unit,
                "lot": line.lot,
            }
            for line in came.lines
        ]
        fields = {"plant": came.plant, "receipt": came.receipt, "asn": came.asn, "posting_date": came.posting_date}
        return self.send("erp.inbound.post_receipt", **fields, lines=lines)
