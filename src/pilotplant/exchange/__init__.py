"""An exchange at the boundary, computed without I/O: authenticate, throttle, decode, ask the faults, carry out,
answer."""
