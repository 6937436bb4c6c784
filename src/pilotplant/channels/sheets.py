"""Events as the lines of a file: CSV as a spreadsheet of the plant would write it, or XML.

A file ends with how many events it holds, so that its reader can see that nothing is missing: `#end` and the number in
CSV, the attribute `count` and the closing tag in XML. In CSV each field of an event is a column, such as
`data.consumption.0.lot`; where the plant writes decimal commas, columns are parted by semicolons.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import msgspec

END = "#end"


def sheet(form: str, events: Sequence[bytes], *, decimal_comma: bool) -> bytes:
    """The file that holds these events, which are CloudEvents in JSON."""
    decoded: list[dict[str, Any]] = [msgspec.json.decode(event) for event in events]
    return _csv(decoded, decimal_comma=decimal_comma) if form == "csv" else _xml(decoded)


def _csv(events: Sequence[Mapping[str, Any]], *, decimal_comma: bool) -> bytes:
    rows = [dict(_cells(event, "", decimal_comma=decimal_comma)) for event in events]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";" if decimal_comma else ",", lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([row.get(name, "") for name in columns] for row in rows)
    writer.writerow([END, str(len(rows))])
    return out.getvalue().encode()


def _cells(value: Any, name: str, *, decimal_comma: bool) -> Iterator[tuple[str, str]]:
    """The fields of an event with their places, as text."""
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in parts:
            yield from _cells(part, f"{name}.{key}" if name else str(key), decimal_comma=decimal_comma)
    elif isinstance(value, float) and decimal_comma:
        yield name, str(value).replace(".", ",")
    else:
        yield name, "" if value is None else str(value)


def _xml(events: Sequence[Mapping[str, Any]]) -> bytes:
    root = ElementTree.Element("events", count=str(len(events)))
    for event in events:
        _grow(root, "event", event)
    ElementTree.indent(root)
    content: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def _grow(parent: ElementTree.Element, name: str, value: Any) -> None:
    element = ElementTree.SubElement(parent, name)
    if isinstance(value, dict):
        for key, part in value.items():
            _grow(element, key, part)
    elif isinstance(value, list):
        element.set("list", str(len(value)))
        for part in value:
            _grow(element, "entry", part)
    else:
        element.text = "" if value is None else str(value)
