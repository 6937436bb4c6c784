"""The ERP's stock against a small model: whatever is posted, repeated, reversed and looked up, the sums are right."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from pilotplant.ledger.records import Commit
from pilotplant.model.outcome import Committed, Refused
from pilotplant.systems.erp.operations import find_documents, get_balance, post_stock, reverse_document
from tests.estates import at_plant, bench, dataset, posting

PLANT = "DE01"
ITEMS = [item.number for item in dataset().items.values() if PLANT in item.plants][:3]
SOURCES = ["", "CNF-1", "CNF-2", "a|b"]
SIGN = {"receipt": 1.0, "issue": -1.0, "scrap": 0.0}

lines = st.lists(
    st.fixed_dictionaries(
        {
            "movement": st.sampled_from(sorted(SIGN)),
            "item": st.sampled_from(ITEMS),
            "lot": st.sampled_from(["", "L1"]),
            "quantity": st.integers(1, 1000).map(float),
        }
    ),
    min_size=1,
    max_size=4,
)


class Stock(RuleBasedStateMachine):
    """Posts, posts again, reverses and looks up; the model is a dictionary of documents."""

    documents = Bundle("documents")

    def __init__(self) -> None:
        super().__init__()
        self._directory = tempfile.TemporaryDirectory()
        self.bench = bench(Path(self._directory.name))
        self.standing: dict[str, tuple[str, list[dict[str, Any]]]] = {}
        self.reversed: dict[str, str] = {}
        self.opening = {item: self._balance(item) for item in ITEMS}

    def teardown(self) -> None:
        self.bench.ledger.close()
        self._directory.cleanup()

    def _call(self, operation: Any, **fields: Any) -> Any:
        return self.bench.apply("erp", operation, **fields)

    def _balance(self, item: str) -> float:
        lots = self._call(get_balance, plant=PLANT, item=item).result.lots
        return float(sum(lot.quantity for lot in lots))

    def _post(self, source: str, given: list[dict[str, Any]]) -> str:
        units = [{**line, "unit": at_plant(dataset().items[line["item"]]).unit} for line in given]
        outcome = self._call(post_stock, **{**posting(source), "lines": units})
        assert isinstance(outcome, Committed)
        document: str = outcome.result.document
        assert document not in self.standing and document not in self.reversed
        self.standing[document] = (source, given)
        return document

    @rule(target=documents, source=st.sampled_from(SOURCES), given=lines)
    def post(self, source: str, given: list[dict[str, Any]]) -> str:
        return self._post(source, given)

    @rule(target=documents, document=documents)
    def post_again(self, document: str) -> Any:
        if document not in self.standing:
            return multiple()
        return self._post(*self.standing[document])

    @rule(document=consumes(documents))
    def reverse(self, document: str) -> None:
        outcome = self._call(reverse_document, document=document)
        if document in self.standing:
            assert isinstance(outcome, Committed)
            self.reversed[document] = self.standing.pop(document)[0]
        else:
            assert isinstance(outcome, Refused)

    @rule(document=documents)
    def reverse_twice(self, document: str) -> None:
        self._call(reverse_document, document=document)
        before = self.bench.digest()
        outcome = self._call(reverse_document, document=document)
        assert isinstance(outcome, Refused) and outcome.rejection.code == "already-reversed"
        assert self.bench.digest() == before
        if document in self.standing:
            self.reversed[document] = self.standing.pop(document)[0]

    @rule(given=lines, wrong=st.sampled_from([{"item": "no"}, {"quantity": 0.0}, {"unit": "furlong"}]))
    def refused(self, given: list[dict[str, Any]], wrong: dict[str, Any]) -> None:
        """A document of which one line is wrong is not booked in part."""
        before = self.bench.digest()
        units = [{**line, "unit": at_plant(dataset().items[line["item"]]).unit} for line in given]
        outcome = self._call(post_stock, **{**posting("CNF-1"), "lines": [*units, {**units[0], **wrong}]})
        assert isinstance(outcome, Refused)
        assert self.bench.digest() == before

    @rule(seconds=st.floats(0.0, 5.0))
    def time_passes(self, seconds: float) -> None:
        self.bench.pass_time(seconds + 0.001)

    @invariant()
    def balances_are_the_sum_of_what_stands(self) -> None:
        for item in ITEMS:
            moved = sum(
                SIGN[line["movement"]] * line["quantity"]
                for _source, given in self.standing.values()
                for line in given
                if line["item"] == item
            )
            assert abs(self._balance(item) - self.opening[item] - moved) < 1e-6

    @invariant()
    def a_look_up_shows_what_was_booked(self) -> None:
        for source in SOURCES[1:]:
            found = self._call(find_documents, plant=PLANT, source_document=source).result.items
            shown = {view.document: view.reversed for view in found}
            expected = {document: False for document, (given, _lines) in self.standing.items() if given == source}
            expected |= {document: True for document, given in self.reversed.items() if given == source}
            assert shown == expected

    @invariant()
    def the_ledger_counts_what_stands(self) -> None:
        """A commit is a repetition exactly if the same fact stood already; folded as the judge folds it."""
        standing: dict[str, int] = {}
        for commit in self.bench.records(Commit):
            for effect in commit.undoes:
                standing[effect] -= 1
            if not commit.effect.startswith("erp.stock.reverse"):
                assert bool(commit.repeat_of) == bool(standing.get(commit.effect))
                standing[commit.effect] = standing.get(commit.effect, 0) + 1
        expected: dict[str, int] = {}
        for document, (source, given) in self.standing.items():
            named = (source or f"?{document}").replace("|", "¦")
            facts = {f"erp.stock.post|{PLANT}|{named}|{g['movement']}|{g['item']}|{g['lot']}" for g in given}
            for identity in facts:
                expected[identity] = expected.get(identity, 0) + 1
        assert {effect: count for effect, count in standing.items() if count} == expected


TestStock = Stock.TestCase
TestStock.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
