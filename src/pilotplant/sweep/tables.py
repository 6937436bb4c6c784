"""The results as tables: every run, and every point with its means and intervals; CSV, and Parquet where it can be.

Times are seconds, and shares percent.
"""

import csv
import io
from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import Any

from pilotplant.run.identity import replace_file
from pilotplant.sweep.analysis import place_of, unit_of
from pilotplant.sweep.campaign import Explored
from pilotplant.sweep.document import written

Row = dict[str, Any]
PARQUET_HINT = "pip install 'pilotplant[analysis]'"


def runs(explored: Explored) -> list[Row]:
    """One row for each run: its point, its seed, its verdict, all that was measured."""
    return [
        {**point, "seed": run.seed, "verdict": run.verdict, **run.metrics}
        for number, point in enumerate(_points(explored))
        for run in explored.runs[number]
    ]


def points(explored: Explored) -> list[Row]:
    """One row for each point and metric: mean, 95 % interval, least and most."""
    rows: list[Row] = []
    for number, point in enumerate(_points(explored)):
        for metric in explored.plan.spec.metrics:
            found = explored.estimate(number, metric)
            if found is None:
                continue
            certain = found.half < inf
            rows.append(
                {
                    **point,
                    "metric": metric,
                    "unit": unit_of(metric),
                    "replications": found.n,
                    "mean": found.mean,
                    "ci_low": found.low if certain else None,
                    "ci_high": found.high if certain else None,
                    "min": found.least,
                    "max": found.most,
                }
            )
    return rows


def _points(explored: Explored) -> list[Row]:
    """What the values of each point are. Durations are told in seconds, and rates per second, where all values of a
    field are such."""
    spec, rows = explored.plan.spec, list[Row]()
    timed = {
        path
        for path, values in spec.vary.items()
        if any(isinstance(value, str) for value in values) and None not in map(place_of, values)
    }
    for planned in explored.plan.points:
        point = planned.point
        row: Row = {"point": point.number, **({"alternative": point.alternative} if spec.alternatives else {})}
        for path, value in point.values.items():
            plain = value if isinstance(value, int | float | str) else written(value)
            row[path] = place_of(value) if path in timed else plain
        rows.append(row)
    return rows


def write(explored: Explored, directory: Path) -> tuple[list[Path], str]:
    """Write all tables; returns the files, and what would have been needed for more."""
    directory.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    missing = ""
    for name, rows in (("runs", runs(explored)), ("points", points(explored))):
        files.append(directory / f"{name}.csv")
        replace_file(files[-1], _csv(rows))
        try:
            content = _parquet(rows)
        except ImportError:
            missing = PARQUET_HINT
            continue
        files.append(directory / f"{name}.parquet")
        replace_file(files[-1], content)
    return files, missing


def _columns(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, _columns(rows), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _parquet(rows: Sequence[Row]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    columns = {name: _alike([row.get(name) for row in rows]) for name in _columns(rows)}
    out = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), out)
    return out.getvalue()


def _alike(values: list[Any]) -> list[Any]:
    """A column has one type: numbers stay numbers, anything mixed becomes text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float}:
        return [float(v) if v is not None and float in kinds else v for v in values]
    return [str(value) if value is not None else None for value in values]
