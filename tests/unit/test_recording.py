"""What is recorded tells no secrets, wherever they stand, and asks for the states in which it comes about again."""

from typing import Any

import pytest

from pilotplant.conformance.blotting import blotted, blotted_path
from pilotplant.conformance.recording import _parameters
from pilotplant.systems.plm.state import Superseded
from pilotplant.systems.provider_states import states_of

KEY = "PRIVATE" + " KEY"
"""In two parts: the repository keeps no keys, not even such."""


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ({"client_secret": "s3cr3t", "item": "ITM-1"}, {"client_secret": "***", "item": "ITM-1"}),
        ({"token": {"value": "a", "parts": ["b", 7]}}, {"token": {"value": "***", "parts": ["***", 0]}}),
        ({"pin": [{"access_token": "t"}]}, {"pin": [{"access_token": "***"}]}),
        ({"api_key": 4711, "password": 1.5}, {"api_key": 0, "password": 0.0}),
        ({"has_token": True, "token": None, "secret": ""}, {"has_token": True, "token": None, "secret": ""}),
        ("sent with Bearer abc.def-123 and more", "sent with Bearer *** and more"),
        ("sent password=hunter2, then waited", "sent password=***, then waited"),
        ('{"client_secret": "hunter2"}', '{"client_secret": "***"}'),
        ("ftp://hub:hunter2@plant/in", "ftp://***@plant/in"),
        ("it was eyJhbGciOiJI.eyJzdWIi.c2ln", "it was ***"),
        (f"-----BEGIN {KEY}-----\nabc\n-----END {KEY}-----", "***"),
        ("the token expired", "the token expired"),
        ("ITM-1", "ITM-1"),
        ({"quantity": 5}, {"quantity": 5}),
    ],
)
def test_secrets_are_blotted_out_wherever_they_stand(told: Any, kept: Any) -> None:
    assert blotted(told) == kept


def test_a_path_tells_none_either() -> None:
    assert blotted_path("/items/token%3Dhunter2/ITM%201") == "/items/token%3D%2A%2A%2A/ITM%201"


def test_a_parameter_is_the_first_field_of_its_name_that_is_of_its_type() -> None:
    state = states_of("plm")["a released change"]
    superseded = {"item": "A", "by": "B", "by_revision": "C", "supplier": "S", "plants": ["DE01"]}
    told = {"change": "ECO-1", "affected": [{"item": "X"}], "superseded": [superseded]}
    found = _parameters(state, {}, None, told)
    assert found == {"change": "ECO-1", "item": "X", "plant": "DE01", "superseded": [superseded]}
    assert state.takes("superseded", [superseded]) and not state.takes("superseded", "A")
    assert Superseded.__struct_fields__ == tuple(superseded)
    assert "superseded" not in _parameters(state, {}, None, {"superseded": []})
