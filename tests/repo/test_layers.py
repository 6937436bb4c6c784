"""The engine's layers point one way, and no two modules need each other."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

# The order of ARCHITECTURE.md, lowest first.
ORDER = (
    "model",
    "resources",
    "configuration",
    "dataset",
    "kernel",
    "ledger",
    "systems",
    "flows",
    "faults",
    "exchange",
    "dialects",
    "channels",
    "drive",
    "target",
    "scenario",
    "contracts",
    "checks",
    "run",
    "explore",
    "prove",
    "conformance",
    "gate",
    "load",
    "sweep",
    "reporting",
    "control",
    "cli",
)
BESIDE_CLI = ("pytest_plugin", "__main__")
RANK = {name: rank for rank, name in enumerate(ORDER)} | dict.fromkeys(BESIDE_CLI, len(ORDER))
ALONE = "reference"
ROOT = "pilotplant"

Modules = dict[str, tuple[str, str]]
"""Modules by dotted name: the file each is in, and its text."""


@dataclass(frozen=True)
class Import:
    """One module of the engine asking for another."""

    importer: str
    imported: str
    where: str
    dynamic: bool


def module_name(path: Path, source: Path) -> str:
    """The dotted name under which a file below `source` is imported."""
    parts = path.relative_to(source).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def read_engine(repository: Path) -> Modules:
    """Every module of the engine."""
    source = repository / "src"
    return {
        module_name(path, source): (path.relative_to(repository).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted(source.rglob("*.py"))
    }


def planted(**sources: str) -> Modules:
    """Modules given as text, for testing the checker; `a__b` stands for `pilotplant.a.b`."""
    names = {f"{ROOT}.{name.replace('__', '.')}": text for name, text in sources.items()}
    return {name: (name.replace(".", "/") + ".py", text) for name, text in names.items()}


def imports(modules: Modules) -> Iterator[Import]:
    """All imports between modules of the engine, wherever in a file they stand."""
    for importer, (file, text) in modules.items():
        tree = ast.parse(text, file)
        lazily_typed = _typed_only(tree) if importer == ROOT else set()
        package = importer if file.endswith("__init__.py") else importer.rpartition(".")[0]
        for node in ast.walk(tree):
            if node in lazily_typed:
                continue
            for name, dynamic in _imported(node, package, modules):
                if name == ROOT or name.startswith(f"{ROOT}."):
                    yield Import(importer, name, f"{file}:{getattr(node, 'lineno', 0)}", dynamic)


def _typed_only(tree: ast.Module) -> set[ast.AST]:
    """What only type checkers see: in the package's own `__init__` it stands for names that are loaded lazily."""
    blocks = (n for n in tree.body if isinstance(n, ast.If) and getattr(n.test, "id", None) == "TYPE_CHECKING")
    return {inner for block in blocks for inner in ast.walk(block)}


