import numpy as np
import pytest

from tests.workers.archives import PACK
from tests.workers.matching.test_match import gallery, unit
from workers.matching import look_alikes as module
from workers.matching.look_alikes import look_alikes

ADA, EDA, BEN = [1.0, 0.0, 0.0], unit(1, 1.2, 0), [0.0, 0.0, 1.0]


def test_two_people_whose_references_are_alike_are_told_once_by_the_best_of_them() -> None:
    held = gallery({"Ada": [ADA, unit(1, 0.1, 0)], "Ben": [BEN], "Eda": [EDA, BEN[::-1]]})
    [pair, *more] = look_alikes(held, PACK)
    assert pair.names == ("Ada", "Eda")
    assert pair.person_ids == ("id-Ada", "id-Eda")
    assert pair.similarity == 1, "to the reference that is Ada's picture"
    assert not more


def test_references_that_are_poor_must_be_more_alike() -> None:
    people = {"Ada": [ADA], "Eda": [EDA]}
    told = look_alikes(gallery(people), PACK)
    assert [pair.similarity for pair in told] == [pytest.approx(unit(1, 1.2, 0)[0], abs=1e-4)]
    assert look_alikes(gallery(people, [[0.6, 0], [0.6, 0]]), PACK) == []


def test_the_larger_the_gallery_the_more_alike_they_must_be_and_the_most_alike_come_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few, many = {"Ada": [ADA], "Eda": [EDA]}, {}
    monkeypatch.setattr(module, "BLOCK", 7)
    for n in range(60):
        turned = np.pi / 2 * (n + 1) ** 0.5 / 8
        many[f"p{n:02}"] = [[0.0, float(np.sin(turned)), float(np.cos(turned))]]
    names = [pair.names for pair in look_alikes(gallery(few | many), PACK)]
    assert len(names) == module.TOLD
    assert ("Ada", "Eda") not in names
    alike = [pair.similarity for pair in look_alikes(gallery(many), PACK)]
    assert alike == sorted(alike, reverse=True)


def test_an_empty_gallery_and_one_that_is_too_large_have_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert look_alikes(gallery({}), PACK) == []
    monkeypatch.setattr(module, "MOST_ROWS", 1)
    assert look_alikes(gallery({"Ada": [ADA], "Eda": [EDA]}), PACK) == []
