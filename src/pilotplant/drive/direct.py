"""An estate that is called directly: no socket, no loop, on a clock that moves only as callers let it.

For those who ask very much in a short time, and the same again: an exchange is performed at once, and what takes time
takes it on this clock.
"""

import ssl
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from pilotplant.channels.poster import Posts
from pilotplant.drive.front import TOKEN_PATH
from pilotplant.drive.host import Host
from pilotplant.drive.snapshot import snapshot
from pilotplant.exchange.exchange import Exchange
from pilotplant.exchange.token_exchange import open_token
from pilotplant.exchange.wire import WireRequest, WireResponse
from pilotplant.ledger.records import Ending
from pilotplant.model.script import Commit, Delay, Respond
from pilotplant.systems.system import System


class Reply(NamedTuple):
    """What came back: the answer, the exchange, and whether it changed the state; None if nobody looked."""

    response: WireResponse
    exchange: int
    changed: bool | None
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

    def send(self, system: System, request: WireRequest, *, watched: bool = True) -> Reply:
        """Perform an exchange; `watched`: see whether it changed the state of its system, from first byte to last."""
        changed = False
        before = snapshot(system.state) if watched else b""
        exchange = self.boundaries[system.name].open(request)
        for step in exchange.script:
            match step:
                case Delay(seconds=seconds):
                    if watched:  # what the system does of its own accord while time goes by is not this exchange's
                        changed |= snapshot(system.state) != before
                    self.pass_time(seconds)
                    before = snapshot(system.state) if watched else b""
                case Commit():
                    exchange.commit()
                case Respond():
                    exchange.first_byte()
                case _:
                    raise AssertionError(f"no fault strikes here, and {step!r} is one's")
        return self._over(exchange, changed or snapshot(system.state) != before if watched else None)

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
        answer: Mapping[str, str] = msgspec.json.decode(self._over(exchange, None).response.body)
        return {b"authorization": f"Bearer {answer['access_token']}".encode()}

    def _over(self, exchange: Exchange, changed: bool | None) -> Reply:
        exchange.end(Ending.SENT)
        failure, self.failure = self.failure, None
        self.failed.clear()
        said = f"{type(failure).__name__}: {failure}" if failure is not None else ""
        return Reply(exchange.response, exchange.seq, changed, said)
