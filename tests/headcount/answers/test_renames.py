"""Names that people have now."""

from headcount.answers.record import Answer
from headcount.answers.renames import Renames
from headcount.contract.record import now


def rename(one: str, other: str) -> Answer:
    return Answer(
        what="rename",
        at=now(),
        person_id=f"p{one}",
        person=one,
        new_person_id=f"p{other}",
        new_person=other,
    )


def test_an_earlier_name_means_the_person_through_a_chain_of_renames() -> None:
    renames = Renames.of([rename("Ada", "Ada L"), rename("Ada L", "Ada Lovelace")])
    assert renames.now("pAda", "Ada") == ("pAda Lovelace", "Ada Lovelace")
    assert renames.now("pBen", "Ben") == ("pBen", "Ben")
    assert renames.earlier("pAda Lovelace") == {"pAda", "pAda L"}


def test_a_name_given_back_is_the_persons_again() -> None:
    renames = Renames.of([rename("Ada", "Eve"), rename("Eve", "Ada")])
    assert renames.now("pAda", "Ada") == ("pAda", "Ada")
    assert renames.now("pEve", "Eve") == ("pAda", "Ada")


def test_a_rename_by_an_earlier_name_renames_the_person() -> None:
    renames = Renames.of([rename("Ada", "Eve"), rename("Ada", "Zoe")])
    assert renames.now("pAda", "Ada") == renames.now("pEve", "Eve") == ("pZoe", "Zoe")


def test_two_people_given_one_name_are_one() -> None:
    renames = Renames.of([rename("Ada", "Zoe"), rename("Eve", "Zoe")])
    assert renames.earlier("pZoe") == {"pAda", "pEve"}


def test_renames_are_written_as_items_and_read_back() -> None:
    renames = Renames.of([rename("Ada", "Zoe"), rename("Eve", "Zoe")])
    assert renames.items() == (("pAda", "pZoe", "Zoe"), ("pEve", "pZoe", "Zoe"))
    assert Renames.from_items(renames.items()) == renames


def test_an_answer_about_an_earlier_name_is_about_the_person() -> None:
    renames = Renames.of([rename("Ada", "Zoe")])
    said = Answer(what="name", at=now(), person_id="pAda", person="Ada")
    applied = renames.applied(said)
    assert (applied.person_id, applied.person, applied.id) == ("pZoe", "Zoe", said.id)
    other = said.model_copy(update={"person_id": "pBen"})
    assert renames.applied(other) is other
    again = rename("Ada", "Zoe")
    assert renames.applied(again) is again, "a rename stays as it was said"
