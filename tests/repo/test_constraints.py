"""The pins are complete and are what is installed, so that a checkout of today still works in a year."""

import re
import tomllib
from importlib.metadata import requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PIN = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+(?:; [a-z_]+ (?:==|!=|<|>=) '[\w.]+')?")


def pins(repository: Path) -> dict[str, Requirement]:
    """What constraints.txt pins, by canonical name."""
    lines = (repository / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if not line.startswith("#")]
    return {canonicalize_name(each.name): each for each in found}


def closure(project: str, extras: set[str]) -> set[str]:
    """All packages that a project with these extras installs here, followed through what is installed."""
    seen: set[tuple[str, str]] = set()
    waiting = [(canonicalize_name(project), extra) for extra in ("", *sorted(extras))]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        for requirement in map(Requirement, requires(name) or []):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                waiting += [(canonicalize_name(requirement.name), each) for each in ("", *sorted(requirement.extras))]
    return {name for name, _extra in seen}


def test_each_line_is_a_name_and_a_version(repository: Path) -> None:
    lines = (repository / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#") and not PIN.fullmatch(line)] == []
    names = [line.partition("==")[0].lower() for line in lines if not line.startswith("#")]
    assert names == sorted(set(names))


def test_the_build_backend_is_pinned_as_everything_else(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    (backend,) = map(Requirement, project["build-system"]["requires"])
    assert backend.specifier == pins(repository)[canonicalize_name(backend.name)].specifier


def test_everything_that_is_declared_is_pinned(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    declared = [Requirement(line) for lines in (project["dependencies"], *extras.values()) for line in lines]
    pinned = pins(repository)
    for each in declared:
        name = canonicalize_name(each.name)
        if name != project["name"]:
            (pin,) = pinned[name].specifier
            assert each.specifier.contains(pin.version), f"{each} refuses the pinned {pin}"


def test_what_is_installed_is_what_is_pinned(repository: Path) -> None:
    pinned = pins(repository)
    for name in sorted(closure("pilotplant", {"dev"}) - {"pilotplant"}):
        assert name in pinned, f"{name} is installed but not in constraints.txt"
        assert pinned[name].specifier.contains(version(name)), f"{name} {version(name)} is not the pinned one"
