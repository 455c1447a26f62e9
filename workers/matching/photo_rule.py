"""Nobody is in a photo twice: the rule for the program's own matches, and who is exempt from it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.clustering.cluster import MIRROR
from workers.matching.match import NOBODY, nearest_of_photo
from workers.tables.embeddings import EmbeddingMatrix


@dataclass(frozen=True, slots=True)
class OnePerPhoto:
    """Masks of N faces: those that keep their match, and those that lost it to another face."""

    kept: NDArray[np.bool_]
    lost: NDArray[np.bool_]


def one_per_photo(
    enough: NDArray[np.bool_],
    person: NDArray[np.int32],
    evidence: NDArray[np.float32],
    photos: NDArray[np.int64],
    embeddings: EmbeddingMatrix,
    *,
    by_hand: NDArray[np.int64],
) -> OnePerPhoto:
    """Of the faces of a photo that are like one person, the nearest keeps the match.

    So do those that are the same picture as it. ``enough`` marks the faces with evidence enough for
    ``person``; ``by_hand`` is the person that somebody named a face, or NOBODY: these faces are
    never asked, and no other face of their photo is matched to that person, unless it is the same
    picture. ``photos`` are numbers.
    """
    said = by_hand != NOBODY
    people = int(max(person.max(initial=0), by_hand.max(initial=0))) + 1
    of_photo = photos * people + np.where(said, by_hand, person)
    kept = nearest_of_photo(enough & ~said, person, evidence, photos)
    kept &= ~np.isin(of_photo, of_photo[said])
    lost = enough & ~said & ~kept
    same = _same_picture(lost, kept | said, of_photo, embeddings)
    return OnePerPhoto(kept | same, lost & ~same)


def _same_picture(
    lost: NDArray[np.bool_],
    holders: NDArray[np.bool_],
    of_photo: NDArray[np.int64],
    embeddings: EmbeddingMatrix,
) -> NDArray[np.bool_]:
    """Mask of the ``lost`` faces that are the same picture as a holder of the same photo."""
    found = np.zeros(len(lost), bool)
    rows = np.flatnonzero(lost)
    beside: defaultdict[int, list[int]] = defaultdict(list)
    for row in np.flatnonzero(holders & np.isin(of_photo, of_photo[rows])).tolist():
        beside[int(of_photo[row])].append(row)
    for row in rows.tolist():
        others = embeddings[np.array(beside[int(of_photo[row])], np.int64)]
        cosines = others @ embeddings[np.array([row], np.int64)][0]
        found[row] = bool((cosines >= MIRROR).any())
    return found
