import numpy as np
from numpy.typing import NDArray

from workers.clustering.cluster import MIRROR
from workers.matching.photo_rule import one_per_photo

CLOSE = np.array([MIRROR + 0.01, (1 - (MIRROR + 0.01) ** 2) ** 0.5, 0], np.float32)
FAR = np.array([MIRROR - 0.01, (1 - (MIRROR - 0.01) ** 2) ** 0.5, 0], np.float32)
BEST = np.array([1, 0, 0], np.float32)


def rule(
    vectors: list[NDArray[np.float32]], photos: list[int], by_hand: list[int]
) -> tuple[list[bool], list[bool]]:
    """Kept and lost of faces that are all like person 0, each less than the one before it."""
    count = len(vectors)
    found = one_per_photo(
        np.ones(count, bool),
        np.zeros(count, np.int32),
        np.linspace(0.9, 0.7, count).astype(np.float32),
        np.array(photos),
        np.stack(vectors),
        by_hand=np.array(by_hand),
    )
    return found.kept.tolist(), found.lost.tolist()


def test_of_several_faces_of_a_photo_the_nearest_is_matched_and_what_is_the_same_picture() -> None:
    found = rule([BEST, CLOSE, FAR, FAR], [1, 1, 1, 2], [-1] * 4)
    assert found == ([True, True, False, True], [False, False, True, False])


def test_beside_a_face_that_was_named_by_hand_none_is_matched_to_that_person() -> None:
    found = rule([BEST, FAR, FAR], [1, 1, 2], [-1, 0, -1])
    assert found == ([False, False, True], [True, False, False])
    kept, _ = rule([BEST, CLOSE], [1, 1], [-1, 0])
    assert kept == [True, False], "it is the same picture as the one that was named"
    kept, lost = rule([BEST, FAR], [1, 1], [-1, 1])
    assert (kept, lost) == ([True, False], [False, False]), "the other one is somebody else by hand"
