"""``calibrate``: the false match rates and probabilities of an archive's own faces, as JSON.

The method and its sources are in docs/calibration.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headcount.answers.kept import holding, read_answers
from headcount.answers.renames import Renames
from headcount.assignments import history
from headcount.contract.columns import FACES
from headcount.contract.forgotten import forgotten_people
from headcount.contract.layout import ARCHIVE, PackKeys
from headcount.contract.record import find_record, now, read_record
from headcount.contract.stored.archive import ArchiveRecord, CalibrationRecord, PackRecord
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store, open_store
from headcount.tables.table import Table
from workers.faces.evidence import PARTS
from workers.matching.calibration import (
    FEWEST,
    Calibration,
    evidence_at,
    search_threshold,
)
from workers.matching.impostors import (
    MOST_FACES,
    FaceSample,
    ImpostorPairs,
    genuine_pairs,
    impostor_pairs,
    references,
)
from workers.models.packs.of_archive import figures_in_use, kept_by_cosine
from workers.people.gallery import load_gallery
from workers.tables.columns import NONE, Numbers, factorize, first_of_each, index_of, take_or_null
from workers.tables.faces import weaknesses_of
from workers.tables.rows import matrix

WIDE = 0.06
"""Widest interval of a threshold that may be kept: about a power of ten of its rate."""
FAR = 0.1
"""Largest distance from the pack's own threshold that may be kept: about two powers of ten of the
rate, more than other photos explain."""
PER_PHOTO = 8
"""Faces of one photo in a sample, at most."""
COLUMNS = pa.schema(
    [FACES.stored().field(n) for n in ("collection", "photo", "face_id", "descriptor", *PARTS)]
)


@dataclass(frozen=True, slots=True)
class Measured:
    """Pairs of an archive's own faces, beside the record of its pack."""

    store: Store
    keys: PackKeys
    pack: PackRecord
    calibration: Calibration
    labelled: int
    references: int

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """False match rates and evidence: the archive's; the pack's where pairs are too few."""
        return self.calibration.points() if self.calibration.enough else tuple(self.pack.fmr)

    @property
    def probability(self) -> tuple[float, float] | None:
        """Slope and intercept from evidence to probability."""
        if not self.calibration.enough:
            return self.pack.calibration
        return self.calibration.probability(
            self.pack.calibration, self.pack.fmr, self.pack.cosine_per_decade
        )


def measure(archive: str) -> Measured:
    """Make the pairs of an archive's own faces and references. Raises FatalError."""
    s3 = S3Settings()
    store = open_store(archive, s3)
    record = find_record(store, ARCHIVE, ArchiveRecord)
    if record is None:
        raise FatalError(f"there is no archive at {store.uri}: `headcount run` makes one")
    keys = PackKeys(record.model.pack_id)
    pack = read_record(store, keys.record, PackRecord)
    gallery = load_gallery(
        Table(store.uri, keys.gallery, s3),
        forgotten=forgotten_people(store),
        cosine_per_decade=pack.cosine_per_decade,
        renames=Renames.of(holding(read_answers(store))),
    )
    counts = np.diff(gallery.starts, append=len(gallery.embeddings))
    people = np.repeat(np.arange(len(gallery)), counts).astype(np.int64)
    enrolled = references(gallery.embeddings, gallery.weaknesses, people)
    labelled = impostor_pairs(enrolled)
    drawn = draw_faces(store, keys, s3, cosine_per_decade=pack.cosine_per_decade)
    faces = [impostor_pairs(sample) for sample in drawn]
    return Measured(
        store,
        keys,
        pack,
        Calibration(genuine_pairs(enrolled), ImpostorPairs.concatenate([labelled, *faces])),
        labelled=len(labelled),
        references=len(gallery.embeddings),
    )


def keep(measured: Measured, fmr: float) -> None:
    """Store what was measured: later runs of the archive match by it."""
    record = CalibrationRecord(
        made=now(),
        threshold=evidence_at(fmr, measured.points, measured.pack.cosine_per_decade),
        rate=fmr,
        fmr=measured.points,
        calibration=measured.probability,
        scale="evidence",
    )
    measured.store.put(measured.keys.calibration, record.to_bytes())


