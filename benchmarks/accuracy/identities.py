"""Measures ids that stay and names that are lent, on labelled faces.

    python -m benchmarks.accuracy.identities FOLDER [--cache FILE.npz]

FOLDER holds one folder per person with photos whose central face is that person. Printed are: how
many old faces have another cluster id after 1, 10 or 1,000 photos were added, and how many of
them the lineage tells of; and, with one photo of each of half the people enrolled, how often a
name is right that was matched, and that was lent, for several least shares of matched faces.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from benchmarks.accuracy.degraded import Faces
from benchmarks.accuracy.labelled import gallery_of, labelled, weak_of
from headcount.contract.stored.archive import PackRecord
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.clustering.cluster import cluster, join_rule
from workers.identity import cluster_ids as identities
from workers.identity.cluster_ids import (
    NAMINGS,
    PARTITION,
    changes,
    cluster_names,
    name_clusters,
    propagate_names,
)
from workers.matching.calibration import search_threshold
from workers.matching.match import NOBODY, accepted, match
from workers.models.packs.open import open_pack
from workers.tables.columns import NONE

SEEDS = range(3)
WENT = ("absorbed", "split", "moved")


def clusters_of(pack: PackRecord, faces: Faces) -> NDArray[np.int32]:
    rule = join_rule(
        pack.cluster_threshold,
        pack.cluster_group_threshold,
        faces=len(faces),
        cosine_per_decade=pack.cosine_per_decade,
    )
    photos = [str(n) for n in range(len(faces))]
    return cluster(faces.embeddings, photos, rule=rule, weaknesses=weak_of(faces, pack))


def rows_of(faces: Faces, rows: Sequence[int] | NDArray[np.int64]) -> Faces:
    """Select faces by row."""
    which = np.zeros(len(faces), bool)
    which[rows] = True
    return faces.where(which)


def partition(faces: pa.Array, clusters: pa.Array) -> pa.Table:
    return pa.table([faces, clusters], schema=PARTITION)


def say_stability(pack: PackRecord, every: Faces) -> None:
    ids = pa.array([f"f{n:023d}" for n in range(len(every))])
    everybody, nobody = clusters_of(pack, every), PARTITION.empty_table()
    for added in (1, 10, 1000):
        shares = []
        for seed in SEEDS:
            old = np.sort(np.random.default_rng(seed).permutation(len(every))[added:])
            faces = ids.take(pa.array(old))
            before = name_clusters(clusters_of(pack, rows_of(every, old)), faces, nobody)
            after = name_clusters(everybody, ids, partition(faces, before))
            other = pc.sum(pc.not_equal(before, after.take(pa.array(old)))).as_py()
            named = NAMINGS.empty_table()
            told = changes(partition(faces, before), partition(ids, after), named, named)
            went = told.filter(pc.is_in(told["change"], pa.array(WENT)))
            assert (pc.sum(went["faces"]).as_py() or 0) == other, "the lineage tells of every face"
            shares.append(other / len(faces))
        print(
            f"{added} photos more: at most {max(shares):.4f} of the old faces have another id, "
            "all in the lineage"
        )


def say_names(pack: PackRecord, every: Faces) -> None:
    names = every.people.tolist()
    people = sorted(set(names))
    enrolled = [p for n, p in enumerate(people) if n % 2 == 0 and names.count(p) > 1]
    references = [names.index(person) for person in enrolled]
    probes = sorted(set(range(len(names))) - set(references))
    weak = weak_of(every, pack)
    gallery = gallery_of(every.embeddings[references], weak[references], np.array(enrolled))
    threshold = search_threshold(
        pack.threshold,
        pack.fmr,
        pack.cosine_per_decade,
        references=len(enrolled),
        false_positives=1e-3,
    )
    found = match(every.embeddings[probes], gallery, weak[probes])
    good = accepted(
        found,
        np.ones(len(probes), bool),
        np.arange(len(probes)),
        threshold=threshold,
        margin=pack.margin,
    )
    near = [enrolled[p] if p != NOBODY else None for p in found.person.tolist()]
    matched = [p if ok else None for p, ok in zip(near, good.tolist(), strict=True)]
    alike = [
        p if s >= threshold else None for p, s in zip(near, found.evidence.tolist(), strict=True)
    ]
    faces = pa.array([f"f{n:023d}" for n in probes])
    labels = clusters_of(pack, rows_of(every, probes))
    clusters = name_clusters(labels, faces, PARTITION.empty_table())
    seen = pa.table(
        {
            "face_id": faces,
            "photo": faces,
            "cluster_id": clusters,
            "person_id": pa.array(matched, pa.string()),
            "alike": pa.array(alike, pa.string()),
            "quality": np.full(len(probes), 0.5, np.float32),
        }
    )
    truth = [names[n] for n in probes]
    of_enrolled = sum(person in set(enrolled) for person in truth)
    right = sum(m == t for m, t in zip(matched, truth, strict=True))
    print(
        f"{len(enrolled)} people enrolled, {of_enrolled} other faces of them, "
        f"{len(probes) - of_enrolled} of others: {int(good.sum())} matched, {right} rightly"
    )
    for share in (0.0, 0.1, 0.2, 0.33, 0.5):
        identities.MIN_MATCHED_SHARE = share
        names_of = cluster_names(seen)
        row = propagate_names(seen, names_of, ())
        lent = np.flatnonzero(row != NONE)
        given = names_of["person_id"].to_pylist()
        right = sum(given[row[n]] == truth[n] for n in lent)
        print(f"least share {share}: {len(lent)} names lent, {right} rightly")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path)
    arguments = parser.parse_args()
    pack = open_pack("embedded", Settings(), S3Settings()).record
    faces = labelled(arguments.folder, "embedded", arguments.cache)
    say_stability(pack, faces)
    say_names(pack, faces)


if __name__ == "__main__":
    main()
