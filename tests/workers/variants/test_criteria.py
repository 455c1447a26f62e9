import numpy as np
import pytest

from headcount.errors import FatalError
from headcount.storage import open_store
from workers.models.base import Floats
from workers.models.packs.variants import (
    Findings,
    Measured,
)
from workers.models.recognisers.arcface import unit_length
from workers.variants.criteria import (
    accuracy,
    compare,
    detection_faults,
    faults_of,
    findings,
    require_labelled,
)
from workers.variants.labelled import Labelled, PhotoFaces


def boxes(*places: float, side: float = 40) -> Floats:
    """Boxes of this size at these places."""
    return np.float32([[place, 0, side, side] for place in places]).reshape(-1, 4)


def photo(truth: Floats | None = None, folder: str = ".") -> Labelled:
    return Labelled(open_store(folder), "a.jpg", boxes=truth)


def test_faces_that_both_found_agree() -> None:
    expected = [PhotoFaces(boxes(0, 100)), PhotoFaces(boxes(0))]
    got = [PhotoFaces(boxes(105, 300)), PhotoFaces(boxes())]
    found = findings([photo(), photo()], expected, got)
    assert (found.photos, found.faces_fp32, found.faces) == (2, 3, 2)
    assert (found.agreed, found.added) == (pytest.approx(1 / 3), pytest.approx(1 / 2))
    assert found.labelled == 0


def test_faces_too_small_to_count_do_not() -> None:
    small = [PhotoFaces(boxes(0, 100, side=19))]
    found = findings([photo()], small, [PhotoFaces(boxes())])
    assert found.faces_fp32 == 0
    assert findings([photo()], [PhotoFaces(boxes())], small).faces == 0


def test_labelled_faces_are_counted_where_there_are_any() -> None:
    photos = [photo(boxes(0, 100, 200, 300)), photo()]
    expected = [PhotoFaces(boxes(0, 100, 200, 900)), PhotoFaces(boxes(0))]
    got = [PhotoFaces(boxes(0, 100, 500, 600)), PhotoFaces(boxes(0))]
    found = findings(photos, expected, got)
    assert found.labelled == 4
    assert (found.recall_fp32, found.recall) == (0.75, 0.5)
    assert (found.precision_fp32, found.precision) == (0.75, 0.5)


def test_too_few_labelled_faces_judge_nothing() -> None:
    require_labelled([])
    require_labelled([photo(boxes(*range(200)))])
    with pytest.raises(FatalError, match=r"1 labelled faces .* a gate needs 200"):
        require_labelled([photo(boxes(0)), photo(boxes(0, side=19))])


GOOD_DETECTIONS = Findings(
    photos=100,
    faces_fp32=500,
    faces=500,
    agreed=0.99,
    added=0.01,
    labelled=400,
    recall_fp32=0.9,
    recall=0.9,
    precision_fp32=0.95,
    precision=0.95,
)


@pytest.mark.parametrize(
    ("change", "gain", "fault"),
    [
        ({"agreed": 0.979}, 2, "not found"),
        ({"added": 0.021}, 2, "none to fp32"),
        ({"recall": 0.894}, 2, "labelled faces are missed"),
        ({"precision": 0.944}, 2, "no labelled face"),
        ({}, 1.09, "times as fast"),
        ({"recall": 0.896, "precision": 0.946}, 1.11, ""),
        ({"recall": 1.0}, 2, ""),
    ],
)
def test_each_fault_of_a_detector_is_seen(
    change: dict[str, float], gain: float, fault: str
) -> None:
    faults = detection_faults(GOOD_DETECTIONS.model_copy(update=change), gain)
    assert len(faults) == bool(fault)
    assert all(fault in told for told in faults)


GOOD_EMBEDDINGS = Measured(
    people=100,
    faces=400,
    genuine_pairs=600,
    impostor_pairs=10_000,
    mean_cosine=0.99,
    low_cosine=0.98,
    accuracy_fp32=0.99,
    accuracy=0.99,
    shift=0.0,
)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"mean_cosine": 0.979}, "mean cosine"),
        ({"low_cosine": 0.949}, "1 % of the faces"),
        ({"accuracy": 0.986}, "told wrongly"),
        ({"shift": 0.011}, "thresholds do not hold"),
        ({"shift": -0.011}, "thresholds do not hold"),
        ({"accuracy": 0.9871}, ""),
        ({"accuracy": 1.0}, ""),
    ],
)
def test_each_fault_of_embeddings_is_seen(change: dict[str, float], fault: str) -> None:
    faults = faults_of(GOOD_EMBEDDINGS.model_copy(update=change))
    assert len(faults) == bool(fault)
    assert all(fault in told for told in faults)


def test_16_bit_floats_are_held_to_more() -> None:
    assert len(faults_of(GOOD_EMBEDDINGS, "fp16")) == 2
    assert (
        faults_of(
            GOOD_EMBEDDINGS.model_copy(update={"mean_cosine": 0.9999, "low_cosine": 0.9995}), "fp16"
        )
        == ()
    )


def test_the_same_descriptors_pass() -> None:
    random = np.random.default_rng(11)
    people = np.repeat(np.arange(30), 4).astype(np.int64)
    vectors: Floats = unit_length(
        random.normal(0, 1, (30, 32)).repeat(4, axis=0) + random.normal(0, 0.5, (120, 32))
    )
    with pytest.raises(FatalError, match="180 pairs"):
        compare(vectors, vectors, people)
    vectors, people = np.tile(vectors, (2, 1)), np.concatenate([people, people])
    measured = compare(vectors, vectors, people)
    assert measured.mean_cosine == pytest.approx(1)
    assert measured.shift == 0
    assert measured.accuracy == measured.accuracy_fp32 > 0.9
    assert faults_of(measured) == ()


@pytest.mark.parametrize(
    ("genuine", "impostor", "expected"),
    [([0.9, 0.8], [0.1, 0.2], 1.0), ([0.9, 0.1], [0.2, 0.0], 0.75), ([0.0], [0.5], 0.5)],
)
def test_accuracy_is_that_of_the_best_threshold(
    genuine: list[float], impostor: list[float], expected: float
) -> None:
    assert accuracy(np.float32(genuine), np.float32(impostor)) == expected
