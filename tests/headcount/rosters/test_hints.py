import random

import pytest

from headcount.rosters import hints as module
from headcount.rosters.hints import edits, hints

ENROLLED = [
    "Ada Lovelace",
    "Zo\u00eb M\u00fcller",
    "\u0141ukasz Wa\u0142\u0119sa",
    "Ben Li",
    "2024",
    "Bob",
    "Jo",
]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ada lovelace", "Ada Lovelace"),
        ("Zoe Muller", "Zo\u00eb M\u00fcller"),
        ("lukasz walesa", "\u0141ukasz Wa\u0142\u0119sa"),
        ("Lovelace, Ada", "Ada Lovelace"),
        ("MULLER Zoe", "Zo\u00eb M\u00fcller"),
        ("Ada Lovelac", "Ada Lovelace"),
        ("Adda Lovelaze", "Ada Lovelace"),
        ("Aad Lovelcae", "Ada Lovelace"),
        ("Ben Lee", "Ben Li"),
        ("2024.0", "2024"),
        ("Rob", "Bob"),
    ],
)
def test_a_name_that_nearly_is_an_enrolled_one_is_told_which(name: str, meant: str) -> None:
    assert hints([name], ENROLLED) == {name: meant}


@pytest.mark.parametrize(
    "name", ["Ada Lovelace", "Eve Curie", "Al", "Rub", "Xda Lovelxcx", "", "Jim"]
)
def test_other_names_get_no_hint(name: str) -> None:
    assert hints([name], ENROLLED) == {}


def test_numbers_are_alike_without_their_zeros_and_pandas_point() -> None:
    assert hints(["7", "16571.0"], ["007", "16571", "8"]) == {"7": "007", "16571.0": "16571"}


def test_the_nearest_kind_wins_and_of_several_the_first() -> None:
    assert hints(["ada li"], ["Ada Lo", "Ada Li", "Ad\u00e1 Li"]) == {"ada li": "Ada Li"}
    assert hints(["Ada Lx"], ["Ada Lo", "Ada Li"]) == {"Ada Lx": "Ada Li"}


@pytest.mark.parametrize("seed", range(200))
def test_no_name_within_the_edits_is_overlooked(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - the same names each time
    name = "".join(rng.choices("abcdefghijk", k=rng.randint(6, 14))) + "mnopqr"
    changed = list(name)
    for _ in range(rng.randint(1, 2)):
        at = rng.randrange(len(changed))
        kind = rng.choice(["put in", "take out", "change"])
        changed[at : at + (kind != "put in")] = [] if kind == "take out" else ["x"]
    others = ["".join(rng.choices("stuvwyz", k=12)) for _ in range(50)]
    text = "".join(changed)
    assert hints([text], [*others, name]) == ({} if text == name else {text: name})


def test_letters_that_changed_places_are_one_edit() -> None:
    assert edits("abcd", "abdc", 2) == 1
    assert edits("abcd", "badc", 2) == 2
    assert edits("", "ab", 2) == 2
    assert edits("abc", "xyz", 2) == 3


def test_names_beyond_the_limit_still_get_the_cheap_hints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LOOKED_UP", 1)
    assert hints(["Eve Curie", "Ben Lo", "BEN LI"], ENROLLED) == {"BEN LI": "Ben Li"}
