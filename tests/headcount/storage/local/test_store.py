"""What only a directory has to cope with: links, odd names, odd files, full disks."""

from __future__ import annotations

import errno
import os
import resource
import signal
import socket
import subprocess
import sys
import textwrap
from itertools import count
from pathlib import Path

import pytest

from headcount.errors import (
    FatalError,
    ObjectChanged,
    ObjectDenied,
    ObjectMissing,
    TransientError,
)
from headcount.storage.file_names import key_of, name_of
from headcount.storage.local import files
from headcount.storage.local import store as local_store
from headcount.storage.local.faults import read_error, write_error
from headcount.storage.local.store import DirectoryStore
from headcount.storage.local.walk import DANGLING

as_user = pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def store(root: Path) -> DirectoryStore:
    root.mkdir()
    return DirectoryStore(root)


def keys(store: DirectoryStore, prefix: str = "", start_after: str = "") -> list[str]:
    return [info.key for info in store.list(prefix, start_after=start_after)]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        (b"plain.jpg", "plain.jpg"),
        ("ü.jpg".encode(), "ü.jpg"),
        (b"caf\xe9.jpg", r"caf\xE9.jpg"),
        (rb"caf\xE9.jpg", r"caf\x5CxE9.jpg"),
        (rb"a\x5C", r"a\x5Cx5C"),
        (rb"back\slash", r"back\slash"),
        (rb"\x2F\x41", r"\x2F\x41"),
        (b"\\\xe9", r"\\xE9"),
        (b"\xed\xa0\x80", r"\xED\xA0\x80"),
    ],
)
def test_names_that_are_not_utf8_have_a_printable_key_and_come_back(name: bytes, key: str) -> None:
    assert key_of(name) == key
    assert name_of(key) == name
    key.encode()


def test_a_file_whose_name_is_not_utf8_is_listed_and_read(
    store: DirectoryStore, root: Path
) -> None:
    folder = root / os.fsdecode(b"\xff\xfe")
    folder.mkdir()
    (folder / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"photo")
    assert keys(store) == [r"\xFF\xFE/caf\xE9.jpg"]
    assert keys(store, r"\xFF\xFE/c") == keys(store)
    assert store.get(r"\xFF\xFE/caf\xE9.jpg").data == b"photo"


def test_an_escape_cannot_spell_a_way_out(store: DirectoryStore, root: Path) -> None:
    (root.parent / "secret").write_text("no")
    for key in (r"\x2E\x2E/secret", r"\x2E\x2E\x2Fsecret"):
        with pytest.raises(ObjectMissing):
            store.get(key)
    assert keys(store, r"\x2E\x2E/") == []


def test_links_to_files_and_folders_are_followed(store: DirectoryStore, root: Path) -> None:
    elsewhere = root.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "photo.jpg").write_bytes(b"photo")
    (root / "file.jpg").symlink_to(elsewhere / "photo.jpg")
    (root / "folder").symlink_to(elsewhere)
    assert keys(store) == ["file.jpg", "folder/photo.jpg"]
    assert store.get("folder/photo.jpg").data == b"photo"
    assert store.stat("file.jpg").size == 5


def test_links_in_a_circle_end(store: DirectoryStore, root: Path) -> None:
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "x").touch()
    (root / "a" / "b" / "up").symlink_to(root / "a")
    (root / "a" / "top").symlink_to(root)
    (root / "self").symlink_to("self")
    assert keys(store) == ["a/b/x", "self"]


def test_a_link_that_leads_nowhere_is_listed_and_missing(store: DirectoryStore, root: Path) -> None:
    (root / "gone.jpg").symlink_to("/nowhere/at all.jpg")
    assert [(info.key, info.etag, info.size) for info in store.list()] == [
        ("gone.jpg", DANGLING, 0)
    ]
    with pytest.raises(ObjectMissing):
        store.get("gone.jpg")


