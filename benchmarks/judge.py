"""The judge: records per second and peak memory, against decoding the same blocks and nothing else.

Run: `python -m benchmarks.judge [records …]` (default 100000 1000000 5000000). Each size is measured in a process of
its own, so that its peak memory is its own.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import msgspec
import yaml

from pilotplant.checks.judge import checks, judge
from pilotplant.flows.grammar import FlowSpec
from pilotplant.ledger.header import Header
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import (
    Ack,
    Commit,
    Deliver,
    Emit,
    Ending,
    Obligation,
    Quiesce,
    Request,
    ResponseEnd,
    ResponseFirst,
    Reveals,
)
from pilotplant.ledger.writer import LedgerWriter
from pilotplant.model.verdict import Verdict
from pilotplant.systems import catalog

ROOT = Path(__file__).resolve().parents[1]
SIZES = (100_000, 1_000_000, 5_000_000)
SYSTEMS = ("plm", "erp", "mes@DE01")
IN_FLIGHT = 50
"""Confirmations that a busy middleware works on at the same time."""


class Measured(msgspec.Struct):
    """What one process measured."""

    records: int
    decode_s: float
    judge_s: float
    peak_mb: float


def flows() -> list[FlowSpec]:
    """The flows that ship: engineering changes make the judge follow what was known when."""
    paths = sorted((ROOT / "contracts/flows").glob("*.yaml"))
    return [FlowSpec.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))) for path in paths]


def write(directory: Path, records: int) -> None:
    """A ledger of confirmations that a correct middleware books, many in flight at a time."""
    names = tuple(flow.flow for flow in flows())
    header = Header("benchmark", 1, 0.0, 1.0, "live", SYSTEMS, catalog.ledger_table(), names)
    ledger = LedgerWriter(directory, header)
    flow = names.index("production-confirmation")
    number = 0
    while ledger.seq < records:
        batch = [f"CNF-{number + offset:07d}" for offset in range(IN_FLIGHT)]
        number += IN_FLIGHT
        emitted = [_confirm(ledger, flow, confirmation) for confirmation in batch]
        for confirmation, emit in zip(batch, emitted, strict=True):
            _book(ledger, confirmation, emit)
    ledger.write(Quiesce, ledger.seq * 1e-5, True, "")
    ledger.close()


def _effects(confirmation: str) -> tuple[tuple[str, str], ...]:
    posted = f"erp.stock.post|DE01|{confirmation}"
    return ("receipt", f"{posted}|receipt|ITM-000042|"), ("issues", f"{posted}|issue|ITM-000007|L-17")


def _confirm(ledger: LedgerWriter, flow: int, confirmation: str) -> int:
    t, operations = ledger.seq * 1e-5, ledger.operations
    complete, reported = operations["mes.order.complete"], f"mes.order.complete|DE01|{confirmation}"
    cause = ledger.write(Commit, t, 2, 0, complete, reported, 0)
    completed = operations["mes.order.completed"]
    effect = f"mes.order.completed|DE01|{confirmation}"
    emit = ledger.write(Emit, t, 2, completed, effect, 0, f"mes-{confirmation}", cause, 0)
    post, instance = operations["erp.stock.post"], f"{confirmation}@DE01"
    for step, promised in _effects(confirmation):
        ledger.write(
            Obligation, t, flow, instance, step, post, promised, 0, True, (), (), t, emit, confirmation, "DE01"
        )
    ledger.write(Deliver, t, emit, 1)
    return emit


def _book(ledger: LedgerWriter, confirmation: str, emit: int) -> None:
    t, operations = ledger.seq * 1e-5, ledger.operations
    post = operations["erp.stock.post"]
    trace = f"00-{emit:032x}-0000000000000001-01"
    request = ledger.write(Request, t, 1, post, ("DE01", confirmation), "", emit, 7, trace, 1, 0)
    commits = [ledger.write(Commit, t, 1, request, post, effect, 0) for _step, effect in _effects(confirmation)]
    ledger.write(ResponseFirst, t, 1, request, 201, Reveals.OWN)
    ledger.write(ResponseEnd, t, 1, request, Ending.SENT, 0)
    posted = operations["erp.stock.posted"]
    cause = commits[-1]
    ledger.write(Emit, t, 1, posted, f"erp.stock.posted|DE01|{cause}", 0, f"erp-{cause}", cause, 0)
    ledger.write(Ack, t, emit, 1, 202, "")


def measure(directory: Path) -> Measured:
    """Decode only, then judge."""
    ledger = Ledger(directory)
    start = perf_counter()
    records = sum(map(len, ledger.blocks()))
    decode_s = perf_counter() - start
    contracts, _ = flows(), checks()  # reading YAML and importing modules is not judging
    start = perf_counter()
    judgement = judge(ledger, contracts)
    judge_s = perf_counter() - start
    assert judgement.counts.records == records
    assert judgement.verdict is not Verdict.FAIL, judgement.findings[:3]
    return Measured(records, decode_s, judge_s, _peak_mb())


def _peak_mb() -> float:
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / 1024


def run(quick: bool) -> Iterator[str]:
    """What `python -m benchmarks` shows."""
    yield from lines(SIZES[:2] if quick else SIZES)


def lines(sizes: tuple[int, ...]) -> Iterator[str]:
    """Measure each size, and tell."""
    for size in sizes:
        with TemporaryDirectory(prefix="pilotplant-judge-") as directory:
            write(Path(directory), size)
            command = [sys.executable, "-m", "benchmarks.judge", "--measure", directory]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT)
        measured = msgspec.json.decode(done.stdout, type=Measured)
        yield (
            f"{measured.records:>9,} records: {measured.records / measured.judge_s:>9,.0f} records/s, "
            f"decoding alone {measured.records / measured.decode_s:>9,.0f} records/s "
            f"(ratio {measured.decode_s / measured.judge_s:.2f}), peak {measured.peak_mb:.0f} MB"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        sys.stdout.buffer.write(msgspec.json.encode(measure(Path(sys.argv[2]))))
    else:
        for line in lines(tuple(map(int, sys.argv[1:])) or SIZES):
            print(line, flush=True)
