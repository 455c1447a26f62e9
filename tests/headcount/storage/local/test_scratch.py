"""Temporary folders: gone with their process, or cleared by the next; never a living one's."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headcount.storage.local import scratch
from headcount.storage.local.scratch import LOCK, clear_dead_folders, scratch_folder

HOLD = (
    "from headcount.storage.local.scratch import scratch_folder\n"
    "with scratch_folder() as folder:\n"
    "    (folder / 'file').write_text('x')\n"
    "    print(folder, flush=True)\n"
    "    input()\n"
)


@contextmanager
def holder(base: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process that holds a temporary folder, and the whole folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        env=os.environ | {"TMPDIR": str(base)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    with process:
        yield process, Path(process.stdout.readline().strip()).parent
        process.kill()


def test_a_killed_process_s_folder_is_removed_and_a_living_one_s_is_not(tmp_path: Path) -> None:
    with holder(tmp_path) as (living, kept), holder(tmp_path) as (killed, left):
        assert clear_dead_folders(tmp_path) == []
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert (left / "in" / "file").is_file()
        assert clear_dead_folders(tmp_path) == [left]
        assert (kept / "in" / "file").is_file()
        living.communicate("\n")
        assert list(tmp_path.iterdir()) == []


def test_the_first_folder_of_a_process_clears_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with holder(tmp_path) as (killed, left):
        killed.kill()
        killed.wait()
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path))
    with scratch_folder() as folder:
        assert list(tmp_path.iterdir()) == [folder.parent]
    assert not left.exists()


def test_folders_without_a_lock_and_links_are_left_alone(tmp_path: Path) -> None:
    base, other = tmp_path / "base", tmp_path / "other"
    for folder in (base / "headcount-older", base / "somebody-else", other):
        folder.mkdir(parents=True)
    (other / LOCK).touch()
    (base / "somebody-else" / LOCK).touch()
    (base / "headcount-link").symlink_to(other)
    (base / "headcount-file").touch()
    assert clear_dead_folders(base) == []
    assert (other / LOCK).exists()


def test_a_folder_for_a_socket_has_a_short_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 80)
    long.mkdir()
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(long))
    with scratch_folder(short=True) as folder:
        assert len(str(folder / "valkey.sock")) < 104
    with scratch_folder() as folder:
        assert folder.is_relative_to(long)
    assert list(long.iterdir()) == []
