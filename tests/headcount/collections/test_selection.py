"""The choice of photos: what wins, and what is counted."""

import pytest

from headcount.collections.selection import LeftOut, Selection
from headcount.storage import open_store
from headcount.storage.memory import MemoryStore
from tests.servers import S3Server

KEYS = (
    "#recycle/a.jpg",
    ".hidden/a.jpg",
    "2019/@eaDir/a.jpg",
    "2019/a.jpg",
    "2019/b.gif",
    "2019/b.jxl",
    "2019/notes.txt",
    "2020/a.jpg",
    "2020/@eaDir/x.psd",
    "backup.zip",
    "out/annotated/a.jpg",
    "out/photos.parquet",
)


def store_of(*keys: str, ignore: str | None = None) -> MemoryStore:
    store = MemoryStore()
    for key in keys or KEYS:
        store.put(key, b"x")
    if ignore is not None:
        store.put(".headcountignore", ignore.encode())
    return store


def chosen(store: MemoryStore, **wishes: object) -> tuple[list[str], LeftOut]:
    left_out = LeftOut()
    photos = Selection(store, **wishes).photos(left_out)  # type: ignore[arg-type]
    return [info.key for info in photos], left_out


def test_without_a_wish_leftovers_are_left_out_and_everything_is_counted() -> None:
    keys, left_out = chosen(store_of(), never=("out/",))
    assert keys == ["2019/a.jpg", "2019/b.gif", "2020/a.jpg"]
    assert left_out.by_rule == {
        "#recycle": 1,
        "hidden folders": 1,
        "@eaDir": 2,
        "written by headcount": 1,
    }
    assert (left_out.others, left_out.containers) == (3, 1)
    assert left_out.suffixes == {"jxl": 1}
    assert len(keys) + left_out.others + left_out.by_rule.total() + 1 == len(KEYS)


def test_include_wins_over_everything_but_the_run_s_own_results() -> None:
    store = store_of(ignore="2020/\n")
    keys, left_out = chosen(
        store, include=("@eaDir/", "2020/", "out/"), exclude=("2019/", "2020/"), never=("out/",)
    )
    assert keys == ["2019/@eaDir/a.jpg", "2020/a.jpg"]
    assert left_out.by_rule["--exclude"] == 3
    assert left_out.by_rule["written by headcount"] == 1


def test_exclude_wins_over_the_ignore_file_and_that_over_the_rules() -> None:
    keys, left_out = chosen(
        store_of(ignore="*.gif\n!#recycle/\n!@eaDir/\n\\#recycle/\n!2020/\n"), exclude=("2020/",)
    )
    assert keys == ["2019/@eaDir/a.jpg", "2019/a.jpg", "out/annotated/a.jpg"]
    assert left_out.by_rule == {
        "--exclude": 2,
        ".headcountignore": 1,
        "#recycle": 1,
        "hidden folders": 1,
    }


def test_of_a_list_every_row_counts_but_what_was_excluded() -> None:
    keys, left_out = chosen(
        store_of(ignore="2019/"), counts=lambda _: True, listed=True, exclude=("*.txt", "2020/")
    )
    assert "#recycle/a.jpg" in keys
    assert "2019/a.jpg" in keys
    assert left_out.by_rule == {"--exclude": 3}
    assert left_out.others == 0


def test_an_image_of_another_kind_is_counted_by_suffix_or_by_its_rule() -> None:
    _, left_out = chosen(store_of("a.JXL", "b.jxl", "c.psd", "@eaDir/d.jxl", "e.txt"))
    assert left_out.suffixes == {"jxl": 2, "psd": 1}
    assert left_out.by_rule == {"@eaDir": 1}
    assert left_out.others == 4


def test_with_every_object_as_a_photo_leftovers_are_left_out_too() -> None:
    keys, left_out = chosen(store_of("a", ".DS_Store", "b/._c", "d.txt"), counts=lambda _: True)
    assert keys == ["a", "d.txt"]
    assert left_out.by_rule == {"hidden files": 1, "._*": 1}


@pytest.mark.integration
def test_on_s3_it_is_the_same(s3: S3Server) -> None:
    s3.make_bucket("selection")
    store = open_store("s3://selection/photos/", s3.settings())
    for key in KEYS:
        store.put(key, b"x")
    store.put(".headcountignore", b"2020/\n")
    left_out = LeftOut()
    keys = [i.key for i in Selection(store, never=("out/",)).photos(left_out)]
    assert keys == ["2019/a.jpg", "2019/b.gif"]
    assert (left_out.by_rule[".headcountignore"], left_out.by_rule["@eaDir"]) == (1, 2)
