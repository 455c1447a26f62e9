"""ArchiveIndex: one collection of an archive under its pack in use, held for the page.

It loads in the background, step by step; what has not come yet is waited for, or read for the few
faces that are asked about. Answers are laid over the results as soon as they are recorded.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headcount.answers.known import KnownAnswers
from headcount.answers.record import Answer
from headcount.answers.renames import Renames
from headcount.archive.selection import Part
from headcount.assignments import history
from headcount.assignments.expectations import read_expectations
from headcount.assignments.moment import cluster_faces
from headcount.contract.forgotten import forgotten_people
from headcount.contract.layout import JobKeys
from headcount.contract.record import find_record
from headcount.contract.stored.archive import PackRecord
from headcount.contract.stored.jobs import JobSpec
from headcount.errors import HeadcountError
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from workers.people.gallery import Gallery, load_gallery
from workers.tables.columns import NONE, Numbers
from workers.tables.pack_tables import PackTables
from workers.web.loaded import (
    Places,
    Said,
    grouped,
    read_embeddings,
    read_frames,
    read_places,
    read_said,
    read_some_places,
)
from workers.web.overlay import Overlay, Settled, lay, settle

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shown:
    """An overlay with what is counted of it: which faces each cluster and each person has."""

    said: Said
    overlay: Overlay

    @cached_property
    def members(self) -> tuple[Numbers, Numbers]:
        """Rows by cluster, and where each cluster's begin."""
        if not self.overlay.moved:
            return self.said.members
        return grouped(self.overlay.cluster, self.cluster_count)

    @cached_property
    def counts(self) -> Numbers:
        """Faces of each person."""
        codes = self.overlay.person
        return np.bincount(codes[codes != NONE], minlength=len(self.overlay.people))

    def count_of(self, person_id: str) -> int:
        """The number of faces with a person's name."""
        code = self.person_codes.get(person_id)
        return 0 if code is None else int(self.counts[code])

    @property
    def cluster_count(self) -> int:
        """The number of clusters, with those that answers made."""
        return len(self.said.clusters) + len(self.overlay.clusters)

    @cached_property
    def unnamed(self) -> NDArray[np.bool_]:
        """The faces that wait for a name."""
        return self.overlay.unnamed

    @cached_property
    def sizes(self) -> Numbers:
        """Unnamed faces of each cluster."""
        codes = self.overlay.cluster[self.unnamed]
        return np.bincount(codes[codes != NONE], minlength=self.cluster_count)

    @cached_property
    def order(self) -> Numbers:
        """Clusters with unnamed faces, the largest first."""
        order = np.argsort(-self.sizes, kind="stable")
        return order[: int(np.count_nonzero(self.sizes))]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """Numbers of clusters that answers made."""
        first = len(self.said.clusters)
        return {one: first + n for n, one in enumerate(self.overlay.clusters)}

    def cluster_id(self, code: int) -> str:
        """The id of a cluster by its number."""
        known = len(self.said.clusters)
        if code < known:
            return str(self.said.clusters[int(code)].as_py())
        return self.overlay.clusters[code - known]

    def cluster_code(self, cluster_id: str) -> int:
        """The number of a cluster by its id; NONE where there is none."""
        found = self._numbers.get(cluster_id)
        if found is None:
            at = self.said.clusters.index(pa.scalar(cluster_id, pa.string())).as_py()
            return int(at)
        return found

    def rows_in(self, code: int) -> Numbers:
        """All faces that are in a cluster."""
        order, starts = self.members
        return order[starts[code] : starts[code + 1]]

    def unnamed_in(self, code: int) -> Numbers:
        """The faces of a cluster that wait for a name."""
        rows = self.rows_in(code)
        return rows[self.unnamed[rows]]

    @cached_property
    def person_codes(self) -> dict[str, int]:
        """Numbers of people by their ids."""
        return {person: code for code, (person, _) in enumerate(self.overlay.people)}

    def rows_of_person(self, person_id: str) -> Numbers:
        """All faces with a person's name."""
        code = self.person_codes.get(person_id)
        if code is None:
            return np.zeros(0, np.int64)
        return np.flatnonzero(self.overlay.person == code)


def not_named_any_more(results: Results, shown: Shown) -> frozenset[str]:
    """People whom answers alone enrolled, and whose name no face has any more."""
    renames = shown.overlay.renames
    named = {renames.now(one, None)[0] for one in set(results.settled.claims.names.values())}
    gone = {one for one in named if not shown.count_of(one)}
    gallery = results.gallery
    for number, person in enumerate(gallery.person_ids if gone else ()):
        rows = gallery.references(number)
        if any(gallery.sources[row] != results.part.uri for row in rows):
            gone.discard(renames.now(person, None)[0])
    return frozenset(gone)


