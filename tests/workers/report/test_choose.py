from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa

from headcount.contract import results
from headcount.contract.stored.references import ReferenceReport
from workers.report import choose
from workers.report.choose import (
    REFERENCES_SHOWN,
    choose_clusters,
    choose_people,
    choose_photos,
    failed_references,
    failures_by_cause,
    notes,
)
from workers.report.run_result import RunResult

Face = tuple[str, str, float, str | None, str | None]


def run_result(
    *faces: Face, missing: dict[str, tuple[str, ...]] | None = None, clusters: Any = ()
) -> RunResult:
    """Result with faces of photo, id, quality, person and cluster."""
    names = ("photo", "face_id", "quality", "person_id", "cluster_id")
    table = pa.Table.from_pylist(
        [dict(zip(names, face, strict=True)) for face in faces],
        pa.schema([results.FACES.field(name) for name in names]),
    )
    found = SimpleNamespace(
        faces=table,
        absent_by_photo=pa.Table.from_pylist(
            [{"photo": p, "person": n} for p, some in (missing or {}).items() for n in some],
            pa.schema([("photo", pa.string()), ("person", pa.string())]),
        ),
        unnamed=pa.Table.from_pylist(list(clusters), results.CLUSTERS),
    )
    return cast("RunResult", found)


def row(photo: str, outcome: str, reason: str | None) -> dict[str, str | None]:
    return {"photo": photo, "outcome": outcome, "reason": reason}


def test_failures_are_counted_by_cause_the_most_frequent_first() -> None:
    rows = [row(f"{n}.jpg", "unreadable", "truncated file") for n in range(9)]
    rows += [row("big.tif", "too_large", "x"), row("gone.jpg", "missing", None)]
    causes = failures_by_cause(rows)
    assert [(c.outcome, c.reason, c.photos) for c in causes] == [
        ("unreadable", "truncated file", 9),
        ("missing", "", 1),
        ("too_large", "x", 1),
    ]
    assert causes[0].examples == ("0.jpg", "1.jpg", "2.jpg", "3.jpg", "4.jpg")


def test_photos_with_missing_people_come_before_names_and_names_before_other_faces() -> None:
    result = run_result(
        ("a.jpg", "a/0", 0.5, None, None),
        ("b.jpg", "b/0", 0.5, "ada", None),
        ("c.jpg", "c/0", 0.5, None, None),
        missing={"d.jpg": ("Bob",)},
    )
    assert choose_photos(result, 1) == {"d.jpg"}
    assert choose_photos(result, 2) == {"d.jpg", "b.jpg"}
    assert choose_photos(result, 3) == {"d.jpg", "b.jpg", "a.jpg"}
    assert choose_photos(result, 9) == {"a.jpg", "b.jpg", "c.jpg", "d.jpg"}


def test_a_cluster_shows_its_best_faces_and_its_counts_are_of_all() -> None:
    faces = [(f"{n:02}.jpg", f"{n:02}", n / 100, None, "c1") for n in range(20)]
    cluster = {"cluster_id": "c1", "faces": 20, "photos": 20, "exemplar_face_id": "19"}
    other = ("x.jpg", "x", 0.99, None, "c2")
    [shown] = choose_clusters(run_result(*faces, other, clusters=[cluster]))
    assert (shown.cluster_id, shown.total_faces, shown.total_photos) == ("c1", 20, 20)
    assert [face for _, face in shown.faces] == [f"{n:02}" for n in range(19, 7, -1)]
    assert len(shown.faces) == choose.CLUSTER_FACES_SHOWN


def test_people_with_the_most_faces_come_first_and_equals_by_name() -> None:
    people = pa.table(
        {"person": ["Eve", "Bob", "Ada"], "person_id": ["e", "b", "a"], "faces": [1, 7, 1]}
    )
    assert choose_people(people, 2).to_pylist() == [1, 2]


def test_a_few_failed_references_of_each_person_are_kept_and_no_good_ones() -> None:
    reports = [
        ReferenceReport(person="Ada", photo=f"Ada/{n}.jpg", state="no_face") for n in range(20)
    ]
    reports.append(ReferenceReport(person="Bob", photo="Bob/1.jpg", state="enrolled"))
    failed = failed_references(reports)
    assert list(failed) == ["Ada"]
    assert failed["Ada"] == reports[:REFERENCES_SHOWN]


def test_notes_are_of_references_in_the_gallery_that_have_a_reason() -> None:
    reports = [
        ReferenceReport(person="Ada", photo="1", state="enrolled", reason="of several faces"),
        ReferenceReport(person="Ada", photo="2", state="enrolled"),
        ReferenceReport(person="Ada", photo="3", state="known", reason="as it was"),
        ReferenceReport(person="Ada", photo="4", state="blurred", reason="too blurred"),
    ]
    assert notes(reports) == {("Ada", "1"): "of several faces", ("Ada", "3"): "as it was"}
