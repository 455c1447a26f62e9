"""Decisions of some photos' faces made again, by the pipeline's own functions.

Decided again are the faces of these photos, and all that their decisions depend on: the other
faces of their clusters, and whoever is in the same photos as those. The clusters themselves are
the job's: they follow from the whole collection.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headcount.assignments import history
from headcount.rosters.scopes import in_memory, resolve
from headcount.rosters.statuses import with_accepted
from workers.identity.candidates import Search, UnclaimedFaces
from workers.identity.roll_call import RollCall
from workers.identity.roster_names import name_expected, with_names
from workers.matching.likeness import Likeness
from workers.stages.assign import add_inferred_names, assign, with_dismissed
from workers.stages.roll import rule_of_pack
from workers.tables.columns import as_bool, index_of, isin, take_or_null
from workers.tables.embeddings import Embeddings
from workers.tables.faces import weaknesses_of
from workers.tools.explain.moment import Moment

SOURCE = "the job's expectations"


@dataclass(frozen=True)
class Decided:
    """Faces of photos as the job decided on them.

    ``faces`` are those of the ``photos`` that were asked for, and of those that answers keep apart
    from them. ``around`` are these and all others that were compared, before rosters; ``near``
    are the embeddings and weaknesses of ``around``. ``names`` are the NAMINGS of their clusters,
    whole for each cluster of ``faces``.
    """

    photos: frozenset[str]
    faces: pa.Table
    around: pa.Table
    near: Likeness
    names: pa.Table
    search: Search

    def row(self, photo: str, face_id: str) -> int:
        """The row of a face among ``around``; -1 where it is not there."""
        asked = pa.array([f"{photo}\0{face_id}"])
        return int(index_of(asked, history.face_keys(self.around))[0])

    def roll_of(self, moment: Moment, photo: dict[str, object]) -> pa.Table:
        """The table `expected` of one photo, of those who were expected in it."""
        key = str(photo["photo"])
        asked = moment.expectations.filter(isin(moment.expectations["photo"], [key]))
        lines = asked.select(["scope", "person", "person_id", "needed"])
        numbers = pa.array(range(lines.num_rows), pa.int32())
        lines = lines.add_column(0, "line", numbers)
        keys = in_memory(pa.array([key], pa.string()))
        roll = RollCall(lines, resolve(lines, keys), keys)
        row = pa.table({name: pa.array([photo[name]], pa.string()) for name in _PHOTO})
        mine = self.faces.filter(isin(self.faces["photo"], [key]))
        mine = mine.filter(pa.array(_is_face(moment, mine)))
        enrolled = dict(zip(moment.gallery.person_ids, moment.gallery.names, strict=True))
        found = roll.table(row, mine, _search(moment, self.near, self.around, self.faces), enrolled)
        return with_accepted(found, moment.answers.accepted)


_PHOTO = ("photo", "outcome", "reason")


def decide(moment: Moment, photos: Collection[str]) -> Decided:
    """Decide again on the faces of some photos of the moment's collection."""
    wanted = {*photos, *_apart_from(moment, photos)}
    inside = as_bool(isin(moment.clusters["photo"], wanted))
    clusters = moment.clusters["cluster_id"].filter(pa.array(inside)).combine_chunks().unique()
    together = moment.clusters["photo"].filter(pa.array(moment.of_clusters(clusters)))
    around, embeddings = moment.read({*wanted, *together.to_pylist()})
    weak = weaknesses_of(around, moment.pack.cosine_per_decade)
    around, names = _assigned(moment, around, embeddings, weak)
    likeness = Likeness(embeddings, weak, moment.gallery)
    faces = _with_roster(moment, likeness, around, wanted)
    faces = with_dismissed(faces, moment.answers.claims.dismissed)
    search = _search(moment, likeness, around, faces)
    return Decided(frozenset(photos), faces, around, likeness, names, search)


def _assigned(
    moment: Moment, faces: pa.Table, embeddings: Embeddings, weak: NDArray[np.float32]
) -> tuple[pa.Table, pa.Table]:
    """The faces with decisions, clusters and inferred names; the clusters' NAMINGS."""
    answers = moment.answers
    faces = assign(
        faces,
        embeddings,
        weak,
        moment.gallery,
        moment.figures,
        threshold=moment.threshold,
        rejected=answers.rejected,
        by_hand=moment.by_hand,
        not_faces=answers.claims.not_faces,
    )
    near = moment.clusters.filter(isin(moment.clusters["photo"], set(faces["photo"].to_pylist())))
    at = index_of(history.face_keys(faces), history.face_keys(near))
    clusters = take_or_null(near["cluster_id"], at)
    return add_inferred_names(faces.append_column("cluster_id", clusters), answers.rejected)


def _with_roster(
    moment: Moment, likeness: Likeness, around: pa.Table, wanted: Collection[str]
) -> pa.Table:
    """The faces of the ``wanted`` photos, with the names that only the roster gives."""
    rule = rule_of_pack(moment.figures, moment.spec.false_positives, moment.threshold)
    here = as_bool(isin(around["photo"], wanted))
    expected = moment.expectations
    expected = expected.filter(isin(expected["photo"], wanted))
    if rule is not None and expected.num_rows:
        search = _search(moment, likeness, around, around.filter(pa.array(here)))
        gallery = moment.gallery
        named = name_expected(
            around,
            [expected],
            search,
            rule,
            references=np.diff(gallery.starts, append=len(gallery.photos)).astype(np.int64),
            spoken_for=moment.answers.named,
        )
        names = pa.array(gallery.names, pa.string())
        around = with_names(around, named, search.person_ids, names) if named else around
    return around.filter(pa.array(here))


def _search(moment: Moment, likeness: Likeness, around: pa.Table, faces: pa.Table) -> Search:
    """The search for expected people among the unclaimed ones of some faces of ``around``.

    ``faces`` may have names of the roster that those of ``around`` do not have.
    """
    ids = pa.array(moment.gallery.person_ids, pa.string())
    at = index_of(history.face_keys(around), history.face_keys(faces))
    for name in ("decision", "person_id"):
        column = take_or_null(faces[name], at)
        place = around.schema.get_field_index(name)
        kept = pc.if_else(pa.array(at >= 0), column, around[name])
        around = around.set_column(place, name, kept)
    against = moment.answers.against(around)
    judged = _is_face(moment, around) & (at >= 0)
    unclaimed = UnclaimedFaces.of(around, ids, against, judged)
    return Search(unclaimed, likeness, ids, moment.threshold, moment.figures.margin)


def _is_face(moment: Moment, faces: pa.Table) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = ~as_bool(isin(faces["face_id"], moment.answers.claims.not_faces))
    return mask


def _apart_from(moment: Moment, photos: Collection[str]) -> set[str]:
    """The photos of the faces that answers keep apart from those of some photos."""
    sides = [
        (set(one), set(other))
        for record, one, other in zip(
            moment.answers.records, moment.answers.faces, moment.answers.sides, strict=True
        )
        if record.what == "apart"
    ]
    if not sides:
        return set()
    rows = moment.clusters.filter(isin(moment.clusters["photo"], photos))
    mine = set(rows["face_id"].to_pylist())
    others = {
        f for one, other in sides for a, b in ((one, other), (other, one)) if a & mine for f in b
    }
    found = moment.clusters.filter(isin(moment.clusters["face_id"], others))
    return set(found["photo"].to_pylist())
