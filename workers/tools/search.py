"""Search of an archive by a photo: every photo with the person in it, the most similar first."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.assignments import history
from headcount.contract.layout import JobKeys, PackKeys
from headcount.contract.record import find_record
from headcount.contract.stored.jobs import JobSpec
from headcount.errors import FatalError, ObjectError, PhotoError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import Store, open_store
from headcount.storage.uris import split_object_uri
from headcount.tables.filters import FILTER_VALUES, any_of, in_collection
from headcount.tables.table import Table
from headcount.text import counted
from workers.faces.analysis import Analysis, analyse
from workers.matching.calibration import search_threshold
from workers.models.base import ModelPack
from workers.models.packs.of_archive import figures_in_use, require_same_pack
from workers.models.packs.open import open_pack
from workers.people.reference_photo import choose_face
from workers.tables.columns import NONE, factorize, first_of_each, index_of, one_array, take_or_null
from workers.tables.rows import matrix

FIRST = 256
"""Faces of the first query; each further one asks for twice as many, until the last face found is
below the threshold."""
FEWEST_INDEXED = 5_000
"""Faces of the smallest archive that is indexed: fewer are compared in milliseconds, an index of
them would miss some, and Lance leaves one of fewer than 256 empty."""
FALSE_HITS = 0.5
"""False hits of a search on average: a person looks at the result."""


def report(archive: str, photo: str, face: int | None, at_least: float | None) -> str:
    """Search an archive by a face of a photo, as JSON. Raises FatalError."""
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
            figures.cosine_per_decade,
            references=table.count(),
            false_positives=FALSE_HITS,
        )
    embedding = analysis.embeddings[chosen]
    alike = _with_decisions(store, keys, hits(table, embedding, threshold))
    same = mates(store, keys, table, embedding, alike)
    found = best_of_photos(pa.concat_tables([alike, same])).drop_columns(["person_id"])
    return json.dumps(
        {
            "faces": len(analysis),
            "face": chosen + 1,
            "box": [round(float(value), 1) for value in analysis.boxes[chosen]],
            "threshold": round(threshold, 4),
            "found": _with_collections(store, keys, found.to_pylist()),
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
            raise FatalError(f"there is no face {face}: the photo has {len(analysis)}")
        return face - 1
    choice = choose_face(analysis)
    if isinstance(choice, str):
        hint = "; --face N takes the N-th from the left" if len(analysis) > 1 else ""
        raise FatalError(f"cannot tell whom to search for: {choice}{hint}")
    return choice


def hits(table: Table, embedding: NDArray[np.float32], threshold: float) -> pa.Table:
    """Faces of a table at cosine >= ``threshold``: collection, photo, face_id, similarity."""
    total, count = table.count("usable"), FIRST
    while True:
        rows = table.nearest(
            "descriptor",
            embedding.astype(np.float16),
            ["collection", "photo", "face_id"],
            count=min(count, max(total, 1)),
            where="usable",
        )
        similarity = np.round(1 - rows["_distance"].to_numpy().astype(float), 4)
        if not len(similarity) or similarity.min() < threshold or count >= total:
            break
        count *= 2
    found = rows.select(["collection", "photo", "face_id"])
    return found.append_column("similarity", pa.array(similarity)).filter(similarity >= threshold)


def mates(
    store: Store, keys: PackKeys, table: Table, embedding: NDArray[np.float32], alike: pa.Table
) -> pa.Table:
    """Faces that share a cluster or a person with one of ``alike`` in the latest runs.

    Columns are those of ``alike``; ``similarity`` is each face's own, however low. Faces that are
    no longer in the table are left out.
    """
    people, clusters = (pc.unique(alike[name].drop_null()) for name in ("person_id", "cluster_id"))
    found = [alike.slice(0, 0)]
    if len(people) or len(clusters):
        for collection in history.collections_of(store, keys):
            assigned = _latest_assignments(store, keys, collection)
            together = is_in(assigned["cluster_id"], clusters)
            chosen = pc.or_(together, is_in(assigned["person_id"], people))
            ways = pc.if_else(together, "cluster", "name").filter(chosen)
            assigned = assigned.filter(chosen).append_column("by", ways)
            known, cosines = _cosines(table, collection, assigned["face_id"], embedding)
            at = index_of(assigned["face_id"], known)
            assigned = assigned.append_column(
                "collection", pa.array([collection] * len(at), pa.string())
            )
            assigned = assigned.append_column("similarity", pa.array(np.append(cosines, 0.0)[at]))
            found.append(assigned.filter(at != NONE).select(alike.column_names).cast(alike.schema))
    return pa.concat_tables(found)


def _cosines(
    table: Table, collection: str, face_ids: pa.ChunkedArray, embedding: NDArray[np.float32]
) -> tuple[pa.Array, NDArray[np.float64]]:
    """Ids of those faces that are in the table, each once, and their cosines."""
    wanted = pc.unique(face_ids)
    where = in_collection(collection)
    if len(wanted) <= FILTER_VALUES:  # above it, one pass over the collection is quicker
        where += f" AND {any_of('face_id', wanted.to_pylist())}"
    ids, cosines = [pa.array([], pa.string())], [np.zeros(0)]
    for batch in table.scan(["face_id", "descriptor"], where=where) if len(wanted) else ():
        kept = pa.table(batch).filter(is_in(batch["face_id"], wanted))
        rows = matrix(kept["descriptor"])
        lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(embedding)
        ids.append(one_array(kept["face_id"]))
        cosines.append(np.round((rows @ embedding / lengths).astype(float), 4))
    known, found = pa.concat_arrays(ids), np.concatenate(cosines)
    once = first_of_each(factorize(known)[0])
    return known.take(pa.array(once)), found[once]


def best_of_photos(faces: pa.Table) -> pa.Table:
    """Best face of each photo: hits by similarity before cluster mates, the most similar first."""
    late = pc.not_equal(faces["by"], "similarity")
    order = [("late", "ascending"), ("similarity", "descending"), ("photo", "ascending")]
    ranked = faces.append_column("late", late).sort_by(order).drop_columns(["late"])
    photos = pc.binary_join_element_wise(ranked["collection"], ranked["photo"], "\0")
    return ranked.take(pa.array(np.sort(first_of_each(factorize(photos)[0]))))


def _with_decisions(store: Store, keys: PackKeys, alike: pa.Table) -> pa.Table:
    """Add the decisions of the latest runs to hits by similarity."""
    found = [_assigned(alike.slice(0, 0), history.ASSIGNMENTS.empty_table())]
    for collection in pc.unique(alike["collection"]).to_pylist():
        faces = alike.filter(pc.equal(alike["collection"], collection))
        found.append(_assigned(faces, _latest_assignments(store, keys, collection)))
    return pa.concat_tables(found)


def _assigned(faces: pa.Table, assigned: pa.Table) -> pa.Table:
    assigned = assigned.filter(is_in(assigned["face_id"], pc.unique(faces["face_id"])))
    at = index_of(history.face_keys(faces), history.face_keys(assigned))
    for name in ("person", "person_id", "decision", "cluster_id"):
        faces = faces.append_column(name, take_or_null(assigned[name], at))
    return faces.append_column("by", pa.array(["similarity"] * len(at), pa.string()))


def is_in(column: pa.ChunkedArray | pa.Array, texts: pa.Array) -> pa.ChunkedArray | pa.Array:
    """Mask of the texts of a column that are among ``texts``."""
    return pc.is_in(column, value_set=one_array(texts))


def _latest_assignments(store: Store, keys: PackKeys, collection: str) -> pa.Table:
    return history.read_assignments(
        store, keys, collection, history.latest_job(store, keys, collection)
    )


def _with_collections(
    store: Store, keys: PackKeys, found: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Replace the collection ids of rows with the URIs of the collections."""
    places = {}
    for collection in {row["collection"] for row in found}:
        job_id = history.latest_job(store, keys, collection)
        spec = find_record(store, JobKeys(job_id).spec, JobSpec) if job_id else None
        places[collection] = (spec.photos if spec else None) or collection
    return [row | {"collection": places[row["collection"]]} for row in found]


def build_index(archive: str) -> str:
    """Make or renew the index of an archive's faces; the faces that are in it, and all, as JSON.

    Raises FatalError where the archive has too few faces for an index.
    """
    settings, s3 = Settings(), S3Settings()
    store = open_store(archive, s3)
    pack = open_pack(settings.model, settings, s3)
    require_same_pack(store, pack)
    table = Table(store.uri, PackKeys(pack.record.pack_id).faces, s3)
    faces = table.count()
    if faces < FEWEST_INDEXED:
        raise FatalError(
            f"no index for {counted(faces, 'face')}: below {FEWEST_INDEXED:,} a search compares "
            "with every face at once, which is as quick and misses none"
        )
    return json.dumps({"indexed": table.index("descriptor"), "faces": faces})
