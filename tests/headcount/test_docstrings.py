"""Docstrings begin with a verb or a noun, and can be understood without the body."""

import ast
from collections.abc import Iterator
from pathlib import Path

import headcount

RIDDLES = {"What", "Which", "Whose", "Of", "Where", "By", "How"}


def docstrings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            yield ast.get_docstring(node) or "-"


def test_no_docstring_begins_like_a_riddle() -> None:
    files = sorted(Path(headcount.__path__[0]).rglob("*.py"))
    found = [(path.name, text) for path in files for text in docstrings(path)]
    assert len(found) > 500
    assert [(name, text) for name, text in found if text.split()[0] in RIDDLES] == []