def _imported(node: ast.AST, package: str, modules: Modules) -> Iterator[tuple[str, bool]]:
    if isinstance(node, ast.Import):
        yield from ((alias.name, False) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        up = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        base = ".".join([*up, *([node.module] if node.module else [])])
        for alias in node.names:
            full = f"{base}.{alias.name}"
            yield (full if full in modules or base == ROOT else base), False
    elif isinstance(node, ast.Call) and node.args and _called(node.func) in {"import_module", "__import__"}:
        yield _leading_text(node.args[0]), True


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _leading_text(argument: ast.expr) -> str:
    """The constant beginning of a module name: all of it, or what stands before the first `{` of an f-string."""
    first = argument.values[0] if isinstance(argument, ast.JoinedStr) and argument.values else argument
    return first.value.rstrip(".") if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


def layer(module: str) -> str:
    """The layer a module belongs to; the package itself belongs to none."""
    return module.split(".")[1] if "." in module else ""


def layer_violations(modules: Modules) -> list[str]:
    """What breaks the order of the layers, one sentence each."""
    unplaced = {layer(name) for name in modules} - set(RANK) - {ALONE, ""}
    found = [f"pilotplant.{name} has no place in ORDER of tests/repo/test_layers.py" for name in sorted(unplaced)]
    for each in imports(modules):
        mine, other = layer(each.importer), layer(each.imported)
        version_only = each.imported == f"{ROOT}.__version__" and mine != ALONE
        if version_only or {mine, other} & unplaced:
            continue
        if mine == ALONE != other:
            found.append(f"{each.where} imports {each.imported}: reference/ imports nothing of pilotplant")
        elif other == ALONE != mine:
            found.append(f"{each.where} imports {each.imported}: reference/ runs as its own process")
        elif mine == "" and not each.dynamic:
            found.append(f"{each.where} imports {each.imported}: the package's own names are loaded on first use")
        elif other not in RANK and mine != ALONE:
            found.append(f"{each.where} imports {each.imported}: inside the engine, import a name from its own module")
        elif mine != ALONE and mine != "" and RANK[other] > RANK[mine]:
            found.append(f"{each.where} imports {each.imported}: {mine} stands before {other}")
    return found


def cycle_violations(modules: Modules) -> list[str]:
    """One cycle of imports, if there is any, with the place of each of its imports."""
    places = {(e.importer, e.imported): e.where for e in imports(modules) if not e.dynamic}
    graph: dict[str, set[str]] = {}
    for importer, imported in places:
        graph.setdefault(importer, set()).add(imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        cycle = list(reversed(error.args[1]))
        steps = [f"{places[pair]} imports {pair[1]}" for pair in pairwise(cycle)]
        return [f"modules import each other in a circle: {'; '.join(steps)}"]
    return []


def test_each_layer_imports_only_what_stands_before_it(repository: Path) -> None:
    found = layer_violations(read_engine(repository))
    assert not found, "\n".join(found)


def test_no_modules_import_each_other_in_a_circle(repository: Path) -> None:
    found = cycle_violations(read_engine(repository))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("sources", "complaint"),
    [
        pytest.param(
            {"ledger__writer": "import os\nfrom pilotplant.cli.main import main", "cli__main": ""},
            "pilotplant/ledger/writer.py:2 imports pilotplant.cli.main: ledger stands before cli",
            id="upwards",
        ),
        pytest.param(
            {"model__paging": "def late():\n    from pilotplant import run\n", "run__running": ""},
            "pilotplant/model/paging.py:2 imports pilotplant.run: model stands before run",
            id="upwards inside a function",
        ),
        pytest.param(
            {"model__paging": "if TYPE_CHECKING:\n    import pilotplant.run.running\n", "run__running": ""},
            "pilotplant/model/paging.py:2 imports pilotplant.run.running: model stands before run",
            id="upwards for type checkers",
        ),
        pytest.param(
            {"systems__catalog": "import_module(f'pilotplant.checks.{name}')", "checks__once": ""},
            "pilotplant/systems/catalog.py:1 imports pilotplant.checks: systems stands before checks",
            id="upwards by a computed name",
        ),
        pytest.param(
            {"kernel__world": "from ..ledger import writer", "ledger__writer": ""},
            "pilotplant/kernel/world.py:1 imports pilotplant.ledger.writer: kernel stands before ledger",
            id="upwards by a relative name",
        ),
        pytest.param(
            {"reference__app": "from pilotplant import __version__"},
            "pilotplant/reference/app.py:1 imports pilotplant.__version__: reference/ imports nothing of pilotplant",
            id="reference is not independent",
        ),
        pytest.param(
            {"target__start": "from pilotplant.reference.app import app", "reference__app": ""},
            "pilotplant/target/start.py:1 imports pilotplant.reference.app: reference/ runs as its own process",
            id="reference is used as a library",
        ),
        pytest.param(
            {"cli__main": "from pilotplant import Ledger"},
            "pilotplant/cli/main.py:1 imports pilotplant.Ledger: inside the engine, import a name from its own module",
            id="public name used inside",
        ),
        pytest.param(
            {"misc__things": ""},
            "pilotplant.misc has no place in ORDER of tests/repo/test_layers.py",
            id="folder without a layer",
        ),
    ],
)
def test_a_planted_violation_is_found(sources: dict[str, str], complaint: str) -> None:
    assert layer_violations(planted(**sources)) == [complaint]


def test_a_start_that_loads_the_engine_is_found() -> None:
    package = {
        ROOT: ("pilotplant/__init__.py", "if TYPE_CHECKING:\n    import pilotplant.run\nimport pilotplant.run\n")
    }
    assert layer_violations(package) == [
        "pilotplant/__init__.py:3 imports pilotplant.run: the package's own names are loaded on first use"
    ]


def test_a_planted_circle_is_found() -> None:
    modules = planted(
        model__a="from pilotplant.model.b import x",
        model__b="def late():\n    from pilotplant.model import c\n",
        model__c="import pilotplant.model.a",
        model__d="import pilotplant.model.a",
    )
    (found,) = cycle_violations(modules)
    assert "pilotplant/model/a.py:1 imports pilotplant.model.b" in found
    assert "pilotplant/model/b.py:2 imports pilotplant.model.c" in found
    assert "pilotplant/model/c.py:1 imports pilotplant.model.a" in found
    assert "model/d.py" not in found


def test_downward_imports_are_welcome() -> None:
    modules = planted(
        model__errors="",
        configuration="from pilotplant.model.errors import PilotplantError",
        ledger__reader="from pilotplant import __version__\nfrom pilotplant.model import errors",
        pytest_plugin="from pilotplant.cli.main import main",
        cli__main="from pilotplant.ledger.reader import Ledger",
        reference__app="from pilotplant.reference.store import Store",
        reference__store="",
    )
    assert layer_violations(modules) == []
    assert cycle_violations(modules) == []
