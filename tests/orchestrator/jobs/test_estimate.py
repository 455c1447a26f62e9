from pathlib import Path

import pytest

from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import ObjectInfo, open_store
from orchestrator.jobs.estimate import Sample, survey
from orchestrator.jobs.first_look import Reservoir
from orchestrator.jobs.submit import make_spec


def infos(number: int) -> list[ObjectInfo]:
    return [ObjectInfo(f"{n:05}.jpg", "e", 1) for n in range(number)]


def test_an_estimate_counts_photos_bytes_and_formats_and_writes_nothing(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, size in (("a.jpg", 10), ("b.JPG", 20), ("c.heic", 30), ("notes.txt", 5)):
        (photos / name).write_bytes(b"x" * size)
    spec = make_spec(
        photos=str(photos),
        people=None,
        archive=str(tmp_path / "archive"),
        out=None,
        settings=Settings(),
    )
    found, chosen = survey(open_store(spec.archive), spec, S3Settings(), 2)
    assert (found.photos, found.bytes, found.other_objects) == (3, 60, 1)
    assert (found.new, found.planned_photos, found.planned_bytes) == (3, 3, 60)
    assert found.as_dict()["formats"] == {"jpg": 2, "heic": 1}
    assert len(chosen) == 2
    assert not (tmp_path / "archive").exists()


def test_a_sample_is_of_the_whole_stream_and_never_larger_than_asked() -> None:
    reservoir = Reservoir(100)
    for info in infos(10_000):
        reservoir.offer(info)
    numbers = sorted(int(info.key[:5]) for info in reservoir.items)
    assert len(set(numbers)) == 100
    assert 4_000 < sum(numbers) / 100 < 6_000
    few = Reservoir(100)
    for info in infos(3):
        few.offer(info)
    assert few.items == infos(3)


def test_a_sample_is_scaled_by_photos() -> None:
    sample = Sample(photos=50, bytes=1, faces=75, seconds=10, outcomes={})
    scaled = sample.scaled_to(1_000_000)
    assert scaled["expected_faces"] == 1_500_000
    assert scaled["worker_hours"] == pytest.approx(55.6, abs=0.1)
