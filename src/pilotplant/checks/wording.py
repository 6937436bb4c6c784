"""How findings name things: effects of operations and events in the words of a plant."""

from pilotplant.model.revisions import letters
from pilotplant.systems import catalog

_TEMPLATES = {
    "erp.bom.release": "BOM {1}/{revision} at {0}",
    "erp.routing.upsert": "routing {1}/{revision} at {0}",
    "erp.item.upsert": "item {1}/{revision} at {0}",
    "erp.version.activate": "activation of {1}/{revision} at {0}",
    "erp.version.activated": "active version {1}/{revision} at {0}",
    "mes.routing.publish": "work instructions {1}/{revision} at {0}",
    "erp.stock.post": "{2} of {3}{lot} for {1} at {0}",
    "mes.order.dispatch": "order {1} at {0}",
    "mes.item.upsert": "shop floor item {1} at {0}",
    "erp.item.maintain": "maintained item {1} at {0}",
    "erp.aml.upsert": "source {2} of {1} at {0}",
    "erp.xref.upsert": "part number of {2} for {1} at {0}",
    "erp.hold.release": "production release of {1} for {2} at {0}",
    "erp.item.discontinue": "using up of what came before {1}/{revision} at {0}",
    "erp.hold.set": "hold of {1} for {2} at {0}",
    "erp.production_order.confirm": "{2} of {3} for {1} at {0}",
    "erp.po.change": "change of {1} for {2} at {0}",
    "erp.po.cancel": "cancellation of {1} for {2} at {0}",
    "erp.asn.create": "inbound delivery {1} at {0}",
    "erp.asn.replace": "correction of inbound delivery {1} at {0}",
    "wms.receipt.expect": "expected receipt {1} at {0}",
    "erp.inbound.post_receipt": "goods receipt {1} at {0}",
    "wms.disposition.set": "disposition of {1} before {revision} at {0}",
    "wms.task.create": "task {1} at {0}",
    "wms.stock.moved": "movement {1} at {0}",
    "wms.count.adjusted": "count {1} at {0}",
    "wms.receipt.confirmed": "receipt {1} at {0}",
    "supplier.po.change_notice": "notice of {1} on {0}",
    "supplier.po.acknowledged": "acknowledgement of {1} on {0}",
    "supplier.po.rejected": "rejection of {1} on {0}",
    "supplier.drawing.share": "drawing {1}/{revision} for {0}",
    "legacy.stock.post": "{2} of {3}{lot} for {1} at {0}",
    "cloud.stock.post": "{2} of {3}{lot} for {1} at {0}",
    "legacy.plant.release": "release of plant {0}",
    "cloud.plant.take_over": "take-over of plant {0}",
    "desk.exception.raise": "exception for {1} at {0} ({2})",
}

SYSTEM_OF = {
    "erp": "ERP",
    "mes": "MES",
    "plm": "PLM",
    "desk": "the exception desk",
    "legacy": "the legacy ERP",
    "cloud": "the cloud ERP",
    "supplier": "the supplier portal",
}


def effect_in_words(effect: str, version: int = 0) -> str:
    """`BOM ITM-1042/D at DE01`, `receipt of ITM-7 lot L1 for CNF-0000412 at DE01`."""
    name, *keys = effect.split("|")
    template = _TEMPLATES.get(name)
    if template is None:
        return f"{name} {' '.join(keys)}".strip()
    lot = f" lot {keys[4]}" if name.endswith(".stock.post") and len(keys) > 4 and keys[4] else ""
    if not version:
        template = template.replace("/{revision}", "")
    return template.format(*keys, revision=letters(version), lot=lot)


def plant_of(effect: str) -> str:
    """The plant that an effect is about; empty where its first key is no plant."""
    name, *keys = effect.split("|")
    declared = catalog.operations().get(name) or catalog.events().get(name)
    return keys[0] if keys and declared is not None and declared.effect.keys[:1] == ("plant",) else ""


def holder_of(effect: str) -> str:
    """The kind of system that an effect is in, as people call it."""
    kind = effect.partition(".")[0]
    return SYSTEM_OF.get(kind, kind.upper())


def some_of(names: list[str], most: int = 4) -> str:
    """The first of these names, and how many more there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
