"""A codec: plain data to the bytes of a body and back, and which bodies it can read."""

from functools import cache
from typing import Any, Protocol

from pilotplant.model.discovery import modules


class Unreadable(ValueError):
    """Bytes that are no document of the format, or one that nobody should read."""


class Codec(Protocol):
    """One format of bodies."""

    NAME: str
    """As target files call it: `json`, `xml`."""
    CONTENT_TYPE: bytes

    def encode(self, content: Any, root: str) -> bytes:
        """Plain data (mappings, lists, texts, numbers) as bytes. `root` names the whole, where the format wants it."""
        ...

    def decode(self, body: bytes) -> Any:
        """The plain data in a body; raises `Unreadable`."""
        ...


@cache
def codecs() -> dict[str, Codec]:
    """All codecs by name: each file offers one as `CODEC`."""
    found = (getattr(module, "CODEC", None) for module in modules("pilotplant.dialects.codecs"))
    return {codec.NAME: codec for codec in found if codec is not None}


def codec_of(content_type: bytes) -> Codec | None:
    """The codec that reads bodies of this content type."""
    media = content_type.partition(b";")[0].strip().lower()
    subtype = media.rpartition(b"/")[2].rpartition(b"+")[2]
    return codecs().get(subtype.decode("latin-1"))
