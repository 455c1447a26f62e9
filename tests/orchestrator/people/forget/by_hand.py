"""Archives made by hand, for forgetting."""

from pathlib import Path
from typing import Any

from headcount.answers.kept import record_answer
from headcount.answers.record import FaceMark, What
from headcount.contract.layout import ARCHIVE, JobKeys, PackKeys
from headcount.contract.record import now
from headcount.contract.stored.archive import ArchiveRecord, ModelChoice
from headcount.contract.stored.jobs import FinishedRecord, JobSpec, Limits
from headcount.contract.vocabulary import person_id
from headcount.s3_settings import S3Settings
from headcount.storage import Store, canonical_uri, open_store
from headcount.tables.schemas import PHOTOS, faces_schema, gallery_schema
from headcount.tables.table import Table

S3 = S3Settings()
BOX = (10.0, 10.0, 20.0, 20.0)


def archive(folder: Path, **faces: list[dict[str, Any]]) -> Store:
    """An archive with these faces by pack; all are in photo ``a.jpg``, content ``c1``."""
    store = open_store(canonical_uri(str(folder)), S3)
    model = ModelChoice(name="sface", pack_id="p1")
    store.put(ARCHIVE, ArchiveRecord(created=now(), model=model).to_bytes())
    for pack, rows in faces.items():
        keys = PackKeys(pack)
        store.put(keys.record, b"{}")
        photo = {"collection": "c", "photo": "a.jpg", "content": "c1", "outcome": "faces"}
        _fill(Table(store.uri, keys.photos, S3), PHOTOS, [{**photo, "profile": "balanced"}])
        _fill(Table(store.uri, keys.faces, S3), faces_schema(2), rows)
        _fill(Table(store.uri, keys.gallery, S3), gallery_schema(2), [])
    return store


def _fill(table: Table, schema: Any, rows: list[dict[str, Any]]) -> None:
    table.create(schema)
    if rows:
        table.append(type(schema.empty_table()).from_pylist(rows, schema=schema))


def face(face_id: str, x: float = 10.0) -> dict[str, Any]:
    box = dict(zip("xywh", (x, *BOX[1:]), strict=True))
    return {"collection": "c", "photo": "a.jpg", "face_id": face_id, **box}


def name(store: Store, who: str, *faces: str, what: What = "name") -> None:
    marks = tuple(FaceMark(face_id=one, content="c1", box=BOX) for one in faces)
    record_answer(store, what, marks, person=(person_id(who), who))


def ended(store: Store, job_id: str, out: str, *, expected: str | None = None) -> None:
    """A job that took a roll, wrote to ``out`` and ended."""
    spec = JobSpec(
        job_id=job_id,
        created=now(),
        photos="file:///photos/",
        out=out,
        expected=expected,
        archive=store.uri,
        model="sface",
        limits=Limits(max_bytes=1, max_pixels=1, shard_photos=1, shard_bytes=1),
    )
    finished = FinishedRecord(job_id=job_id, state="done", finished=now(), out=out)
    store.put(JobKeys(job_id).spec, spec.to_bytes())
    store.put(JobKeys(job_id).finished, finished.to_bytes())


def left(store: Store, pack: str) -> list[str]:
    rows = Table(store.uri, PackKeys(pack).faces, S3).read(["face_id"])
    return sorted(rows["face_id"].to_pylist())
