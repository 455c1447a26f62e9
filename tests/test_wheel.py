"""The wheel of this tree, installed by pip: all its files are there, and it draws a report."""

import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("headcount", "orchestrator", "workers")

BUILD = "from setuptools.build_meta import build_wheel; print(build_wheel('.'))"
DRAW = """
import sys
from workers.report import page
from tests.workers.report.test_page import EMPTY
assert page.__file__.startswith(sys.argv[1]), page.__file__
print(page.render(EMPTY))
"""


def python(*arguments: str, folder: Path, **environment: str) -> str:
    """Run this interpreter in a folder and return what it prints."""
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with headcount alone, installed from a wheel of a copy of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    for package in PACKAGES:
        copytree(ROOT / package, folder / package, ignore=ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    wheel = python("-c", BUILD, folder=folder).split()[-1]
    layer = folder / "layer"
    install = ("-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-compile")
    python(*install, "--target", str(layer), wheel, folder=folder)
    return layer


def test_every_file_of_the_packages_is_in_the_wheel(installed: Path) -> None:
    for package in PACKAGES:
        there, here = (
            {p.relative_to(r) for p in (r / package).rglob("*") if p.is_file()}
            for r in (installed, ROOT)
        )
        assert {p for p in here if "__pycache__" not in p.parts} == there


def test_the_report_is_drawn_by_what_was_installed(installed: Path, tmp_path: Path) -> None:
    path = os.pathsep.join([str(installed), str(ROOT)])
    page = python("-P", "-c", DRAW, str(installed), folder=tmp_path, PYTHONPATH=path)
    assert page.startswith("<!doctype html>")
    style = (ROOT / "workers" / "report" / "templates" / "page.css").read_text()
    assert style.splitlines()[1].strip() in page
