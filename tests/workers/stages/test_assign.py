from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.workers.archives import PACK
from workers.matching.match import Matches, match
from workers.people.gallery import Gallery
from workers.stages import assign as deciding
from workers.stages.assign import assign


def test_rejected_faces_are_compared_with_everybody_else_all_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[int] = []

    def counted(embeddings: Any, gallery: Gallery, **options: Any) -> Matches:
        compared.append(len(embeddings))
        return match(embeddings, gallery, **options)

    monkeypatch.setattr(deciding, "match", counted)
    ids, vectors = tuple("pqrs"), np.eye(4, dtype=np.float32)
    boxes = np.zeros((4, 4), np.float32)
    everybody = Gallery(ids, ids, np.arange(4), vectors, ids, ids, boxes)
    faces = pa.table({"face_id": list("abc"), "photo": list("123"), "usable": [True] * 3})
    rejected = {("a", "p"), ("b", "q"), ("b", "r"), ("c", "nobody")}
    found = assign(faces, vectors[:3], everybody, PACK, threshold=0.5, rejected=rejected)
    assert found["person_id"].to_pylist() == [None, None, "r"]
    assert compared == [3, 3]
