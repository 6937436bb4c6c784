"""An estate that is called directly: no socket, no loop, on a clock that moves only as callers let it.

For those who ask very much in a short time, and the same again: an exchange is performed at once, and what takes time
takes it on this clock.
"""

import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from pilotplant.channels.poster import Posts
from pilotplant.dataset.records import Dataset
from pilotplant.drive.front import TOKEN_PATH
from pilotplant.drive.host import Host
from pilotplant.exchange.exchange import Exchange
from pilotplant.exchange.token_exchange import open_token
from pilotplant.exchange.wire import WireRequest, WireResponse
from pilotplant.ledger.records import Ending
from pilotplant.model.script import Commit, Delay, Respond
from pilotplant.systems.system import System


class Reply(NamedTuple):
    """What came back: the answer, the exchange, and whether the state changed, if somebody looked."""

    response: WireResponse
    exchange: int
    changed: bool
    failure: str = ""
    """How the simulator itself failed, if it did."""

    @property
    def status(self) -> int:
        """The status of the answer."""
        return self.response.status

    def header(self, name: bytes) -> str:
        """A header of the answer; empty if it has none."""
        return next((value.decode("latin-1") for key, value in self.response.headers if key == name), "")


class DirectHost(Host):
    """Its boundaries are called by `send`; it is never entered, and nothing is delivered."""

    @property
    def url(self) -> str:
        return "http://estate.invalid"

    def _poster(self, tls: ssl.SSLContext | None = None) -> Posts:
        raise AssertionError("nothing is delivered from an estate that is called directly")

    def pass_time(self, seconds: float) -> None:
        """Let wire time go by."""
        env = self.world.env
        if seconds > 0:
            env.run(until=env.now + seconds)

    def send(self, system: System, request: WireRequest, *, watched: bool = False) -> Reply:
        """Perform an exchange; `watched`: see whether carrying it out changed the state of its system."""
        boundary = self.boundaries[system.name]
        exchange = boundary.open(request)
        before = after = ""
        for step in exchange.script:
            match step:
                case Delay(seconds=seconds):
                    self.pass_time(seconds)
                case Commit():
                    before = digest(system.state) if watched else ""
                    exchange.commit()
                    after = digest(system.state) if watched else ""
                case Respond():
                    exchange.first_byte()
                case _:
                    raise AssertionError(f"no fault strikes here, and {step!r} is one's")
        return self._over(exchange, before != after)

    def token(self, system: System) -> dict[bytes, bytes]:
        """The header that lets a caller in, as the system gives it out."""
        given = self.credentials[system.name]
        if given.kind == "api-key":
            return {b"x-api-key": given.api_key.encode()}
        if given.kind == "none":
            return {}
        form = {
            "grant_type": "client_credentials",
            "client_id": given.client_id,
            "client_secret": given.client_secret,
        }
        asked = WireRequest("POST", TOKEN_PATH, b"", {}, b"")
        exchange = open_token(self.boundaries[system.name], form, asked)
        for step in exchange.script:
            if isinstance(step, Commit):
                exchange.commit()
        exchange.first_byte()
        answer: Mapping[str, str] = msgspec.json.decode(self._over(exchange, False).response.body)
        return {b"authorization": f"Bearer {answer['access_token']}".encode()}

    def _over(self, exchange: Exchange, changed: bool) -> Reply:
        exchange.end(Ending.SENT)
        failure, self.failure = self.failure, None
        self.failed.clear()
        said = f"{type(failure).__name__}: {failure}" if failure is not None else ""
        return Reply(exchange.response, exchange.seq, changed, said)


def digest(value: Any) -> str:
    """What a state holds, as a text that is the same if and only if nothing was changed. Master data never change."""
    if isinstance(value, Dataset):
        return ""
    if isinstance(value, bytes | bytearray):
        return f"{len(value)}:{hash(bytes(value[-4096:]))}"
    if isinstance(value, msgspec.Struct) or not hasattr(value, "__dict__"):
        return repr(value)
    return repr({name: digest(held) for name, held in vars(value).items()})
