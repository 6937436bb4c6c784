"""Who sent an event: the signature over its bytes and the moment of signing."""

import hmac
from hashlib import sha256

HEADER = "pilotplant-signature"


class SignatureCheck:
    """Accepts only what was signed with the shared secret, and not long ago."""

    def __init__(self, secret: str, *, age_max_s: float) -> None:
        self._secret = secret.encode()
        self._age_max_s = age_max_s

    def objection(self, header: str, body: bytes, now: float) -> str:
        """Why the signature is not accepted; empty if it is."""
        signed_at, signatures = parse(header)
        if not signed_at or not signatures:
            return f"the header {HEADER} is missing or malformed"
        expected = hmac.new(self._secret, signed_at.encode() + b"." + body, sha256).hexdigest()
        # Compared in constant time: how long it takes must not tell how close a guess was.
        if not any(hmac.compare_digest(expected.encode(), given.encode()) for given in signatures):
            return "the signature does not match"
        if abs(now - int(signed_at)) > self._age_max_s:
            return "the signature is too old or from the future"
        return ""


def parse(header: str) -> tuple[str, list[str]]:
    """`t=<unix seconds>,v1=<hex>`; while a secret is being changed there may be several `v1`."""
    signed_at, signatures = "", []
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        if name == "t" and value.isascii() and value.isdigit() and len(value) <= 12:
            signed_at = value
        elif name == "v1":
            signatures.append(value)
    return signed_at, signatures
