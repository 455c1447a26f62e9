"""Questions about unnamed faces: their order, answers, and answers taken back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headcount.contract.stored.archive import PackRecord
from workers.identity.asked_groups import RunFaces
from workers.identity.questions import SHOWN
from workers.identity.suggest import Suggestions
from workers.people.gallery import NOBODY_ENROLLED, Gallery
from workers.tables.columns import NONE
from workers.tables.embeddings import Embeddings

PACK = PackRecord(
    name="made",
    pack_id="made",
    digest="",
    detector="",
    detector_sha256="",
    recogniser="",
    recogniser_sha256="",
    licence="",
    dimensions=32,
    threshold=0.45,
    margin=0.04,
    fmr=((1e-2, 0.304), (1e-3, 0.37), (1e-4, 0.423), (1e-5, 0.47)),
    calibration=(33.16, -12.57),
    decade=0.047,
    cluster_threshold=0.48,
    cluster_group_threshold=0.38,
)
ADA, BEA, CLEO = 0, 1, 2


def near(direction: int, cosine: float, other: int) -> np.ndarray:
    """A vector at a cosine to a direction, the rest along another."""
    found = np.zeros(32, np.float32)
    found[direction], found[other] = cosine, (1 - cosine**2) ** 0.5
    return found


def gallery_of(count: int) -> Gallery:
    """People of one reference each, along the first directions."""
    ids = tuple(f"p{n}" for n in range(count))
    vectors, weak = np.eye(count, 32, dtype=np.float32), np.zeros((count, 2), np.float32)
    boxes = np.zeros((count, 4), np.float32)
    return Gallery(ids, ids, np.arange(count), vectors, weak, ids, ids, boxes)


def faces_of(
    vectors: list[np.ndarray], clusters: list[int], person: list[int] | None = None
) -> RunFaces:
    """Faces of photos of their own, compared with three people as a run compares them."""
    embeddings, count = np.array(vectors, np.float32).reshape(-1, 32), len(vectors)
    alike = embeddings[:, :3]
    order = np.argsort(-alike, axis=1, kind="stable")
    rows = np.arange(count)
    return RunFaces(
        embeddings,
        np.zeros((count, 2), np.float32),
        np.full(count, 0.9, np.float32),
        rows,
        np.array(clusters, np.int64),
        np.array(person if person is not None else [NONE] * count, np.int64),
        np.ones(count, bool),
        order[:, 0].astype(np.int64) if count else rows,
        alike[rows, order[:, 0]] if count else np.zeros(0, np.float32),
        order[:, 1].astype(np.int64) if count else rows,
        alike[rows, order[:, 1]] if count else np.zeros(0, np.float32),
    )


@pytest.fixture
def run() -> RunFaces:
    """A cluster of three strangers, a face like Ada, one like Bea, and a pair of nobody."""
    strangers = [near(10, 0.9, 11 + n) for n in range(3)]
    pair = [near(20, 0.9, 21 + n) for n in range(2)]
    vectors = [*strangers, near(ADA, 0.49, 15), near(BEA, 0.44, 16), *pair]
    return faces_of(vectors, [4, 4, 4, 7, 8, 9, 9])


def told(suggestions: Suggestions) -> list[tuple[int, int, float, list[int]]]:
    """All that is asked, in order."""
    every = [*suggestions.suggested(50), *suggestions.unnamed(50)]
    return [(q.group, q.person, q.chance, q.rows.tolist()) for q in every]


def test_suggestions_come_by_expected_gain_and_groups_by_size(run: RunFaces) -> None:
    suggestions = Suggestions(run, gallery_of(3), PACK)
    likely = suggestions.suggested(10)
    assert [(q.person, q.rows.tolist()) for q in likely] == [(ADA, [3]), (BEA, [4])]
    assert likely[0].gain > likely[1].gain > 0
    assert [len(q.rows) for q in suggestions.unnamed(10)] == [3, 2, 1, 1]
    assert [q.group for q in suggestions.unnamed(1, skip=[0])] == [3]


def test_the_largest_group_is_asked_alone_and_a_sheet_where_it_names_more(run: RunFaces) -> None:
    suggestions = Suggestions(run, gallery_of(3), PACK)
    assert [q.rows.tolist() for q in suggestions.next()] == [[0, 1, 2]]
    suggestions.named(np.arange(3), suggestions.add_person())
    suggestions.named(np.array([5, 6]), suggestions.add_person())
    assert [q.person for q in suggestions.next()] == [ADA, BEA]


def test_somebody_with_named_faces_is_less_likely_in_a_further_group() -> None:
    vectors = [near(ADA, 0.46, 15), near(BEA, 0.46, 16), near(BEA, 0.8, 17)]
    named = faces_of(vectors, [1, 2, 3], [NONE, NONE, BEA])
    ada, bea = Suggestions(named, gallery_of(3), PACK).suggested(5)
    assert (ada.person, bea.person) == (ADA, BEA)
    odds = [question.chance / (1 - question.chance) for question in (ada, bea)]
    assert odds[0] > 5 * odds[1]


def test_a_named_cluster_is_a_reference_at_once() -> None:
    same = [near(10, 0.9, 11), near(10, 0.9, 12), near(10, 0.5, 13)]
    suggestions = Suggestions(faces_of(same, [1, 1, 2]), gallery_of(3), PACK)
    assert suggestions.suggested(5) == []
    who = suggestions.add_person()
    suggestions.named(np.array([0, 1]), who)
    [question] = suggestions.suggested(5)
    assert (question.person, question.rows.tolist()) == (who, [2])


def test_a_rejected_person_is_never_asked_about_again(run: RunFaces) -> None:
    suggestions = Suggestions(run, gallery_of(3), PACK)
    suggestions.rejected(np.array([3]), ADA)
    assert (ADA, [3]) not in [(q.person, q.rows.tolist()) for q in suggestions.suggested(9)]
    suggestions.named(np.array([0]), ADA)
    assert suggestions.question(suggestions.group_of(3)).person != ADA
    later = Suggestions(run, gallery_of(3), PACK, rejected=[(3, ADA)])
    assert later.question(later.group_of(3)).person != ADA


def test_dismissed_faces_are_asked_about_no_more(run: RunFaces) -> None:
    suggestions = Suggestions(run, gallery_of(3), PACK)
    suggestions.left(np.array([0, 1, 2]))
    assert [q.rows.tolist() for q in suggestions.unnamed(1)] == [[5, 6]]
    assert suggestions.group_of(0) == NONE


def test_marked_faces_stay_behind_as_a_group(run: RunFaces) -> None:
    suggestions = Suggestions(run, gallery_of(3), PACK)
    suggestions.named(np.array([0, 1]), suggestions.add_person())
    assert [2] in [q.rows.tolist() for q in suggestions.unnamed(9)]


def test_a_rejected_name_makes_faces_a_group_of_their_own() -> None:
    named = faces_of(
        [near(ADA, 0.8, 9), near(ADA, 0.8, 10), near(12, 1, 13)], [1, 1, 2], [0, 0, -1]
    )
    suggestions = Suggestions(named, gallery_of(3), PACK)
    assert len(suggestions.unnamed(9)) == 1
    step = suggestions.rejected(np.array([1]), ADA)
    asked = suggestions.unnamed(9)
    assert [q.rows.tolist() for q in asked] == [[2], [1]]
    assert asked[1].person != ADA
    suggestions.undo(step)
    assert len(suggestions.unnamed(9)) == 1


def test_nobody_is_suggested_for_a_photo_that_has_the_person_already() -> None:
    faces = faces_of([near(ADA, 0.49, 9), near(ADA, 0.8, 10)], [1, 2], [NONE, ADA])
    apart = Suggestions(faces, gallery_of(3), PACK)
    assert [q.person for q in apart.suggested(5)] == [ADA]
    together = Suggestions(replace(faces, photos=np.zeros(2, np.int64)), gallery_of(3), PACK)
    assert together.suggested(5) == []


def test_look_alikes_are_joined_or_parted() -> None:
    vectors = [near(10, 0.9, 11), near(10, 0.8, 12), near(20, 1, 21)]
    suggestions = Suggestions(faces_of(vectors, [1, 2, 3]), gallery_of(3), PACK)
    found = suggestions.look_alike(0)
    assert found is not None
    assert (found.group, round(found.similarity, 2)) == (1, 0.72)
    step = suggestions.parted(np.array([0]), np.array([1]))
    other = suggestions.look_alike(0)
    assert other is not None
    assert other.group == 2
    suggestions.undo(step)
    suggestions.joined(np.array([0]), np.array([1]))
    assert [q.rows.tolist() for q in suggestions.unnamed(1)] == [[0, 1]]


def test_parted_faces_do_not_get_each_others_name() -> None:
    vectors = [near(10, 0.9, 11), near(10, 0.6, 12)]
    suggestions = Suggestions(faces_of(vectors, [1, 2]), gallery_of(3), PACK)
    suggestions.parted(np.array([0]), np.array([1]))
    who = suggestions.add_person()
    suggestions.named(np.array([0]), who)
    assert suggestions.question(suggestions.group_of(1)).person != who


def steps(suggestions: Suggestions, who: int) -> list[int]:
    """One answer of each kind."""
    return [
        suggestions.named(np.array([0, 1]), who),
        suggestions.rejected(np.array([3]), ADA),
        suggestions.left(np.array([4])),
        suggestions.joined(np.array([2]), np.array([5])),
        suggestions.taken([(np.array([6]), BEA)], [(np.array([2]), CLEO)]),
    ]


def test_answers_taken_back_leave_exactly_what_was(run: RunFaces) -> None:
    suggestions = Suggestions(run, gallery_of(3), PACK)
    who, before = suggestions.add_person(), []
    fresh = told(suggestions)
    for answer in range(5):
        before.append(told(suggestions))
        taken = steps(suggestions, who)
        for step in reversed(taken):
            suggestions.undo(step)
        assert told(suggestions) == before[answer] == fresh


@pytest.mark.parametrize("which", range(5))
def test_any_answer_is_taken_back_as_if_never_given(run: RunFaces, which: int) -> None:
    one, other = (Suggestions(run, gallery_of(3), PACK) for _ in range(2))
    who = one.add_person()
    one.undo(steps(one, who)[which])
    assert other.add_person() == who
    taken = steps(other, who)
    for step in reversed(taken[which:]):
        other.undo(step)
    for n, step in enumerate(taken[which + 1 :], which + 1):
        assert step
        again = [
            lambda: other.named(np.array([0, 1]), who),
            lambda: other.rejected(np.array([3]), ADA),
            lambda: other.left(np.array([4])),
            lambda: other.joined(np.array([2]), np.array([5])),
            lambda: other.taken([(np.array([6]), BEA)], [(np.array([2]), CLEO)]),
        ]
        again[n]()
    assert told(one) == told(other)
    with pytest.raises(KeyError):
        one.undo(99)


def test_answers_one_by_one_are_as_a_run_that_has_them() -> None:
    draw = np.random.default_rng(5)
    vectors = [row / np.linalg.norm(row) for row in draw.standard_normal((60, 32))]
    faces = faces_of(vectors, (np.arange(60) // 3).tolist())
    now = Suggestions(faces, gallery_of(3), PACK)
    now.named(np.arange(0, 3), ADA)
    now.named(np.arange(9, 12), BEA)
    now.rejected(np.arange(12, 15), CLEO)
    person = faces.person.copy()
    person[0:3], person[9:12] = ADA, BEA
    later = Suggestions(
        replace(faces, person=person), gallery_of(3), PACK, fresh=[ADA, BEA], rejected=[(12, CLEO)]
    )
    one, other = now.unnamed(50), later.unnamed(50)
    assert [q.group for q in one] == [q.group for q in other]
    same = [
        np.allclose(a.similarity, b.similarity, atol=1e-6) for a, b in zip(one, other, strict=True)
    ]
    assert all(same)


def test_equal_questions_keep_their_order() -> None:
    vectors = [near(ADA, 0.46, 15), near(BEA, 0.46, 16), near(CLEO, 0.46, 17)]
    suggestions = Suggestions(faces_of(vectors, [3, 1, 2]), gallery_of(3), PACK)
    assert [q.rows.tolist() for q in suggestions.suggested(2)] == [[1], [2]]
    assert [q.rows.tolist() for q in suggestions.unnamed(2)] == [[1], [2]]


def test_faces_to_look_at_are_the_best_and_the_oddest() -> None:
    vectors = [near(10, 0.9, 11 + n % 4) for n in range(20)] + [near(25, 1, 26)]
    suggestions = Suggestions(faces_of(vectors, [1] * 21), gallery_of(3), PACK)
    [question] = suggestions.unnamed(1)
    assert len(question.shown) == SHOWN
    assert question.shown[:4].tolist() == [0, 1, 2, 3]
    assert question.shown[4] == 20


def test_half_precision_asks_the_same(run: RunFaces) -> None:
    half = Embeddings.as_stored(np.asarray(run.embeddings[:]).astype(np.float16))
    one, other = (Suggestions(f, gallery_of(3), PACK) for f in (run, replace(run, embeddings=half)))
    assert [row[:2] for row in told(one)] == [row[:2] for row in told(other)]


def test_a_pack_that_was_never_measured_goes_by_its_threshold(run: RunFaces) -> None:
    bare = PACK.model_copy(update={"fmr": (), "calibration": None})
    likely = Suggestions(run, gallery_of(3), bare).suggested(5)
    assert [q.person for q in likely] == [ADA, BEA]
    assert 1 > likely[0].chance > likely[1].chance > 0


@pytest.mark.parametrize("people", [0, 3])
def test_an_empty_archive_asks_nothing(people: int) -> None:
    gallery = gallery_of(3) if people else NOBODY_ENROLLED
    suggestions = Suggestions(faces_of([], []), gallery, PACK)
    assert suggestions.next() == suggestions.suggested(5) == suggestions.unnamed(5) == []


def test_without_anybody_enrolled_groups_are_asked_by_size_and_names_teach() -> None:
    same = [near(10, 0.9, 11), near(10, 0.9, 12), near(10, 0.6, 13), near(20, 1, 21)]
    bare = faces_of(same, [1, 1, 2, 3])
    nobody = np.full(4, NONE)
    none = np.full(4, np.nan, np.float32)
    bare = replace(bare, nearest=nobody, evidence=none, runner_up=nobody, runner_up_evidence=none)
    suggestions = Suggestions(bare, NOBODY_ENROLLED, PACK)
    assert [q.rows.tolist() for q in suggestions.next()] == [[0, 1]]
    suggestions.named(np.array([0, 1]), suggestions.add_person())
    assert [q.rows.tolist() for q in suggestions.suggested(5)] == [[2]]
