from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.workers.archives import PACK
from workers.faces.evidence import Floats, no_weaknesses
from workers.matching.match import Matches, match
from workers.people.gallery import NOBODY_ENROLLED, Gallery
from workers.stages import assign as deciding
from workers.stages.assign import assign


def gallery_of(ids: tuple[str, ...], vectors: Floats, weak: Floats) -> Gallery:
    boxes = np.zeros((len(ids), 4), np.float32)
    return Gallery(ids, ids, np.arange(len(ids)), vectors, weak, ids, ids, boxes)


def faces_of(ids: str, usable: bool = True) -> pa.Table:
    """Good faces, one in each photo."""
    count = len(ids)
    quality = np.full(count, 0.9, np.float32)
    columns = {"face_id": list(ids), "photo": list(ids), "usable": [usable] * count}
    return pa.table({**columns, "quality": quality})


def test_a_poor_face_with_a_poor_reference_is_not_matched_nor_alike_at_a_high_cosine() -> None:
    vectors = np.eye(3, dtype=np.float32)
    everybody = gallery_of(("p", "q"), vectors[:2], np.array([[0.8, 0], [0, 0]], np.float32))
    faces = faces_of("ab")
    weak = np.array([[0.8, 0], [0.8, 0]], np.float32)
    found = assign(faces, vectors[:2], weak, everybody, PACK, threshold=0.5)
    assert found["decision"].to_pylist() == ["unknown", "matched"]
    assert found["alike"].to_pylist() == [None, "q"]
    assert found["similarity"].to_pylist() == [1, 1]
    assert found["discount"].to_pylist() == [pytest.approx(0.64), 0]
    assert found["margin"].to_pylist() == pytest.approx([1 - 0.64, 1 + 0.64])


def test_rejected_faces_are_compared_with_everybody_else_all_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[int] = []

    def counted(embeddings: Any, gallery: Gallery, weaknesses: Any, **options: Any) -> Matches:
        compared.append(len(embeddings))
        return match(embeddings, gallery, weaknesses, **options)

    monkeypatch.setattr(deciding, "match", counted)
    ids, vectors = tuple("pqrs"), np.eye(4, dtype=np.float32)
    everybody = gallery_of(ids, vectors, no_weaknesses(4))
    faces = faces_of("abc")
    rejected = {("a", "p"), ("b", "q"), ("b", "r"), ("c", "nobody")}
    found = assign(
        faces, vectors[:3], no_weaknesses(3), everybody, PACK, threshold=0.5, rejected=rejected
    )
    assert found["person_id"].to_pylist() == [None, None, "r"]
    assert compared == [3, 3]


def test_judged_faces_have_a_probability_and_ignored_ones_none() -> None:
    vectors = np.eye(3, dtype=np.float32)
    everybody = gallery_of(("p", "q"), vectors[:2], no_weaknesses(2))
    pack = PACK.model_copy(update={"calibration": (34.0, -12.0)})
    faces = pa.concat_tables([faces_of("ab"), faces_of("c", usable=False)])
    near = np.array([vectors[0], vectors[2], vectors[1]])
    found = assign(faces, near, no_weaknesses(3), everybody, pack, threshold=0.5)
    sure, unsure, ignored = found["probability"].to_pylist()
    assert sure > 0.99
    assert unsure < 0.01
    assert ignored is None
    bare = assign(faces, near, no_weaknesses(3), everybody, PACK, threshold=0.5)
    assert bare["probability"].null_count == 3
    nobody = assign(faces, near, no_weaknesses(3), NOBODY_ENROLLED, pack, threshold=0.5)
    assert nobody["probability"].null_count == 3


def test_names_by_hand_stand_and_what_left_a_face_unnamed_is_said() -> None:
    vectors = np.eye(4, dtype=np.float32)
    everybody = gallery_of(("p", "q"), vectors[:2], no_weaknesses(2))
    less = np.array([0.8, 0, 0.6, 0], np.float32)
    rows = np.stack([vectors[3], vectors[0], vectors[0], less, less])
    photos = ["1", "1", "2", "2", "3"]
    faces = pa.table(
        {
            "face_id": list("abcde"),
            "photo": photos,
            "usable": [False, True, True, True, True],
            "quality": [0.9] * 5,
        }
    )
    found = assign(
        faces,
        rows,
        no_weaknesses(5),
        everybody,
        PACK,
        threshold=0.5,
        rejected={("e", "p")},
        by_hand={"a": "p", "b": "nobody enrolled"},
    )
    assert found["person_id"].to_pylist() == ["p", None, "p", None, None]
    assert found["decision"].to_pylist() == ["matched", "unknown", "matched", "unknown", "unknown"]
    another = "another face of the photo has the name"
    assert found["evidence"].to_pylist() == [
        "named by a person",
        another,
        None,
        another,
        "rejected by a person",
    ]
