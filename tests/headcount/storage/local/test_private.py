"""Rights of what is written to a local disk."""

import os
import stat
import subprocess
import sys
from pathlib import Path

from headcount.storage.local.store import DirectoryStore

WRITE = (
    "import os, sys; os.umask(0o022); "
    "from headcount.storage.local.private import keep_others_out; keep_others_out(); "
    "from headcount.storage import open_store; open_store(sys.argv[1]).put('a/b', b'x')"
)


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_made_is_closed_to_others_and_what_was_there_is_left(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir(mode=0o755)
    subprocess.run([sys.executable, "-c", WRITE, str(tmp_path / "old" / "new")], check=True)
    assert rights(tmp_path / "old") == 0o755
    assert rights(tmp_path / "old" / "new") == 0o750
    assert rights(tmp_path / "old" / "new" / "a") == 0o750
    assert rights(tmp_path / "old" / "new" / "a" / "b") == 0o640


def test_a_file_that_is_written_over_keeps_its_rights(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    store.put("page", b"old")
    (tmp_path / "page").chmod(0o604)
    before = os.umask(0o077)
    try:
        store.put("page", b"new")
    finally:
        os.umask(before)
    assert (rights(tmp_path / "page"), store.get("page").data) == (0o604, b"new")
