from pathlib import Path

import pyarrow as pa
import pytest

from headcount.collections.photos import collection_id
from headcount.contract.layout import ROLLBACKS, JobKeys, PackKeys, shard_name
from headcount.contract.record import now
from headcount.contract.stored.archive import PackRecord, RollbackRecord
from headcount.contract.stored.jobs import DoneMarker
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.tables import PHOTOS, Table, faces_schema, gallery_schema
from orchestrator.archive.commit import commit_job
from orchestrator.jobs.plan import plan_job
from orchestrator.jobs.submit import make_spec, submit

PACK = PackKeys("p")


@pytest.mark.parametrize(("known", "left"), [(False, 0), (True, 1)])
def test_faces_that_a_rollback_left_without_their_photo_go_at_the_next_commit_all_at_once(
    tmp_path: Path, known: bool, left: int
) -> None:
    (tmp_path / "photos").mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / "photos" / name).write_bytes(b"x")
    earlier = RollbackRecord(job_id="first", at=now())
    spec = make_spec(
        photos=str(tmp_path / "photos"),
        people=None,
        archive=str(tmp_path / "archive"),
        out=None,
        settings=Settings(shard_photos=1),
    )
    store = submit(spec, S3Settings())
    store.put(f"{ROLLBACKS}1.json", earlier.to_bytes())
    schemas = {PACK.photos: PHOTOS, PACK.faces: faces_schema(2), PACK.gallery: gallery_schema(2)}
    for key, schema in schemas.items():
        Table(store.uri, key, S3Settings()).create(schema)
    faces = Table(store.uri, PACK.faces, S3Settings())
    row = dict.fromkeys(faces_schema(2).names) | {
        "collection": collection_id(spec.photos or ""),
        "job_id": "undone",
        "photo": "old.jpg",
    }
    faces.append(pa.Table.from_pylist([row], faces_schema(2)))
    plan = plan_job(store, spec, S3Settings())
    assert plan.shards == 3
    if known:
        photos = Table(store.uri, PACK.photos, S3Settings())
        photos.append(pa.Table.from_pylist([row], PHOTOS))
    for unit in map(shard_name, range(plan.shards)):
        done = DoneMarker(unit=unit, attempt=1, worker="w", seconds=1)
        store.put(JobKeys(spec.job_id).done(unit), done.to_bytes())
    pack = PackRecord.model_construct(pack_id="p")
    before = faces.version
    commit_job(store, spec, plan, pack, S3Settings())
    assert faces.count() == left
    assert faces.version == before + 1 - left, "no version for every shard"
