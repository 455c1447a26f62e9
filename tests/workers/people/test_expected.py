import pytest

from headcount.contract.vocabulary import person_id
from headcount.errors import FatalError
from headcount.expected import parse_expected
from workers.people.expected import missing_from, not_enrolled_among


def test_people_who_were_expected_and_not_found_are_missing() -> None:
    expected = [("a.jpg", "Ada"), ("a.jpg", "Ben"), ("b.jpg", "Ada")]
    found = [("a.jpg", person_id("Ada")), ("a.jpg", None), ("b.jpg", person_id("Ben"))]
    assert missing_from(expected, found) == {"a.jpg": ("Ben",), "b.jpg": ("Ada",)}


def test_a_pair_named_twice_is_missing_once() -> None:
    assert missing_from([("a", "Ada"), ("a", "Ada")], []) == {"a": ("Ada",)}


def test_the_unicode_form_of_a_name_does_not_matter() -> None:
    expected = [("a", "Jos\u00e9"), ("b", "Jose\u0301"), ("b", "Jos\u00e9")]
    found = [("a", person_id("Jose\u0301"))]
    assert missing_from(expected, found) == {"b": ("Jose\u0301",)}


def test_names_that_nobody_bears_are_told_with_those_that_differ_by_case() -> None:
    enrolled = ["Ada Lovelace", "Jos\u00e9"]
    names = ["ada lovelace", "Ada Lovelace", "Jose\u0301", "Nobody"]
    assert not_enrolled_among(names, enrolled) == {"ada lovelace": "Ada Lovelace", "Nobody": None}


def test_a_csv_with_other_columns_is_refused_with_what_was_expected() -> None:
    with pytest.raises(FatalError, match="photo,person"):
        parse_expected("file,name\na.jpg,Ada\n", "roll.csv")


def test_extra_columns_and_empty_lines_do_no_harm() -> None:
    text = "person,photo,note\nAda,a.jpg,x\n\nBen,b.jpg,\n"
    assert parse_expected(text, "roll.csv") == [("a.jpg", "Ada"), ("b.jpg", "Ben")]


def test_lines_without_a_photo_or_a_person_expect_nobody() -> None:
    text = "photo,person\na.jpg,Ada\nb.jpg\nc.jpg,\n ,Ben\n"
    assert parse_expected(text, "roll.csv") == [("a.jpg", "Ada")]


def test_what_is_no_csv_is_refused_with_the_line_before_it() -> None:
    text = f"photo,person\na.jpg,Ada\n{'b' * 200_000},Ben\n"
    with pytest.raises(FatalError, match=r"roll\.csv is no CSV after line 2"):
        parse_expected(text, "roll.csv")
