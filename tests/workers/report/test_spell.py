import pytest

from workers.report.spell import in_latin


def test_letters_are_spelled_in_latin():
    assert "".join(map(in_latin, "Łódź Straße Ἀθῆναι Ольга")) == "Lodz Strasse Athinai Ol'ga"


@pytest.mark.parametrize(
    ("letter", "spelled"), [("Щ", "Shch"), ("é", "e"), ("a", "a"), ("李", "?")]
)
def test_capitals_keep_their_case_and_other_scripts_become_a_question_mark(
    letter: str, spelled: str
) -> None:
    assert in_latin(letter) == spelled
