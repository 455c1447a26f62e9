import json
from pathlib import Path

from headcount.contract.layout import JobKeys, shard_name
from headcount.contract.record import read_record
from headcount.contract.stored.jobs import (
    JobRequest,
    Limits,
    ManifestPhoto,
    PlanRecord,
    ShardManifest,
)
from headcount.contract.vocabulary import Outcome
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import ObjectInfo, open_store
from orchestrator.jobs.compare import Known, State
from orchestrator.jobs.plan import plan_job, retried
from orchestrator.jobs.shards import Tally, cut_shards
from orchestrator.jobs.submit import make_spec


def info(key: str, etag: str = "e", size: int = 10) -> ObjectInfo:
    return ObjectInfo(key, etag, size)


def limits(photos: int, size: int) -> Limits:
    return Limits(max_bytes=1, max_pixels=1, shard_photos=photos, shard_bytes=size)


def test_shards_end_at_the_number_of_photos() -> None:
    shards = list(cut_shards((info(str(n)) for n in range(7)), limits(3, 10**9)))
    assert [len(shard) for shard in shards] == [3, 3, 1]


def test_shards_end_at_their_bytes_and_a_huge_photo_is_a_shard_of_its_own() -> None:
    photos = [info("a", size=40), info("b", size=40), info("c", size=900), info("d", size=10)]
    shards = [[p.key for p in shard] for shard in cut_shards(photos, limits(10, 100))]
    assert shards == [["a", "b"], ["c"], ["d"]]


def test_no_photos_give_no_shards() -> None:
    assert list(cut_shards([], limits(3, 100))) == []


def test_a_list_s_word_of_when_a_photo_was_taken_is_in_the_shard(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"a")
    (tmp_path / "list.csv").write_text("uri,taken\na.jpg,2024:05:01 10:00:00\n")
    spec = make_spec(
        photos=str(tmp_path / "list.csv"),
        people=None,
        archive=str(tmp_path / "archive"),
        out=None,
        settings=Settings(),
    )
    store = open_store(spec.archive)
    plan_job(store, spec, S3Settings())
    manifest = read_record(store, JobKeys(spec.job_id).shard(shard_name(0)), ShardManifest)
    assert [photo.taken for photo in manifest.photos] == ["2024:05:01 10:00:00"]


def test_a_retried_photo_has_what_its_list_says_of_it() -> None:
    have = [Known(info("a"), Outcome.MISSING), Known(info("b"), Outcome.FACES)]
    said = {"a": "2024-05-01", "b": "2024-05-02"}
    found = list(retried(have, [Outcome.MISSING], Tally(), taken=said.__getitem__))
    assert [(state, photo.key, photo.taken) for state, photo in found] == [
        (State.CHANGED, "a", "2024-05-01"),
        (State.KNOWN, "b", ""),
    ]


def test_plans_and_specs_of_an_earlier_build_say_that_nothing_was_left_out() -> None:
    counts = dict.fromkeys(("photos", "bytes", "other_objects", "new", "changed", "known"), 1)
    counts |= dict.fromkeys(("removed", "shards", "planned_photos", "planned_bytes"), 0)
    plan = PlanRecord.model_validate_json(json.dumps(counts))
    assert (plan.left_out, plan.other_suffixes) == ({}, {})
    photo = ManifestPhoto.model_validate_json('{"key": "a", "etag": "e", "size": 1}')
    assert photo.taken == ""
    request = JobRequest.model_validate_json('{"photos": "s3://b/", "archive": "a", "model": "m"}')
    assert (request.include, request.exclude) == ((), ())
