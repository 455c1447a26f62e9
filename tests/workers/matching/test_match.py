import numpy as np
import pytest

from workers.faces.evidence import evidence
from workers.matching.match import NOBODY, Matches, accepted, match
from workers.people.gallery import Gallery


def unit(*values: float) -> list[float]:
    length = sum(v * v for v in values) ** 0.5
    return [v / length for v in values]


def gallery(
    people: dict[str, list[list[float]]], weaknesses: list[list[float]] | None = None
) -> Gallery:
    rows = [row for references in people.values() for row in references]
    counts = [len(references) for references in people.values()]
    return Gallery(
        person_ids=tuple(f"id-{name}" for name in people),
        names=tuple(people),
        starts=np.cumsum([0, *counts[:-1]]).astype(np.intp),
        embeddings=np.array(rows, np.float32).reshape(len(rows), 3),
        weaknesses=np.array(weaknesses or [[0.0, 0.0]] * len(rows), np.float32).reshape(-1, 2),
        sources=("s",) * len(rows),
        photos=tuple(f"r{n}" for n in range(len(rows))),
        boxes=np.zeros((len(rows), 4), np.float32),
    )


ADA_AND_BEN = {"Ada": [[1.0, 0.0, 0.0], unit(1, 0.2, 0)], "Ben": [[0.0, 1.0, 0.0]]}


def test_a_person_is_as_near_as_the_best_reference() -> None:
    found = match(np.array([unit(1, 0.2, 0)], np.float32), gallery(ADA_AND_BEN))
    assert found.person[0] == 0
    assert found.similarity[0] == pytest.approx(1.0)
    assert found.runner_up[0] == 1
    assert found.margin[0] == pytest.approx(1.0 - unit(1, 0.2, 0)[1])


def test_blocks_give_what_one_piece_gives() -> None:
    faces = np.random.default_rng(1).normal(size=(57, 3)).astype(np.float32)
    whole, parts = (match(faces, gallery(ADA_AND_BEN), block=b) for b in (1000, 5))
    np.testing.assert_array_equal(whole.person, parts.person)
    np.testing.assert_allclose(whole.similarity, parts.similarity, rtol=1e-6)


def test_tiles_of_the_gallery_give_what_one_piece_gives_also_where_they_cut_a_person() -> None:
    random = np.random.default_rng(2)
    people = {f"p{n}": random.normal(size=(n % 4 + 1, 3)).tolist() for n in range(20)}
    faces = random.normal(size=(40, 3)).astype(np.float32)
    whole = match(faces, gallery(people))
    for tile in (1, 2, 7):
        parts = match(faces, gallery(people), tile=tile)
        np.testing.assert_array_equal(whole.person, parts.person)
        np.testing.assert_array_equal(whole.runner_up, parts.runner_up)
        np.testing.assert_allclose(whole.margin, parts.margin, rtol=1e-5)


def test_matches_that_an_earlier_build_left_have_no_references() -> None:
    found = match(np.array([unit(1, 0.2, 0)], np.float32), gallery(ADA_AND_BEN))
    arrays = found.arrays()
    assert arrays.pop("reference").tolist() == [1]
    assert Matches.from_arrays(arrays).reference.tolist() == [NOBODY]
    assert Matches.from_arrays(arrays).person.tolist() == found.person.tolist()


def test_the_mean_of_several_references_counts_as_one_more() -> None:
    people = {"Ada": [unit(1, 0.5, 0), unit(1, -0.5, 0)], "Ben": [[0.0, 0.0, 1.0]]}
    found = match(np.array([[1.0, 0, 0]], np.float32), gallery(people))
    assert found.similarity[0] == pytest.approx(1.0)
    assert found.runner_up[0] == 1


