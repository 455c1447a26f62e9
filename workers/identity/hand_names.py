"""Names that people gave to faces and that hold: of whole clusters, of two faces of one photo."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from headcount.answers.claims import Claims
from workers.identity.apply_answers import Answers
from workers.tables.columns import as_bool, isin


def hand_names(answers: Answers, faces: pa.Table) -> dict[str, str]:
    """The person whose name each face was given and still has, by face id.

    A later answer takes a name back: another name, a rejection, that there is no face, or that the
    face is not the person of other faces with the same name. Of two faces of one photo both keep
    it. Answers of earlier builds have no job: they named one face of a photo, and the last one
    holds.
    """
    at = first_rows(faces, answers.named)
    names = Claims.of(answers.said, photos_at(faces, at)).names
    return {face: person for face, person in names.items() if face in at}


def photos_at(faces: pa.Table, at: Mapping[str, int]) -> dict[str, str]:
    """The photo of each face, given by its row."""
    photos = faces["photo"].take(pa.array(list(at.values()), pa.int64())).to_pylist()
    return dict(zip(at, photos, strict=True))


def first_rows(faces: pa.Table, wanted: set[str]) -> dict[str, int]:
    """The first row of each of the ``wanted`` faces."""
    rows = np.flatnonzero(as_bool(isin(faces["face_id"], wanted)))
    found = faces["face_id"].take(pa.array(rows)).to_pylist()
    return dict(reversed(list(zip(found, rows.tolist(), strict=True))))
