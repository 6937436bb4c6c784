"""What a call was probably meant to be, and what to do about a body that does not fit."""

import pytest

from pilotplant.model.errors import UsageError
from pilotplant.run.nearest import field_hint, nearest_operation
from pilotplant.run.stimulation import stimulus_of
from pilotplant.systems import catalog

SYSTEMS = {"/erp": catalog.kinds()["erp"].operations, "/desk": catalog.kinds()["desk"].operations}


@pytest.mark.parametrize(
    ("method", "path", "operation", "why"),
    [
        ("POST", "/erp/stock-document", "erp.stock.post", "its path is /erp/stock-documents"),
        ("POST", "/erp/api/stock-documents", "erp.stock.post", "its path is /erp/stock-documents"),
        ("PUT", "/desk/exceptions", "desk.exception.", "its method is"),
        (
            "GET",
            "/erp/plants/DE01/itmes/ITM-1",
            "erp.item.get",
            "its path is /erp/plants/{plant}/items/{item}",
        ),
    ],
)
def test_the_nearest_operation_and_why_it_is_not(method: str, path: str, operation: str, why: str) -> None:
    guess = nearest_operation(method, path, SYSTEMS)
    assert guess is not None
    assert guess.operation.startswith(operation) and guess.why.startswith(why)


def test_what_looks_like_nothing_gets_no_guess() -> None:
    assert nearest_operation("GET", "/favicon.ico", SYSTEMS) is None


def test_hints_about_fields() -> None:
    post = catalog.operations()["erp.stock.post"]
    assert "it may be `quantity`" in field_hint(post, "Object contains unknown field `quantiy` - at `$.lines[0]`")
    assert "`extensions`" in field_hint(post, "Object contains unknown field `hub_id`")
    assert "has to send `plant`" in field_hint(post, "Object missing required field `plant`")
    assert field_hint(post, "Expected `float`, got `str`") == ""


def test_an_event_leads_to_what_brings_it_about() -> None:
    assert stimulus_of("mes.order.completed") == "mes.order.complete" == stimulus_of("mes.order.complete")
    with pytest.raises(UsageError, match=r"did you mean `mes\.order\.complete"):
        stimulus_of("mes.order.complet")
