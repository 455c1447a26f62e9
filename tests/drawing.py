"""Jobs in one process whose made-up photos get faces that are drawn by hand: no model is asked."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headcount.answers.kept import record_answer
from headcount.answers.record import Answer, FaceMark, What
from headcount.contract.frames import Frame
from headcount.contract.stored.jobs import JobSpec
from headcount.contract.vocabulary import BY_HAND
from headcount.storage import open_store
from tests.at_once import WIDTH, AtOnce, begin, end, vector_of
from tests.rereading import SIZE, analysed
from workers.faces.analysis import Analysis
from workers.faces.by_hand import Drawn
from workers.stages.embed import embed_shard

PLACE = (700.0, 400.0, 90.0, 90.0)
"""A place at which no made-up face is."""


def analyse(data: bytes, *_: Any, drawn: Drawn, **__: Any) -> Analysis:
    """The made-up faces of a photo, and those drawn by hand, who are all one person."""
    found, _ = analysed(data)
    frame = Frame(found.width, found.height, found.orientation)
    faces = drawn(frame, [(x, y, w, h) for x, y, w, h in found.boxes.tolist()])
    if not faces:
        return found
    count = len(faces)
    return replace(
        found,
        boxes=np.concatenate([found.boxes, np.array([f.box for f in faces], np.float32)]),
        landmarks=np.zeros((len(found) + count, 5, 2), np.float32),
        scores=np.concatenate([found.scores, np.zeros(count, np.float32)]),
        passes=(*found.passes, *(BY_HAND,) * count),
        qualities=np.concatenate([found.qualities, np.full(count, 0.8, np.float32)]),
        usable=np.ones(len(found) + count, bool),
        embeddings=np.concatenate(
            [found.embeddings, np.array([vector_of("drawn")] * count).reshape(count, WIDTH)]
        ).astype(np.float32),
        numbers=(*range(len(found)), *(f.stored for f in faces)),
        stored=SIZE,
    )


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the embed stage analyse made-up photos."""
    monkeypatch.setattr("workers.stages.embed.analyse", analyse)


def night(photos: Path, archive: Path, job_id: str, **wishes: Any) -> JobSpec:
    """Do a whole job, by the embed stage itself."""
    spec = begin(photos, archive, job_id, **wishes)
    assert end(spec, AtOnce(embed=embed_shard)).state == "done"
    return spec


def draw(
    archive: Path,
    photo: Path,
    what: What = "face",
    box: tuple[float, float, float, float] = PLACE,
    frame: Frame = Frame(*SIZE, 1),  # noqa: B008 - a value
    **about: Any,
) -> Answer:
    """Draw a face by hand in a photo, or say something else of a place in it."""
    content = hashlib.sha256(photo.read_bytes()).hexdigest()
    mark = FaceMark(face_id="", content=content, box=box, frame=frame)
    return record_answer(open_store(str(archive)), what, (mark,), photo=photo.name, **about)
