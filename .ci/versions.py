"""Print docs/versions.md: what pyproject.toml asks for, and what is installed here.

Run where CI has just tested: `.venv/bin/python .ci/versions.py > docs/versions.md`.
"""

import platform
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
OWN = "headcount"


def requirements() -> list[tuple[str, Requirement]]:
    """Every library that pyproject.toml names, with the extra that asks for it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    return [
        (extra, requirement)
        for extra, texts in groups.items()
        for requirement in map(Requirement, texts)
        if requirement.name != OWN
    ]


def bounds(requirement: Requirement) -> str:
    """The versions that are allowed: the lower bound first."""
    return ",".join(sorted(map(str, requirement.specifier), reverse=True)) or "any"


def installed(name: str) -> str:
    """The version that is installed, or a dash."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "-"


def page() -> str:
    """The page: one row a library."""
    rows = [
        f"| {requirement.name} | {extra or 'all'} | {bounds(requirement)} "
        f"| {installed(requirement.name)} |"
        for extra, requirement in requirements()
    ]
    head = [
        "# Versions that CI saw last",
        "",
        f"The tests passed with these, on Python {platform.python_version()} ({platform.system()}, "
        f"{platform.machine()}).",
        "A dash: not installed beside the tests. Written by `.ci/versions.py`.",
        "",
        "| library | needed by | allowed | tested with |",
        "|---|---|---|---|",
    ]
    return "\n".join([*head, *rows]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
