"""The adapter within made-up builds: no model, no photo, the layouts that builds have had."""

import shutil
import sys
from pathlib import Path

import pytest

from benchmarks.speed.builds import Build, answer, versions

ANALYSE = """
import numpy
class Found:
    seconds = {"detect": 0.5}
    usable = numpy.array([True, False])
    def __len__(self): return 2
def analyse(data, pack, *, max_pixels, profile="balanced"):
    assert (data, pack, profile) == (b"photo", "opened embedded", "fast")
    return Found()
"""
OPEN_PACK = """
def open_pack(name, settings, s3):
    return f"opened {name}"
"""
SETTINGS, S3_SETTINGS = "class Settings: pass\n", "class S3Settings: pass\n"
FLAT = {
    "workers/analyse.py": ANALYSE,
    "workers/models/packs.py": OPEN_PACK,
    "headcount/settings.py": SETTINGS + S3_SETTINGS,
}
ROOMS = {
    "workers/faces/analysis.py": ANALYSE,
    "workers/models/packs/open.py": OPEN_PACK,
    "headcount/settings.py": SETTINGS,
    "headcount/s3_settings.py": S3_SETTINGS,
}


def made_up(root: Path, files: dict[str, str]) -> Build:
    """A build of these files and empty packages around them."""
    for name in ("orchestrator/__init__.py", *files):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files.get(name, ""))
    for folder in {p.parent for p in root.rglob("*.py")}:
        (folder / "__init__.py").touch()
    for package in ("headcount", "workers"):
        (root / package / "__init__.py").touch()
    (root / "photo.jpg").write_bytes(b"photo")
    return Build("old", root, Path(sys.executable), root / "cache")


def analysed(build: Build) -> dict[str, object]:
    photos = [str(build.root / "photo.jpg")] * 3
    return answer(build, "analysis", photos=photos, pack="embedded", profile="fast", threads=1)


@pytest.mark.parametrize("files", [FLAT, ROOMS], ids=["flat", "rooms"])
def test_each_known_layout_is_analysed(tmp_path: Path, files: dict[str, str]) -> None:
    found = analysed(made_up(tmp_path, files))
    assert (found["photos"], found["faces"], found["usable"]) == (3, 6, 3)
    assert found["stages"] == {"detect": 1.5}


def test_an_unknown_layout_is_said_with_what_was_looked_for(tmp_path: Path) -> None:
    build = made_up(tmp_path, FLAT | {"workers/analyse.py": "def inspect(data): pass\n"})
    with pytest.raises(SystemExit, match=r"unknown: it has none of .*workers\.analyse:analyse"):
        analysed(build)


def test_a_build_from_before_profiles_is_said_to_have_none(tmp_path: Path) -> None:
    before = {"workers/analyse.py": "def analyse(data, pack, *, max_pixels): pass\n"}
    with pytest.raises(SystemExit, match=r"workers\.analyse\.analyse takes no profile"):
        analysed(made_up(tmp_path, FLAT | before))


def test_a_package_that_is_not_installed_is_no_unknown_layout(tmp_path: Path) -> None:
    broken = {"workers/analyse.py": "import not_installed_anywhere\n"}
    with pytest.raises(SystemExit, match="No module named 'not_installed_anywhere'"):
        analysed(made_up(tmp_path, FLAT | broken))


def test_a_build_does_not_run_the_code_of_another(tmp_path: Path) -> None:
    build = made_up(tmp_path, ROOMS)
    assert versions(build)["packages"]["numpy"]
    shutil.rmtree(tmp_path / "orchestrator")
    with pytest.raises(SystemExit, match=r"old would run the code in|No module named"):
        versions(build)
