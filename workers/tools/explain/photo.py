"""The explanation of one photo: what became of it, of its faces, and of whoever is expected."""

from __future__ import annotations

from collections import Counter

import pyarrow.compute as pc

from headcount.errors import FatalError
from workers.tools.explain.case import Case, Row
from workers.tools.explain.face import about_job, brief, said_briefly
from workers.tools.explain.moment import Moment
from workers.tools.explain.recompute import decide
from workers.tools.explain.rules import because


def explain_photo(moment: Moment, key: str) -> Row:
    """Everything about a photo of the moment's collection."""
    photo = moment.photo(key)
    if photo is None:
        raise FatalError(f"the archive has no photo {key} any more")
    decided = decide(moment, [key])
    faces = decided.faces.filter(pc.equal(decided.faces["photo"], key)).to_pylist()
    cases = [Case.of(moment, decided, key, row["face_id"]) for row in faces]
    return {
        "kind": "photo",
        "job": about_job(moment),
        "photo": {**photo, "taken": photo["taken"] and str(photo["taken"])},
        "passes": dict(Counter(row["pass"] for row in faces)),
        "decisions": dict(Counter(row["decision"] for row in faces)),
        "faces": [{**brief(case.row), "because": because(case)} for case in cases],
        "expected": decided.roll_of(moment, photo).to_pylist(),
        "answers": [
            said_briefly(one)
            for one in moment.answers.said
            if one.answer.photo == key and one.answer.what == "accept_absent"
        ],
        "notes": list(moment.notes()),
    }
