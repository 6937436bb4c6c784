"""Idempotency keys: the same business fact always has the same one, another fact never."""

from hashlib import sha256


class IdempotencyKeys:
    """Derived from the fact, not drawn: after a crash the key of the interrupted attempt is known again."""

    def key(self, plant: str, confirmation: str, refusals: int) -> str:
        """The key of a confirmation's stock document. Plants count their confirmations each for itself.

        ERP replays its first answer to a key, refusals too: what is sent again after one needs another key.
        """
        return sha256(f"stock-document\n{plant}\n{confirmation}\n{refusals}".encode()).hexdigest()[:40]
