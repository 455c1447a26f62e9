import numpy as np

from workers.models.base import Detections


def faces(count: int) -> Detections:
    numbers = np.arange(count, dtype=np.float32)
    return Detections(
        np.repeat(numbers[:, None], 4, axis=1), np.zeros((count, 5, 2), np.float32), numbers / 10
    )


def test_faces_are_selected_by_mask_and_by_number() -> None:
    some = faces(3)
    assert some.where(some.scores > 0.05).boxes[:, 0].tolist() == [1, 2]
    chosen = some.where(np.array([2, 0]))
    assert chosen.boxes[:, 0].tolist() == [2, 0]
    assert len(chosen) == len(chosen.landmarks) == 2


def test_no_face_is_a_result_like_any_other() -> None:
    none = Detections.none()
    assert (none.boxes.shape, none.landmarks.shape, len(none)) == ((0, 4), (0, 5, 2), 0)
