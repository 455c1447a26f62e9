"""Calibration: from false match rates to cosines, and from cosines to probabilities.

The method and its sources are in docs/calibration.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headcount.errors import FatalError
from headcount.forgotten import forgotten_people
from headcount.layout import ARCHIVE, PackKeys
from headcount.messages import (
    ArchiveRecord,
    CalibrationRecord,
    PackRecord,
    find_record,
    now,
    read_record,
)
from headcount.settings import S3Settings
from headcount.storage import Store, open_store
from headcount.tables import Table
from workers.cluster import MIRROR
from workers.context import figures_in_use
from workers.gallery import load_gallery
from workers.rows import matrix

ENOUGH = 30
"""A quantile with so many impostor pairs beyond it is read off; further out the tail is normal."""
FEWEST = 200
"""Fewer impostor pairs than this say nothing."""
REPORTED = (1e-2, 1e-3, 1e-4, 1e-5)
MOST_PAIRS = 2_000_000

Cosines = NDArray[np.float32]
Points = Sequence[tuple[float, float]]
"""False match rates of a pair and their cosines."""


def cosine_at(fmr: float, points: Points, decade: float) -> float:
    """The cosine that a share ``fmr`` of impostor pairs reaches.

    Linear between ``points`` in the logarithm of the rate, beyond them ``decade`` per power of
    ten. Raises ValueError where there are no points.
    """
    if not points:
        raise ValueError("no false match rates are known")
    known = sorted((-np.log10(rate), cosine) for rate, cosine in points)
    wanted = -np.log10(fmr)
    (low, low_cosine), (high, high_cosine) = known[0], known[-1]
    if wanted <= low:
        return float(low_cosine - decade * (low - wanted))
    if wanted >= high:
        return float(high_cosine + decade * (wanted - high))
    return float(np.interp(wanted, [k for k, _ in known], [c for _, c in known]))


def search_threshold(
    least: float, points: Points, decade: float, *, references: int, false_positives: float
) -> float:
    """The threshold of a search among so many ``references``, never below ``least``.

    Someone who is not in the gallery is compared with each reference, so a share of about
    references x FMR of such searches finds somebody: the rate of one pair must be the target over
    the number of references. Without ``points``, ``least`` is taken to hold up to 100 references.
    """
    if points:
        wanted = cosine_at(false_positives / max(references, 1), points, decade)
    else:
        wanted = least + decade * np.log10(max(references, 1) / 100)
    return float(min(max(least, wanted), 1.0))


def tail_cosine(impostor: Cosines, fmr: float) -> float:
    """The cosine that a share ``fmr`` of impostor pairs reaches, by the pairs themselves.

    The quantile where ENOUGH pairs lie beyond it; otherwise the normal distribution of their
    mean and deviation, whose tail descriptors follow closely.
    """
    beyond = int(fmr * len(impostor))
    if beyond >= ENOUGH:
        return float(np.partition(impostor, -beyond)[-beyond])
    mean, deviation = float(impostor.mean(dtype=float)), float(impostor.std(dtype=float))
    return NormalDist(mean, deviation).inv_cdf(1 - fmr)


def logistic(genuine: Cosines, impostor: Cosines) -> tuple[float, float]:
    """Slope and intercept from cosine to probability, by Newton; both kinds weighted alike."""
    x = np.concatenate([genuine, impostor]).astype(np.float64)
    y = np.concatenate([np.ones(len(genuine)), np.zeros(len(impostor))])
    weight = np.where(y > 0, 0.5 / len(genuine), 0.5 / len(impostor))
    design = np.stack([x, np.ones_like(x)], axis=1)
    beta = np.zeros(2)
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(design @ beta, -500, 500)))
        gradient = design.T @ (weight * (y - chance)) - 1e-6 * beta
        hessian = (design * (weight * chance * (1 - chance))[:, None]).T @ design
        step = np.linalg.solve(hessian + 1e-6 * np.eye(2), gradient)
        beta += step
        if np.abs(step).max() < 1e-6:
            break
    return float(beta[0]), float(beta[1])


def free_negatives(groups: Iterable[NDArray[np.float32]]) -> Cosines:
    """Cosines of the pairs within each group of descriptors, the faces of one photo each.

    They are different people, but for pairs as alike as MIRROR, which are one content and left
    out. At most about MOST_PAIRS.
    """
    found, count = [np.zeros(0, np.float32)], 0
    for group in groups:
        cosines = (group @ group.T)[np.triu_indices(len(group), 1)]
        found.append(cosines[cosines < MIRROR].astype(np.float32))
        count += len(found[-1])
        if count >= MOST_PAIRS:
            break
    return np.concatenate(found)


def labelled_pairs(
    descriptors: NDArray[np.float32], people: NDArray[np.int64], *, most: int = 3000
) -> tuple[Cosines, Cosines]:
    """Cosines of genuine and impostor pairs of R labelled descriptors, of ``most`` of them."""
    if len(people) > most:
        chosen = np.sort(np.random.default_rng(0).choice(len(people), most, replace=False))
        descriptors, people = descriptors[chosen], people[chosen]
    one, other = np.triu_indices(len(people), 1)
    cosines = (descriptors @ descriptors.T)[one, other]
    same = people[one] == people[other]
    return cosines[same], cosines[~same]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What pairs of known kind say; ``genuine`` may be empty."""

    genuine: Cosines
    impostor: Cosines

    @property
    def enough(self) -> bool:
        """Whether there are impostor pairs enough to say anything."""
        return len(self.impostor) >= FEWEST

    def points(self) -> tuple[tuple[float, float], ...]:
        """False match rates and their cosines."""
        return tuple((fmr, tail_cosine(self.impostor, fmr)) for fmr in REPORTED)

    def tmr(self, cosine: float) -> float | None:
        """The share of genuine pairs that reach a cosine; None where there are none."""
        return float((self.genuine >= cosine).mean()) if len(self.genuine) else None

    def probability(
        self, pack: tuple[float, float] | None, pack_points: Points, decade: float
    ) -> tuple[float, float] | None:
        """Slope and intercept: fitted to labelled pairs where there are FEWEST genuine ones.

        Otherwise the pack's own, moved by as much as impostors are more alike here than where
        the pack was measured; None where it never was.
        """
        if len(self.genuine) >= FEWEST:
            return logistic(self.genuine, self.impostor)
        if pack is None or not pack_points:
            return None
        moved = tail_cosine(self.impostor, 1e-3) - cosine_at(1e-3, pack_points, decade)
        return pack[0], pack[1] - pack[0] * moved


