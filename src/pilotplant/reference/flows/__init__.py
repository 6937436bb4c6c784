"""The flows that are durable work, one file each. A file that is added is there; nothing else has to be told."""

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path

from pilotplant.reference.work import Flow


def flows(instead: Iterable[type[Flow]]) -> list[type[Flow]]:
    """All flows in the order of their files. Of `instead`, each stands in the place of the one of its kind, or is one
    more."""
    others = {flow.kind: flow for flow in instead}
    return [others.pop(flow.kind, flow) for flow in _found()] + list(others.values())


@cache
def _found() -> tuple[type[Flow], ...]:
    names = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))
    modules = [import_module(f"{__name__}.{name}") for name in names]
    return tuple(
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Flow) and value.__module__ == module.__name__
    )
