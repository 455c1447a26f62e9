"""Rules of the house: docstrings that name the thing, small parts, rooms, no import circles."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests"
PACKAGES = ("headcount", "orchestrator", "workers")

RIDDLES = {"What", "Which", "Whose", "Of", "Where", "By", "How"}
"""First words that leave the thing itself unnamed."""
MOST_RIDDLES = 0.03
MOST_LINES_OF_A_FUNCTION = 50
MOST_LINES_OF_A_MODULE = 350
MOST_ENTRIES = {"headcount": 18, "orchestrator": 9, "workers": 16}
UNCOUNTED = {"__init__.py", "py.typed", "__pycache__"}

ACROSS = {
    "test_dependencies.py": "pyproject.toml",
    "test_house.py": "all modules",
    "test_licences.py": "what is installed",
    "test_mutants.py": "the mutants of tests/mutants.py",
    "test_wheel.py": "what is built",
    "benchmarks/gpu/test_figures.py": "every figure of the GPU proof, from faces to the table",
    "headcount/collections/test_bad.py": "damaged containers of every kind",
    "headcount/collections/test_contract.py": "every kind of collection",
    "headcount/storage/test_contract.py": "every store",
    "headcount/test_encryption.py": "from settings to what is sent",
    "orchestrator/archive/test_undone.py": "a rollback, and who asks for the latest job",
    "orchestrator/commands/test_keep_poor_option.py": "every command that has --keep-poor",
    "orchestrator/commands/test_no_archive.py": "every command, where no archive is",
    "orchestrator/commands/test_reread_option.py": "every command that has the option --reread",
    "orchestrator/commands/test_words.py": "ids, names and figures in every command that has them",
    "orchestrator/commands/test_selection_options.py": "every command that chooses photos",
    "orchestrator/commands/test_written_over.py": "every command that writes results",
    "orchestrator/people/test_order.py": "jobs, rollbacks and who was last",
    "workers/identity/test_read_anew.py": "an archive read anew, from the photo to the diff",
    "workers/identity/test_undo.py": "answers taken back, from the command to all tables",
    "workers/identity/test_words.py": "every word of an answer, in whole runs",
    "workers/images/test_hostile.py": "decoding in a process of its own, bounded in memory",
    "workers/people/test_people_folder.py": "people in photos, from folder to gallery",
    "workers/runtime/test_allowed.py": "messages, settings and where a worker may write",
    "workers/web/test_static.py": "templates, scripts and colours of the page",
    "workers/stages/test_grown_archive.py": "an older archive under a build with one more column",
    "workers/stages/test_late.py": "what a late unit may write, at every stage",
}
"""Tests of more than one module. Every other test file has the name and folder of its module."""
OWN_ROOMS = ("integration", "deploy")
"""Folders of tests that run whole programs, or look at files that are no modules."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


@cache
def functions() -> list[tuple[str, Function]]:
    """Each function, method and property of the three packages, with where it stands."""
    return [
        (f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node)
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def first_word(docstring: str) -> str:
    words = re.findall(r"\w+", docstring)
    return words[0] if words else ""


def test_docstrings_of_functions_say_what_they_do_or_give() -> None:
    stated = {w: d for w, node in functions() if (d := ast.get_docstring(node))}
    riddles = [f"{w}: {d.splitlines()[0]}" for w, d in stated.items() if first_word(d) in RIDDLES]
    assert len(stated) > 500
    share = len(riddles) / len(stated)
    assert share <= MOST_RIDDLES, f"{share:.1%} of {len(stated)}:\n" + "\n".join(riddles)


def test_no_function_is_long() -> None:
    lengths = {where: (node.end_lineno or 0) - node.lineno + 1 for where, node in functions()}
    assert len(lengths) > 1000
    assert {w: n for w, n in lengths.items() if n > MOST_LINES_OF_A_FUNCTION} == {}


def test_no_module_is_long() -> None:
    lengths = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in modules()}
    assert {p: n for p, n in lengths.items() if n > MOST_LINES_OF_A_MODULE} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_has_few_entries_at_its_top(package: str) -> None:
    entries = sorted(p.name for p in (ROOT / package).iterdir() if p.name not in UNCOUNTED)
    assert len(entries) <= MOST_ENTRIES[package], entries


