"""Completes the proofs of findings from the ledger: when each record really was, and which answers never arrived.

Checks see records once, as they go by, and name earlier ones by number only. Where there are findings, a second reading
looks those numbers up.
"""

from collections.abc import Sequence

import msgspec

from pilotplant.checks.case import Case
from pilotplant.checks.finding import Finding, Proof
from pilotplant.ledger.reader import Ledger
from pilotplant.ledger.records import Commit, Ending, ResponseEnd

PROOF_MAX = 8

_LOST = {
    Ending.RESET: "the answer is lost: the connection is reset",
    Ending.DROPPED: "there is no answer: the connection is closed",
    Ending.CALLER_GONE: "nobody takes the answer: the caller has gone",
    Ending.CUT_SHORT: "the answer is cut short",
}


def complete(findings: Sequence[Finding], ledger: Ledger, case: Case) -> tuple[Finding, ...]:
    """The findings with the right times, and with the lost answers among their records."""
    if not findings:
        return ()
    moments = {proof.seq: 0.0 for finding in findings for proof in finding.proof}
    proving: dict[int, list[int]] = {}
    """By exchange, the commits that are part of a proof."""
    lost: dict[int, Proof] = {}
    for record in ledger:
        if record.seq in moments:
            moments[record.seq] = round(record.t, 6)
            if type(record) is Commit and record.exchange:
                proving.setdefault(record.exchange, []).append(record.seq)
        elif type(record) is ResponseEnd and record.exchange in proving and record.ending != Ending.SENT:
            text = _LOST[Ending(record.ending)]
            proof = case.proof(record, case.system(record.system), text)
            lost.update(dict.fromkeys(proving[record.exchange], proof))
    return tuple(_completed(finding, moments, lost) for finding in findings)


def _completed(finding: Finding, moments: dict[int, float], lost: dict[int, Proof]) -> Finding:
    told = [msgspec.structs.replace(proof, t=moments[proof.seq]) for proof in finding.proof]
    missing = dict.fromkeys(lost[proof.seq] for proof in finding.proof if proof.seq in lost)
    told += list(missing)[: max(0, PROOF_MAX - len(told))]
    return msgspec.structs.replace(finding, proof=tuple(sorted(told, key=lambda proof: proof.seq)))
