"""Words that the systems know: item numbers, plants, orders, and what answers named. A generated request that uses
them gets further than one of random texts, and so what one request made is what the next is about."""

from collections import defaultdict
from typing import Any

from pilotplant.dataset.records import Dataset
from pilotplant.kernel.draws import Draws
from pilotplant.model.instants import iso
from pilotplant.systems.estate import Estate

KNOWN_MAX = 60
"""Words kept of each kind; the first ones, so that requests meet at the same things."""
_SPOKEN, _SPOKEN_NEGATIVE = 0.8, 0.3
"""Share of fields that get a known word, in requests that fit the schema and in those that are made not to."""
_FEW = 6
"""So many words of a kind are used much: what is changed twice shows more than what is changed once."""


class Vocabulary:
    """Known words by the name of the field that they stand in."""

    def __init__(self, estate: Estate, draws: Draws) -> None:
        self._draws = draws
        self._words: dict[str, dict[str, None]] = defaultdict(dict)
        self._items = estate.dataset.items
        self._today = iso(estate.world.now().business)
        self._used = 0
        _of_dataset(estate.dataset, self)

    def learn(self, name: str, word: str) -> None:
        """Keep a word."""
        words = self._words[name]
        if word.strip(".") and len(words) < KNOWN_MAX:  # `.` and `..` lead elsewhere, wherever they stand in a path
            words.setdefault(word)

    def listen(self, answer: Any, name: str = "") -> None:
        """Keep the words of an answer."""
        if isinstance(answer, dict):
            for key, value in answer.items():
                self.listen(value, key)
        elif isinstance(answer, list):
            for value in answer[:KNOWN_MAX]:
                self.listen(value, name)
        elif isinstance(answer, str) and len(answer) < 100:
            self.learn(name, answer)

    def speak(self, said: Any, *, negative: bool, name: str = "") -> Any:
        """The same with known words in many of its fields."""
        if isinstance(said, dict):
            return self._fitting(
                {key: self.speak(value, negative=negative, name=str(key)) for key, value in said.items()}
            )
        if isinstance(said, list):
            return [self.speak(value, negative=negative, name=name.removesuffix("s")) for value in said]
        self._used += 1
        u = self._draws.uniform(f"speak|{self._used}|{name}")
        share = _SPOKEN_NEGATIVE if negative else _SPOKEN
        return self._word(said, name, u / share) if u < share else said

    def _fitting(self, said: dict[str, Any]) -> dict[str, Any]:
        """What is said of an item in the unit that it has: of two words that do not fit nothing would come."""
        item = said.get("item", said.get("component"))
        known = self._items.get(item) if isinstance(item, str) else None
        return {**said, "unit": known.unit} if known is not None and isinstance(said.get("unit"), str) else said

    def tag(self, given: str) -> str:
        """An entity tag for a request: often the one that fits whatever is there."""
        self._used += 1
        return "*" if self._draws.uniform(f"tag|{self._used}") < _SPOKEN else given

    def _word(self, said: Any, name: str, u: float) -> Any:
        if isinstance(said, str):
            if name.endswith("_date"):
                return self._today[:10]
            words = list(self._words.get(name, ()))
            few = words[:_FEW] if u < 0.6 else words
            return few[int(u * 7919) % len(few)] if few else said
        if isinstance(said, float) and not isinstance(said, bool):
            return float(1 + int(u * 9))
        return said


def _of_dataset(data: Dataset, vocabulary: Vocabulary) -> None:
    for plant in data.plants:
        vocabulary.learn("plant", plant)
    for item in sorted(data.items.values(), key=lambda item: (not item.made, item.number)):
        vocabulary.learn("item", item.number)
        vocabulary.learn("unit", item.unit)
        vocabulary.learn("revision", item.revision)
    for item in data.items.values():
        vocabulary.learn("component", item.number)
    for centre in data.work_centres.values():
        vocabulary.learn("work_centre", centre.code)
    for order in data.production_orders:
        vocabulary.learn("order", order.order)
    for purchase in data.purchase_orders:
        vocabulary.learn("po", purchase.order)
        vocabulary.learn("order", purchase.order)
    for supplier in data.suppliers:
        vocabulary.learn("supplier", supplier)
    for quant in data.stock:
        vocabulary.learn("lot", quant.lot)