# -- of an archive --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Measured:
    """An archive's own pairs, beside what its pack says of itself."""

    store: Store
    keys: PackKeys
    pack: PackRecord
    calibration: Calibration
    labelled: int
    references: int

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """False match rates and cosines: the archive's, the pack's where it has too few pairs."""
        return self.calibration.points() if self.calibration.enough else tuple(self.pack.fmr)

    @property
    def probability(self) -> tuple[float, float] | None:
        """Slope and intercept from cosine to probability."""
        if not self.calibration.enough:
            return self.pack.calibration
        return self.calibration.probability(self.pack.calibration, self.pack.fmr, self.pack.decade)


def measure(archive: str) -> Measured:
    """The pairs of an archive's own faces and references. Raises FatalError."""
    s3 = S3Settings()
    store = open_store(archive, s3)
    record = find_record(store, ARCHIVE, ArchiveRecord)
    if record is None:
        raise FatalError(f"there is no archive at {store.uri}: `headcount run` makes one")
    keys = PackKeys(record.model.pack_id)
    gallery = load_gallery(Table(store.uri, keys.gallery, s3), forgotten=forgotten_people(store))
    counts = np.diff(gallery.starts, append=len(gallery.descriptors))
    genuine, others = labelled_pairs(
        gallery.descriptors, np.repeat(np.arange(len(gallery)), counts).astype(np.int64)
    )
    free = free_negatives(_photo_groups(Table(store.uri, keys.faces, s3)))
    return Measured(
        store,
        keys,
        read_record(store, keys.record, PackRecord),
        Calibration(genuine, np.concatenate([others, free])),
        labelled=len(others),
        references=len(gallery.descriptors),
    )


