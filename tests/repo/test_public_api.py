"""The public names are what `__all__` says, load on first use, and are what type checkers see."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pilotplant

NEVER_IMPORTED = {
    "locust": "it patches threading and sockets when imported: run it as a subprocess",
    "gevent": "it patches threading and sockets when imported: run it as a subprocess",
    "click": "typer brings its own copy: what click offers is not what typer uses",
}
FOR_LOCUST = ("load/planned_locustfile.py", "load/swarm.py")
"""Files that Locust runs, in processes of its own. The engine must not import them."""
SLOW_TO_LOAD = {"asyncio", "email", "http", "multiprocessing", "socket", "sqlite3", "ssl", "unittest"}
LOADED_BY_IMPORT = """
import sys
before = set(sys.modules)
import pilotplant
print(*sorted(set(sys.modules) - before))
"""


def forbidden_imports(file: str, text: str) -> list[str]:
    """Imports, anywhere in a file, of packages that must not be loaded into our process."""
    found = []
    for node in ast.walk(ast.parse(text, file)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        for package in sorted({name.split(".")[0] for name in names} & set(NEVER_IMPORTED)):
            found.append(f"{file}:{getattr(node, 'lineno', 0)} imports {package}: {NEVER_IMPORTED[package]}")
    return found


def test_every_public_name_can_be_imported() -> None:
    missing = [name for name in pilotplant.__all__ if getattr(pilotplant, name, None) is None]
    assert not missing, f"in pilotplant.__all__, but not there: {missing}"
    assert sorted(pilotplant.__all__) == sorted(set(pilotplant.__all__))


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(pilotplant, "no_such_name")


def test_type_checkers_see_what_is_loaded(repository: Path) -> None:
    tree = ast.parse((repository / "src/pilotplant/__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    typed = {
        (name.asname, node.module) for node in block.body if isinstance(node, ast.ImportFrom) for name in node.names
    }
    public = set(pilotplant.__all__) - {"__version__"}
    assert {name for name, _home in typed} == public
    for name, home in typed:
        assert getattr(pilotplant, str(name)) is getattr(import_module(str(home)), str(name))


def test_importing_the_package_loads_nothing_else() -> None:
    run = subprocess.run([sys.executable, "-c", LOADED_BY_IMPORT], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in run.stdout.split()}
    assert "pilotplant" in loaded
    assert not loaded & SLOW_TO_LOAD
    assert not loaded - sys.stdlib_module_names - {"pilotplant"}


def test_packages_that_change_the_process_are_never_imported(repository: Path) -> None:
    files = sorted((repository / "src").rglob("*.py"))
    engine = [file for file in files if not file.as_posix().endswith(FOR_LOCUST)]
    assert len(engine) == len(files) - len(FOR_LOCUST)
    found = [line for file in engine for line in forbidden_imports(str(file), file.read_text(encoding="utf-8"))]
    assert not found, "\n".join(found)
    lead_there = [file.name for file in engine if "load.swarm" in file.read_text(encoding="utf-8")]
    assert not lead_there, "these import what imports Locust"


def test_a_planted_import_is_found() -> None:
    text = "import os\ndef load():\n    from locust.env import Environment\n    import click.testing\n"
    places = [line.split(":")[1].split(" ")[0] + " " + line.split()[2] for line in forbidden_imports("x.py", text)]
    assert places == ["3 locust:", "4 click:"]