@pytest.mark.parametrize("tile", [5, 16_384])
def test_whom_a_face_is_barred_from_might_as_well_not_be_enrolled(tile: int) -> None:
    random = np.random.default_rng(0)
    people = [
        [unit(*values) for values in random.standard_normal((1 + n % 3, 3))] for n in range(20)
    ]
    everybody = gallery({f"p{n:02}": some for n, some in enumerate(people)})
    faces = np.array([unit(*values) for values in random.standard_normal((8, 3))], np.float32)
    barred = [random.choice(20, n, replace=False).tolist() for n in (0, 1, 2, 3, 5, 8, 18, 19)]
    found = match(faces, everybody, barred=barred, block=4, tile=tile)
    for row, out in enumerate(barred):
        left = [n for n in range(20) if n not in out]
        alone = match(faces[row : row + 1], gallery({f"p{n:02}": people[n] for n in left}))
        assert found.person[row] == left[alone.person[0]]
        assert found.runner_up[row] == [*left, NOBODY][alone.runner_up[0]]
        assert found.similarity[row] == pytest.approx(alone.similarity[0])
        # The difference of two cosines in fp32: right to their rounding, not to its own.
        assert found.margin[row] == pytest.approx(alone.margin[0], abs=1e-6, nan_ok=True)
    nobody = match(faces, everybody, barred=[range(20)] * 8, tile=tile)
    assert (nobody.person == NOBODY).all()
    assert np.isnan(nobody.similarity).all()


def test_an_empty_gallery_knows_nobody() -> None:
    found = match(np.array([[1.0, 0.0, 0.0]], np.float32), gallery({}))
    assert found.person[0] == NOBODY
    assert np.isnan(found.similarity[0])


def test_alone_in_the_gallery_a_person_has_no_runner_up() -> None:
    found = match(np.array([[1.0, 0.0, 0.0]], np.float32), gallery({"Ada": [[1.0, 0.0, 0.0]]}))
    assert found.runner_up[0] == NOBODY
    assert np.isnan(found.margin[0])


def decide(faces: list[list[float]], photos: list[int], **rule: float) -> list[bool]:
    found = match(np.array(faces, np.float32), gallery(ADA_AND_BEN))
    usable = np.ones(len(faces), bool)
    rules = {"threshold": 0.5, "margin": 0.05} | rule
    return accepted(found, usable, np.array(photos), **rules).tolist()


def test_below_the_threshold_nobody_is_named() -> None:
    assert decide([unit(0.4, 0, 1)], [0]) == [False]


def test_a_face_at_the_threshold_and_the_margin_is_named_and_none_below() -> None:
    face = unit(1, 0.2, 0.8)
    found = match(np.array([face], np.float32), gallery(ADA_AND_BEN))
    cosine, lead = float(found.similarity[0]), float(found.margin[0])
    assert decide([face], [0], threshold=cosine, margin=lead) == [True]
    assert decide([face], [0], threshold=cosine + 0.01, margin=0) == [False]
    assert decide([face], [0], threshold=0, margin=lead + 0.01) == [False]


def test_a_face_between_two_people_is_not_named() -> None:
    assert decide([unit(1, 1.2, 0)], [0], threshold=0.3) == [False]


def test_nobody_is_in_one_photo_twice_and_the_nearer_face_has_the_name() -> None:
    near, far = unit(1, 0, 0.1), unit(1, 0, 0.5)
    assert decide([far, near, far], [7, 7, 8]) == [False, True, True]


def test_a_face_too_poor_to_judge_is_not_named_and_takes_no_name_from_another() -> None:
    found = match(np.array([[1.0, 0, 0], unit(1, 0, 0.3)], np.float32), gallery(ADA_AND_BEN))
    usable = np.array([False, True])
    same_photo = np.array([3, 3])
    named = accepted(found, usable, same_photo, threshold=0.5, margin=0.05)
    assert named.tolist() == [False, True]


def test_a_person_alone_in_the_gallery_needs_no_margin() -> None:
    found = match(np.array([[1.0, 0, 0]], np.float32), gallery({"Ada": [[1.0, 0, 0]]}))
    assert accepted(found, np.array([True]), np.array([0]), threshold=0.5, margin=0.2).all()


