from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from headcount.answers.record import Answer, What
from headcount.contract.layout import PackKeys
from headcount.contract.record import now
from headcount.s3_settings import S3Settings
from headcount.storage import open_store
from headcount.tables.schemas import PHOTOS, gallery_schema
from headcount.tables.table import Table
from workers.identity.apply_answers import Answers
from workers.identity.enrol_named import append_references, enrol_named
from workers.tables.embeddings import Embeddings
from workers.tables.pack_tables import PackTables

POSITIONS = {face: n for n, face in enumerate("abcd")}


def answers(*said: tuple[What, str, str | None]) -> Answers:
    records = tuple(
        Answer(at=now(), what=action, faces=(), person_id=person) for action, _, person in said
    )
    sides = [(faces[:1], faces[1:]) if act == "apart" else (faces, "") for act, faces, _ in said]
    return Answers(
        records, tuple(tuple(one) for one, _ in sides), tuple(tuple(other) for _, other in sides)
    )


def naming(folder: Path) -> tuple[PackTables, Table]:
    """An archive's tables, with an empty gallery of four dimensions."""
    store = open_store(folder.as_uri() + "/", S3Settings())
    tables = PackTables(store, PackKeys("p"), "file:///photos/", S3Settings())
    tables.photos.create(PHOTOS)
    tables.gallery.create(gallery_schema(4))
    tables.photos.create(PHOTOS)
    return tables, tables.gallery


def always() -> None:
    """Writing is allowed."""


def test_links_are_pairs_of_the_faces_that_are_here() -> None:
    must, cannot = answers(("same", "abx", None), ("apart", "bcdx", None)).links(POSITIONS)
    assert must.tolist() == [[0, 1]]
    assert cannot.tolist() == [[1, 2], [1, 3]], "c and d are one face under two ids"


def test_of_links_that_contradict_each_other_the_latest_holds() -> None:
    must, cannot = answers(("apart", "ac", None), ("same", "abc", None)).links(POSITIONS)
    assert (len(must), len(cannot)) == (2, 0)
    must, cannot = answers(("same", "ab", None), ("apart", "ab", None)).links(POSITIONS)
    assert (len(must), len(cannot)) == (0, 1)


def test_no_link_joins_two_that_are_apart_by_way_of_a_third() -> None:
    said = answers(("same", "ab", None), ("same", "bc", None), ("apart", "ac", None))
    must, cannot = said.links(POSITIONS)
    assert len(must) == 1
    assert cannot.tolist() == [[0, 2]]


def of_clusters(*said: tuple[What, str, str]) -> Answers:
    records = tuple(
        Answer(at=now(), what=action, faces=(), clusters=("k1", "k2")) for action, _, _ in said
    )
    return Answers(records, tuple(tuple(o) for _, o, _ in said), tuple(tuple(o) for *_, o in said))


def test_all_faces_of_two_linked_clusters_are_one_person() -> None:
    must, cannot = of_clusters(("same", "ab", "cdx")).links(POSITIONS)
    assert must.tolist() == [[0, 1], [0, 2], [0, 3]]
    assert len(cannot) == 0


def test_of_two_clusters_that_are_kept_apart_each_may_still_fall_into_parts() -> None:
    must, cannot = of_clusters(("apart", "ab", "cd")).links(POSITIONS)
    assert len(must) == 0
    assert cannot.tolist() == [[0, 2], [0, 3], [1, 2], [1, 3]]


def test_a_link_of_clusters_is_taken_back_whole_and_may_be_made_again() -> None:
    apart: tuple[What, str, str] = ("apart", "cd", "a")
    must, cannot = of_clusters(("same", "ab", "cd"), apart).links(POSITIONS)
    assert (len(must), len(cannot)) == (0, 2)
    must, cannot = of_clusters(("same", "ab", "cd"), apart, ("same", "ab", "cd")).links(POSITIONS)
    assert (len(must), len(cannot)) == (3, 0)