def doubts(measured: Measured, fmr: float, interval: tuple[float, float]) -> str | None:
    """Reason not to keep what was measured; None if there is none.

    ``interval`` is the confidence interval of the threshold at ``fmr``.
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
            f"the threshold of FMR {fmr:.0e} lies between {low:.3f} and {high:.3f}, which is too "
            "unsure to go by. Take in more photos, or ask for a greater rate"
        )
    far = (
        impostor.tail(1e-3) - evidence_at(1e-3, pack.fmr, pack.cosine_per_decade)
        if pack.fmr
        else 0.0
    )
    if abs(far) > FAR:
        return (
            f"the evidence of impostors differs by {far:+.3f} from those that the pack {pack.name} "
            f"was measured with (at most {FAR} is believed). Look at the clusters: are many "
            "people joined, or one person in many?"
        )
    return None


def report(archive: str, fmr: float, false_positives: float, *, kept: bool = False) -> str:
    """Measure error rates and thresholds on an archive's own faces, as JSON. Raises FatalError.

    With ``kept`` later runs go by them.
    """
    measured = measure(archive)
    calibration, pack, points = measured.calibration, measured.pack, measured.points
    interval = calibration.impostor.interval(fmr)
    doubted = doubts(measured, fmr, interval)
    if kept and doubted is not None:
        raise FatalError(f"{doubted}: nothing was kept, and runs match as before")
    if kept:
        keep(measured, fmr)
    in_use = figures_in_use(measured.store, measured.keys, pack)
    found: dict[str, Any] = {
        "pack": pack.name,
        "pack_threshold": pack.threshold,
        "measured": calibration.enough,
        "doubts": doubted,
        "kept": kept,
        "ignored": kept_by_cosine(measured.store, measured.keys),
        "genuine_pairs": len(calibration.genuine),
        "impostor_pairs": {
            "labelled": measured.labelled,
            "across_photos": len(calibration.impostor) - measured.labelled,
        },
        "fmr": fmr,
        "threshold": evidence_at(fmr, points, pack.cosine_per_decade) if points else None,
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
    """Expected errors of searches among ``references`` references."""
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


def draw_faces(
    store: Store, keys: PackKeys, s3: S3Settings, *, cosine_per_decade: float
) -> Iterator[FaceSample]:
    """Yield a sample of the usable faces of each collection; the photo of each is its group.

    A face's labels are its person and its cluster in the latest run; faces without a row there
    are left out. All samples have at most MOST_FACES faces, one of each photo before a second of
    any. Copies of one photo count once.
    """
    drawn = _sample(Table(store.uri, keys.photos, s3), Table(store.uri, keys.faces, s3))
    for collection in pc.unique(drawn["collection"]).to_pylist():
        here = drawn.filter(pc.equal(drawn["collection"], collection))
        job_id = history.latest_job(store, keys, collection)
        assigned = history.read_assignments(store, keys, collection, job_id)
        assigned = assigned.filter(
            pc.is_in(assigned["photo"], value_set=here["photo"].combine_chunks())
        )
        at = index_of(history.face_keys(here), history.face_keys(assigned))
        known = np.flatnonzero(at != NONE)
        if len(known):
            columns = ("person_id", "cluster_id")
            labels = [factorize(take_or_null(assigned[name], at[known]))[0] for name in columns]
            here = here.take(known)
            yield FaceSample(
                matrix(here["descriptor"]),
                weaknesses_of(here, cosine_per_decade),
                factorize(here["photo"])[0],
                np.stack(labels),
            )


def _sample(photos: Table, faces: Table) -> pa.Table:
    """Draw at most MOST_FACES usable faces, in a random order that is always the same."""
    share = 2 * MOST_FACES / max(1, photos.count("faces > 0"))
    found = []
    for batch in faces.scan(COLUMNS, where="usable"):
        number, names = factorize(batch["photo"])
        mixed = np.array([crc32(name.encode()) for name in names.to_pylist()], np.int64)
        kept = np.flatnonzero((mixed < share * (1 << 32))[number]) if len(number) else number
        found.append(pa.Table.from_batches([batch]).take(kept))
    if not found:
        return COLUMNS.empty_table()
    table = pa.concat_tables(found)
    table = table.take(np.random.default_rng(0).permutation(len(table)))
    table = table.take(np.sort(first_of_each(factorize(table["face_id"])[0])))
    photo = pc.binary_join_element_wise(table["collection"], table["photo"], "\0")
    rank = _rank(factorize(photo)[0])
    order = np.argsort(rank, kind="stable")
    return table.take(order[rank[order] < PER_PHOTO][:MOST_FACES])


def _rank(number: Numbers) -> Numbers:
    """Rank of each number among its equals, from 0."""
    order = np.argsort(number, kind="stable")
    counts = np.bincount(number)
    rank = np.empty(len(number), np.int64)
    rank[order] = np.arange(len(number)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rank
