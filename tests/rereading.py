"""Photos that a made-up reading sees otherwise than the one before: turned, more, fewer or poorer.

A photo's bytes are words, each ``NAME`` or ``NAME@READING`` or ``NAME-READING``: a face that is
found from a reading on, or until it. With ``turn`` among the words the photo lies upside down, and
readings from the second on turn it upright: the faces of the first have other embeddings there.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from headcount.contract import reading
from headcount.contract.forgotten import forgotten_places
from headcount.contract.record import read_record
from headcount.contract.stored.jobs import DoneMarker, JobSpec, ShardManifest
from headcount.contract.vocabulary import Outcome, Photo
from headcount.storage import open_store
from headcount.tables.filters import any_of, quoted
from tests.at_once import WIDTH, AtOnce, begin, end, staged, vector_of
from workers.faces.analysis import Analysis
from workers.people.forgotten_faces import without_forgotten
from workers.runtime.unit import Unit
from workers.stages.job_tables import job_tables

SIZE = (900, 600)


def analysed(data: bytes) -> tuple[Analysis, bool]:
    """The faces that this build's reading finds in a photo, and whether it turned it."""
    words = data.decode().split()
    lies = "turn" in words
    turned = lies and reading.READING > 1
    places = [(n, w) for n, w in enumerate(w for w in words if w != "turn") if _found(w)]
    names = [word.split("@")[0].split("-")[0] for _, word in places]
    seen = [f"{name} upside down" if lies and not turned else name for name in names]
    boxes = np.array([[100 * n + 10, 260, 80, 80] for n, _ in places], np.float32).reshape(-1, 4)
    if turned:
        boxes[:, :2] = np.array(SIZE) - boxes[:, :2] - boxes[:, 2:]
    count = len(places)
    made = Analysis(
        *SIZE,
        orientation=3 if turned else 1,
        boxes=boxes,
        landmarks=np.zeros((count, 5, 2), np.float32),
        scores=np.full(count, 0.9, np.float32),
        passes=("whole",) * count,
        qualities=np.full(count, 0.8 + reading.READING / 100, np.float32),
        usable=np.ones(count, bool),
        embeddings=np.array([vector_of(s) for s in seen], np.float32).reshape(count, WIDTH),
        seconds={},
    )
    return made, turned


def _found(word: str) -> bool:
    from_, until = word.partition("@")[2], word.partition("-")[2]
    return int(from_ or 1) <= reading.READING <= int(until or 99)


def shard(unit: Unit) -> DoneMarker:
    """Embed the photos of a shard by this build's reading."""
    manifest = read_record(unit.store, unit.keys.shard(unit.name), ShardManifest)
    photos, analyses, forgotten = [], [], forgotten_places(unit.store)
    for info in manifest.photos:
        data = unit.collection.get(info.key).data
        content = hashlib.sha256(data).hexdigest()
        analysis, turned = analysed(data)
        analysis = without_forgotten(analysis, forgotten.get(content, ()))
        photo = Photo(
            info.key,
            info.etag,
            info.size,
            Outcome.FACES if len(analysis) else Outcome.NO_FACE,
            None,
            *SIZE,
            orientation=3 if turned else 1,
            faces=len(analysis),
            content=content,
            reading=reading.READING,
        )
        photos.append(photo)
        analyses.append((photo, analysis))
    return staged(unit, photos, analyses)


def night(photos: Path, archive: Path, job_id: str, **wishes: Any) -> JobSpec:
    """Do a whole job by this build's reading."""
    spec = begin(photos, archive, job_id, **wishes)
    end(spec, AtOnce(embed=shard))
    return spec


def read_again(spec: JobSpec, *names: str) -> None:
    """Let the next job read photos anew: all, or those of these names."""
    unit = Unit(AtOnce().context, open_store(spec.archive), spec.job_id, "embed-0000000")
    tables = job_tables(unit)
    where = tables.of_collection
    if names:
        where += f" AND {any_of('photo', [f'{name}.jpg' for name in names])}"
    tables.photos.update({"profile": quoted("")}, where)
