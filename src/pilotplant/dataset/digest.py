"""A fingerprint of a data set, to prove that two runs had the same data."""

from collections.abc import Mapping
from hashlib import blake2b
from operator import itemgetter

import msgspec

from pilotplant.dataset.records import Dataset


def digest(dataset: Dataset) -> str:
    """128 bits over the content: tables in their declared order, mappings by key whatever order they were filled in."""
    state = blake2b(digest_size=16)
    encoder = msgspec.msgpack.Encoder()
    for name in dataset.__struct_fields__:
        if name == "mark":
            continue  # it says which run it is, not what the data are
        table = getattr(dataset, name)
        content = sorted(table.items(), key=itemgetter(0)) if isinstance(table, Mapping) else table
        state.update(encoder.encode((name, content)))
    return state.hexdigest()
