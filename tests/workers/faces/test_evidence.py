"""Evidence of pairs of faces: cosines, less what both pictures lack."""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.faces.analysis import analyse
from workers.faces.evidence import KINDS, evidence, evidence_of_pairs, weaknesses
from workers.models.packs.open import open_pack
from workers.tables.faces import weaknesses_of

DECADE = 0.047


def parts(**values: list[float]) -> dict[str, np.ndarray]:
    return {name: np.array(column, np.float32) for name, column in values.items()}


def test_a_sharp_whole_face_has_no_weakness_and_a_poorer_one_never_less_than_a_better() -> None:
    quality = np.linspace(0.4, 1, 61, dtype=np.float32)
    blur = weaknesses({"quality": quality}, DECADE)
    assert blur.shape == (61, len(KINDS))
    assert (blur[-1] == 0).all()
    assert (np.diff(blur[:, 0]) <= 0).all()
    assert blur[0, 0] > 0
    share = np.linspace(0, 1, 61, dtype=np.float32)
    cut = weaknesses({"quality": np.ones_like(share), "outside": share}, DECADE)
    assert (cut[0] == 0).all()
    assert (np.diff(cut[:, 1]) >= 0).all()
    assert cut[-1, 1] > 0


def test_fine_structure_or_a_good_embedding_makes_up_for_the_other() -> None:
    worst, fine, sure = (0.06, 0.42), (0.5, 0.42), (0.06, 0.85)
    sharpness, quality = np.transpose([worst, fine, sure]).tolist()
    blur = weaknesses(parts(quality=quality, sharpness=sharpness), DECADE)[:, 0]
    assert blur[0] > 0
    assert blur[1:].tolist() == [0, 0]


def test_parts_that_were_not_measured_are_no_weakness_of_their_own() -> None:
    known = weaknesses(parts(quality=[0.45, 0.9], outside=[0.0, 0.0]), DECADE)
    unknown = weaknesses(parts(quality=[0.45, 0.9], outside=[np.nan, np.nan]), DECADE)
    assert unknown.tolist() == known.tolist()
    assert weaknesses(parts(quality=[0.45, 0.9]), DECADE).tolist() == known.tolist()


def test_a_pair_loses_what_both_pictures_lack_and_nothing_where_one_is_good() -> None:
    cosines = np.full((2, 2), 0.6, np.float32)
    blurred, good = [0.5, 0.0], [0.0, 0.0]
    weak = np.array([blurred, good], np.float32)
    np.testing.assert_allclose(evidence(cosines, weak, weak), [[0.35, 0.6], [0.6, 0.6]])
    pairs = np.array([0.6, 0.6], np.float32)
    np.testing.assert_allclose(evidence_of_pairs(pairs, weak, weak), [0.35, 0.6])


def test_weaknesses_of_two_kinds_do_not_meet() -> None:
    blurred, cut = np.array([[0.5, 0]], np.float32), np.array([[0, 0.5]], np.float32)
    np.testing.assert_allclose(evidence(np.ones((1, 1), np.float32), blurred, cut), [[1.0]])


def test_what_a_pair_loses_is_in_the_packs_powers_of_ten() -> None:
    weak = [weaknesses(parts(quality=[0.42]), decade) for decade in (0.047, 0.094)]
    lost = [-float(evidence_of_pairs(np.zeros(1, np.float32), w, w)[0]) for w in weak]
    assert lost[1] == pytest.approx(2 * lost[0])


def test_weaknesses_of_rows_read_null_as_not_measured_and_do_without_older_columns() -> None:
    rows = pa.table({"quality": pa.array([0.45, 0.9], pa.float32())})
    older = weaknesses_of(rows, DECADE)
    nulls = pa.nulls(2, pa.float32())
    assert weaknesses_of(rows.append_column("outside", nulls), DECADE).tolist() == older.tolist()
    assert weaknesses_of(rows.slice(0, 0), DECADE).shape == (0, len(KINDS))


def test_blurred_strangers_are_alike_by_their_cosine_and_not_by_the_evidence(data: Path) -> None:
    folders = sorted((data / "data" / "lfw_dev" / "images").iterdir())
    photos = [min(folder.glob("*.jpg")) for folder in islice(folders, 0, None, 60)]
    embeddings, weak = [], []
    pack = open_pack("embedded", Settings(), S3Settings())
    for image in (cv2.imread(str(photo)) for photo in photos):
        found = analyse(_blurred(image), pack, max_pixels=10**6)
        for row in np.flatnonzero(found.usable)[:1]:
            embeddings.append(found.embeddings[row])
            seen = {name: part[[row]] for name, part in found.parts.items()}
            weak.append(weaknesses(seen | {"quality": found.qualities[[row]]}, DECADE)[0])
    assert len(weak) >= 20
    pairs = np.triu_indices(len(weak), 1)
    vectors, lacking = np.stack(embeddings), np.stack(weak)
    at = 0.419  # one sharp pair in 10,000
    assert ((vectors @ vectors.T)[pairs] >= at).mean() >= 0.01
    assert (evidence(vectors @ vectors.T, lacking, lacking)[pairs] >= at).mean() <= 0.002


def _blurred(image: np.ndarray) -> bytes:
    small = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    coded = cv2.imencode(".jpg", cv2.GaussianBlur(small, (0, 0), 3.0))
    return coded[1].tobytes()