def test_no_cosine_is_above_one_though_rounding_would_have_it_so() -> None:
    """The arccos of 1.0000001 is NaN."""
    rows = np.random.default_rng(3).normal(size=(300, 3)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert (rows @ rows.T).max() > 1, "this test can fail"
    found = match(rows, gallery({f"p{n}": [row.tolist()] for n, row in enumerate(rows)}))
    assert found.similarity.max() <= 1
    assert found.runner_up_evidence.max() <= 1
    assert not np.isnan(np.arccos(found.similarity)).any()


def test_a_blurred_reference_is_no_blurred_faces_best_though_its_cosine_is_higher() -> None:
    people = {"Ada": [unit(1, 0, 1)], "Ben": [unit(0, 1, 0.8)]}
    held = gallery(people, [[0.5, 0.0], [0.0, 0.0]])
    face = np.array([unit(0, 0, 1)], np.float32)
    sharp, blurred = (match(face, held, np.array([[w, 0]], np.float32)) for w in (0.0, 0.5))
    assert sharp.person.tolist() == [0]
    assert sharp.evidence == pytest.approx(sharp.similarity)
    assert blurred.person.tolist() == [1]
    assert blurred.similarity == pytest.approx(unit(0, 1, 0.8)[2])
    assert blurred.runner_up_evidence == pytest.approx(unit(1, 0, 1)[2] - 0.25)
    assert blurred.margin == pytest.approx(blurred.similarity - blurred.runner_up_evidence)


def made(random: np.random.Generator, counts: list[int]) -> Gallery:
    people = {f"p{n}": random.normal(size=(count, 3)).tolist() for n, count in enumerate(counts)}
    held = gallery(people, random.uniform(0, 0.6, (sum(counts), 2)).tolist())
    held.embeddings[:] /= np.linalg.norm(held.embeddings, axis=1, keepdims=True)
    return held


@pytest.mark.parametrize("tile", [1, 2, 5, 100])
def test_evidence_decides_and_the_cosine_of_the_same_reference_is_shown(tile: int) -> None:
    random = np.random.default_rng(5)
    held = made(random, [1] * 8)
    faces = made(random, [1] * 30)
    found = match(faces.embeddings, held, faces.weaknesses, tile=tile, block=7)
    cosines = faces.embeddings @ held.embeddings.T
    expected = evidence(cosines, faces.weaknesses, held.weaknesses)
    assert (expected.argmax(axis=1) != cosines.argmax(axis=1)).any(), "this test can fail"
    best = expected.argmax(axis=1)
    assert found.person.tolist() == found.reference.tolist() == best.tolist()
    np.testing.assert_allclose(found.evidence, expected.max(axis=1), atol=1e-6)
    np.testing.assert_allclose(found.similarity, cosines[np.arange(30), best], atol=1e-6)
    np.testing.assert_allclose(
        found.discount, (faces.weaknesses * held.weaknesses[best]).sum(axis=1), atol=1e-6
    )
    second = np.sort(expected, axis=1)[:, -2]
    np.testing.assert_allclose(found.runner_up_evidence, second, atol=1e-6)


def test_the_mean_of_references_has_the_mean_of_their_weaknesses() -> None:
    people = {"Ada": [[1.0, 0.5, 0.0], [1.0, -0.5, 0.0]]}
    face = np.array([[1.0, 0, 0]], np.float32), np.array([[0.5, 0]], np.float32)
    held = gallery(people, [[0.5, 0.0], [0.3, 0.0]])
    held.embeddings[:] /= np.linalg.norm(held.embeddings, axis=1, keepdims=True)
    found = match(face[0], held, face[1])
    assert found.similarity == pytest.approx(1)
    assert found.evidence == pytest.approx(1 - 0.5 * 0.4)
    assert found.reference.tolist() == [1], "of the two the sharper one"


def test_a_match_needs_evidence_and_not_a_cosine() -> None:
    held = gallery({"Ada": [[1.0, 0.0, 0.0]]}, [[0.5, 0.0]])
    rows = np.array([unit(1, 0, 1.2)] * 2, np.float32)
    found = match(rows, held, np.array([[0.5, 0], [0.0, 0]], np.float32))
    named = accepted(found, np.ones(2, bool), np.arange(2), threshold=0.5, margin=0)
    assert named.tolist() == [False, True]
    assert found.similarity == pytest.approx(unit(1, 0, 1.2)[0])


def test_matches_that_an_earlier_build_wrote_take_the_cosine_for_the_evidence() -> None:
    one = np.array([0.5], np.float32)
    who = np.array([0], np.int32)
    found = Matches.from_arrays(
        {"person": who, "similarity": one, "runner_up": who, "runner_up_similarity": one - 0.1}
    )
    assert found.evidence == found.similarity == one
    assert found.margin == pytest.approx(0.1)
    assert found.reference.tolist() == [NOBODY]
