"""Short tags of clusters, as pictures and report show them: unique within a run."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

SHORTEST = 4
"""Letters of a tag, at least: a `k`, and three digits that tell 4,096 clusters apart."""


def cluster_tags(clusters: pa.ChunkedArray, shown: Collection[str]) -> dict[str, str]:
    """The tag of each ``shown`` cluster: as many first letters of its id as no other one has.

    ``clusters`` are the ids of all clusters of the run, each once. An id with which a longer one
    begins is its own tag.
    """
    tags: dict[str, str] = {}
    left, length = sorted(set(shown)), SHORTEST
    others = clusters
    while left:
        mine = [one[:length] for one in left]
        starts = pc.utf8_slice_codeunits(others, 0, length)
        others = others.filter(pc.is_in(starts, value_set=pa.array(mine, pa.string())))
        counts = _counts(pc.utf8_slice_codeunits(others, 0, length))
        done = [n for n, one in enumerate(left) if counts.get(mine[n], 0) < 2 or one == mine[n]]
        tags |= {left[n]: mine[n] for n in done}
        left = [one for one in left if one not in tags]
        length += 1
    return tags


def _counts(starts: pa.ChunkedArray) -> dict[str, int]:
    pairs = starts.value_counts()
    texts, counts = pairs.field("values").to_pylist(), pairs.field("counts").to_pylist()
    return dict(zip(texts, counts, strict=True))
