"""Finds what stands in a folder: a plug-in is added as a file, and nothing else has to be told."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TypeVar

C = TypeVar("C")


def modules(package: str) -> Iterator[ModuleType]:
    """The modules of a package, in the order of their names."""
    (folder,) = import_module(package).__path__
    for path in sorted(Path(folder).glob("*.py")):
        if path.stem != "__init__":
            yield import_module(f"{package}.{path.stem}")


def classes(package: str, base: type[C]) -> Iterator[type[C]]:
    """The classes of a package that build on `base`, each from the module that defines it."""
    for module in modules(package):
        for value in vars(module).values():
            own = isinstance(value, type) and value.__module__ == module.__name__
            if own and issubclass(value, base) and value is not base:
                yield value
