"""The results contract: the public tables of a run. A change here is a CHANGELOG entry."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from headcount.contract import columns, people_columns
from headcount.contract.vocabulary import DISMISSED
from headcount.errors import ObjectError
from headcount.storage.base import Reader
from headcount.storage.keys import is_portable

PHOTOS = columns.PHOTOS.shown()
FACES = columns.FACES.shown()
PEOPLE = columns.PEOPLE.shown()
CLUSTERS = columns.CLUSTERS.shown()
LINEAGE = columns.LINEAGE.shown()
EXPECTED = columns.EXPECTED.shown()
CAPTIONS = people_columns.CAPTIONS.shown()
PEOPLE_BY_FOLDER = people_columns.PEOPLE_BY_FOLDER.shown()
PEOPLE_BY_DATE = people_columns.PEOPLE_BY_DATE.shown()
TOGETHER = people_columns.TOGETHER.shown()

DIFF = "diff.json"
SUMMARY = "summary.json"
LOOK_ALIKES = "look_alikes"
"""Where the summary tells of people whose references are alike: their ids and names."""
REPORT = "report/index.html"
REPORT_PAGE = "report/photos-{number}.html"
"""A further page of a report that is too large for one, from 2 on."""
ANNOTATED = "annotated/"
ANNOTATED_MARK = b"annotated by headcount"
"""The JPEG comment of an annotated copy, by which it is told from a picture of the user's own."""
MARK_WITHIN = 1024
"""The comment is in the first bytes of the file."""

DISMISSED_SHARE = 0.2
"""A cluster is dismissed where at least this share of its faces was: a stranger goes on being left
alone while further photos come, and a few faces hide no crowd. The same share names a cluster."""

PART_SHOWN, PARTS_SHOWN = 50, 4
"""Limits of an annotated copy's name, where the photo's key cannot name a file: characters of each
part (of up to four bytes), and parts."""


def clusters_table(faces: pa.Table, people: pa.Table) -> pa.Table:
    """One row per cluster, the largest first; its exemplar is the face of best quality.

    ``people`` maps ``cluster_id`` to ``person_id``. A cluster without a name is dismissed where
    enough of its faces say so as their ``evidence``.
    """
    wanted = ["cluster_id", "quality", "face_id", "photo"]
    members = faces.select(wanted).filter(pc.is_valid(faces["cluster_id"]))
    measures = [("quality", "max"), ("photo", "count"), ("photo", "count_distinct")]
    groups = members.group_by("cluster_id").aggregate(measures)
    order = [("photo_count", "descending"), ("cluster_id", "ascending")]
    groups = groups.sort_by(order).combine_chunks()
    ids = groups["cluster_id"].combine_chunks()
    best = groups["quality_max"].take(pc.index_in(members["cluster_id"], value_set=ids))
    exemplars = members.filter(pc.equal(members["quality"], best)).group_by("cluster_id")
    exemplars = exemplars.aggregate([("face_id", "min")])
    named = _found(people, "cluster_id", ids, "person_id")
    left_alone = pc.greater_equal(_dismissed(faces, ids), _shares(groups["photo_count"]))
    return pa.table(
        {
            "cluster_id": ids,
            "faces": groups["photo_count"].cast(pa.int32()),
            "photos": groups["photo_count_distinct"].cast(pa.int32()),
            "person_id": named,
            "exemplar_face_id": _found(exemplars, "cluster_id", ids, "face_id_min"),
            "dismissed": pc.and_(pc.is_null(named), left_alone),
        },
        schema=CLUSTERS,
    )


def _dismissed(faces: pa.Table, clusters: pa.Array) -> pa.ChunkedArray:
    """The number of dismissed faces of each cluster."""
    alone = faces.filter(pc.fill_null(pc.equal(faces["evidence"], DISMISSED), False))
    counts = alone.group_by("cluster_id").aggregate([("evidence", "count")])
    return pc.fill_null(_found(counts, "cluster_id", clusters, "evidence_count"), 0)


def _shares(faces: pa.ChunkedArray) -> pa.ChunkedArray:
    """The least number of dismissed faces by which a cluster of so many is dismissed."""
    return pc.max_element_wise(pc.multiply(pc.cast(faces, pa.float64()), DISMISSED_SHARE), 1.0)


def _found(table: pa.Table, key: str, keys: pa.Array, column: str) -> pa.ChunkedArray:
    """The values of a column in the row of each key, null where there is none."""
    return table[column].take(pc.index_in(keys, value_set=table[key].combine_chunks()))


def report_pages(out: Reader) -> Iterator[str]:
    """The keys of further pages of a report in a place of results, whichever run wrote them."""
    before, after = REPORT_PAGE.split("{number}")
    for info in out.list(REPORT.rpartition("/")[0] + "/"):
        number = info.key.removeprefix(before).removesuffix(after)
        if info.key == f"{before}{number}{after}" and number.isascii() and number.isdigit():
            yield info.key


def annotated_key(photo: str) -> str:
    """The key of a photo's annotated copy in the results."""
    if is_portable(photo) and _is_short(photo):
        return f"{ANNOTATED}{photo}.jpg"
    # A manifest's URI, a name that leads elsewhere or one too long: readable, and still unique.
    parts = [part[:PART_SHOWN] for part in photo.replace(":", "").split("/") if part.strip(".")]
    digest = hashlib.sha256(photo.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{ANNOTATED}{'/'.join(parts[-PARTS_SHOWN:])}-{digest}.jpg"


def annotated_copies(out: Reader, *, besides: Collection[str]) -> Iterator[str]:
    """The keys of further annotated copies in a place of results, whichever run drew them."""
    for info in out.list(ANNOTATED):
        if not info.key.endswith(".jpg") or info.key in besides:
            continue
        try:
            head = out.get_range(info.key, 0, MARK_WITHIN)
        except ObjectError:
            continue
        if ANNOTATED_MARK in head:
            yield info.key


def _is_short(photo: str) -> bool:
    """Whether there is room for more: names end at 255 bytes, keys of S3 at 1,024."""
    return len(photo.encode()) < 700 and all(len(p.encode()) < 240 for p in photo.split("/"))
