"""Calibration: from false match rates to cosines, and from cosines to probabilities.

The method and its sources are in docs/calibration.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headcount.contract.forgotten import forgotten_people
from headcount.contract.layout import ARCHIVE, PackKeys
from headcount.contract.record import find_record, now, read_record
from headcount.contract.stored.archive import ArchiveRecord, CalibrationRecord, PackRecord
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store, open_store
from headcount.tables.table import Table
from workers.clustering.cluster import MIRROR
from workers.matching.impostors import (
    Cosines,
    ImpostorPairs,
    Weights,
    draw_faces,
    impostor_pairs,
    references,
)
from workers.people.gallery import load_gallery
from workers.runtime.unit import figures_in_use

FEWEST = 200
"""Fewer impostor pairs than this say nothing."""
REPORTED = (1e-2, 1e-3, 1e-4, 1e-5)
WIDE = 0.06
"""A cosine that is less sure than this, some decade of its rate, is not kept."""
FAR = 0.1
"""Nor is one that lies so far from the pack's own: two decades, more than photos explain."""

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


def logistic(
    genuine: Cosines, impostor: Cosines, weight_of: Weights | None = None
) -> tuple[float, float]:
    """Slope and intercept from cosine to probability, by Newton; both kinds weighted alike.

    ``weight_of`` are the weights of the impostor pairs among themselves.
    """
    x = np.concatenate([genuine, impostor]).astype(np.float64)
    y = np.concatenate([np.ones(len(genuine)), np.zeros(len(impostor))])
    share = np.ones(len(impostor)) if weight_of is None else weight_of
    weight = np.append(np.full(len(genuine), 0.5 / len(genuine)), 0.5 * share / share.sum())
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


def labelled_pairs(
    embeddings: NDArray[np.float32], people: NDArray[np.int64], *, most: int = 3000
) -> tuple[Cosines, Cosines]:
    """Cosines of genuine and impostor pairs of R labelled embeddings, of ``most`` of them."""
    if len(people) > most:
        chosen = np.sort(np.random.default_rng(0).choice(len(people), most, replace=False))
        embeddings, people = embeddings[chosen], people[chosen]
    one, other = np.triu_indices(len(people), 1)
    cosines = (embeddings @ embeddings.T)[one, other]
    same = people[one] == people[other]
    return cosines[same], cosines[~same]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What pairs of known kind say; ``genuine`` may be empty."""

    genuine: Cosines
    impostor: ImpostorPairs

    @property
    def enough(self) -> bool:
        """Whether there are impostor pairs enough to say anything."""
        return len(self.impostor) >= FEWEST

    def points(self) -> tuple[tuple[float, float], ...]:
        """False match rates and their cosines.

        A smaller rate has no lower cosine: where a tail that was counted ends above the normal one,
        that goes on from there.
        """
        cosines = np.maximum.accumulate([self.impostor.tail(fmr) for fmr in REPORTED])
        return tuple(zip(REPORTED, cosines.tolist(), strict=True))

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
            return logistic(self.genuine, self.impostor.cosine, self.impostor.weight)
        if pack is None or not pack_points:
            return None
        moved = self.impostor.tail(1e-3) - cosine_at(1e-3, pack_points, decade)
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
        return self.calibration.probability(
            self.pack.calibration, self.pack.fmr, self.pack.cosine_per_decade
        )


def measure(archive: str) -> Measured:
    """The pairs of an archive's own faces and references. Raises FatalError."""
    s3 = S3Settings()
    store = open_store(archive, s3)
    record = find_record(store, ARCHIVE, ArchiveRecord)
    if record is None:
        raise FatalError(f"there is no archive at {store.uri}: `headcount run` makes one")
    keys = PackKeys(record.model.pack_id)
    gallery = load_gallery(Table(store.uri, keys.gallery, s3), forgotten=forgotten_people(store))
    counts = np.diff(gallery.starts, append=len(gallery.embeddings))
    people = np.repeat(np.arange(len(gallery)), counts).astype(np.int64)
    genuine, _ = labelled_pairs(gallery.embeddings, people)
    labelled = impostor_pairs(references(gallery.embeddings, people))
    faces = [impostor_pairs(drawn) for drawn in draw_faces(store, keys, s3)]
    return Measured(
        store,
        keys,
        read_record(store, keys.record, PackRecord),
        Calibration(genuine[genuine < MIRROR], ImpostorPairs.together([labelled, *faces])),
        labelled=len(labelled),
        references=len(gallery.embeddings),
    )


def keep(measured: Measured, fmr: float) -> None:
    """Have the archive's later runs match by what was measured, which nobody doubts."""
    record = CalibrationRecord(
        made=now(),
        threshold=cosine_at(fmr, measured.points, measured.pack.cosine_per_decade),
        rate=fmr,
        fmr=measured.points,
        calibration=measured.probability,
    )
    measured.store.put(measured.keys.calibration, record.to_bytes())


def doubts(measured: Measured, fmr: float, interval: tuple[float, float]) -> str | None:
    """Why what was measured is nothing to go by, if it is not.

    ``interval`` is where the cosine of ``fmr`` surely lies.
    """
    impostor, pack = measured.calibration.impostor, measured.pack
    if not measured.calibration.enough:
        return (
            f"{len(impostor)} impostor pairs are too few to go by ({FEWEST} are needed). Enrol "
            "more people, or take in more photos"
        )
    low, high = interval
    if high - low > WIDE:
        return (
            f"the cosine of FMR {fmr:.0e} lies between {low:.3f} and {high:.3f}, which is too "
            "unsure to go by. Take in more photos, or ask for a greater rate"
        )
    far = (
        impostor.tail(1e-3) - cosine_at(1e-3, pack.fmr, pack.cosine_per_decade) if pack.fmr else 0.0
    )
    if abs(far) > FAR:
        return (
            f"impostors are {far:+.3f} from as alike as the pack {pack.name} was measured to find "
            f"them (at most {FAR} is believed). Look at the clusters: are many people joined, or "
            "one person in many?"
        )
    return None


def report(archive: str, fmr: float, false_positives: float, *, kept: bool = False) -> str:
    """What an archive's own faces say of its pack's thresholds, as JSON. Raises FatalError.

    With ``kept`` later runs go by it.
    """
    measured = measure(archive)
    calibration, pack, points = measured.calibration, measured.pack, measured.points
    interval = calibration.impostor.interval(fmr)
    doubted = doubts(measured, fmr, interval)
    if kept and doubted is not None:
        raise FatalError(f"{doubted}: what runs go by stays as it is")
    if kept:
        keep(measured, fmr)
    in_use = figures_in_use(measured.store, measured.keys, pack)
    found: dict[str, Any] = {
        "pack": pack.name,
        "pack_threshold": pack.threshold,
        "measured": calibration.enough,
        "doubts": doubted,
        "kept": kept,
        "genuine_pairs": len(calibration.genuine),
        "impostor_pairs": {
            "labelled": measured.labelled,
            "across_photos": len(calibration.impostor) - measured.labelled,
        },
        "fmr": fmr,
        "threshold": cosine_at(fmr, points, pack.cosine_per_decade) if points else None,
        "interval": interval if calibration.enough else None,
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
                in_use.cosine_per_decade,
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
        expected = 1 - (1 - calibration.impostor.rate(threshold)) ** references
    return {
        "references": references,
        "target": target,
        "threshold": threshold,
        "fpir": expected,
        "fnir": None if tmr is None else 1 - tmr,
    }