def keep(measured: Measured, fmr: float) -> None:
    """Have the archive's later runs match by what was measured. Raises FatalError."""
    calibration = measured.calibration
    if not calibration.enough:
        raise FatalError(
            f"{len(calibration.impostor)} impostor pairs are too few to go by ({FEWEST} are "
            "needed): the pack's own figures stay. Enrol more people, or take in more photos "
            "with several faces"
        )
    record = CalibrationRecord(
        made=now(),
        threshold=cosine_at(fmr, measured.points, measured.pack.decade),
        rate=fmr,
        fmr=measured.points,
        calibration=measured.probability,
    )
    measured.store.put(measured.keys.calibration, record.to_bytes())


def report(archive: str, fmr: float, false_positives: float, *, kept: bool = False) -> str:
    """What an archive's own faces say of its pack's thresholds, as JSON. Raises FatalError.

    With ``kept`` later runs go by it.
    """
    measured = measure(archive)
    if kept:
        keep(measured, fmr)
    calibration, pack, points = measured.calibration, measured.pack, measured.points
    in_use = figures_in_use(measured.store, measured.keys, pack)
    found: dict[str, Any] = {
        "pack": pack.name,
        "pack_threshold": pack.threshold,
        "measured": calibration.enough,
        "kept": kept,
        "genuine_pairs": len(calibration.genuine),
        "impostor_pairs": {
            "labelled": measured.labelled,
            "one_photo": len(calibration.impostor) - measured.labelled,
        },
        "fmr": fmr,
        "threshold": cosine_at(fmr, points, pack.decade) if points else None,
        "rates": [
            {"fmr": rate, "cosine": cosine, "tmr": calibration.tmr(cosine)}
            for rate, cosine in points
        ],
        "probability": measured.probability,
        "search": _search(
            calibration,
            search_threshold(
                in_use.threshold,
                in_use.fmr,
                in_use.decade,
                references=measured.references,
                false_positives=false_positives,
            ),
            measured.references,
            false_positives,
        ),
    }
    return json.dumps(found)


def _search(
    calibration: Calibration, threshold: float, references: int, target: float
) -> dict[str, Any]:
    """What to expect of searches among so many references."""
    tmr = calibration.tmr(threshold)
    expected = None
    if calibration.enough:
        impostor = calibration.impostor
        alike = NormalDist(float(impostor.mean()), float(impostor.std()))
        seen = float((impostor >= threshold).mean())
        rate = seen if seen * len(impostor) >= ENOUGH else 1 - alike.cdf(threshold)
        expected = 1 - (1 - rate) ** references
    return {
        "references": references,
        "target": target,
        "threshold": threshold,
        "fpir": expected,
        "fnir": None if tmr is None else 1 - tmr,
    }


def _photo_groups(table: Table) -> Iterator[NDArray[np.float32]]:
    """The descriptors of the usable faces of each photo that has several."""
    held: list[NDArray[np.float32]] = []
    current = None
    scan = table.scan(
        ["collection", "photo", "descriptor"], where="usable", order_by=["collection", "photo"]
    )
    for batch in scan:
        photos = zip(batch["collection"].to_pylist(), batch["photo"].to_pylist(), strict=True)
        for photo, descriptor in zip(photos, matrix(batch["descriptor"]), strict=True):
            if photo != current:
                if len(held) > 1:
                    yield np.stack(held)
                held, current = [], photo
            held.append(descriptor)
    if len(held) > 1:
        yield np.stack(held)
