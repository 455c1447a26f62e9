"""A large archive without photos to look at: files of a few bytes, and made-up faces of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from headcount.contract.layout import PREPARE, JobKeys
from headcount.contract.stored.jobs import JobSpec
from headcount.contract.vocabulary import Outcome, Photo, face_id
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import open_store
from headcount.tables.schemas import faces_schema
from orchestrator.jobs.submit import make_spec
from workers.runtime.unit import Context, Unit
from workers.stages.job_tables import job_tables
from workers.stages.prepare import prepare_job
from workers.tables.rows import fixed_lists, photo_rows

OF_PHOTO, OF_PERSON, WIDTH = 3, 7, 128


def made_up_archive(photos: Path, archive: Path, faces: int, *, fragments: int) -> JobSpec:
    """Files in the folder ``photos``, and an archive that knows them, with so many faces.

    Every 50th photo is a copy of the one before it; every 20th face is too poor to judge. Gives the
    job that is said to have found them, of which only the first unit was done.
    """
    photos.mkdir()
    archive.mkdir(parents=True)
    for number in range(-(-faces // OF_PHOTO)):
        (photos / f"{number:06}.jpg").write_bytes(b"not looked at")
    spec = make_spec(
        photos=str(photos),
        people=None,
        archive=str(archive),
        out=str(archive.parent),
        settings=Settings(),
        annotate=0,
    )
    context = Context(Settings(), S3Settings(), "test")
    unit = Unit(context, open_store(str(archive)), spec.job_id, PREPARE)
    unit.store.put(JobKeys(spec.job_id).spec, spec.to_bytes())
    unit.store.put(unit.keys.done(PREPARE), prepare_job(unit).to_bytes())
    known = [
        Photo(info.key, info.etag, info.size, Outcome.FACES, None, 900, 600, 1, OF_PHOTO, str(at))
        for at, info in enumerate(open_store(str(photos)).list())
    ]
    tables = job_tables(unit)
    rows = photo_rows(known, tables.collection, spec, ["balanced"] * len(known))
    tables.photos.append(rows)
    table = _faces(unit, known)
    step = -(-len(table) // fragments)
    for start in range(0, len(table), step):
        tables.faces.append(table.slice(start, step))
    return spec


def _faces(unit: Unit, photos: list[Photo]) -> pa.Table:
    random, count = np.random.default_rng(0), len(photos) * OF_PHOTO
    people = random.standard_normal((count // OF_PERSON + 1, WIDTH))
    people /= np.linalg.norm(people, axis=1, keepdims=True)
    whose = random.permutation(np.arange(count) // OF_PERSON)
    embeddings = people[whose] + random.normal(0, 0.7 / WIDTH**0.5, (count, WIDTH))
    copied = np.arange(count) // OF_PHOTO % 50 == 49
    embeddings[copied] = embeddings[np.flatnonzero(copied) - OF_PHOTO]
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    pack, content = unit.pack.record.pack_id, np.arange(len(photos))
    content[content % 50 == 49] -= 1
    same = (content[:, None] * OF_PHOTO + np.arange(OF_PHOTO)).ravel()
    columns = {
        "collection": [job_tables(unit).collection] * count,
        "job_id": [unit.job_id] * count,
        "photo": [photo.key for photo in photos for _ in range(OF_PHOTO)],
        "face_id": [face_id(str(number), pack, "balanced", 0) for number in same.tolist()],
        **{name: np.tile([10, 310, 610], len(photos)).astype(np.float32) for name in "xywh"},
        "landmarks": fixed_lists(np.zeros((count, 10), np.float32)),
        "detection_score": np.full(count, 0.9, np.float32),
        "quality": random.uniform(0.4, 1, count).astype(np.float32),
        "pass": ["whole"] * count,
        "usable": same % 20 != 0,
        "descriptor": fixed_lists(embeddings.astype(np.float16)),
    }
    schema = faces_schema(WIDTH)
    later = {f.name: pa.nulls(count, f.type) for f in schema if f.name not in columns}
    return pa.table({**columns, **later}, schema=schema)
