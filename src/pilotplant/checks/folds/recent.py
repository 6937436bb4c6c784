"""Memory of the recent past: as quick as a dict, and never more than twice its size."""

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Keeps at least the `size` entries that were written last; the older half is dropped at once."""

    def __init__(self, size: int = 20_000) -> None:
        self._size = size
        self._new: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def __bool__(self) -> bool:
        return bool(self._new or self._old)

    def __contains__(self, key: K) -> bool:
        return key in self._new or key in self._old

    def __setitem__(self, key: K, value: V) -> None:
        if len(self._new) >= self._size:
            self._old, self._new = self._new, {}
        self._new[key] = value

    def get(self, key: K) -> V | None:
        """What is known of this, if it is recent."""
        found = self._new.get(key)
        return self._old.get(key) if found is None else found

    def pop(self, key: K) -> V | None:
        """Take it out."""
        older = self._old.pop(key, None)
        newer = self._new.pop(key, None)
        return older if newer is None else newer
