import shutil
from pathlib import Path

import numpy as np
import pytest

from headcount.contract.layout import PackKeys
from headcount.contract.stored.archive import PackRecord
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import open_store
from tests.made_up import OF_PHOTO, made_up_archive
from tests.workers.matching.test_calibration import alike, scores
from workers.app import WORK
from workers.matching.calibration import Calibration, Measured, doubts, report
from workers.matching.impostors import FaceSample, draw_faces, impostor_pairs, references
from workers.runtime.unit import Context, Unit
from workers.tables.columns import NONE

WIDTH = 64


def faces(count: int, *, of_one: float = 0.0, seed: int = 1) -> np.ndarray:
    """Embeddings that share so much of one direction: their mean cosine."""
    rows = np.random.default_rng(seed).standard_normal((count, WIDTH)) / WIDTH**0.5
    rows[:, 0] += (of_one / (1 - of_one)) ** 0.5
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def unsaid(count: int) -> np.ndarray:
    return np.full((2, count), NONE)


def test_a_crowd_whose_faces_are_alike_does_not_decide_what_strangers_are_like() -> None:
    crowd, others = faces(60, of_one=0.6), faces(200, seed=2)
    group = np.append(np.zeros(60), np.arange(1, 201)).astype(np.int64)
    found = impostor_pairs(FaceSample(np.concatenate([crowd, others]), group, unsaid(260)))
    without = impostor_pairs(FaceSample(others, group[60:] - 1, unsaid(200)))
    assert found.tail(1e-3) == pytest.approx(without.tail(1e-3), abs=0.02)
    of_crowd = (found.one == 0) & (found.other == 7)
    assert of_crowd.sum() == 60
    assert found.weight[of_crowd].sum() == pytest.approx(1), "as much as one face of a photo"


def test_pairs_of_one_photo_one_name_one_cluster_or_one_content_are_no_strangers() -> None:
    rows = faces(6)
    rows[5] = rows[4]
    group = np.array([0, 0, 1, 2, 3, 4])
    said = np.array([[7, NONE, 7, NONE, NONE, NONE], [NONE, 9, NONE, 9, NONE, NONE]])
    found = impostor_pairs(FaceSample(rows, group, said))
    pairs = sorted(zip(found.one.tolist(), found.other.tolist(), strict=True))
    assert len(pairs) == 15 - 1 - 1 - 1 - 1, "one of a photo, a name, a cluster, a content each"
    assert pairs.count((0, 1)) == pairs.count((0, 2)) == 1
    assert (3, 4) not in pairs


def test_two_names_of_one_content_are_not_compared() -> None:
    rows = faces(4)
    rows[2] = rows[0]
    found = impostor_pairs(references(rows, np.array([0, 0, 1, 2])))
    pairs = set(zip(found.one.tolist(), found.other.tolist(), strict=True))
    assert pairs == {(0, 2), (1, 2)}


def test_the_fewer_photos_the_less_sure_is_a_cosine() -> None:
    def width(count: int) -> float:
        found = impostor_pairs(FaceSample(faces(count), np.arange(count), unsaid(count)))
        low, high = found.interval(1e-2)
        assert low <= found.tail(1e-2) <= high
        return high - low

    assert 0 < width(400) < width(25)


PACK = PackRecord(
    **dict.fromkeys(("name", "pack_id", "digest", "detector", "detector_sha256"), "a"),
    **dict.fromkeys(("recogniser", "recogniser_sha256", "licence"), "b"),
    dimensions=3,
    threshold=0.45,
    margin=0.05,
    cluster_threshold=0.5,
    fmr=((1e-3, 0.365),),
)


@pytest.mark.parametrize(
    ("mean", "interval", "reason"),
    [
        (0.08, (0.40, 0.42), None),
        (0.08, (0.40, 0.50), "too unsure"),
        (0.25, (0.52, 0.54), "are many people joined"),
    ],
)
def test_what_is_unsure_or_far_from_the_pack_is_doubted(
    mean: float, interval: tuple[float, float], reason: str | None, tmp_path: Path
) -> None:
    pairs = Calibration(np.zeros(0, np.float32), alike(scores(mean, 0.092, 100_000, 6)))
    store = open_store(str(tmp_path))
    measured = Measured(store, PackKeys("a"), PACK, pairs, labelled=0, references=0)
    said = doubts(measured, 1e-4, interval)
    assert (said is None) if reason is None else reason in (said or "")


def test_pairs_are_drawn_across_photos_of_what_the_last_run_told_apart(tmp_path: Path) -> None:
    spec = made_up_archive(tmp_path / "photos", tmp_path / "archive", 150, fragments=2)
    unit = Unit(Context(Settings(), S3Settings(), "t"), open_store(spec.archive), spec.job_id, "r")
    assert list(draw_faces(unit.store, unit.pack_keys, S3Settings())) == []
    reduced = Unit(unit.context, unit.store, spec.job_id, "reduce")
    WORK["reduce"](reduced)
    [drawn] = draw_faces(unit.store, unit.pack_keys, S3Settings())
    copied = OF_PHOTO  # of the one photo that is a copy of another
    assert 0.9 * 150 - copied <= len(drawn.group) <= 0.95 * 150 + 1 - copied
    found = impostor_pairs(drawn)
    assert found.tail(1e-2) < 0.4, "people of the made-up archive are told apart"
    shutil.rmtree(tmp_path / "archive/packs" / unit.record.pack_id / "rolls")
    with pytest.raises(FatalError, match="too few to go by"):
        report(spec.archive, 1e-4, 1e-3, kept=True)
