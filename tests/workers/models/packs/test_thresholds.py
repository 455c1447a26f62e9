import numpy as np

from tests.workers.models.recognisers.test_arcface import made_network, recogniser, sface
from workers.models.base import Floats, Image
from workers.models.packs.thresholds import (
    SFACE,
    SFACE_FINGERPRINT,
    UNKNOWN,
    fingerprint_crop,
    thresholds_of,
)


def test_sface_is_known_by_what_it_does() -> None:
    assert thresholds_of(sface()) == SFACE
    assert SFACE.calibration is not None


def test_an_unknown_recogniser_gets_cautious_thresholds_and_no_calibration() -> None:
    known = thresholds_of(recogniser(made_network("N")))
    assert known == UNKNOWN
    assert known.calibration is None
    assert known.threshold >= SFACE.threshold


def test_a_recogniser_of_short_descriptors_is_unknown_too() -> None:
    assert thresholds_of(recogniser(made_network("N", width=7))) == UNKNOWN


class _Shifted:
    """SFace, each value of whose embeddings is moved by so much."""

    def __init__(self, by: float) -> None:
        self._by, self._sface = by, sface()
        self.dimensions = self._sface.dimensions

    def features(self, crops: Image) -> Floats:
        return self._sface.features(crops) + np.float32(self._by)

    def embed(self, crops: Image) -> Floats:
        return self._sface.embed(crops) + np.float32(self._by)


def test_a_recogniser_that_differs_by_more_than_rounding_is_unknown() -> None:
    assert thresholds_of(_Shifted(0.005)) == SFACE
    assert thresholds_of(_Shifted(0.012)) == UNKNOWN


def test_the_fingerprint_crop_never_changes() -> None:
    crop = fingerprint_crop()
    assert (crop.shape, crop.dtype) == ((1, 112, 112, 3), np.uint8)
    assert int(crop.sum(dtype=np.int64)) == 5434859
    assert len(SFACE_FINGERPRINT) == 12
