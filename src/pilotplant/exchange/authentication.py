"""Credentials: OAuth2 client credentials with expiring tokens, API keys, or none. Wire time; nothing is ever logged."""

from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Mapping
from hmac import compare_digest
from typing import Literal

import msgspec

from pilotplant.exchange.profile import ApiKey, Basic, OAuth2, ProfileSpec
from pilotplant.kernel.draws import Draws
from pilotplant.model.problem import Unauthorized


class Credentials(msgspec.Struct, frozen=True):
    """What a client needs to call a system; which fields are filled depends on the profile."""

    kind: Literal["oauth2", "api-key", "basic", "none"]
    client_id: str = ""
    client_secret: str = ""
    api_key: str = ""
    user: str = ""
    password: str = ""

    def secrets(self) -> tuple[str, ...]:
        """What must never reach an artefact."""
        return tuple(secret for secret in (self.client_secret, self.api_key, self.password) if secret)


class Token(msgspec.Struct, frozen=True):
    """The answer of the token endpoint."""

    access_token: str
    token_type: str
    expires_in: int


class Authenticator(ABC):
    """Tells whether a request may come in."""

    @abstractmethod
    def check(self, headers: Mapping[bytes, bytes], now: float) -> Unauthorized | None:
        """The refusal, or nothing."""

    def revoke(self, headers: Mapping[bytes, bytes]) -> None:
        """Take away what a request came in with; only tokens can be."""


class OpenDoor(Authenticator):
    """No credentials are asked for."""

    def check(self, headers: Mapping[bytes, bytes], now: float) -> Unauthorized | None:
        return None


class KeyCheck(Authenticator):
    """A fixed key in `x-api-key`."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def check(self, headers: Mapping[bytes, bytes], now: float) -> Unauthorized | None:
        given = headers.get(b"x-api-key", b"")
        return None if compare_digest(given, self._key) else Unauthorized(detail="x-api-key is missing or wrong")


def _authorization(headers: Mapping[bytes, bytes]) -> tuple[bytes, bytes]:
    """The scheme in small letters, since it may be written in any, and what was told with it."""
    scheme, _, told = headers.get(b"authorization", b"").strip().partition(b" ")
    return scheme.lower(), told.strip()


class BasicCheck(Authenticator):
    """A fixed name and password."""

    def __init__(self, user: str, password: str) -> None:
        self._expected = b64encode(f"{user}:{password}".encode())

    def check(self, headers: Mapping[bytes, bytes], now: float) -> Unauthorized | None:
        scheme, told = _authorization(headers)
        right = scheme == b"basic" and compare_digest(told, self._expected)
        return None if right else Unauthorized(detail="basic authorization is missing or wrong", scheme="Basic")


class TokenCheck(Authenticator):
    """Bearer tokens that this system issued and that have not expired."""

    def __init__(self, name: str, credentials: Credentials, life_s: float, draws: Draws) -> None:
        self._name = name
        self._credentials = credentials
        self._life_s = life_s
        self._draws = draws
        self._issued = 0
        self._expires: dict[bytes, float] = {}

    def check(self, headers: Mapping[bytes, bytes], now: float) -> Unauthorized | None:
        scheme, told = _authorization(headers)
        expires = self._expires.get(told) if scheme == b"bearer" else None
        if expires is None:
            return Unauthorized(detail="a bearer token of this system is required")
        if expires <= now:
            return Unauthorized(detail="the token has expired")
        return None

    def revoke(self, headers: Mapping[bytes, bytes]) -> None:
        """Forget the token that a request came with."""
        self._expires.pop(_authorization(headers)[1], None)

    def issue(
        self, client_id: str, client_secret: str, now: float, life_s: float | None = None
    ) -> Token | Unauthorized:
        """A token for the right credentials. With `life_s` it dies then, whatever it says."""
        right = compare_digest(client_id.encode(), self._credentials.client_id.encode())
        right &= compare_digest(client_secret.encode(), self._credentials.client_secret.encode())
        if not right:
            return Unauthorized(detail="client_id or client_secret is wrong")
        for expired in [held for held, expires in self._expires.items() if expires <= now]:
            del self._expires[expired]
        self._issued += 1
        token = self._draws.token(f"{self._name}|access|{self._issued}")
        self._expires[token.encode()] = now + (self._life_s if life_s is None else life_s)
        return Token(token, "Bearer", int(self._life_s))


def credentials_for(name: str, profile: ProfileSpec, draws: Draws) -> Credentials:
    """The credentials of a system in this run; the same in every replay of the seed."""
    match profile.auth:
        case OAuth2():
            return Credentials(
                "oauth2", client_id=f"pilotplant-{name}", client_secret=draws.token(f"{name}|client-secret")
            )
        case ApiKey():
            return Credentials("api-key", api_key=draws.token(f"{name}|api-key"))
        case Basic():
            return Credentials("basic", user=f"pilotplant-{name}", password=draws.token(f"{name}|password"))
        case _:
            return Credentials("none")


def authenticator(name: str, profile: ProfileSpec, credentials: Credentials, draws: Draws) -> Authenticator:
    """The door that these credentials open: of the profile's kind, unless the target has fixed ones of another."""
    match credentials.kind:
        case "oauth2":
            life_s = (
                profile.auth.token_life_s if isinstance(profile.auth, OAuth2) else OAuth2(kind="oauth2").token_life_s
            )
            return TokenCheck(name, credentials, life_s, draws)
        case "api-key":
            return KeyCheck(credentials.api_key)
        case "basic":
            return BasicCheck(credentials.user, credentials.password)
        case _:
            return OpenDoor()