def mirrored(test: Path) -> bool:
    """True for tests/workers/faces/test_quality.py if workers/faces/quality.py or quality/ is."""
    room = ROOT / test.parent
    name = test.stem.removeprefix("test_")
    return (room / f"{name}.py").is_file() or (room / name / "__init__.py").is_file()


def test_every_test_file_mirrors_a_module_or_is_known_to_cross_them() -> None:
    files = {p.relative_to(TESTS) for p in TESTS.rglob("test_*.py")}
    files = {p for p in files if p.parts[0] not in OWN_ROOMS}
    strays = {str(p) for p in files if not mirrored(p)}
    assert strays - set(ACROSS) == set(), "name them after their module, or list them in ACROSS"
    assert set(ACROSS) - strays == set(), "gone, or named after a module: take them out of ACROSS"


def test_every_folder_of_tests_mirrors_one_of_modules() -> None:
    folders = {p.relative_to(TESTS) for p in TESTS.rglob("*") if (p / "__init__.py").is_file()}
    strays = {str(f) for f in folders if f.parts[0] not in OWN_ROOMS and not (ROOT / f).is_dir()}
    assert strays == set()


Graph = dict[str, set[str]]


def import_graph(root: Path, *packages: str) -> Graph:
    """Which module imports which: at its top, in functions, and for types alone."""
    trees = {
        module_name(path.relative_to(root)): (path, ast.parse(path.read_text()))
        for package in packages
        for path in (root / package).rglob("*.py")
    }
    graph: Graph = defaultdict(set)
    for name, (path, tree) in trees.items():
        package = name if path.stem == "__init__" else name.rpartition(".")[0]
        for node in ast.walk(tree):
            graph[name] |= {t for t in targets(node, package, set(trees)) if t != name}
    return graph


def module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def targets(node: ast.AST, package: str, known: set[str]) -> set[str]:
    """The modules that an import names: ``from a import b`` is a.b where that is a module, else a.

    Importing a.b runs a/__init__.py too; this is no arrow of its own, or every package whose
    __init__ takes names from its modules would be a circle. Scripts that lie side by side, as
    those of benchmarks/ do, import each other without a package.
    """
    wanted: list[tuple[str, ...]] = []
    if isinstance(node, ast.Import):
        wanted = [(alias.name, f"{package}.{alias.name}") for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        origin = origin_of(node, package)
        wanted = [(f"{origin}.{a.name}", origin, f"{package}.{origin}") for a in node.names]
    first = (next((c for c in choices if c in known), None) for choices in wanted)
    return {name for name in first if name}


def origin_of(node: ast.ImportFrom, package: str) -> str:
    """The module that names are imported from, its dots resolved."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    above = parts[: len(parts) - node.level + 1]
    return ".".join([*above, node.module] if node.module else above)


def circles(graph: Graph) -> list[list[str]]:
    """Groups of modules each of which can be reached from each other."""
    reach = {name: reachable(graph, name) for name in graph}
    groups = {
        frozenset(other for other in reach[name] if name in reach.get(other, ()))
        for name in graph
        if name in reach[name]
    }
    return sorted(sorted(group) for group in groups)


def reachable(graph: Graph, start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


@pytest.mark.parametrize("packages", [PACKAGES, ("benchmarks",), ("tests",)], ids=lambda p: p[0])
def test_no_modules_import_each_other_in_a_circle(packages: tuple[str, ...]) -> None:
    graph = import_graph(ROOT, *packages)
    assert sum(map(len, graph.values())) > 5
    assert circles(graph) == []


def test_a_circle_through_a_function_or_a_type_is_found(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    texts = {
        "__init__": "from a.one import ONE",
        "one": "if TYPE_CHECKING:\n    from a.two import Two",
        "two": "def f():\n    from . import three",
        "three": "import a.one\nimport a.four",
        "four": "from a.five import X",
        "five": "import os",
    }
    for name, text in texts.items():
        (tmp_path / "a" / f"{name}.py").write_text(text)
    assert circles(import_graph(tmp_path, "a")) == [["a.one", "a.three", "a.two"]]


def test_what_benchmarks_patch_is_there() -> None:
    texts = [path.read_text() for path in (ROOT / "benchmarks").rglob("*.py")]
    patched = {name for text in texts for name in re.findall(r'patch\("([\w.]+)"', text)}
    assert patched
    for name in patched:
        module, _, attribute = name.rpartition(".")
        assert hasattr(import_module(module), attribute), name
