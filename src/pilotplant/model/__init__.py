"""The words of Pilotplant as types: time, operations, outcomes, refusals, errors, verdicts. No I/O, no state."""
