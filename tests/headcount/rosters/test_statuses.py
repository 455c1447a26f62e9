import random
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from headcount.contract.vocabulary import person_id
from headcount.rosters.findings import Findings, find
from headcount.rosters.read import LINES
from headcount.rosters.scopes import expand, in_memory, resolve
from headcount.rosters.statuses import EXPECTED, Status, count_statuses, statuses, with_accepted

PHOTOS = pa.schema([(c, pa.string()) for c in ("photo", "outcome", "reason")])
FACES = pa.schema(
    [(c, pa.string()) for c in ("photo", "face_id", "decision", "person_id")]
    + [("similarity", pa.float32()), ("quality", pa.float32())]
)
CANDIDATES = pa.schema(
    [(c, pa.string()) for c in ("photo", "face_id", "person_id")]
    + [("similarity", pa.float32()), ("lacking", pa.float32())]
)
ENROLLED = ("Ada", "Ben", "Cy", "Di")

Row = dict[str, Any]


def table(schema: pa.Schema, rows: Sequence[Sequence[Any]]) -> pa.Table:
    return pa.Table.from_pylist(
        [dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema
    )


def findings(photos: pa.Table, faces: pa.Table, candidates: pa.Table) -> Findings:
    return find(photos, faces, candidates, {person_id(name): name for name in ENROLLED})


def expected(
    lines: Sequence[tuple[str, str, str]],
    photos: Sequence[tuple[str, str, str | None]],
    faces: Sequence[Sequence[Any]] = (),
    candidates: Sequence[Sequence[Any]] = (),
) -> pa.Table:
    """The table of lines of scope, person and need; people in faces and candidates by name."""
    of_lines = table(
        LINES, [(n, s, p, person_id(p), needed) for n, (s, p, needed) in enumerate(lines, 2)]
    )
    of_photos = table(PHOTOS, photos)
    found = findings(
        of_photos,
        table(FACES, [(*f[:3], f[3] and person_id(f[3]), *f[4:]) for f in faces]),
        table(CANDIDATES, [(*c[:2], person_id(c[2]), *c[3:]) for c in candidates]),
    )
    keys = in_memory(of_photos["photo"])
    scopes = resolve(of_lines, keys)
    return pa.concat_tables(statuses(t, scopes, found) for t in expand(of_lines, scopes, keys))


def one(*given: Any) -> Row:
    rows: list[Row] = expected(*given).to_pylist()
    assert len(rows) == 1
    return rows[0]


GOOD = [("a.jpg", "faces", None)]
MATCHED = ("a.jpg", "f1", "matched", "Ada", 0.6, 0.9)
INFERRED = ("a.jpg", "f2", "inferred", "Ada", 0.3, 0.5)
UNKNOWN = ("a.jpg", "f3", "unknown", None, 0.2, 0.8)
IGNORED = ("a.jpg", "f4", "ignored", None, None, 0.1)
NEAR = ("a.jpg", "f3", "Ada", 0.31, 0.05)
FAR = ("a.jpg", "f3", "Ada", 0.30, 0.06)
NEEDS = ["every", "some"]


@pytest.mark.parametrize("needed", NEEDS)
def test_a_matched_face_is_present_with_its_figures(needed: str) -> None:
    row = one([("a.jpg", "Ada", needed)], GOOD, [INFERRED, MATCHED, IGNORED], [NEAR])
    assert (row["status"], row["face_id"], row["photo"]) == ("present", "f1", "a.jpg")
    assert (row["similarity"], row["quality"]) == (pytest.approx(0.6), pytest.approx(0.9))
    assert (row["person"], row["person_id"]) == ("Ada", person_id("Ada"))
    assert row["reason"] == "recognised"


@pytest.mark.parametrize("needed", NEEDS)
def test_an_inferred_face_is_told_apart(needed: str) -> None:
    row = one([("a.jpg", "Ada", needed)], GOOD, [INFERRED, UNKNOWN, IGNORED], [NEAR])
    assert (row["status"], row["face_id"]) == ("inferred", "f2")
    assert "inferred" in row["reason"]


@pytest.mark.parametrize("needed", NEEDS)
def test_a_near_miss_is_at_most_a_twentieth_below(needed: str) -> None:
    lines = [("a.jpg", "Ada", needed)]
    row = one(lines, GOOD, [UNKNOWN, IGNORED], [NEAR])
    assert (row["status"], row["face_id"]) == ("near_miss", "f3")
    assert "similarity 0.31, 0.05 below what this name needs" in row["reason"]
    assert row["quality"] == pytest.approx(0.8)
    row = one(lines, GOOD, [UNKNOWN], [FAR])
    assert (row["status"], row["face_id"]) == ("absent", "f3")
    assert "similarity 0.3, too little" in row["reason"]


def test_a_face_that_is_near_enough_and_has_no_name_is_a_near_miss_that_says_so() -> None:
    row = one([("a.jpg", "Ada", "every")], GOOD, [UNKNOWN], [("a.jpg", "f3", "Ada", 0.5, -0.1)])
    assert row["status"] == "near_miss"
    assert "enough, and was not given this name" in row["reason"]


@pytest.mark.parametrize("needed", NEEDS)
def test_a_face_that_is_somebody_s_is_near_nobody_else(needed: str) -> None:
    faces = [("a.jpg", "f3", "matched", "Ben", 0.6, 0.9)]
    row = one([("a.jpg", "Ada", needed)], GOOD, faces, [NEAR])
    assert (row["status"], row["face_id"], row["similarity"]) == ("absent", None, None)


@pytest.mark.parametrize("needed", NEEDS)
def test_an_ignored_face_is_too_poor_to_say(needed: str) -> None:
    other = ("a.jpg", "f5", "ignored", None, None, 0.2)
    row = one([("a.jpg", "Ada", needed)], GOOD, [IGNORED, other])
    assert (row["status"], row["face_id"]) == ("too_poor_to_say", "f5")
    assert row["reason"].endswith(": 2")
    row = one([("a.jpg", "Ada", needed)], GOOD, [IGNORED, other, UNKNOWN], [FAR])
    assert (row["status"], row["face_id"]) == ("too_poor_to_say", "f3")


@pytest.mark.parametrize("needed", NEEDS)
def test_an_ignored_face_that_somebody_named_is_no_reason_for_doubt(needed: str) -> None:
    named = ("a.jpg", "f4", "inferred", "Ben", None, 0.1)
    assert one([("a.jpg", "Ada", needed)], GOOD, [named])["status"] == "absent"


def test_absent_says_whether_the_photo_has_any_face() -> None:
    lines = [("a.jpg", "Ada", "every")]
    assert one(lines, [("a.jpg", "no_face", None)])["reason"] == "the photo has no face"
    assert "no face in the photo is like" in one(lines, GOOD, [UNKNOWN])["reason"]


CUT = "the last 120 rows are missing"


@pytest.mark.parametrize(
    ("outcome", "faces", "candidates", "status"),
    [
        ("no_face", [], [], "absent"),
        ("faces", [UNKNOWN], [], "absent"),
        ("faces", [UNKNOWN], [FAR], "absent"),
        ("faces", [UNKNOWN], [NEAR], "near_miss"),
        ("faces", [IGNORED], [], "too_poor_to_say"),
    ],
)
def test_an_absence_from_a_photo_that_was_not_seen_whole_says_what_is_missing(
    outcome: str, faces: list[Any], candidates: list[Any], status: str
) -> None:
    lines = [("a.jpg", "Ada", "every")]
    whole = one(lines, [("a.jpg", outcome, None)], faces, candidates)
    row = one(lines, [("a.jpg", outcome, CUT)], faces, candidates)
    assert row["status"] == whole["status"] == status
    assert row["reason"] == f"{whole['reason']}; of the photo, {CUT}"


def test_an_absence_from_a_scope_counts_the_photos_that_were_not_seen_whole() -> None:
    capped = "only the best 2000 of 2400 faces were kept"
    photos = [("a/1.jpg", "no_face", CUT), ("a/2.jpg", "faces", capped), ("a/3.jpg", "faces", None)]
    assert one([("a/", "Ada", "some")], photos)["reason"] == (
        "no face is like this person; photos looked through: 3; "
        "photos of which a part was not seen: 2"
    )
    assert "not seen" not in one([("a/3.jpg", "Ada", "some")], photos)["reason"]


def test_who_is_met_or_in_a_photo_that_failed_has_no_word_of_what_was_not_seen() -> None:
    lines = [("a.jpg", "Ada", "every")]
    assert one(lines, [("a.jpg", "faces", CUT)], [MATCHED])["reason"] == "recognised"
    failed = one(lines, [("a.jpg", "unreadable", "no end")])["reason"]
    assert failed == "the photo could not be read: no end"


@pytest.mark.parametrize("outcome", ["unreadable", "too_large", "missing", "denied", "crashed"])
def test_a_photo_that_was_not_processed_is_nobody_s_absence_and_says_why(outcome: str) -> None:
    row = one([("a.jpg", "Ada", "every")], [("a.jpg", outcome, "cut off")], [MATCHED])
    assert (row["status"], row["face_id"], row["photo"]) == ("photo_unreadable", None, "a.jpg")
    assert row["reason"].endswith(": cut off")
    assert one([("a.jpg", "Ada", "every")], [("a.jpg", outcome, None)])["reason"]


@pytest.mark.parametrize("needed", NEEDS)
@pytest.mark.parametrize("scope", ["b.jpg", "b/", "b*"])
def test_a_scope_without_a_photo_is_photo_absent(scope: str, needed: str) -> None:
    row = one([(scope, "Ada", needed)], GOOD, [MATCHED])
    assert (row["status"], row["photo"], row["scope"]) == ("photo_absent", None, scope)
    assert row["reason"].startswith("the collection has no")


@pytest.mark.parametrize("needed", NEEDS)
def test_a_name_that_nobody_bears_comes_before_all_and_has_a_hint(needed: str) -> None:
    row = one([("b.jpg", "ada", needed)], GOOD)
    assert (row["status"], row["person"], row["person_id"]) == ("not_enrolled", "ada", None)
    assert row["reason"] == "nobody of this name is enrolled; is it Ada?"
    assert one([("a.jpg", "Zoe Y", needed)], GOOD)["reason"] == "nobody of this name is enrolled"


def test_some_is_met_by_the_best_photo_of_the_scope() -> None:
    photos = [(f"{n}.jpg", "faces", None) for n in "abc"]
    faces = [
        ("a.jpg", "f1", "inferred", "Ada", 0.9, 0.9),
        ("b.jpg", "f2", "matched", "Ada", 0.5, 0.9),
        ("c.jpg", "f3", "matched", "Ada", 0.6, 0.9),
    ]
    row = one([("*", "Ada", "some")], photos, faces)
    assert (row["status"], row["photo"], row["face_id"]) == ("present", "c.jpg", "f3")
    row = one([("[ab].jpg", "Ada", "some")], photos, faces)
    assert (row["photo"], row["face_id"]) == ("b.jpg", "f2")


def test_with_some_an_unreadable_photo_hides_nobody_s_presence_and_no_near_miss() -> None:
    photos = [
        ("a.jpg", "faces", None),
        ("b.jpg", "unreadable", "cut off"),
        ("c/d.jpg", "faces", None),
    ]
    every = [("*", name, "some") for name in ("Ada", "Ben", "Cy", "Di")]
    faces = [MATCHED, UNKNOWN]
    rows = expected(every, photos, faces, [("a.jpg", "f3", "Ben", 0.3, 0.01)]).to_pylist()
    assert [row["status"] for row in rows] == [
        "present",
        "near_miss",
        "photo_unreadable",
        "photo_unreadable",
    ]
    assert rows[2]["reason"] == "not found, and of 3 photos could not be read: 1"
    assert rows[2]["photo"] is None
    rows = expected(every, photos, [*faces, IGNORED]).to_pylist()
    assert [row["status"] for row in rows[2:]] == ["too_poor_to_say"] * 2
    assert one([("c/", "Cy", "some")], photos, faces)["status"] == "absent"


def test_copies_of_a_photo_share_face_ids_and_nothing_else() -> None:
    photos = [("a.jpg", "faces", None), ("copy.jpg", "faces", None)]
    faces = [
        ("a.jpg", "f1", "matched", "Ben", 0.6, 0.9),
        ("copy.jpg", "f1", "unknown", None, 0.2, 0.9),
    ]
    near = [(photo, "f1", "Ada", 0.3, 0.01) for photo in ("a.jpg", "copy.jpg")]
    rows = expected([("*", "Ada", "every")], photos, faces, near).to_pylist()
    assert [row["status"] for row in rows] == ["absent", "near_miss"]


def test_similarity_is_never_above_one() -> None:
    face = ("a.jpg", "f1", "matched", "Ada", 1.0000001, 0.9)
    assert one([("a.jpg", "Ada", "every")], GOOD, [face])["similarity"] == 1.0


def test_candidates_may_have_the_threshold_in_place_of_what_is_lacking() -> None:
    near = table(CANDIDATES, [("a.jpg", "f3", person_id("Ada"), 0.3, None)]).drop_columns("lacking")
    near = near.append_column("threshold", pa.array([0.34], pa.float32()))
    found = findings(table(PHOTOS, GOOD), table(FACES, [UNKNOWN]), near)
    assert found.near.table["lacking"].to_pylist() == [pytest.approx(0.04)]


def test_nothing_expected_and_nothing_found_are_empty_tables() -> None:
    assert expected([], GOOD).schema == EXPECTED
    assert expected([], GOOD).num_rows == 0
    assert one([("*", "Ada", "some")], [])["status"] == "photo_absent"


def test_counts_name_every_status() -> None:
    rows = expected([("a.jpg", "Ada", "every"), ("a.jpg", "Ben", "every")], GOOD, [MATCHED])
    counts = count_statuses(rows)
    assert list(counts) == [status.value for status in Status]
    assert {name: n for name, n in counts.items() if n} == {"present": 1, "absent": 1}


def told(
    photos: set[str], person: str, needed: str, facts: tuple[dict[str, str], list[Row], list[Row]]
) -> str:
    """The status by DESIGN's list, one rule after the other, in plain Python."""
    outcomes, faces, candidates = facts
    who = person_id(person)
    failed = any(outcomes[photo] not in ("faces", "no_face") for photo in photos)
    here = [face for face in faces if face["photo"] in photos]
    claimed = {(f["photo"], f["face_id"]) for f in faces if f["person_id"]}
    near = [
        pair["lacking"]
        for pair in candidates
        if pair["photo"] in photos and pair["person_id"] == who
        if (pair["photo"], pair["face_id"]) not in claimed
    ]
    given = {f["decision"] for f in here if f["person_id"] == who}
    rules = {
        "not_enrolled": person not in ENROLLED,
        "photo_absent": not photos,
        "photo_unreadable": failed and needed == "every",
        "present": "matched" in given,
        "inferred": "inferred" in given,
        "near_miss": any(lacking <= 0.05 for lacking in near),
        "too_poor_to_say": any(f["decision"] == "ignored" for f in here),
    }
    last = "photo_unreadable" if failed else "absent"
    return next((status for status, holds in rules.items() if holds), last)


@pytest.mark.parametrize("seed", range(40))
def test_made_up_jobs_are_told_as_by_the_list_of_rules(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - the same jobs each time
    keys = [f"{rng.choice('ab')}/{rng.choice('cd')}/{n}.jpg" for n in range(12)]
    kinds = ["faces"] * 6 + ["no_face", "unreadable", "crashed"]
    photos = [(key, rng.choice(kinds), rng.choice([None, "why"])) for key in keys]
    faces, near = [], []
    for key, outcome, _ in photos:
        for n in range(rng.randint(0, 3) if outcome == "faces" else 0):
            decision = rng.choice(["matched", "inferred", "unknown", "unknown", "ignored"])
            name = rng.choice(ENROLLED) if decision in ("matched", "inferred") else None
            faces.append((key, f"f{n}", decision, name, rng.random(), rng.random()))
            near += [
                (key, f"f{n}", other, rng.random(), rng.choice([-0.1, 0.01, 0.06, 0.2]))
                for other in rng.sample(ENROLLED, rng.randint(0, 2))
            ]
    texts = [*rng.sample(keys, 4), "a/", "b/", "a/c/", "*", "**/1*.jpg", "?/d/*", "no.jpg", "z/"]
    lines = [
        (text, rng.choice([*ENROLLED, "Zoe"]), rng.choice(NEEDS))
        for text in texts
        for _ in range(3)
    ]
    rows = expected(lines, photos, faces, near).to_pylist()
    of_lines = table(LINES, [(0, s, p, person_id(p), n) for s, p, n in lines])
    scopes = resolve(of_lines, in_memory(pa.array(keys)))
    found = findings(table(PHOTOS, photos), table(FACES, []), table(CANDIDATES, []))
    facts = (
        {key: outcome for key, outcome, _ in photos},
        [
            dict(zip(FACES.names, (*f[:3], f[3] and person_id(f[3]), *f[4:]), strict=True))
            for f in faces
        ],
        [dict(zip(CANDIDATES.names, (*c[:2], person_id(c[2]), *c[3:]), strict=True)) for c in near],
    )
    ordered, wanted = sorted(keys), []
    for text, person, needed in lines:
        at = scopes[text].pattern.select(found.numbering.photos).to_pylist()
        among = {ordered[n] for n in at}
        sets = [{key} for key in sorted(among)] if needed == "every" and among else [among]
        wanted += [(text, person, told(photos_, person, needed, facts)) for photos_ in sets]
    assert [(row["scope"], row["person"], row["status"]) for row in rows] == wanted
    for row in rows:
        if row["face_id"] is not None:
            assert any((f[0], f[1]) == (row["photo"], row["face_id"]) for f in faces)
        assert row["reason"]


def test_a_similarity_to_somebody_else_is_not_the_expected_persons() -> None:
    lines = table(LINES, [(2, "a.jpg", "Ada", person_id("Ada"), "every")])
    faces = table(FACES, [(*INFERRED[:3], person_id("Ada"), *INFERRED[4:])])
    photos, keys = table(PHOTOS, GOOD), in_memory(pa.array(["a.jpg"]))
    scopes = resolve(lines, keys)
    for nearest, similarity in (("Ben", None), ("Ada", pytest.approx(0.3))):
        column = pa.array([person_id(nearest)])
        found = findings(
            photos, faces.append_column("nearest_person_id", column), table(CANDIDATES, [])
        )
        (row,) = statuses(next(expand(lines, scopes, keys)), scopes, found).to_pylist()
        assert (row["status"], row["face_id"]) == (Status.INFERRED, "f2")
        assert row["similarity"] == similarity


def test_an_absence_that_is_fine_is_accepted_and_nothing_else_is() -> None:
    lines = [("a.jpg", "Ada", "every"), ("b.jpg", "Ada", "every"), ("?.jpg", "Ben", "some")]
    lines += [("a.jpg", "Di", "every"), ("a.jpg", "Nobody", "every")]
    photos = [("a.jpg", "faces", None), ("b.jpg", "unreadable", "torn")]
    found = expected(lines, photos, [UNKNOWN, ("a.jpg", "f5", "matched", "Di", 0.6, 0.9)], [NEAR])
    before = found["status"].to_pylist()
    people = ("Ada", "Ben", "Di", "Nobody")
    places = ("a.jpg", "b.jpg", "?.jpg")
    every = {(person_id(name), place) for name in people for place in places}
    after = with_accepted(found, every).to_pylist()
    changed = {
        (row["person"], row["scope"]): row["status"]
        for row, was in zip(after, before, strict=True)
        if row["status"] != was
    }
    assert changed == {("Ada", "a.jpg"): "accepted"}, "with some, a photo that failed hides Ben"
    [near] = [row for row in after if (row["person"], row["scope"]) == ("Ada", "a.jpg")]
    assert near["face_id"] == "f3"
    assert near["reason"].startswith("a person said that this is fine: the nearest face has")
    assert with_accepted(found, ()) is found


def test_the_absence_from_some_photo_is_not_accepted_by_the_photo_of_its_nearest_face() -> None:
    found = expected([("*", "Ada", "some")], GOOD, [UNKNOWN], [NEAR])
    assert found["photo"].to_pylist() == ["a.jpg"]
    ada = person_id("Ada")
    assert with_accepted(found, {(ada, "a.jpg")})["status"].to_pylist() == ["near_miss"]
    assert with_accepted(found, {(ada, "*")})["status"].to_pylist() == ["accepted"]
