"""Fuzzing campaigns as text and for GitHub: what was asked, what each check judged, what was found."""

from collections import Counter
from collections.abc import Iterator

from pilotplant.conformance.fuzzing.middleware import MiddlewareFuzzed
from pilotplant.conformance.fuzzing.outcome import Fuzzed, FuzzFinding
from pilotplant.model.suggestions import listed
from pilotplant.model.verdict import Verdict
from pilotplant.reporting.wording import by_kind, count, doubts_once, printable, span

_FINDINGS = 30


def text(fuzzed: Fuzzed) -> str:
    """For a terminal: findings first, then how much was judged, and one line at the end."""
    lines: list[str] = []
    for finding in fuzzed.findings[:_FINDINGS]:
        lines += _told(finding)
    if len(fuzzed.findings) > _FINDINGS:
        lines.append(f"… {len(fuzzed.findings) - _FINDINGS:,} more")
    for asked in fuzzed.asked:
        done = f"{asked.requests:,} requests: {asked.carried_out:,} carried out, {asked.refused:,} refused"
        lines.append(f"  {asked.system:<10} {done}")
        for what, names in (("unknown: never asked", asked.unasked), ("only ever refused", asked.never)):
            lines += [f"  {'':<10} {what}: {printable(listed(names), 600)}"] if names else []
    for check in fuzzed.checks:
        judged = f"judged {check.times:,} times" if check.times else "nothing to judge"
        unknown = "unknown: " if check.needed and not check.times else ""
        lines.append(f"  {check.check:<12} {unknown}{judged}. {check.about}")
    return "\n".join([*lines, "", headline(fuzzed)])


def headline(fuzzed: Fuzzed) -> str:
    """What it came to, in one line."""
    told = f"{count(fuzzed.requests, 'generated request')}, {count(len(fuzzed.findings), 'finding')}"
    took = f"seed {fuzzed.seed}, {span(fuzzed.elapsed_s)}"
    return f"{fuzzed.verdict.upper()} — {told} ({took})   exit {int(fuzzed.exit)}"


def of_middleware(fuzzed: MiddlewareFuzzed) -> str:
    """For a terminal: hostile events that did not end well, what became of the good ones, one line at the end."""
    lines = [
        f"{'FAIL' if event.verdict is Verdict.FAIL else 'unknown'} {event.how:<14} {event.event}: "
        f"{printable(event.sentence)}"
        for event in fuzzed.events
        if event.verdict is not Verdict.PASS
    ]
    for kind in by_kind(fuzzed.run.findings)[:_FINDINGS]:
        more = f" ({len(kind) - 1:,} more of the same kind)" if len(kind) > 1 else ""
        lines.append(f"{kind[0].severity.upper()} {kind[0].check:<14} {printable(kind[0].sentence, 300)}{more}")
    lines += [f"unknown {doubt.check:<11} {printable(doubt.sentence, 300)}" for doubt in doubts_once(fuzzed.run.doubts)]
    ends = Counter(event.ended for event in fuzzed.events)
    told = ", ".join(f"{times:,} {ended}" for ended, times in ends.most_common())
    lines += [f"  hostile events: {told}", f"  the good ones: {printable(fuzzed.run.summary)}", ""]
    seed = f"seed {fuzzed.run.seed}, {fuzzed.run.mode}, {span(fuzzed.elapsed_s)}"
    lines.append(f"{fuzzed.verdict.upper()} — {fuzzed.target}: {count(len(fuzzed.events), 'hostile event')} ({seed})")
    return "\n".join(lines) + f"   exit {int(fuzzed.exit)}"


def annotations(fuzzed: Fuzzed) -> str:
    """Workflow commands for GitHub, at most ten."""
    return "".join(
        f"::error title={printable(f'{f.operation} {f.check}').replace(':', '%3A')}::{printable(f.sentence)}\n"
        for f in fuzzed.findings[:10]
    )


def _told(finding: FuzzFinding) -> Iterator[str]:
    times = f" ({finding.times:,} times)" if finding.times > 1 else ""
    where = f"{printable(finding.operation)} of {finding.system}"
    yield f"FAIL {finding.check}   {where}: {printable(finding.sentence)}{times}"
    yield f"     request {printable(finding.request, 400)}"
    yield f"     answer  {printable(finding.answer, 300)}"
