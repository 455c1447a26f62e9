"""Photos of an older reading, in made-up archives: which are read anew, and in what order."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from headcount.collections.photos import collection_id
from headcount.contract import reading
from headcount.contract.layout import PREPARE, JobKeys, PackKeys, shard_name
from headcount.contract.record import read_record
from headcount.contract.stored.archive import (
    PackRecord,
)
from headcount.contract.stored.jobs import (
    DoneMarker,
    JobSpec,
    PlanRecord,
    ReplacedRecord,
    ShardManifest,
)
from headcount.contract.vocabulary import Outcome
from headcount.storage import ObjectInfo, Store, open_store
from headcount.tables.schemas import PHOTOS, faces_schema, gallery_schema
from headcount.tables.table import Table
from orchestrator.archive.commit import commit_job
from orchestrator.jobs.compare import Known
from orchestrator.jobs.plan import plan_job
from orchestrator.jobs.reread import Gain, Rereading, named_photos, reading_of
from tests.orchestrator.jobs.older import (
    IN_ORDER,
    OUTCOMES,
    PACK,
    S3,
    archive_of_first_reading,
    rows,
)


@pytest.fixture(autouse=True)
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build whose reading is the second."""
    monkeypatch.setattr(reading, "READING", 2)


@pytest.fixture
def spec(tmp_path: Path) -> JobSpec:
    return archive_of_first_reading(tmp_path)


@pytest.fixture
def store(spec: JobSpec) -> Store:
    return open_store(spec.archive)


def plan(store: Store, spec: JobSpec, **wishes: object) -> PlanRecord:
    return plan_job(store, spec.model_copy(update={"job_id": "second", **wishes}), S3)


def shards(store: Store) -> list[list[str]]:
    keys = JobKeys("second")
    count = read_record(store, keys.plan, PlanRecord).shards
    manifests = (read_record(store, keys.shard(shard_name(n)), ShardManifest) for n in range(count))
    return [[photo.key for photo in manifest.photos] for manifest in manifests]


def planned(store: Store) -> list[str]:
    return [key for shard in shards(store) for key in shard]


def replaced(store: Store) -> list[str]:
    keys = JobKeys("second")
    count = read_record(store, keys.plan, PlanRecord).replaced_lists
    lists = (read_record(store, keys.replaced(n), ReplacedRecord) for n in range(count))
    return [key for record in lists for key in record.photos]


def counts(found: PlanRecord) -> tuple[int, int, int, int, int]:
    return found.photos, found.known, found.older_reading, found.reread, found.planned_photos


def test_without_the_wish_photos_of_an_older_reading_are_counted_and_left_alone(
    store: Store, spec: JobSpec
) -> None:
    assert counts(plan(store, spec)) == (9, 9, 9, 0, 0)
    assert (shards(store), replaced(store)) == ([], [])


def test_all_are_read_anew_those_first_that_may_gain_most(store: Store, spec: JobSpec) -> None:
    assert counts(plan(store, spec, reread="all")) == (9, 9, 9, 9, 9)
    assert planned(store) == IN_ORDER
    assert sorted(replaced(store)) == sorted(IN_ORDER)


@pytest.mark.parametrize("number", [1, 4, 6, 8, 100])
def test_so_many_are_read_anew_and_no_more(store: Store, spec: JobSpec, number: int) -> None:
    assert counts(plan(store, spec, reread=number))[2:4] == (9, min(number, 9))
    assert planned(store) == replaced(store) == IN_ORDER[:number]


def test_the_new_and_changed_come_first_in_shards_of_their_own(store: Store, spec: JobSpec) -> None:
    photos = open_store(spec.photos or "")
    photos.put("z.jpg", b"new")
    photos.put("e.jpg", b"another photo")
    photos.delete("h.jpg")
    found = plan(store, spec, reread=3)
    assert (found.new, found.changed, found.removed, found.reread) == (1, 1, 1, 3)
    assert found.older_reading == 7, "what changed or is gone is no photo of an older reading"
    assert shards(store) == [["e.jpg", "z.jpg"], ["d.jpg", "f.jpg", "i.jpg"]]
    assert sorted(replaced(store)) == ["d.jpg", "e.jpg", "f.jpg", "h.jpg", "i.jpg"]
    assert found.planned_photos == 5
    assert found.planned_bytes == 3 + 13 + 3


