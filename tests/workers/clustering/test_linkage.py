import numpy as np
import pytest

from tests.workers.clustering.test_cluster import people
from workers.clustering import linkage
from workers.clustering.cluster import cluster
from workers.clustering.linkage import LinkageRule

FACES = people(60, 20, noise=0.9)
PHOTOS = np.random.default_rng(2).permutation(len(FACES)) // 6
RULE = LinkageRule(pair=0.6, group=0.45)


def test_no_two_faces_of_a_photo_come_together_however_groups_grow() -> None:
    labels = cluster(FACES, PHOTOS, rule=RULE)
    assert len(set(zip(labels.tolist(), PHOTOS.tolist(), strict=True))) == len(FACES)
    assert len(set(labels.tolist())) < len(FACES) / 4, "and most of them are joined"


def test_what_is_joined_does_not_depend_on_how_the_pairs_are_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = cluster(FACES, PHOTOS, rule=RULE)
    monkeypatch.setattr(linkage, "CHUNK", 50)
    monkeypatch.setattr(linkage, "COMPARED", 7)
    assert cluster(FACES, PHOTOS, rule=RULE).tolist() == whole.tolist()
