"""Pacts that were verified, as text and for GitHub: which interaction, what was expected, what came."""

from collections.abc import Iterator

from pilotplant.conformance.verification import Checked, Verification
from pilotplant.model.verdict import Verdict
from pilotplant.reporting.wording import count, printable

_MISMATCHES = 10
_LINE = 300


def text(verification: Verification) -> str:
    """For a terminal: what failed with all that differs, what could not be verified, and one line at the end."""
    lines: list[str] = []
    for checked in verification.checked:
        if checked.verdict is not Verdict.PASS:
            lines += _told(checked)
    return "\n".join([*lines, *([""] if lines else []), headline(verification)])


def headline(verification: Verification) -> str:
    """What it came to, in one line."""
    if not verification.checked:
        return "UNKNOWN — there are no interactions to verify   exit 4"
    kept = verification.count(Verdict.PASS)
    derived = sum(checked.derived for checked in verification.checked)
    apart = f", {derived} of them recorded" if derived else ""
    told = f"{kept} of {count(len(verification.checked), 'interaction')} kept{apart}"
    pacts = len({(checked.consumer, checked.provider) for checked in verification.checked})
    verdict = verification.verdict.upper()
    return f"{verdict} — {told}, {count(pacts, 'pact')}, against {verification.against}   exit {int(verification.exit)}"


def annotations(verification: Verification) -> str:
    """Workflow commands for GitHub, at most ten."""
    told = [checked for checked in verification.checked if checked.verdict is not Verdict.PASS]
    lines = []
    for checked in sorted(told, key=lambda checked: checked.verdict is not Verdict.FAIL)[:10]:
        level = "error" if checked.verdict is Verdict.FAIL else "warning"
        message = printable("; ".join([checked.sentence, *(_line(m.place, m.sentence) for m in checked.mismatches)]))
        title = printable(name(checked)).replace(":", "%3A").replace(",", "%2C")
        lines.append(f"::{level} title={title}::{message}\n")
    return "".join(lines)


def name(checked: Checked) -> str:
    """An interaction in one line."""
    given = f" given {' and '.join(checked.states)}" if checked.states else ""
    return f"{checked.consumer} → {checked.provider}: {checked.description}{given}"


def _told(checked: Checked) -> Iterator[str]:
    label = "FAIL" if checked.verdict is Verdict.FAIL else "unknown"
    yield f"{label} {printable(name(checked), _LINE)}   ({printable(checked.source, 80)})"
    yield f"     {printable(checked.sentence, 600)}"
    for mismatch in checked.mismatches[:_MISMATCHES]:
        yield f"     {printable(_line(mismatch.place, mismatch.sentence), _LINE)}"
        if mismatch.expected or mismatch.got:
            yield f"       expected {printable(mismatch.expected or 'nothing', 120)}"
            yield f"       got      {printable(mismatch.got or 'nothing', 120)}"
    if len(checked.mismatches) > _MISMATCHES:
        yield f"     … {len(checked.mismatches) - _MISMATCHES:,} more"


def _line(place: str, sentence: str) -> str:
    return f"{place}: {sentence}" if place and not sentence.startswith(place) else sentence
