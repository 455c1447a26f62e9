import numpy as np

from workers.faces.analysis import Analysis
from workers.people.reference_photo import choose_face


def analysis(*faces: tuple[float, float, bool]) -> Analysis:
    """Faces of a side, score and usability each."""
    count = len(faces)
    boxes = np.array([[0, 0, side, side] for side, _, _ in faces], np.float32).reshape(-1, 4)
    return Analysis(
        width=1000,
        height=1000,
        orientation=1,
        boxes=boxes,
        landmarks=np.zeros((count, 5, 2), np.float32),
        scores=np.array([score for _, score, _ in faces], np.float32),
        passes=("640",) * count,
        qualities=np.full(count, 0.5, np.float32),
        usable=np.array([usable for _, _, usable in faces], bool),
        embeddings=np.zeros((count, 4), np.float32),
        seconds={},
    )


def test_the_only_face_is_taken() -> None:
    assert choose_face(analysis((100, 0.9, True))) == 0


def test_a_photo_without_a_face_says_so() -> None:
    assert choose_face(analysis()) == "no face found"


def test_the_largest_of_several_is_taken_where_it_is_clearly_the_largest() -> None:
    assert choose_face(analysis((60, 0.9, True), (100, 0.9, True))) == 1


def test_two_faces_of_a_size_are_nobodys_reference() -> None:
    assert "crop it" in str(choose_face(analysis((100, 0.9, True), (90, 0.9, True))))


def test_an_unsure_find_and_an_unusable_face_are_no_rivals() -> None:
    found = analysis((100, 0.94, True), (120, 0.69, True), (110, 0.93, False))
    assert choose_face(found) == 0


def test_a_face_too_poor_to_tell_is_no_reference() -> None:
    assert "too small" in str(choose_face(analysis((15, 0.9, False))))