def test_planning_twice_gives_the_same_plan(store: Store, spec: JobSpec) -> None:
    first = plan(store, spec, reread=6).to_bytes()
    left = {info.key: info.etag for info in store.list(JobKeys("second").root)}
    before = shards(store)
    assert plan(store, spec, reread=6).to_bytes() == first
    assert shards(store) == before
    assert {info.key for info in store.list(JobKeys("second").root)} == set(left)


def test_photos_of_this_reading_or_a_later_one_are_not_read_anew(
    store: Store, spec: JobSpec
) -> None:
    table = Table(store.uri, PACK.photos, S3)
    table.update({"reading": "2"}, "photo < 'd.jpg'")
    table.update({"reading": "3"}, "photo = 'h.jpg'")
    table.update({"reading": "1"}, "photo = 'e.jpg'")
    assert counts(plan(store, spec, reread="all")) == (9, 9, 5, 5, 5)
    assert planned(store) == ["e.jpg", "d.jpg", "f.jpg", "i.jpg", "g.jpg"]


def test_an_archive_from_before_readings_has_photos_of_the_first(
    tmp_path: Path, store: Store, spec: JobSpec
) -> None:
    table = Table(store.uri, PACK.photos, S3)
    old = table.read([name for name in PHOTOS.names if name != "reading"])
    other = Table(store.uri, PackKeys("m-2").photos, S3)
    other.create(old.schema)
    other.append(old)
    found = plan_job(store, spec.model_copy(update={"job_id": "second"}), S3, pack_id="m-2")
    assert (found.known, found.older_reading) == (9, 9)


def test_the_reading_is_that_of_the_worker_that_prepared_the_job(
    store: Store, spec: JobSpec
) -> None:
    assert reading_of(store, spec) == 2
    marker = DoneMarker(unit=PREPARE, attempt=1, worker="w", seconds=0, reading=1)
    store.put(JobKeys("second").done(PREPARE), marker.to_bytes())
    assert counts(plan(store, spec, reread="all")) == (9, 9, 0, 0, 0)


def test_what_may_have_changed_is_tried_again_as_ever_and_counts_once(
    store: Store, spec: JobSpec
) -> None:
    Table(store.uri, PACK.photos, S3).update({"outcome": "'denied'"}, "photo = 'd.jpg'")
    found = plan(store, spec, reread="all")
    assert (found.changed, found.known, found.older_reading, found.reread) == (1, 8, 8, 8)
    assert sorted(planned(store)) == sorted(OUTCOMES)


def test_a_retry_tries_its_own_photos_and_reads_no_others_anew(store: Store, spec: JobSpec) -> None:
    found = plan(store, spec, reread="all", retries=(Outcome.UNREADABLE,))
    assert (found.changed, found.known, found.older_reading, found.reread) == (1, 8, 8, 0)
    assert planned(store) == ["d.jpg"]


def test_what_was_searched_more_thoroughly_is_left_to_a_job_that_searches_so(
    store: Store, spec: JobSpec
) -> None:
    Table(store.uri, PACK.photos, S3).update({"profile": "'thorough'"}, "photo >= 'c.jpg'")
    assert counts(plan(store, spec, reread="all"))[2:4] == (9, 2)
    assert planned(store) == ["a.jpg", "b.jpg"]
    plan(store, spec, reread="all", profile="thorough")
    assert sorted(planned(store)) == sorted(OUTCOMES)


def test_where_no_job_has_left_names_all_faces_are_unknown(store: Store, spec: JobSpec) -> None:
    store.delete(PACK.assignments(collection_id(spec.photos or ""), "first"))
    plan(store, spec, reread=7)
    assert planned(store)[5:] == ["a.jpg", "b.jpg"]


def test_photos_with_a_name_are_given_once_each_by_key(store: Store, spec: JobSpec) -> None:
    assert list(named_photos(store, spec, "m-1")) == ["a.jpg", "b.jpg"]


