from collections import Counter
from collections.abc import Collection
from datetime import datetime
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
from workers.report.worth_a_look import Kind, Look

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
            [
                {"photo": p, "person": n, "status": "near_miss" if "near" in p else "absent"}
                for p, some in (missing or {}).items()
                for n in some
            ],
            pa.schema([(name, pa.string()) for name in ("photo", "person", "status")]),
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


def test_what_needs_a_look_has_half_of_the_photos_and_people_the_other() -> None:
    named = [(f"{n % 4}/{n:03}.jpg", f"f{n}", 0.5, f"p{n % 9}", None) for n in range(200)]
    result = run_result(*named, missing={f"gone/{n:03}.jpg": ("Bob",) for n in range(300)})
    looks = [Look(Kind.NEAR_MISS, f"look/{n}.jpg", "f", "Ada", "ada") for n in range(50)]
    chosen = choose_photos(result, 40, looks)
    folders = Counter(key.partition("/")[0] for key in chosen)
    assert len(chosen) == 40
    assert (folders["gone"], folders["look"]) == (11, 11)
    assert set("0123") <= set(folders)
    assert {"look/0.jpg", "gone/000.jpg"} <= chosen
    assert {key[5] for key in chosen if key.startswith("gone")} == {"0", "1", "2"}


def test_near_misses_come_before_other_absences() -> None:
    missing = {f"{'near' if n == 77 else 'all'}/{n}.jpg": ("Bob",) for n in range(100)}
    assert choose_photos(run_result(missing=missing), 1) == {"near/77.jpg"}


def test_where_nobody_has_a_name_photos_are_evenly_spread_over_folders() -> None:
    faces = [(f"{n // 100}/{n:03}.jpg", f"f{n}", 0.5, None, None) for n in range(800)]
    chosen = choose_photos(run_result(*faces), 80)
    assert set(Counter(key[0] for key in chosen).values()) == {10}


def test_dates_are_asked_of_candidates_alone() -> None:
    faces = [(f"a/{n}.jpg", f"f{n}", 1 - n / 100, "ada", None) for n in range(50)]
    asked: list[int] = []

    def taken(keys: Collection[str]) -> dict[str, datetime]:
        asked.append(len(keys))
        return {key: datetime(2020 if key == "a/5.jpg" else 2024, 1, 1) for key in keys}

    assert choose_photos(run_result(*faces), 2, taken=taken) == {"a/0.jpg", "a/5.jpg"}
    assert asked == [8]


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
