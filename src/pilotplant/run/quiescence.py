"""When everything has come to rest: nothing open, nothing undelivered, no job queued, and no progress for long
enough."""

import asyncio
from dataclasses import dataclass

from pilotplant.drive.host import Host
from pilotplant.run.stage import Stage
from pilotplant.scenario.model import QuiescenceSpec
from pilotplant.systems.system import NEVER
from pilotplant.target.model import Declares
from pilotplant.target.process_groups import Effort

_LOOK_EVERY_S = 0.02
_LATE_S = 0.04
"""Whoever looks later than this lacked a processor, and so may the target have done: that time is no rest."""
_ASK_EVERY_S = 0.1
"""How often the target's processes are asked what they have worked."""


@dataclass(frozen=True)
class Rest:
    """How waiting ended."""

    settled: bool
    note: str


async def until_quiet(host: Host, spec: QuiescenceSpec, declares: Declares, stage: Stage) -> Rest:
    """Wait. Progress resets the timer; a hard cap ends it, with what was still moving.

    Time in which the target worked unseen is no rest either: it computed, or waited for a processor or a disk.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + spec.give_up
    seen, since = host.ledger.progress, loop.time()
    last = asked = since
    late_s, effort = 0.0, Effort()
    while True:
        if died := stage.died() or host.gone:
            return Rest(False, died)
        now = loop.time()
        if now - last > _LATE_S:
            late_s += now - last - _LOOK_EVERY_S
        last = now
        moving = moving_now(host) or still_waiting(host, declares.answer_patience, spec.quiet)
        if moving or host.ledger.progress != seen:
            seen, since = host.ledger.progress, now
        gap_s = max((webhook.longest_gap_s for webhook in host.webhooks), default=0.0)
        gap_s = max(gap_s, host.longest_retry_gap_s)
        enough_s = max(spec.quiet, declares.backoff_cap, declares.poll_interval, 3 * gap_s)
        if now - asked >= _ASK_EVERY_S or now - since >= enough_s:
            since = min(now, since + max(late_s, effort.since_last(stage.target_processes, now - asked)))
            late_s, asked = 0.0, now
        if now - since >= enough_s:
            return Rest(True, f"nothing moved for {enough_s:.1f} s")
        if now >= deadline:
            return Rest(
                False, moving or f"{now - since:.1f} s ago something moved or worked; {enough_s:.1f} s are needed"
            )
        await asyncio.sleep(_LOOK_EVERY_S)


def still_waiting(host: Host, patience_s: float, quiet_s: float) -> str:
    """Whether the target may still wait for an answer that never comes, before it tells somebody."""
    asked = max((system.silent_since for system in host.estate), default=NEVER)
    left_s = asked + patience_s + quiet_s - host.world.env.now if patience_s else 0.0
    return f"the target may wait {left_s:.1f} s more for an answer that does not come" if left_s > 0 else ""


def moving_now(host: Host) -> str:
    """What is moving, in words; empty where nothing is."""
    parts: list[str] = []
    if host.away:
        parts.append(host.away)
    if host.busy:
        parts.append(host.busy)
    if host.open_exchanges:
        parts.append(f"{host.open_exchanges} exchange(s) are open")
    if host.undelivered:
        failures = {webhook.last_failure for webhook in host.webhooks if webhook.last_failure}
        why = f" (last: {'; '.join(sorted(failures))})" if failures else ""
        parts.append(f"{host.undelivered} event(s) are not acknowledged{why}")
    if host.estate.jobs_open:
        parts.append(f"{host.estate.jobs_open} job(s) are queued")
    if host.told_to_wait_s:
        parts.append(f"the target was asked to wait for {host.told_to_wait_s:.1f} s more")
    return ", ".join(parts)
