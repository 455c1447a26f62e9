import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from headcount.contract.layout import ARCHIVE, PackKeys
from headcount.contract.record import now, read_record
from headcount.contract.stored.archive import ArchiveRecord, CalibrationRecord, PackRecord
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import open_store
from tests.made_up import OF_PHOTO, made_up_archive
from tests.workers.matching.test_calibration import alike, scores
from workers.app import WORK
from workers.matching.calibration import Calibration
from workers.matching.impostors import impostor_pairs
from workers.people.gallery import NOBODY_ENROLLED
from workers.runtime.unit import Context, Unit
from workers.stages.assign import applied_threshold
from workers.tools.calibrate import Measured, doubts, draw_faces, report

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
    assert list(draw_faces(unit.store, unit.pack_keys, S3Settings(), cosine_per_decade=0.05)) == []
    reduced = Unit(unit.context, unit.store, spec.job_id, "reduce")
    WORK["reduce"](reduced)
    [drawn] = draw_faces(unit.store, unit.pack_keys, S3Settings(), cosine_per_decade=0.05)
    copied = OF_PHOTO  # of the one photo that is a copy of another
    assert 0.9 * 150 - copied <= len(drawn.group) <= 0.95 * 150 + 1 - copied
    found = impostor_pairs(drawn)
    assert found.tail(1e-2) < 0.4, "people of the made-up archive are told apart"
    shutil.rmtree(tmp_path / "archive/packs" / unit.record.pack_id / "rolls")
    with pytest.raises(FatalError, match="too few to go by"):
        report(spec.archive, 1e-4, 1e-3, kept=True)


def test_kept_figures_are_reported_as_runs_go_by_them(tmp_path: Path) -> None:
    spec = made_up_archive(tmp_path / "photos", tmp_path / "archive", 120, fragments=1)
    context = Context(Settings(), S3Settings(), "test")
    kept = CalibrationRecord(
        made=now(),
        threshold=0.3,
        rate=1e-3,
        fmr=((1e-3, 0.3), (1e-4, 0.33)),
        calibration=None,
        scale="evidence",
    )
    unit = Unit(context, open_store(spec.archive), spec.job_id, "reduce")
    unit.store.put(unit.pack_keys.calibration, kept.to_bytes())
    unit = Unit(context, unit.store, spec.job_id, "reduce")
    said = json.loads(report(spec.archive, 1e-3, spec.false_positives))["search"]["threshold"]
    assert said == applied_threshold(NOBODY_ENROLLED, unit.figures, spec.false_positives)
    assert said == pytest.approx(0.3), "not the pack's own 0.45"


def test_figures_that_an_earlier_build_measured_on_cosines_are_ignored_and_that_is_said(
    tmp_path: Path,
) -> None:
    spec = made_up_archive(tmp_path / "photos", tmp_path / "archive", 120, fragments=1)
    unit = Unit(Context(Settings(), S3Settings(), "test"), open_store(spec.archive), "j", "reduce")
    keys = PackKeys(read_record(unit.store, ARCHIVE, ArchiveRecord).model.pack_id)
    earlier = {"made": "2026-01-01T00:00:00Z", "threshold": 0.9, "rate": 1e-3, "fmr": [[1e-3, 0.9]]}
    unit.store.put(keys.calibration, json.dumps(earlier | {"calibration": None}).encode())
    said = json.loads(report(spec.archive, 1e-3, 1e-3))
    assert said["ignored"]
    assert said["search"]["threshold"] < 0.6
    unit.store.delete(keys.calibration)
    assert not json.loads(report(spec.archive, 1e-3, 1e-3))["ignored"]
