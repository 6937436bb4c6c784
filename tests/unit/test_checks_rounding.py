"""Postings without an identity may each be rounded: what that adds up to is no surplus, and nothing is missing."""

from types import SimpleNamespace
from typing import Any

import pytest

from pilotplant.checks.folds.anonymous import Accounting, surplus

LIKE = "erp.stock.post|DE01|?|receipt|A|"


def promises(count: int, asked: float, held: float) -> Any:
    """So many promises of so much each, and as many postings that say in all how much they are."""
    effects = [LIKE.replace("?", f"CNF-{number}") for number in range(count)]
    instance = SimpleNamespace(exception=False)
    instance.open = [SimpleNamespace(effect=effect, instance=instance) for effect in effects]
    amounts = {LIKE: held} | dict.fromkeys(effects, asked)
    anonymous = {LIKE.replace("?", f"?{number}"): SimpleNamespace(seq=number) for number in range(count)}
    sums = SimpleNamespace(amounts=amounts, refused=[])
    return SimpleNamespace(instances={"i": instance}, anonymous=anonymous, sums=sums)


@pytest.mark.parametrize(("held", "too_much"), [(5 * 0.124, False), (5 * 0.1236 + 0.006, True)])
def test_each_of_several_may_be_rounded_up(held: float, too_much: bool) -> None:
    assert bool(surplus(promises(5, 0.1236, held))) is too_much


@pytest.mark.parametrize(("held", "enough"), [(5 * 0.123, True), (5 * 0.1236 - 0.006, False)])
def test_each_of_several_may_be_rounded_down(held: float, enough: bool) -> None:
    told = promises(5, 0.1236, held)
    accounting = Accounting(told)
    assert all(accounting.take(promise) for promise in told.instances["i"].open) is enough
