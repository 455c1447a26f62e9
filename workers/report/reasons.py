"""The reason why an unknown face has no name, from the columns of its row."""

from __future__ import annotations

from headcount.contract.vocabulary import ANOTHER_FACE, REJECTED
from workers.report.view import ShownFace


def unnamed_because(face: ShownFace, threshold: float, margin: float) -> str:
    """Reason why an unknown face has no name, in one clause.

    A match needs the evidence ``threshold``, which is the similarity less what poor pictures take
    from it, and the lead ``margin`` over the runner-up; and nobody is in a photo twice.
    """
    if face.weight is None or face.nearest is None:
        return "Nobody to compare it with"
    if face.evidence == ANOTHER_FACE:
        return f"Like {face.nearest}, who is another face of this photo"
    if face.weight >= threshold and face.margin is not None and face.margin < margin:
        return f"Too close to call: nearest is {face.nearest}, {face.runner_up} just behind"
    if face.evidence == REJECTED:
        return f"Rejected for somebody else by a person; nearest of the others is {face.nearest}"
    if too_poor_to_tell(face, threshold):
        return f"Nearest is {face.nearest}: similar, but both pictures are too poor to tell"
    return f"Nearest is {face.nearest}, not similar enough"


def too_poor_to_tell(face: ShownFace, threshold: float) -> bool:
    """Whether a face is similar enough for a match, and only the discount forbids it."""
    if face.similarity is None or face.weight is None:
        return False
    return face.weight < threshold <= face.similarity
