"""The live estate in the text form that Prometheus reads."""

from pilotplant.run.preparation import Prepared


def exposition(prepared: Prepared) -> str:
    """All metrics."""
    host = prepared.host
    lines = [
        "# HELP pilotplant_ledger_records_total Records written to the ledger.",
        "# TYPE pilotplant_ledger_records_total counter",
        f"pilotplant_ledger_records_total {prepared.ledger.seq}",
        "# HELP pilotplant_open_exchanges Requests being answered.",
        "# TYPE pilotplant_open_exchanges gauge",
    ]
    lines += [
        f'pilotplant_open_exchanges{{system="{name}"}} {boundary.open_exchanges}'
        for name, boundary in host.boundaries.items()
    ]
    lines += [
        "# HELP pilotplant_events_undelivered Events that were stated and not acknowledged.",
        "# TYPE pilotplant_events_undelivered gauge",
        f"pilotplant_events_undelivered {host.undelivered}",
        "# HELP pilotplant_fault_bites_total How often a fault touched something.",
        "# TYPE pilotplant_fault_bites_total counter",
    ]
    lines += [f'pilotplant_fault_bites_total{{fault="{name}"}} {times}' for name, times in host.faults.bitten.items()]
    return "\n".join(lines) + "\n"
