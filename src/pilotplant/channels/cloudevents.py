"""Events on their way out: CloudEvents 1.0 in structured JSON, signed with a timestamp."""

import hmac
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from pilotplant.kernel.world import World
from pilotplant.model.instants import iso
from pilotplant.model.operation import extractor
from pilotplant.systems.system import Published

CONTENT_TYPE = b"application/cloudevents+json"
SIGNATURE = b"pilotplant-signature"


class CloudEvent(msgspec.Struct, frozen=True):
    """The envelope. `time` is wire time; `businesstime` is when it happened in the plant."""

    id: str
    source: str
    type: str
    subject: str
    time: str
    businesstime: str
    traceparent: str
    data: Any
    specversion: str = "1.0"
    datacontenttype: str = "application/json"


class Outgoing(NamedTuple):
    """An event to be delivered: the record that states it, its keys for keyed draws, and its bytes."""

    emit: int
    type: str
    system: str
    keys: tuple[str, ...]
    body: bytes


def outgoing(published: Published, world: World) -> Outgoing:
    """The event as it will travel."""
    declared = published.type
    keys = extractor(declared.keys)(published.event)
    now = world.now()
    trace = world.draws.token(f"trace|{published.event_id}")
    envelope = CloudEvent(
        id=published.event_id,
        source=f"/{published.system.name.replace('@', '/')}",
        type=declared.name,
        subject="/".join(keys),
        time=iso(world.unix()),
        businesstime=iso(now.business),
        traceparent=f"00-{trace}-{trace[:16]}-01",
        data=published.event,
    )
    return Outgoing(published.seq, declared.name, published.system.name, keys, msgspec.json.encode(envelope))


def signature(secret: str, unix: float, body: bytes) -> bytes:
    """The value of the signature header: the moment of signing, and an HMAC over it and the body."""
    moment = b"%d" % unix
    return b"t=" + moment + b",v1=" + hmac.new(secret.encode(), moment + b"." + body, sha256).hexdigest().encode()
