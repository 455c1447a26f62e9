"""Jobs driven in one process: a broker that does each unit as it is sent, and made-up faces."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headcount.contract.messages import UnitMessage
from headcount.contract.record import read_record
from headcount.contract.stored.jobs import DoneMarker, FinishedRecord, JobSpec, ShardManifest
from headcount.contract.vocabulary import Outcome, Photo
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store, open_store
from orchestrator.jobs.submit import make_spec, submit
from orchestrator.jobs.supervisor import Supervisor
from workers.app import WORK
from workers.faces.analysis import Analysis
from workers.runtime.runner import UnitFailed, Work, run_unit
from workers.runtime.unit import Context, Unit
from workers.stages.job_tables import job_tables
from workers.tables.rows import face_rows, photo_rows

WIDTH = 128


class AtOnce:
    """The broker and the only worker in one: what is sent is done when ``send`` returns."""

    def __init__(self, settings: Settings | None = None, **work: Work) -> None:
        self.context = Context(settings or Settings(), S3Settings(), "test")
        self.work: dict[str, Work] = WORK | {"embed": made_up_shard} | work
        self.sent: list[str] = []
        self._signs: dict[tuple[str, str], dict[str, Any]] = {}

    def send(self, message: UnitMessage) -> None:
        self.sent.append(message.unit)
        work = self.work[message.unit.split("-", maxsplit=1)[0]]
        with suppress(UnitFailed):  # its marker says so
            run_unit(Unit.of(message, self.context), work, self)  # type: ignore[arg-type]

    def send_heartbeat(self, job_id: str, unit: str, sign: dict[str, Any]) -> None:
        self._signs[job_id, unit] = sign

    def heartbeats(self, job_id: str, units: Iterable[str]) -> dict[str, dict[str, Any]]:
        return {u: self._signs[job_id, u] for u in units if (job_id, u) in self._signs}

    def forget_heartbeats(self, job_id: str, units: Iterable[str]) -> None:
        for unit in units:
            self._signs.pop((job_id, unit), None)

    def waiting(self, job_id: str) -> set[str]:
        return set()

    def take_back(self, job_id: str) -> set[str]:
        return set()

    def worker_count(self) -> int:
        return 1


def begin(
    photos: Path, archive: Path, job_id: str, out: str | None = None, **wishes: Any
) -> JobSpec:
    """Submit a job with this id, whose results lie beside the archive."""
    spec = make_spec(
        photos=str(photos),
        people=None,
        archive=str(archive),
        out=out or str(archive.parent / f"out-{job_id}"),
        settings=Settings(),
        annotate=0,
        **wishes,
    ).model_copy(update={"job_id": job_id})
    submit(spec, S3Settings())
    return spec


def add(folder: Path, **photos: str) -> Path:
    """Put photos into a folder: their faces by name, such as ``a="ada bob"``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, words in photos.items():
        (folder / f"{name}.jpg").write_text(words)
    return folder


def end(spec: JobSpec, broker: AtOnce | None = None, store: Store | None = None) -> FinishedRecord:
    """Drive a job to its end."""
    broker = broker or AtOnce()
    return Supervisor(
        store or open_store(spec.archive),
        spec.job_id,
        broker=broker,  # type: ignore[arg-type]
        settings=broker.context.settings.model_copy(update={"poll_seconds": 0.001}),
        s3=S3Settings(),
    ).run()


def made_up_shard(unit: Unit) -> DoneMarker:
    """Faces that follow from the photos' bytes alone: one of each word in them, and who it is.

    A word is a name, with ``~`` and a cosine somebody who is alike, with ``!`` too poor to judge. A
    photo of ``?`` cannot be read.
    """
    manifest = read_record(unit.store, unit.keys.shard(unit.name), ShardManifest)
    photos, analyses = [], []
    for info in manifest.photos:
        data = unit.collection.get(info.key).data
        words = data.decode().split()
        content = hashlib.sha256(data).hexdigest()
        if words == ["?"]:
            photos.append(
                Photo(info.key, info.etag, info.size, Outcome.UNREADABLE, "torn", content=content)
            )
            continue
        photos.append(
            Photo(
                info.key,
                info.etag,
                info.size,
                Outcome.FACES if words else Outcome.NO_FACE,
                width=900,
                height=600,
                orientation=1,
                faces=len(words),
                content=content,
            )
        )
        analyses.append((photos[-1], _faces(words)))
    return staged(unit, photos, analyses)


def staged(
    unit: Unit, photos: Sequence[Photo], analyses: Sequence[tuple[Photo, Analysis]]
) -> DoneMarker:
    """Stage the rows of a shard's photos and faces."""
    spec, tables = unit.spec, job_tables(unit)
    rows = photo_rows(photos, tables.collection, spec, [spec.profile] * len(photos))
    faces = face_rows(analyses, unit.pack.record, tables.collection, spec)
    return unit.done(
        seconds=0.0,
        photos=len(photos),
        faces=len(faces),
        outcomes=dict(Counter(str(photo.outcome) for photo in photos)),
        photo_fragments=tables.photos.stage(rows),
        face_fragments=tables.faces.stage(faces),
    )


def vector_of(word: str) -> NDArray[np.float32]:
    """The embedding of a made-up face: of somebody, or at a cosine of them (``ada~0.42``)."""
    name, _, cosine = word.rstrip("!").partition("~")
    vector = _random(name)
    if not cosine:
        return vector
    other = _random(word.rstrip("!"))
    other -= vector * (vector @ other)
    far = (1 - float(cosine) ** 2) ** 0.5
    return float(cosine) * vector + far * other / np.linalg.norm(other)


def _random(word: str) -> NDArray[np.float32]:
    vector = np.random.default_rng(int.from_bytes(word.encode(), "big")).standard_normal(WIDTH)
    vector = vector.astype(np.float32)
    return vector / np.linalg.norm(vector)


def _faces(words: list[str]) -> Analysis:
    count = len(words)
    embeddings = np.array([vector_of(word) for word in words], np.float32).reshape(count, WIDTH)
    boxes = np.array([[100 * n + 10, 10, 80, 80] for n in range(count)], np.float32)
    usable = np.array([not word.endswith("!") for word in words], bool)
    return Analysis(
        width=900,
        height=600,
        orientation=1,
        boxes=boxes.reshape(count, 4),
        landmarks=np.zeros((count, 5, 2), np.float32),
        scores=np.full(count, 0.9, np.float32),
        passes=("whole",) * count,
        qualities=np.where(usable, 0.9, 0.2).astype(np.float32),
        usable=usable,
        embeddings=embeddings,
        seconds={},
    )
