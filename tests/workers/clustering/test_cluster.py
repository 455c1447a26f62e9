import numpy as np
import pytest
from numpy.typing import NDArray

from workers.clustering.cluster import cluster, join_rule
from workers.clustering.linkage import LinkageRule
from workers.faces.evidence import evidence
from workers.models.packs.thresholds import SFACE

EASY = LinkageRule(pair=0.5, group=0.5, large=0.5)


def people(count: int, faces: int, *, noise: float, dims: int = 64) -> NDArray[np.float32]:
    """``faces`` noisy embeddings of each of ``count`` random people, side by side."""
    random = np.random.default_rng(5)
    centres = random.normal(size=(count, dims))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    rows = np.repeat(centres, faces, axis=0)
    rows = rows + noise * random.normal(size=rows.shape) / dims**0.5
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def grouped(embeddings: NDArray[np.float32], threshold: float) -> list[int]:
    """The labels of faces that are each in a photo of its own."""
    photos = [f"{n}.jpg" for n in range(len(embeddings))]
    return cluster(embeddings, photos, rule=LinkageRule(*[threshold] * 3)).tolist()


def test_faces_of_one_person_are_one_cluster_and_others_are_apart() -> None:
    labels = grouped(people(20, 5, noise=0.5), 0.55)
    assert len(set(labels)) == 20
    assert all(len(set(labels[start : start + 5])) == 1 for start in range(0, 100, 5))


def test_no_faces_and_one_face_are_normal() -> None:
    assert grouped(np.zeros((0, 8), np.float32), 0.5) == []
    assert grouped(people(1, 1, noise=0.0), 0.5) == [0]


def test_more_copies_than_neighbours_are_still_one_cluster() -> None:
    assert len(set(grouped(people(2, 200, noise=0.05), 0.55))) == 2


def test_two_faces_of_one_photo_are_never_one_person_however_alike() -> None:
    twins = people(1, 4, noise=0.4)
    labels = cluster(twins, ["a.jpg", "a.jpg", "b.jpg", "b.jpg"], rule=EASY).tolist()
    assert labels[0] != labels[1]
    assert labels[2] != labels[3]
    assert len(set(labels)) == 2


def test_nor_are_they_joined_through_a_third_photo() -> None:
    labels = cluster(people(1, 3, noise=0.4), ["a.jpg", "b.jpg", "a.jpg"], rule=EASY).tolist()
    assert labels[0] != labels[2]
    assert labels[1] in (labels[0], labels[2])


def test_a_face_and_its_mirror_image_in_one_photo_are_one_person() -> None:
    assert cluster(people(1, 2, noise=0.01), ["a.jpg", "a.jpg"], rule=EASY).tolist() == [0, 0]


def test_what_must_be_together_is_and_what_must_be_apart_is_not() -> None:
    faces = people(3, 4, noise=0.4)
    photos = [f"{n}.jpg" for n in range(12)]
    must, cannot = np.array([[0, 4], [4, 8]]), np.array([[1, 2], [5, 7]])
    labels = cluster(faces, photos, rule=EASY, must_link=must, cannot_link=cannot)
    assert labels[0] == labels[4] == labels[8]
    assert labels[1] != labels[2]
    assert labels[5] != labels[7]


def test_a_decision_is_stronger_than_the_rule_of_one_photo() -> None:
    photos, both = ["a.jpg", "a.jpg"], np.array([[0, 1]])
    labels = cluster(people(2, 1, noise=0.0), photos, rule=EASY, must_link=both)
    assert labels.tolist() == [0, 0]


def test_decisions_that_contradict_each_other_are_refused() -> None:
    both = np.array([[0, 1]])
    with pytest.raises(ValueError, match="must also be apart"):
        cluster(people(2, 1, noise=0), ["a", "b"], rule=EASY, must_link=both, cannot_link=both)