def test_a_face_that_was_parted_later_stays_out_of_the_linked_clusters() -> None:
    clusters = of_clusters(("same", "ab", "cd"))
    faces = answers(("apart", "ad", None))
    both = Answers(
        clusters.records + faces.records,
        clusters.faces + faces.faces,
        clusters.others + faces.others,
    )
    must, cannot = both.links(POSITIONS)
    assert must.tolist() == [[0, 1], [0, 2]]
    assert cannot.tolist() == [[0, 3]]


def test_linked_clusters_do_not_put_two_faces_of_one_photo_together() -> None:
    must, _ = of_clusters(("same", "ab", "cd")).links(POSITIONS, [1, 2, 2, 3])
    assert must.tolist() == [[0, 1], [0, 3]]
    must, _ = answers(("same", "bc", None)).links(POSITIONS, [1, 2, 2, 3])
    assert must.tolist() == [[1, 2]], "what was said of two faces holds"


def test_a_rejection_holds_until_the_face_is_given_that_name() -> None:
    assert answers(("not", "ab", "p1")).rejected == {("a", "p1"), ("b", "p1")}
    assert answers(("not", "ab", "p1"), ("name", "a", "p1")).rejected == {("b", "p1")}
    assert answers(("name", "a", "p1"), ("not", "a", "p1")).rejected == {("a", "p1")}


def test_a_face_cannot_be_whom_it_was_rejected_for_renamed_from_or_kept_apart_from() -> None:
    said = answers(
        ("not", "a", "ada"),
        ("name", "b", "ada"),
        ("name", "b", "ben"),
        ("apart", "cd", None),
    )
    faces = pa.table({"face_id": ["a", "b", "c", "d"], "person_id": [None, "ben", "cy", None]})
    assert said.against(faces) == {("a", "ada"), ("b", "ada"), ("d", "cy")}
    assert said.named == {"b"}


def test_of_two_names_of_a_face_the_latest_holds() -> None:
    said = answers(("name", "ab", "p1"), ("name", "a", "p2"))
    assert said.renamed == {("a", "p1")}
    assert answers(("name", "a", "p1"), ("name", "a", "p2"), ("name", "a", "p1")).renamed == {
        ("a", "p2")
    }
    assert answers(("name", "a", "p1"), ("name", "a", "p1")).renamed == set()


def test_the_references_of_a_name_that_was_corrected_go(tmp_path: Path) -> None:
    tables, gallery = naming(tmp_path)
    faces = pa.table(
        {"face_id": ["a", "b"], "photo": ["1.jpg", "2.jpg"], "quality": [1.0, 1.0]}
        | {name: [0.0, 0.0] for name in "xywh"}
    )
    vectors = Embeddings.as_stored(np.eye(2, 4, dtype=np.float16))
    first, second = ("name", "ab", "p1"), ("name", "ab", "p2")
    for said in (answers(first), answers(first, second)):
        enrol_named(tables, faces, vectors, said, confirm=always)
    rows = gallery.read(["person_id", "etag"]).to_pylist()
    assert sorted((row["person_id"], row["etag"]) for row in rows) == [("p2", "a"), ("p2", "b")]


def test_a_reference_made_of_a_face_keeps_the_parts_of_its_quality(tmp_path: Path) -> None:
    tables, gallery = naming(tmp_path)
    columns = {"face_id": ["a"], "photo": ["1.jpg"], "quality": [0.5], "outside": [0.25]}
    faces = pa.table(columns | {name: [0.0] for name in "xywh"})
    vectors = Embeddings.as_stored(np.eye(1, 4, dtype=np.float16))
    enrol_named(tables, faces, vectors, answers(("name", "a", "p1")), confirm=always)
    [row] = gallery.read(["outside", "sharpness"]).to_pylist()
    assert row == {"outside": 0.25, "sharpness": None}