def test_fifos_sockets_and_devices_are_no_objects(
    store: DirectoryStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(root / "fifo")
    (root / "null").symlink_to("/dev/null")
    monkeypatch.chdir(root)  # socket paths must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        assert keys(store) == []
        for key in ("fifo", "null", "socket"):
            for read in (store.get, store.stat):
                with pytest.raises(ObjectMissing):
                    read(key)


def test_a_file_that_changes_while_it_is_read_is_read_again(
    store: DirectoryStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "x.jpg").write_bytes(b"photo")
    seen = iter(["1", "2", "3", "3"])  # before and after the first try, and the second
    monkeypatch.setattr(files, "etag_of", lambda found: next(seen))
    blob = store.get("x.jpg")
    assert (blob.data, blob.etag) == (b"photo", "3")


def test_a_file_that_never_stands_still_is_an_outcome_of_that_photo(
    store: DirectoryStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "x.jpg").write_bytes(b"photo")
    monkeypatch.setattr(local_store, "CHANGE_PAUSES", (0.0, 0.0))
    ticks = count()
    monkeypatch.setattr(files, "etag_of", lambda found: str(next(ticks)))
    with pytest.raises(ObjectChanged, match="written to while it was read"):
        store.get("x.jpg")


def test_a_range_of_a_file_that_is_another_by_now_is_refused(
    store: DirectoryStore, root: Path
) -> None:
    etag = store.put("x.tar", b"0123456789")
    assert store.get_range("x.tar", 2, 3, etag=etag) == b"234"
    store.put("x.tar", b"01234567890")
    with pytest.raises(ObjectChanged):
        store.get_range("x.tar", 2, 3, etag=etag)


def test_temporary_files_are_neither_listed_nor_written(store: DirectoryStore, root: Path) -> None:
    (root / ".headcount-0123456789abcdef.tmp").touch()
    (root / ".headcount-notes.tmp").touch()
    assert keys(store) == [".headcount-notes.tmp"]
    with pytest.raises(FatalError, match="reserved"):
        store.put("x/.headcount-0123456789abcdef.tmp", b"")


def test_nothing_is_left_behind_by_writing(store: DirectoryStore, root: Path) -> None:
    store.put("a/b", b"1")
    store.put("a/b", b"2")
    store.put_new("a/c", b"1")
    store.put_new("a/c", b"2")
    assert sorted(path.name for path in (root / "a").iterdir()) == ["b", "c"]


def test_what_killed_writers_left_is_cleared_in_a_folder_or_below_it(
    store: DirectoryStore, root: Path
) -> None:
    left, mine = ".headcount-0123456789abcdef.tmp", ".headcount-notes.tmp"
    (root / "x/y").mkdir(parents=True)
    for path in (root, root / "x", root / "x/y"):
        (path / left).touch()
        (path / mine).touch()
    store.clear_leftovers("x/", below=False)
    assert sorted(p.parent for p in root.rglob(left)) == [root, root / "x/y"]
    store.clear_leftovers("nowhere/")
    store.clear_leftovers()
    assert not list(root.rglob(left))
    assert len(list(root.rglob(mine))) == 3


def test_new_files_obey_the_umask(store: DirectoryStore, root: Path) -> None:
    before = os.umask(0o027)
    try:
        store.put("put", b"")
        store.put_new("new", b"")
    finally:
        os.umask(before)
    assert {(root / name).stat().st_mode & 0o777 for name in ("put", "new")} == {0o640}


def test_a_listing_opens_only_the_folders_that_can_match(
    store: DirectoryStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(5):
        store.put(f"{n}/x/file", b"")
        store.put(f"{n}/y/file", b"")
    opened: list[str] = []
    scandir = os.scandir

    def watched(path: bytes) -> object:
        opened.append(os.path.relpath(os.fsdecode(path), root))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", watched)
    assert keys(store, "3/y") == ["3/y/file"]
    assert opened == ["3", "3/y"]
    opened.clear()
    assert keys(store, start_after="3/x/file") == ["3/y/file", "4/x/file", "4/y/file"]
    assert opened == [".", "3", "3/x", "3/y", "4", "4/x", "4/y"]
    opened.clear()
    next(iter(store.list()))
    assert opened == [".", "0", "0/x"]


def test_files_that_vanish_during_a_listing_are_left_out(store: DirectoryStore, root: Path) -> None:
    for name in ("a/1", "b/1", "c/1"):
        store.put(name, b"")
    listing = store.list()
    assert next(listing).key == "a/1"
    (root / "b" / "1").unlink()
    (root / "b").rmdir()
    assert [info.key for info in listing] == ["c/1"]


def test_deep_trees_are_listed(
    store: DirectoryStore, root: Path, request: pytest.FixtureRequest
) -> None:
    # pytest's own cleaning up goes down recursively, and would fail
    request.addfinalizer(lambda: subprocess.run(["rm", "-r", str(root / "d")], check=True))
    deep = "d/" * 1500
    for level in range(1, 1501):
        (root / ("d/" * level)).mkdir()
    store.put(deep + "file", b"")
    assert keys(store) == [deep + "file"]


def test_a_folder_that_is_not_there_fails_its_check(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FatalError, match=r"there is no folder .*missing"):
        DirectoryStore(tmp_path / "missing").check()
    with pytest.raises(FatalError, match="is not a folder"):
        DirectoryStore(tmp_path / "file").check()


def test_a_file_in_the_place_of_a_folder_is_fatal_to_write(store: DirectoryStore) -> None:
    store.put("a", b"")
    with pytest.raises(FatalError, match="a file lies where a folder is needed"):
        store.put("a/b", b"")
    store.put("c/d", b"")
    with pytest.raises(FatalError, match="a folder lies where a file is needed"):
        store.put("c", b"")
    with pytest.raises(FatalError, match="too long"):
        store.put("x" * 300, b"")


def test_putting_a_file_that_is_not_there_is_fatal(store: DirectoryStore, tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="cannot read"):
        store.put_file("key", tmp_path / "missing")


@as_user
def test_what_may_not_be_read_is_said(store: DirectoryStore, root: Path) -> None:
    store.put("closed/x", b"")
    store.put("denied", b"")
    (root / "denied").chmod(0)
    (root / "closed").chmod(0)
    try:
        with pytest.raises(ObjectDenied):
            store.get("denied")
        with pytest.raises(FatalError, match=r"cannot list the folder .*closed"):
            keys(store)
        with pytest.raises(FatalError, match="permission denied"):
            store.put("closed/y", b"")
    finally:
        (root / "closed").chmod(0o700)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to drop root's rights")
def test_what_may_not_be_read_is_said_to_ordinary_users(tmp_path: Path) -> None:
    """The same as a child process that gives up root."""
    code = """
        import os, sys
        from pathlib import Path
        from headcount.errors import HeadcountError
        from headcount.storage.local.store import DirectoryStore
        root = Path(sys.argv[1])
        store = DirectoryStore(root)
        store.put("closed/x", b""); store.put("denied", b""); store.put("lost+found/x", b"")
        for name in ("@eaDir", "#recycle", "#snapshot", "@Recycle", "@Recently-Snapshot"):
            store.put(f"nas/{name}/x", b""); (root / "nas" / name).chmod(0)
        for name in ("closed", "denied", "lost+found"):
            (root / name).chmod(0)
        for path in [root, *root.parents][:-2]:
            path.chmod(0o755)
        os.seteuid(65534)
        for call in (
            lambda: store.get("denied"), lambda: list(store.list()), lambda: store.put("new", b""),
            lambda: list(store.list("lost")), lambda: store.delete("denied"),
            lambda: list(store.list("nas/")),
        ):
            try:
                print(call())
            except HeadcountError as error:
                print(type(error).__name__, error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "root")],
        capture_output=True,
        text=True,
        check=True,
    )
    said = done.stdout.splitlines()
    assert said[0].startswith("ObjectDenied")
    assert "cannot list the folder" in said[1]
    assert "closed: Permission denied" in said[1]
    assert said[2].startswith("FatalError cannot write")
    assert said[3] == "[]"  # a system folder that may not be read is passed over
    assert said[4].startswith("FatalError cannot write")
    assert said[5] == "[]"  # and so is one of a NAS


def test_a_full_disk_is_fatal_and_leaves_the_old_object(store: DirectoryStore, root: Path) -> None:
    store.put("key", b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        for write in (store.put, store.put_new):
            with pytest.raises(FatalError, match="disk full"):
                write("new", b"x" * 1_000_000)
        with pytest.raises(FatalError, match="disk full"):
            store.put("key", b"x" * 1_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert store.get("key").data == b"old"
    assert [path.name for path in root.iterdir()] == ["key"]


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, FatalError),
        (errno.EDQUOT, FatalError),
        (errno.EROFS, FatalError),
        (errno.EACCES, FatalError),
        (errno.EIO, TransientError),
        (errno.ESTALE, TransientError),
        (errno.EMFILE, TransientError),
    ],
)
def test_errors_of_writing(number: int, kind: type[Exception]) -> None:
    assert type(write_error(OSError(number, os.strerror(number)), "file:///x")) is kind


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOENT, ObjectMissing),
        (errno.ENOTDIR, ObjectMissing),
        (errno.EACCES, ObjectDenied),
        (errno.EIO, TransientError),
        (errno.ESTALE, TransientError),
    ],
)
def test_errors_of_reading(number: int, kind: type[Exception]) -> None:
    assert type(read_error(OSError(number, os.strerror(number)), "file:///x")) is kind