@dataclass
class Results:
    """One job's results, loaded in steps; events tell which steps are done."""

    tables: PackTables
    part: Part
    record: PackRecord
    said: Said
    places: Places
    spec: JobSpec | None
    gallery: Gallery
    expected: pa.Table
    frames: NDArray[np.int32] | None = None
    embeddings: NDArray[np.float16] | None = None
    settled: Settled = field(default_factory=lambda: Settled(frozenset()))
    placed: threading.Event = field(default_factory=threading.Event)
    framed: threading.Event = field(default_factory=threading.Event)
    embedded: threading.Event = field(default_factory=threading.Event)
    moments: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def members(self, answer: Answer) -> tuple[str, ...]:
        """Ids of all faces of the cluster that an answer means."""
        moment = answer.moment
        if moment is None:
            return ()
        if moment not in self.moments:
            self.moments[moment] = self._members(*moment)
        return self.moments[moment]

    def _members(self, job_id: str, cluster: str) -> tuple[str, ...]:
        if job_id != self.said.job_id:
            [found] = cluster_faces(self.tables.store, self.part.keys, [(job_id, cluster)])
            return found
        at = self.said.clusters.index(pa.scalar(cluster, pa.string())).as_py()
        order, starts = self.said.members
        rows = order[starts[at] : starts[at + 1]] if at >= 0 else order[:0]
        return tuple(self.said.face_ids.take(pa.array(rows)).to_pylist())

    def place(self, rows: Numbers) -> None:
        """See to it that the boxes of these faces are there."""
        if not self.placed.is_set() and len(rows):
            read_some_places(self.tables, self.said, self.places, rows)


class ArchiveIndex:
    """What the page shows of a collection. ``shown`` is one state, to be taken once per request."""

    def __init__(self, store: Store, s3: S3Settings, part: Part, record: PackRecord) -> None:
        self.store, self.s3, self.record = store, s3, record
        self.answers = KnownAnswers(store)
        self.version = 0
        self._lock = threading.RLock()
        self.results = self._begin(part)
        self.answers.look()
        self._settle(self.results)
        self.shown = self._shown(self.results)

    def _begin(self, part: Part) -> Results:
        tables = PackTables(self.store, part.keys, part.uri, self.s3)
        said = read_said(tables, part.job_id)
        spec = find_record(self.store, JobKeys(part.job_id).spec, JobSpec)
        gallery = load_gallery(
            tables.gallery,
            cosine_per_decade=self.record.cosine_per_decade,
            forgotten=forgotten_people(self.store),
        )
        expected = read_expectations(self.store, part.keys, part.collection, part.job_id)
        places = Places.empty(len(said))
        return Results(tables, part, self.record, said, places, spec, gallery, expected)

    def _settle(self, results: Results) -> None:
        taken = self.answers.taken(results.said.job_id)
        results.settled = settle(self.answers.all(), taken, results.members)

    def _shown(self, results: Results) -> Shown:
        overlay = lay(results.said, self.answers.all(), results.settled, results.members)
        return Shown(results.said, overlay)

    def load(self) -> None:
        """Load the rest: boxes, photos, embeddings. Takes seconds for a million faces."""
        self._fill(self.results)

    def _fill(self, results: Results) -> None:
        tables, said = results.tables, results.said
        table = tables.faces.at(tables.faces.version)
        results.places, at = read_places(table, tables.of_collection, said)
        results.placed.set()
        said.prepare()
        results.frames = read_frames(tables, said)
        results.framed.set()
        shape = len(said), self.record.dimensions
        results.embeddings = read_embeddings(table, tables.of_collection, at, shape)
        results.embedded.set()

    def add(self, answers: list[Answer]) -> None:
        """Lay answers that were just recorded over the results."""
        self.answers.add(answers)
        self.refresh()

    def refresh(self) -> None:
        """Lay all answers over the results anew."""
        with self._lock:
            self.shown = self._shown(self.results)
            self.version += 1

    def look(self) -> None:
        """Look for answers and results of others."""
        try:
            job = history.latest_job(self.store, self.results.part.keys, self.collection)
            if job is not None and job != self.results.said.job_id:
                self._renew(job)
            elif self.answers.look():
                self.refresh()
        except HeadcountError as error:
            log.warning("the archive could not be looked at: %s", error)

    def _renew(self, job_id: str) -> None:
        """Take up the results of another job, once they are loaded whole."""
        part = self.results.part
        renewed = self._begin(Part(part.keys, part.collection, part.uri, job_id))
        self._fill(renewed)
        with self._lock:
            self.answers.look()
            self._settle(renewed)
            self.results = renewed
            self.refresh()

    @property
    def renames(self) -> Renames:
        """The names that people have now."""
        return self.shown.overlay.renames

    @property
    def collection(self) -> str:
        """The id of the collection."""
        return self.results.part.collection