def test_the_order_of_the_faces_does_not_matter() -> None:
    faces = people(60, 5, noise=1.0)
    order = np.random.default_rng(3).permutation(len(faces))
    one, other = np.array(grouped(faces, 0.45)), np.array(grouped(faces[order], 0.45))
    together = one[order][:, None] == one[order][None]
    assert 60 < len(set(one.tolist())) < 300, "some are joined and some are not"
    np.testing.assert_array_equal(together, other[:, None] == other[None])


def test_more_is_asked_in_a_larger_collection_and_of_pairs_more_than_of_groups() -> None:
    small, large = (join_rule(0.5, 0.4, faces=n) for n in (5_000, 5_000_000))
    assert small == LinkageRule(0.5, 0.4, 0.5)
    assert large.pair > small.pair
    assert large.pair - small.pair > large.group - small.group > 0
    assert large.large - small.large == pytest.approx(large.group - small.group)
    assert join_rule(0.5, 0.4, faces=10) == small, "and never less in a smaller one"


def test_purity_asks_for_more_or_less() -> None:
    loose, pure = (join_rule(0.5, 0.4, faces=100, purity=purity) for purity in (0, 1))
    assert loose.pair < 0.5 < pure.pair
    assert loose.group < 0.4 < pure.group


def brothers(random: np.random.Generator, *, mean: float, counts: tuple[int, int]) -> np.ndarray:
    """Faces of two who look alike: their pairs have this mean cosine, one man's own 0.64.

    A face's cosine to its man scatters by 0.07, as those of LFW do.
    """
    dims = 128
    one = np.eye(dims)[0]
    alike = mean / 0.64
    other = alike * one + (1 - alike**2) ** 0.5 * np.eye(dims)[1]
    rows = []
    for man, count in zip((one, other), counts, strict=True):
        strength = np.clip(random.normal(0.8, 0.07, (count, 1)), 0.5, 0.97)
        strength *= 0.8 / strength.mean()
        noise = random.normal(size=(count, dims)) * (np.arange(dims) > 1)
        noise /= np.linalg.norm(noise, axis=1, keepdims=True)
        rows.append(strength * man + (1 - strength**2) ** 0.5 * noise)
    return np.concatenate(rows).astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("counts", [(500, 12), (530, 40), (40, 12)])
def test_a_small_cluster_of_a_look_alike_stays_apart_from_a_large_one_at_defaults(
    counts: tuple[int, int], seed: int
) -> None:
    rows = brothers(np.random.default_rng(seed), mean=0.43, counts=counts)
    large = counts[0]
    assert (rows[:large] @ rows[large:].T).mean() == pytest.approx(0.43, abs=0.01)
    rule = join_rule(SFACE.cluster, SFACE.cluster_group, faces=5_000)
    labels = cluster(rows, np.arange(len(rows)), rule=rule)
    assert not set(labels[:large]) & set(labels[large:])
    assert (labels[large:] == labels[large]).all(), "and the twelve are together"
    assert (labels[:large] == labels[0]).mean() > 0.99


def test_two_large_parts_of_one_person_come_together_at_defaults() -> None:
    rows = brothers(np.random.default_rng(0), mean=0.55, counts=(200, 30))
    rule = join_rule(SFACE.cluster, SFACE.cluster_group, faces=5_000)
    assert len(set(cluster(rows, np.arange(230), rule=rule).tolist())) == 1


def test_poor_pictures_are_joined_at_a_higher_cosine_only() -> None:
    rows = people(1, 6, noise=0.8)
    weak = np.repeat(np.array([[0.6, 0]], np.float32), 6, axis=0)
    worth = evidence(rows @ rows.T, weak, weak)
    upper = np.triu_indices(6, 1)
    assert (rows @ rows.T)[upper].min() > 0.5 > worth[upper].max(), "this test can fail"
    assert len(set(cluster(rows, np.arange(6), rule=EASY).tolist())) == 1
    assert len(set(cluster(rows, np.arange(6), rule=EASY, weaknesses=weak).tolist())) == 6
    weak[:, 0] = np.arange(6) == 3
    assert len(set(cluster(rows, np.arange(6), rule=EASY, weaknesses=weak).tolist())) == 1
