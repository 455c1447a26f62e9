from pathlib import Path

import pyarrow as pa
import pytest

from headcount.collections.photos import collection_id
from headcount.contract.layout import ROLLBACKS, JobKeys, PackKeys, shard_name
from headcount.contract.record import now
from headcount.contract.stored.archive import PackRecord, RollbackRecord
from headcount.contract.stored.jobs import DoneMarker, JobSpec
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store
from headcount.tables.schemas import PHOTOS, faces_schema, gallery_schema
from headcount.tables.table import Table
from orchestrator.archive.commit import commit_job
from orchestrator.jobs.plan import plan_job
from orchestrator.jobs.submit import make_spec, submit

PACK = PackKeys("p")
SCHEMAS = {PACK.photos: PHOTOS, PACK.faces: faces_schema(2), PACK.gallery: gallery_schema(2)}


def planned(folder: Path) -> tuple[Store, JobSpec]:
    """A job over three photos, a shard for each, and an archive with empty tables."""
    (folder / "photos").mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (folder / "photos" / name).write_bytes(b"x")
    spec = make_spec(
        photos=str(folder / "photos"),
        people=None,
        archive=str(folder / "archive"),
        out=None,
        settings=Settings(shard_photos=1),
    )
    store = submit(spec, S3Settings())
    for key, schema in SCHEMAS.items():
        Table(store.uri, key, S3Settings()).create(schema)
    return store, spec


@pytest.mark.parametrize(("known", "left"), [(False, 0), (True, 1)])
def test_faces_that_a_rollback_left_without_their_photo_go_at_the_next_commit_all_at_once(
    tmp_path: Path, known: bool, left: int
) -> None:
    earlier = RollbackRecord(job_id="first", at=now())
    store, spec = planned(tmp_path)
    store.put(f"{ROLLBACKS}1.json", earlier.to_bytes())
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


def test_shards_staged_for_columns_that_a_rollback_took_back_are_done_anew(tmp_path: Path) -> None:
    store, spec = planned(tmp_path)
    plan = plan_job(store, spec, S3Settings())
    photos = Table(store.uri, PACK.photos, S3Settings())
    then = photos.version
    blur, glare = (pa.field(name, pa.float32()) for name in ("blur", "glare"))
    photos.grow(PHOTOS.append(blur), later=["blur"])
    row = {"collection": collection_id(spec.photos or ""), "job_id": spec.job_id, "photo": "b.jpg"}
    rows = pa.Table.from_pylist([row | {"blur": 0.5}], PHOTOS.append(blur))
    staged = [(), photos.stage(rows), ()]
    photos.restore(then)
    photos.grow(PHOTOS.append(glare), later=["glare"])
    done = [JobKeys(spec.job_id).done(shard_name(number)) for number in range(plan.shards)]
    for key, fragments in zip(done, staged, strict=True):
        marker = DoneMarker(
            unit="embed", attempt=1, worker="w", seconds=1, photo_fragments=fragments
        )
        store.put(key, marker.to_bytes())
    with pytest.raises(FatalError, match="resume"):
        commit_job(store, spec, plan, PackRecord.model_construct(pack_id="p"), S3Settings())
    assert [info.key for info in store.list(JobKeys(spec.job_id).done_folder)] == [done[0], done[2]]
    assert photos.count() == 0
