"""Latencies that were measured elsewhere: each row is checked before a model is made of them."""

from pathlib import Path

import pytest

from pilotplant.model.errors import UsageError
from pilotplant.sweep.latencies import from_csv
from tests.unit.whatif_runs import project


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,2\n", "needs `what`"),
        ("what,name,seconds\nmapping,engineering-change,soon\n", ":2:"),
        ("what,name,seconds\nmapping,engineering-change,-1\n", "negative"),
        ("what,name,seconds\nmapping,engineering-change,nan\n", ":2: 'nan' is no latency"),
        ("what,name,seconds\nhandling,,0.1\nlatency,erp,inf\n", ":3: 'inf' is no latency"),
        ("what,name,seconds\nmaping,engineering-change,1\n", "none of .* did you mean `mapping`"),
        ("what,name,seconds\nmapping,engineering-chnage,1\n", "no flow `engineering-chnage`; did you mean"),
        ("what,name,seconds\nmapping,,1\n", "needs the name of a flow"),
        ("what,name,seconds\nlatency,epr,1\n", "no kind of system `epr`; did you mean `erp`"),
        ("what,name,seconds\nhandling,erp,1\n", "handling has no name"),
        ("what,name,seconds\n", "no rows"),
    ],
)
def test_a_table_that_cannot_be_used_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "measured.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=told):
        from_csv(project(), path)