def test_of_two_faces_of_one_photo_that_are_given_a_name_the_latest_is_the_reference(
    tmp_path: Path,
) -> None:
    tables, gallery = naming(tmp_path)
    columns = {"photo": ["1.jpg", "1.jpg"], "face_id": ["a", "b"], "quality": [0.9, 0.9]}
    faces = pa.table(columns | {name: [0.0, 0.0] for name in "xywh"})
    vectors = Embeddings.as_stored(np.eye(4, dtype=np.float32)[:2])
    first, second = ("name", "a", "p1"), ("name", "b", "p1")
    for said in (answers(first), answers(first, second), answers(first, second)):
        enrol_named(tables, faces, vectors, said, confirm=always)
    assert gallery.read(["etag"])["etag"].to_pylist() == ["b"], "nobody is in a photo twice"


def test_a_copy_that_comes_first_makes_no_second_reference_of_a_face(tmp_path: Path) -> None:
    tables, gallery = naming(tmp_path)
    for photos in (["b.jpg"], ["a.jpg", "b.jpg"]):
        count = len(photos)
        faces = pa.table(
            {"face_id": ["a"] * count, "photo": photos, "quality": [1.0] * count}
            | {name: [0.0] * count for name in "xywh"}
        )
        vectors = Embeddings.as_stored(np.eye(1, 4, dtype=np.float16).repeat(count, axis=0))
        enrol_named(tables, faces, vectors, answers(("name", "a", "p1")), confirm=always)
    assert gallery.read(["photo", "etag"]).to_pylist() == [{"photo": "b.jpg", "etag": "a"}]


def test_a_reference_that_was_rejected_goes_from_every_collection_that_its_photo_is_in(
    tmp_path: Path,
) -> None:
    tables, gallery = naming(tmp_path)
    faces = pa.table(
        {"face_id": ["a"], "photo": ["1.jpg"], "quality": [1.0]} | {name: [0.0] for name in "xywh"}
    )
    vectors, named = Embeddings.as_stored(np.eye(1, 4, dtype=np.float16)), ("name", "a", "p1")
    for source in ("file:///copies/", "file:///photos/"):
        tables = replace(tables, source=source)
        enrol_named(tables, faces, vectors, answers(named), confirm=always)
    assert gallery.count() == 2
    enrol_named(tables, faces, vectors, answers(named, ("not", "a", "p1")), confirm=always)
    assert gallery.count() == 0


class Inherited:
    """References of Ada, `a` and `b`, that another pack left: no answer marks their faces."""

    def __init__(self, folder: Path) -> None:
        self.tables, self.gallery = naming(folder)
        names = ["a", "b"]
        self.faces = pa.table(
            {"face_id": names, "photo": names, "quality": [1.0, 1.0]}
            | {name: [0.0, 0.0] for name in "xywh"}
        )
        self.vectors = Embeddings.as_stored(np.eye(2, 4, dtype=np.float16))
        people = [("ada", "Ada")] * 2
        rows = np.arange(2)
        append_references(self.tables, people, self.faces, rows, self.vectors, confirm=always)

    def left(
        self, *said: tuple[What, str, str | None], named: str = "ada", taken_back: str = ""
    ) -> list[str]:
        """Ada's references that are left after she was named elsewhere, and these answers."""
        base = replace(answers(("name", "x", named), *said), people=frozenset({taken_back}))
        enrol_named(self.tables, self.faces, self.vectors, base, confirm=always)
        rows = self.gallery.read(["etag"], where="person_id = 'ada'").to_pylist()
        return sorted(row["etag"] for row in rows)


def test_references_that_another_pack_left_stay_as_long_as_the_person_has_a_name(
    tmp_path: Path,
) -> None:
    kept = Inherited(tmp_path / "kept")
    assert kept.left() == ["a", "b"]
    assert kept.left(("confirm", "a", "ada")) == ["a", "b"]
    assert Inherited(tmp_path / "not").left(("not", "a", "ada")) == ["b"]
    assert Inherited(tmp_path / "other").left(("name", "a", "ben")) == ["b"]
    assert Inherited(tmp_path / "none").left(("no_reference", "a", None)) == ["b"]
    assert Inherited(tmp_path / "no face").left(("not_a_face", "b", None)) == ["a"]
    assert Inherited(tmp_path / "undone").left(named="ben", taken_back="ada") == []
    assert Inherited(tmp_path / "else").left(named="ben") == ["a", "b"], "nobody ever named her"