def test_the_old_rows_go_at_the_commit_also_where_it_is_cut_off_and_done_again(
    store: Store, spec: JobSpec
) -> None:
    photos, faces = Table(store.uri, PACK.photos, S3), Table(store.uri, PACK.faces, S3)
    Table(store.uri, PACK.gallery, S3).create(gallery_schema(2))
    faces.create(faces_schema(2))
    for job_id, keys in (("first", ["a.jpg", "b.jpg", "c.jpg", "g.jpg"]), ("second", ["e.jpg"])):
        columns = {"collection": collection_id(spec.photos or ""), "job_id": job_id}
        made = [dict.fromkeys(faces.read([]).schema.names) | columns | {"photo": k} for k in keys]
        fragments = faces.stage(pa.Table.from_pylist(made, faces_schema(2)))
        if job_id == "first":
            faces.commit(fragments)
    second = spec.model_copy(update={"job_id": "second", "reread": 6})
    record = plan_job(store, second, S3)
    again = [info for info in open_store(spec.photos or "").list() if info.key in IN_ORDER[:6]]
    staged = photos.stage(rows(spec, again, job_id="second", reading=2))
    for number in range(record.shards):
        marker = DoneMarker(
            unit=shard_name(number),
            attempt=1,
            worker="w",
            seconds=1,
            photo_fragments=() if number else staged,
            face_fragments=() if number else fragments,
        )
        store.put(JobKeys("second").done(shard_name(number)), marker.to_bytes())
    pack = PackRecord.model_construct(pack_id="m-1")
    steps = 0

    class Cut(Exception):
        """The supervisor was killed."""

    def fence() -> None:
        nonlocal steps
        steps -= 1
        if not steps:
            raise Cut

    for killed_at in (2, 3, 4):
        steps = killed_at
        with pytest.raises(Cut):
            commit_job(store, second, record, pack, S3, fence=fence)
    commit_job(store, second, record, pack, S3)
    commit_job(store, second, record, pack, S3)
    kept = photos.read(["photo", "job_id"]).sort_by("photo").to_pylist()
    assert [row["photo"] for row in kept] == sorted(OUTCOMES)
    assert {r["photo"] for r in kept if r["job_id"] == "second"} == set(IN_ORDER[:6])
    left = faces.read(["photo"])["photo"].to_pylist()
    assert sorted(left) == ["a.jpg", "b.jpg", "e.jpg", "g.jpg"]


def test_more_than_memory_should_hold_waits_in_files_in_the_same_order() -> None:
    keys = [f"{number:07}" for number in range(60_000)]
    outcomes = (Outcome.FACES, Outcome.NO_FACE)
    with Rereading(2, "balanced", iter(keys[::4]), 45_000) as old:
        for number, key in enumerate(keys):
            old.offer(Known(ObjectInfo(key, "e" * 32, number), outcomes[number % 2]))
        chosen = list(old.chosen())
    assert (old.older, old.classes[Gain.NO_FACE], old.classes[Gain.UNNAMED]) == (
        60_000,
        30_000,
        15_000,
    )
    assert [info.key for info in chosen] == keys[1::2] + keys[2::4]
    assert chosen[-1] == ObjectInfo("0059998", "e" * 32, 59_998)
    assert old.chosen_by_class() == {"no_face": 30_000, "failed": 0, "unnamed": 15_000, "rest": 0}


def test_nothing_is_read_anew_where_faces_could_not_be_followed(
    store: Store, spec: JobSpec
) -> None:
    store.delete(JobKeys("first").commit)  # as a `forget` does
    made = plan(store, spec, reread="all")
    assert (made.older_reading, made.reread, made.shards) == (len(OUTCOMES), 0, made.shards)
    assert not set(planned(store)) & set(IN_ORDER)


def test_shards_of_photos_that_are_read_anew_say_so(store: Store, spec: JobSpec) -> None:
    (Path(spec.photos.removeprefix("file://")) / "z.jpg").write_bytes(b"new")  # type: ignore[union-attr]
    made = plan(store, spec, reread="all")
    keys = JobKeys("second")
    said = [
        read_record(store, keys.shard(shard_name(n)), ShardManifest).reread
        for n in range(made.shards)
    ]
    assert said == [False] + [True] * (made.shards - 1)


def test_what_a_list_says_of_a_photo_that_is_read_anew_is_not_lost() -> None:
    with Rereading(2, "balanced", iter(()), 10) as old:
        old.offer(Known(ObjectInfo("a", "e", 1, taken="2024-05-01"), Outcome.NO_FACE))
        assert [info.taken for info in old.chosen()] == ["2024-05-01"]
