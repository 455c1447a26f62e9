"""Names that look alike, and those that do not."""

import pytest

from orchestrator.people.similar_names import MOST, similar_names


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada lovelace", "Ada Lovelace"),
        ("Jose", "Jos\u00e9"),
        ("Lovelace, Ada", "Ada Lovelace"),
        ("Ada Lovelase", "Ada Lovelace"),
        ("Ada Lovlace", "Ada Lovelace"),
        ("Adda Lovelace", "Ada Lovelace"),
        ("Ada Loevlace", "Ada Lovelace"),
        ("Ada-Lovelace", "Ada  Lovelace"),
    ],
)
def test_case_accents_a_letter_or_the_order_of_words_are_no_difference(
    one: str, other: str
) -> None:
    assert similar_names([one], [other]) == [(one, other)]
    assert similar_names([one, other])
    assert not similar_names([one, other], [one, other]), "known names were looked at before"


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ada", "Eve"), ("Guest 1", "Guest 2"), ("Ann 10", "Ann 1"), ("Ada", "Adams")],
)
def test_other_names_and_other_numbers_are_other_people(one: str, other: str) -> None:
    assert not similar_names([one, other])
    assert not similar_names([one], [other])


def test_names_of_one_letter_s_difference_without_end_are_cut_off() -> None:
    names = ["a" + chr(0x4E00 + number) + "b" for number in range(5000)]
    assert len(similar_names(names)) == MOST
