"""Searching an archive by a photo: every photo with the person in it, the most alike first."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headcount import rolls
from headcount.errors import FatalError, ObjectError, PhotoError
from headcount.layout import JobKeys, PackKeys
from headcount.messages import JobSpec, find_record
from headcount.settings import S3Settings, Settings
from headcount.storage import Store, open_store
from headcount.storage.opening import split_object_uri
from headcount.tables import Table
from workers.analyse import Analysis, analyse
from workers.calibrate import search_threshold
from workers.context import figures_in_use, require_same_pack
from workers.enrol import choose_face
from workers.models.base import ModelPack
from workers.models.packs import open_pack

FIRST = 256
"""Faces asked for at first; twice as many until the last one is not alike enough."""
FALSE_HITS = 0.5
"""Strangers that a search may turn up, on average: a person looks at what it finds."""


def report(archive: str, photo: str, face: int | None, at_least: float | None) -> str:
    """What a search finds, as JSON. Raises FatalError."""
    settings, s3 = Settings(), S3Settings()
    store = open_store(archive, s3)
    pack = open_pack(settings.model, settings, s3)
    require_same_pack(store, pack)
    analysis = _analysis(photo, pack, settings, s3)
    chosen = _chosen(analysis, face)
    keys = PackKeys(pack.record.pack_id)
    figures = figures_in_use(store, keys, pack.record)
    table = Table(store.uri, keys.faces, s3)
    threshold = at_least
    if threshold is None:
        threshold = search_threshold(
            figures.threshold,
            figures.fmr,
            figures.decade,
            references=table.count(),
            false_positives=FALSE_HITS,
        )
    found = hits(table, analysis.descriptors[chosen], threshold)
    _say_who(store, keys, found)
    return json.dumps(
        {
            "faces": len(analysis),
            "face": chosen + 1,
            "box": [round(float(value), 1) for value in analysis.boxes[chosen]],
            "threshold": round(threshold, 4),
            "found": found,
        }
    )


def _analysis(photo: str, pack: ModelPack, settings: Settings, s3: S3Settings) -> Analysis:
    uri, key = split_object_uri(photo)
    try:
        data = open_store(uri, s3).get(key, limit=settings.max_bytes).data
        found = analyse(
            data,
            pack,
            max_pixels=settings.max_pixels,
            profile=settings.profile,
            rescue_tight=True,
        )
    except ObjectError as error:
        raise FatalError(f"cannot read {photo}: {error.label()}") from error
    except PhotoError as error:
        raise FatalError(f"cannot read {photo}: {error.reason}") from error
    return found.where(np.argsort(found.boxes[:, 0], kind="stable").tolist())  # left to right


def _chosen(analysis: Analysis, face: int | None) -> int:
    if face is not None:
        if not 1 <= face <= len(analysis):
            raise FatalError(f"there is no face {face}: {len(analysis)} were found")
        return face - 1
    choice = choose_face(analysis)
    if isinstance(choice, str):
        hint = "; --face N takes the N-th from the left" if len(analysis) > 1 else ""
        raise FatalError(f"cannot tell whom to search for: {choice}{hint}")
    return choice


def hits(table: Table, descriptor: NDArray[np.float32], threshold: float) -> list[dict[str, Any]]:
    """The faces of a table at cosine >= ``threshold``, one per photo, the most alike first."""
    total, count = table.count("usable"), FIRST
    while True:
        rows = table.nearest(
            "descriptor",
            descriptor.astype(np.float16),
            ["collection", "photo", "face_id"],
            count=min(count, max(total, 1)),
            where="usable",
        ).to_pylist()
        enough = not rows or 1 - rows[-1]["_distance"] < threshold
        if enough or count >= total:
            break
        count *= 2
    best: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        similarity = round(1 - row.pop("_distance"), 4)
        if similarity >= threshold:
            best.setdefault((row["collection"], row["photo"]), row | {"similarity": similarity})
    return sorted(best.values(), key=lambda row: (-row["similarity"], row["photo"]))


def _say_who(store: Store, keys: PackKeys, found: list[dict[str, Any]]) -> None:
    """Add what the latest runs called the faces, and where their collections are."""
    for collection in {row["collection"] for row in found}:
        job_id = rolls.latest_job(store, keys, collection)
        spec = find_record(store, JobKeys(job_id).spec, JobSpec) if job_id else None
        said = {
            (row["photo"], row["face_id"]): row
            for row in rolls.read_roll(store, keys, collection, job_id).to_pylist()
        }
        for row in found:
            if row["collection"] == collection:
                who = said.get((row["photo"], row["face_id"]), {})
                row |= {name: who.get(name) for name in ("person", "decision", "cluster_id")}
                row["collection"] = spec.photos if spec else collection


def build_index(archive: str) -> str:
    """Make the index of an archive's faces, or bring it up to date; gives the faces as JSON."""
    settings, s3 = Settings(), S3Settings()
    store = open_store(archive, s3)
    pack = open_pack(settings.model, settings, s3)
    require_same_pack(store, pack)
    table = Table(store.uri, PackKeys(pack.record.pack_id).faces, s3)
    table.index("descriptor")
    return json.dumps({"faces": table.count()})
