"""JSON."""

from typing import Any

import msgspec

from pilotplant.dialects.codecs.codec import Unreadable


class Json:
    """RFC 8259, as everybody speaks it."""

    NAME = "json"
    CONTENT_TYPE = b"application/json"

    def encode(self, content: Any, root: str) -> bytes:
        del root
        return msgspec.json.encode(content)

    def decode(self, body: bytes) -> Any:
        try:
            return msgspec.json.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Unreadable(str(error)[:200]) from None


CODEC = Json()
