"""Globs of options and lines of a .headcountignore."""

import pytest

from headcount.collections.patterns import MAX_IGNORE_FILE, Patterns, read_ignore_file
from headcount.errors import FatalError
from headcount.storage.memory import MemoryStore


def ignored(*lines: str) -> Patterns:
    store = MemoryStore()
    store.put(".headcountignore", "\n".join(lines).encode())
    found = read_ignore_file(store)
    assert found is not None
    return found


def test_a_glob_is_read_as_a_line_of_gitignore() -> None:
    patterns = Patterns.of_options(("*.gif", "2019/", "/top/*.jpg", "a/**/z.jpg"))
    inside = ("x.gif", "a/x.gif", "2019/1.jpg", "b/2019/c/1.jpg", "top/1.jpg", "a/b/c/z.jpg")
    outside = ("x.gif.jpg", "2019.jpg", "b/top/1.jpg", "top/b/1.jpg", "b/a/z.jpg", "X.GIF")
    assert all(patterns.says(key) for key in inside)
    assert all(patterns.says(key) is None for key in outside)


def test_a_glob_of_an_option_is_no_comment_and_no_negation() -> None:
    patterns = Patterns.of_options(("#recycle", "!x.jpg"))
    assert patterns.says("#recycle/a.jpg")
    assert patterns.says("!x.jpg")
    assert patterns.says("x.jpg") is None


def test_in_a_file_the_last_line_that_matches_counts() -> None:
    patterns = ignored("# proofs", "", "proofs/", "!proofs/best/", "!@eaDir/")
    assert patterns.says("proofs/1.jpg") is True
    assert patterns.says("proofs/best/1.jpg") is False
    assert patterns.says("a/@eaDir/1.jpg") is False
    assert patterns.says("# proofs") is None


def test_a_mark_of_utf8_and_lines_of_windows_are_no_part_of_a_pattern() -> None:
    store = MemoryStore()
    store.put(".headcountignore", b"\xef\xbb\xbfproofs/\r\nZo\xc3\xab/\r\n")
    patterns = read_ignore_file(store)
    assert patterns is not None
    assert patterns.says("proofs/1.jpg")
    assert patterns.says("Zo\u00eb/1.jpg")


def test_no_file_is_no_pattern() -> None:
    assert read_ignore_file(MemoryStore()) is None
    assert Patterns.of_options(()).says("a.jpg") is None


def test_a_file_that_cannot_be_read_is_an_error_that_names_it() -> None:
    store = MemoryStore("s3://b/")
    for data in (b"\xff\xfe", b"x" * (MAX_IGNORE_FILE + 1), b"!\n"):
        store.put(".headcountignore", data)
        with pytest.raises(FatalError, match=r"s3://b/\.headcountignore"):
            read_ignore_file(store)
    store.deny(".headcountignore")
    with pytest.raises(FatalError, match=r"s3://b/\.headcountignore"):
        read_ignore_file(store)


def test_a_bad_glob_is_an_error_that_names_the_options() -> None:
    with pytest.raises(FatalError, match="--include and --exclude"):
        Patterns.of_options(("a/\\",))
