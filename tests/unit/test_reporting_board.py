"""The flow board: what stands in a cell, and what comes first when there is too much."""

from pilotplant.checks.result import Cell
from pilotplant.reporting.board import ROWS, CellView, tables
from tests.unit.test_reporting import BOARD, board_row


def test_a_table_per_flow_with_its_steps_in_order_of_appearance() -> None:
    changes, confirmations = tables(BOARD)
    assert (changes.flow, confirmations.flow) == ("engineering-change", "production-confirmation")
    assert changes.steps == ("erp-bom", "erp-active", "mes-routing", "wms-rule")
    assert [len(row.cells) for row in changes.rows] == [4] * 4


def test_a_cell_says_how_far_it_came_and_how_long_it_took() -> None:
    (table,) = tables((board_row("ECO-1", "DE01", Cell("a", "done", 3, 3, 6.5), Cell("b", "open", 1, 2)),))
    assert table.rows[0].cells == (
        CellView("done", "done", "3 of 3", "after 4.5 s"),
        CellView("open", "open", "1 of 2", ""),
    )


def test_what_needs_attention_comes_first() -> None:
    changes = tables(BOARD)[0]
    assert [(row.instance, row.plant) for row in changes.rows] == [
        ("ECO-000087", "DE01"),
        ("ECO-000087", "CN01"),
        ("ECO-000086", "US01"),
        ("ECO-000085", "DE01"),
    ]


def test_a_status_that_is_not_known_needs_attention() -> None:
    done = board_row("ECO-1", "DE01", Cell("a", "done", 1, 1, 3.0))
    strange = board_row("ECO-2", "DE01", Cell("a", "late as ever", 1, 1, 3.0))
    (table,) = tables((done, strange))
    assert [row.instance for row in table.rows] == ["ECO-2", "ECO-1"]
    assert table.rows[0].cells[0] == CellView("open", "late as ever", "1 of 1", "after 1 s")


def test_rows_that_need_attention_are_the_last_to_be_left_out() -> None:
    done = [board_row(f"ECO-{n}", "DE01", Cell("a", "done", 1, 1, 3.0)) for n in range(2_000)]
    waiting = board_row("CNF-1", "DE01", Cell("receipt", "open", 0, 1), flow="production-confirmation")
    changes, confirmations = tables([*done, waiting])
    assert (changes.shown, changes.total) == (ROWS - 1, 2_000)
    assert (confirmations.shown, confirmations.total) == (1, 1)
