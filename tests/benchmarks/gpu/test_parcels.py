import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gpu import parcels
from benchmarks.gpu.parcels import MANIFEST, Budget, Manifest, ParcelError, join, split, take

LIMIT = 50_000


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three files: one of many parts, one that shares a part, an empty one."""
    folder = tmp_path / "files"
    folder.mkdir()
    contents = {"a.whl": bytes(range(256)) * 500, "b.whl": b"b" * 999, "c.whl": b""}
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in contents]


def parcels_of(files: list[Path], tmp_path: Path) -> tuple[Manifest, list[Path]]:
    manifest = split(files, tmp_path / "parcels", LIMIT)
    return manifest, [tmp_path / "parcels" / part.name for part in manifest.parts]


def test_files_come_out_as_they_went_in(files: list[Path], tmp_path: Path) -> None:
    manifest, parts = parcels_of(files, tmp_path)
    assert len(parts) > 3
    for part in reversed(parts):  # in any order
        take(part, tmp_path / "taken")
    made = join(tmp_path / "taken", tmp_path / "joined")
    assert [path.name for path in made] == ["a.whl", "b.whl", "c.whl"]
    assert [path.read_bytes() for path in made] == [path.read_bytes() for path in files]
    assert sum(part.size for part in manifest.parts) == sum(f.stat().st_size for f in files)


def test_no_parcel_is_larger_than_the_limit(files: list[Path], tmp_path: Path) -> None:
    _, parts = parcels_of(files, tmp_path)
    sizes = [sum(f.stat().st_size for f in part.iterdir()) for part in parts]
    assert max(sizes) <= LIMIT
    assert len(parts) == 5  # 129 kB in parts of 50 kB less the manifest's room, none half empty


def test_a_part_that_ends_where_a_file_ends_is_no_reason_for_an_empty_one(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"x" * 2 * (LIMIT - parcels._room_of_manifest([file])))
    assert len(split([file], tmp_path / "parcels", LIMIT).parts) == 2


def test_a_damaged_part_is_not_taken(files: list[Path], tmp_path: Path) -> None:
    _, parts = parcels_of(files, tmp_path)
    part = parts[1] / parts[1].name
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    with pytest.raises(ParcelError, match="part-002 is damaged"):
        take(parts[1], tmp_path / "taken")
    assert not (tmp_path / "taken").exists()


def test_a_part_that_is_damaged_after_it_came_is_not_joined(
    files: list[Path], tmp_path: Path
) -> None:
    _, parts = parcels_of(files, tmp_path)
    for part in parts:
        take(part, tmp_path / "taken")
    (tmp_path / "taken" / "part-003").write_bytes(b"")
    with pytest.raises(ParcelError, match="part-003 is damaged"):
        join(tmp_path / "taken", tmp_path / "joined")


def test_a_parcel_that_did_not_come_is_named(files: list[Path], tmp_path: Path) -> None:
    _, parts = parcels_of(files, tmp_path)
    for part in parts[:-1]:
        take(part, tmp_path / "taken")
    with pytest.raises(ParcelError, match=f"{parts[-1].name} missing"):
        join(tmp_path / "taken", tmp_path / "joined")


def test_parcels_of_other_files_do_not_mix(files: list[Path], tmp_path: Path) -> None:
    _, parts = parcels_of(files, tmp_path)
    other = split(files[:1], tmp_path / "others", LIMIT)
    take(parts[0], tmp_path / "taken")
    with pytest.raises(ParcelError, match="other files"):
        take(tmp_path / "others" / other.parts[0].name, tmp_path / "taken")


def test_a_folder_without_a_manifest_is_none(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps({"files": [{"nothing": 1}]}))
    with pytest.raises(ParcelError, match="no manifest"):
        take(tmp_path, tmp_path / "taken")


def test_the_budget_counts_the_start_and_every_parcel() -> None:
    assert Budget(each=20, start=90, all=900).left(8) == 650
    assert Budget(each=60, start=120, all=900).left(8) == 300


def test_the_script_runs_alone_and_says_what_is_missing(files: list[Path], tmp_path: Path) -> None:
    script = tmp_path / "alone.py"
    script.write_bytes(Path(parcels.__file__).read_bytes())

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", str(script), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    into = str(tmp_path / "parcels")
    assert "3 files" in run("split", str(files[0].parent), "--into", into, "--mib", "0.05").stdout
    assert "left for measuring" in run("budget", into).stdout
    short = run("budget", into, "--each", "200")
    assert short.returncode == 1
    assert "300 are needed" in short.stderr
    taken = run("take", f"{into}/part-001", "--into", str(tmp_path / "taken"))
    assert "whole" in taken.stdout
    early = run("join", str(tmp_path / "taken"), "--into", str(tmp_path / "joined"))
    assert early.returncode == 1
    assert "part-002" in early.stderr
