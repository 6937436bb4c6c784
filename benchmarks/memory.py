"""What a committed fact costs in memory: stock documents with source documents of their own, through `System.apply`.

Run: `python -m benchmarks.memory [--quick]`.
"""

import gc
import sys
import tempfile
import tracemalloc
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import msgspec

from benchmarks.dataset import PLANTS
from benchmarks.exchange import prepared_estate
from pilotplant.model.instants import iso
from pilotplant.systems.erp.stock import PostLine, PostStock, post_stock
from pilotplant.systems.system import System

LIMIT = 400


def run(quick: bool) -> Iterable[str]:
    """Measure; yields the lines to print."""
    documents = 20_000 if quick else 200_000
    yield f"{documents:,} stock documents with one line each, through System.apply"
    resident = _per_document(documents, traced=False)
    if resident:
        yield f"resident   {resident:>6,.0f} bytes per committed fact (at most {LIMIT})"
    yield f"allocated  {_per_document(documents, traced=True):>6,.0f} bytes per committed fact, by tracemalloc"


def _per_document(documents: int, *, traced: bool) -> float:
    """Bytes per document: of Python's own allocations, or of the process where the platform tells."""
    with tempfile.TemporaryDirectory() as directory:
        estate = prepared_estate(Path(directory))
        erp = estate.systems["erp"]
        _post(erp, 0, 2_000)  # buffers and interned texts
        gc.collect()
        if traced:
            tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0] if traced else _resident()
        _post(erp, 2_000, documents)
        gc.collect()
        after = tracemalloc.get_traced_memory()[0] if traced else _resident()
        if traced:
            tracemalloc.stop()
        erp.ledger.close()
    return (after - before) / documents


def _post(erp: System, first: int, count: int) -> None:
    plant = PLANTS[0].code
    held = next(held for held in erp.state.dataset.plant_items.values() if held.plant == plant)
    today = date.fromisoformat(iso(erp.world.epoch)[:10])
    decode = msgspec.json.Decoder(PostStock).decode
    line = PostLine(movement="receipt", item=held.item, quantity=4.0, unit=held.unit, lot="L-000001")
    for number in range(first, first + count):
        # Through JSON, as from the wire: nothing is shared between two documents that would not be there.
        command = PostStock(plant=plant, posting_date=today, lines=(line,), source_document=f"CNF-{number:09d}")
        erp.apply(post_stock, decode(msgspec.json.encode(command)))


def _resident() -> int:
    """Bytes of this process in memory; 0 where the platform does not say."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:"))


if __name__ == "__main__":
    for text in run("--quick" in sys.argv):
        print(text, flush=True)
