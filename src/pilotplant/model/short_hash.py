"""A stand-in for an identity where a million of them are kept, and the identities themselves would not fit."""

_BITS = (1 << 60) - 1
"""What CPython keeps in two digits. The last four bits would cost another 16 bytes for each."""


def short_hash(identity: object) -> int:
    """The same within a process; two of a million differing identities share one in less than one of a million runs."""
    return hash(identity) & _BITS
