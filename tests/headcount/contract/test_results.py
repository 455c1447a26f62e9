import pyarrow as pa
import pytest

from headcount.contract import results
from headcount.contract.results import annotated_key, clusters_table
from headcount.contract.vocabulary import DISMISSED
from headcount.storage.keys import is_portable
from headcount.storage.memory import MemoryStore

Row = tuple[str | None, float, str, str] | tuple[str | None, float, str, str, str]


def clusters(*rows: Row, **people: str) -> list[tuple[object, ...]]:
    """The table of faces given as cluster, quality, face id and photo."""
    names = ("cluster_id", "quality", "face_id", "photo", "evidence")
    types = (pa.string(), pa.float32(), pa.string(), pa.string(), pa.string())
    rows = tuple((*row[:4], row[4] if len(row) == 5 else "") for row in rows)
    faces = pa.table(
        {
            name: pa.array([row[at] for row in rows], kind)
            for at, (name, kind) in enumerate(zip(names, types, strict=True))
        }
    )
    named = {"cluster_id": list(people), "person_id": list(people.values())}
    whose = pa.table(named, schema=pa.schema([(name, pa.string()) for name in named]))
    return [tuple(row.values()) for row in clusters_table(faces, whose).to_pylist()]


def test_the_largest_cluster_comes_first_and_shows_its_best_face() -> None:
    assert clusters(
        ("k1", 0.9, "f1", "a.jpg"),
        ("k2", 0.2, "f2", "a.jpg"),
        (None, 0.9, "f3", "a.jpg"),
        ("k2", 0.7, "f5", "b.jpg"),
        ("k2", 0.7, "f4", "b.jpg"),
        ("k0", 0.1, "f6", "c.jpg"),
        k2="p2",
        k9="p9",
    ) == [
        ("k2", 3, 2, "p2", "f4", False),
        ("k0", 1, 1, None, "f6", False),
        ("k1", 1, 1, None, "f1", False),
    ]


def test_a_cluster_is_dismissed_where_a_fifth_of_its_faces_are_and_it_has_no_name() -> None:
    def dismissed(some: int, others: int, **people: str) -> list[object]:
        said = [DISMISSED] * some + [""] * others
        rows = [("k", 0.5, f"f{n}", f"{n}.jpg", one) for n, one in enumerate(said)]
        return [row[-1] for row in clusters(*rows, **people)]

    assert dismissed(1, 4) == [True]
    assert dismissed(1, 5) == [False]
    assert dismissed(1, 0, k="p") == [False]


def test_without_clusters_the_table_is_empty() -> None:
    assert clusters() == []
    assert clusters((None, 0.5, "f1", "a.jpg"), k1="p1") == []


def test_annotated_photos_keep_the_folders_of_their_originals() -> None:
    assert annotated_key("2024/gala/a.png") == "annotated/2024/gala/a.png.jpg"


@pytest.mark.parametrize(
    "photo",
    [
        "s3://bucket/2024/gala.jpg",
        "../beside/the manifest.jpg",
        "/absolute.jpg",
        "a//b.jpg",
        "x" * 251 + ".jpg",
        "\U0001f600" * 60 + ".jpg",
        "deep/" * 300 + "x.jpg",
        "..",
    ],
)
def test_a_key_that_can_name_no_file_becomes_one_that_can(photo: str) -> None:
    key = annotated_key(photo)
    assert key.startswith("annotated/")
    assert is_portable(key)
    assert max(len(part.encode()) for part in key.split("/")) < 240
    assert len(key.encode()) < 1000
    assert annotated_key(photo + "x") != key


def test_keys_that_look_alike_do_not_share_an_annotated_copy() -> None:
    assert len({annotated_key(key) for key in ("a//b", "/a/b", "a/b", "../a/b", "a:/b")}) == 5


def test_pages_of_a_report_are_told_from_files_of_others() -> None:
    out = MemoryStore()
    for name in ("index", "photos-2", "photos-10", "photos-", "photos-x", "photos-2.old"):
        out.put(f"report/{name}.html", b"")
    out.put("report/photos-2.html.part", b"")
    assert sorted(results.report_pages(out)) == ["report/photos-10.html", "report/photos-2.html"]
