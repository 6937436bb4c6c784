"""How a delivery proves who sent it: our signature, HMAC as a receiver wants it, basic, bearer, or nothing.

`forged` is a secret that is not the right one: what a fault sends to see whether the receiver looks.
"""

import hmac
from abc import ABC, abstractmethod
from base64 import b64encode
from typing import ClassVar, Literal

from pilotplant.channels.cloudevents import SIGNATURE, signature

Algorithm = Literal["sha1", "sha256", "sha384", "sha512"]


class Signer(ABC):
    """What it puts into the headers of a delivery."""

    FORGEABLE: ClassVar[bool] = True
    """Whether there is anything that could be forged."""
    DATED: ClassVar[bool] = False
    """Whether it says when it was made, so that an old one can be told from a new one."""

    @abstractmethod
    def headers(self, body: bytes, unix: float, forged: str = "") -> tuple[tuple[bytes, bytes], ...]:
        """The headers for a body that is signed at this moment."""


class OurSignature(Signer):
    """An HMAC over moment and body in `pilotplant-signature`."""

    DATED = True

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def headers(self, body: bytes, unix: float, forged: str = "") -> tuple[tuple[bytes, bytes], ...]:
        return ((SIGNATURE, signature(forged or self._secret, unix, body)),)


class HmacSigner(Signer):
    """An HMAC over the body in a header of the receiver's choice, as GitHub, Shopify and many others have it."""

    def __init__(self, secret: str, header: str, algorithm: Algorithm, prefix: str, encoding: str) -> None:
        self._secret = secret
        self._header = header.encode()
        self._algorithm = algorithm
        self._prefix = prefix
        self._encoding = encoding

    def headers(self, body: bytes, unix: float, forged: str = "") -> tuple[tuple[bytes, bytes], ...]:
        digest = hmac.new((forged or self._secret).encode(), body, self._algorithm).digest()
        shown = b64encode(digest).decode() if self._encoding == "base64" else digest.hex()
        return ((self._header, f"{self._prefix}{shown}".encode()),)


class Basic(Signer):
    """Name and password."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password

    def headers(self, body: bytes, unix: float, forged: str = "") -> tuple[tuple[bytes, bytes], ...]:
        told = b64encode(f"{self._user}:{forged or self._password}".encode())
        return ((b"authorization", b"Basic " + told),)


class Bearer(Signer):
    """A fixed token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def headers(self, body: bytes, unix: float, forged: str = "") -> tuple[tuple[bytes, bytes], ...]:
        return ((b"authorization", b"Bearer " + (forged or self._token).encode()),)


class Unsigned(Signer):
    """Nothing in the request says who sends it (with mTLS the connection does)."""

    FORGEABLE = False

    def headers(self, body: bytes, unix: float, forged: str = "") -> tuple[tuple[bytes, bytes], ...]:
        return ()
