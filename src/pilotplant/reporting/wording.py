"""How a result is put into words and put in order, the same in every report."""

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from pilotplant.checks.finding import Doubt, Finding, Proof, Severity
from pilotplant.checks.load_result import LoadResult, Used
from pilotplant.checks.result import Result
from pilotplant.model.verdict import Exit, Verdict

SENTENCE_MAX = 600
"""Characters of a sentence that a report shows: enough for any that a person wrote, and a bound for hostile data."""

WORST_FIRST = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS)

_NEVER_SHOWN = {"Cc", "Cs", "Zl", "Zp"}
_TURNS_TEXT_ROUND = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)}


def printable(text: str, most: int = SENTENCE_MAX) -> str:
    """One line that is safe in a terminal, in XML and in HTML.

    Line breaks become blanks. Other control characters could steer a terminal, are illegal in XML, or could make a line
    read in another order than it is written: a mark shows where they stood.
    """
    if len(text) > most:
        text = text[: most - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in " ".join(text.split()))


def shares(load: LoadResult) -> list[str]:
    """How many processors harness, drivers and target used, how long they waited for one where that is known, and
    what processes that were, where they were several."""
    known = [used for used in load.used if used.processors >= 0]
    told = []
    for used in known:
        if "/" not in used.process:
            parts = [part for part in known if part.process.startswith(f"{used.process}/")]
            within = [f"waited for one for {100 * used.waited:.0f} % of the run"] if used.waited >= 0 else []
            within += [", ".join(f"{_part(part)} {100 * part.processors:.0f} %" for part in parts)] if parts else []
            more = f" ({'; '.join(within)})" if within else ""
            told.append(f"{printable(used.process)} {100 * used.processors:.0f} %{more}")
    return told


def _part(used: Used) -> str:
    """What a process is within what it belongs to: a system, or the number of a driver."""
    name = printable(used.process.partition("/")[2])
    return f"no. {name}" if name.isdigit() else name


def _shown(character: str) -> str:
    no_character = ord(character) & 0xFFFE == 0xFFFE
    if no_character or character in _TURNS_TEXT_ROUND or unicodedata.category(character) in _NEVER_SHOWN:
        return "\N{REPLACEMENT CHARACTER}"
    return character


def count(number: int, one: str, many: str = "") -> str:
    """`1 finding`, `1,200 findings`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def quantity(value: float, unit: str = "") -> str:
    """A measured value as a person writes it: whole numbers whole, others with three digits that matter."""
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "without limit"
    if value == int(value):
        text = f"{int(value):,}"
    elif abs(value) >= 100:
        text = f"{value:,.1f}"
    else:
        text = f"{value:.3g}" if abs(value) >= 0.001 else f"{value:.1e}"
    return f"{text} {unit}".rstrip()


def span(seconds: float) -> str:
    """A duration: `0.8 s`, `12.4 s`, `3 min 20 s`, `2 h 5 min`."""
    if not math.isfinite(seconds) or abs(seconds) < 120:
        return quantity(round(seconds, 2) if math.isfinite(seconds) else seconds, "s")
    minutes, rest_s = divmod(round(seconds), 60)
    if minutes < 120:
        return f"{minutes} min {rest_s} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def moment(seconds: float) -> str:
    """A time in the run, so that records can be told apart: `12.402 s`."""
    return f"{seconds:,.3f} s"


def headline(result: Result) -> str:
    """The verdict as a sentence. It never says `passed` unless everything was decided."""
    proven = sum(finding.severity is Severity.FAIL for finding in result.findings)
    match result.exit:
        case Exit.INTERNAL:
            return "Unknown: Pilotplant itself failed, so this run proves nothing"
        case Exit.INTERRUPTED:
            return "Unknown: the run was interrupted before it could be judged"
        case Exit.UNREACHABLE:
            return f"Unknown: {printable(result.target, 60)} could not be reached"
    match result.verdict:
        case Verdict.FAIL if proven:
            return f"Failed: {count(proven, 'violation')} proven"
        case Verdict.FAIL:
            missed = sum(threshold.verdict is Verdict.FAIL for threshold in result.thresholds)
            return f"Failed: {count(missed, 'threshold')} missed" if missed else "Failed"
        case Verdict.UNKNOWN:
            return "Unknown: the evidence does not decide it"
        case Verdict.PASS:
            warned = f", with {count(len(result.findings), 'warning')}" if result.findings else ""
            return f"Passed{warned}: every promise was kept"


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """What fails before what warns, and one of each kind before a second of any: a crowd of one kind hides none."""
    met: Counter[tuple[str, str, str]] = Counter()
    ranked = []
    for finding in findings:
        kind = (finding.severity, finding.check, finding.step)
        ranked.append((finding.severity is Severity.WARN, met[kind], finding))
        met[kind] += 1
    return [finding for _, _, finding in sorted(ranked, key=lambda rank: rank[:2])]


def by_kind(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Findings of the same check at the same step, together; the worst kinds first."""
    kinds: dict[tuple[Severity, str, str], list[Finding]] = {}
    for finding in worst_first(findings):
        kinds.setdefault((finding.severity, finding.check, finding.step), []).append(finding)
    return list(kinds.values())


def record(proof: Proof) -> str:
    """A record of the ledger as a sentence: `#8811, at 12.402 s: target to erp@DE01: posts the receipt`."""
    who = (
        f"{printable(proof.lane, 60)} to {printable(proof.towards, 60)}" if proof.towards else printable(proof.lane, 60)
    )
    return f"#{proof.seq}, at {moment(proof.t)}: {who}: {printable(proof.text)}"


def doubts_once(doubts: Sequence[Doubt]) -> list[Doubt]:
    """Doubts without repetitions: many instances often raise the same question."""
    return list(dict.fromkeys(doubts))
