import numpy as np

from headcount.contract.forgotten import Place
from workers.faces.analysis import Analysis
from workers.people.forgotten_faces import without_forgotten


def analysis(count: int) -> Analysis:
    """Faces side by side, 10 pixels wide, 20 apart."""
    ones = np.ones(count, np.float32)
    return Analysis(
        width=100,
        height=10,
        orientation=1,
        boxes=np.array([[20 * n, 0, 10, 10] for n in range(count)], np.float32),
        landmarks=np.zeros((count, 5, 2), np.float32),
        scores=ones,
        passes=("640",) * count,
        qualities=ones,
        usable=ones.astype(bool),
        embeddings=np.eye(count, dtype=np.float32),
        seconds={},
    )


def test_a_face_at_a_forgotten_place_is_dropped_and_the_others_keep_their_numbers() -> None:
    left = without_forgotten(analysis(3), [Place(content="c", box=(1.0, 0.0, 10.0, 10.0))])
    assert len(left) == 2
    assert left.numbers == (1, 2)
    np.testing.assert_array_equal(left.embeddings, np.eye(3, dtype=np.float32)[1:])


def test_other_places_drop_nobody() -> None:
    faces = analysis(2)
    assert without_forgotten(faces, []) is faces
    assert len(without_forgotten(faces, [Place(content="c", box=(60.0, 0.0, 10.0, 10.0))])) == 2


def test_a_forgotten_place_goes_along_with_a_photo_that_is_turned() -> None:
    place = Place(content="c", box=(89.0, 0.0, 10.0, 10.0), width=100, height=10, orientation=3)
    assert without_forgotten(analysis(3), [place]).numbers == (1, 2)
    as_it_is = Place(content="c", box=(89.0, 0.0, 10.0, 10.0), width=100, height=10, orientation=1)
    assert len(without_forgotten(analysis(3), [as_it_is])) == 3
