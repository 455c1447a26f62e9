import numpy as np
import pytest

from tests.workers.clustering.test_cluster import people
from workers.clustering import linkage
from workers.clustering.cluster import cluster
from workers.clustering.linkage import LinkageRule
from workers.faces.evidence import evidence

FACES = people(60, 20, noise=0.9)
PHOTOS = np.random.default_rng(2).permutation(len(FACES)) // 6
RULE = LinkageRule(pair=0.6, group=0.45, large=0.55)


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


@pytest.mark.parametrize(
    ("first", "second", "asked"),
    [
        (1, 1, 0.6),
        (4, 1, 0.525),
        (1, 4, 0.525),
        (9, 4, 0.475),
        (3, 10_000, 0.45 + 0.15 / 30_000**0.5),
        (12, 10_000, 0.525),
        (10_000, 12, 0.525),
        (10_000, 10_000, 0.54997),
    ],
)
def test_what_is_asked_falls_with_the_root_of_the_number_of_pairs_and_rises_for_large_groups(
    first: int, second: int, asked: float
) -> None:
    sizes = np.float64([first]), np.float64([second])
    np.testing.assert_allclose(RULE.threshold(*sizes), [asked], atol=1e-9)


@pytest.mark.parametrize(("cosine", "together"), [(0.53, True), (0.52, False)])
def test_a_face_joins_four_at_the_mean_cosine_that_is_asked_of_four_pairs(
    cosine: float, together: bool
) -> None:
    """Between 0.525, asked of four pairs, and what their number or no root of it would ask."""
    four, fifth = np.zeros((4, 2), np.float32), np.zeros(2, np.float32)
    four[:, 0], fifth[:] = 1, (cosine, (1 - cosine**2) ** 0.5)
    labels = cluster(np.vstack([four, fifth]), np.arange(5), rule=RULE)
    assert (labels[0] == labels[4]) is np.bool_(together)


def test_groups_are_merged_by_the_mean_evidence_of_their_pairs() -> None:
    """Against plain average linkage over the matrix of evidence."""
    rows = people(12, 8, noise=1.1)
    weak = np.random.default_rng(4).uniform(0, 0.5, (len(rows), 2)).astype(np.float32)
    rule = LinkageRule(0.42, 0.42, 0.42)
    found = cluster(rows, np.arange(len(rows)), rule=rule, weaknesses=weak)
    worth = evidence(rows @ rows.T, weak, weak)
    groups = [[n] for n in range(len(rows))]
    while True:
        means = np.array([[worth[np.ix_(a, b)].mean() for b in groups] for a in groups])
        np.fill_diagonal(means, -1)
        one, other = np.unravel_index(means.argmax(), means.shape)
        if means[one, other] < 0.42:
            break
        groups[one] += groups.pop(other)
    together = found[:, None] == found[None]
    for group in groups:
        assert together[np.ix_(group, group)].all()
    assert together.sum() == sum(len(group) ** 2 for group in groups)
    assert 12 < len(groups) < 80
