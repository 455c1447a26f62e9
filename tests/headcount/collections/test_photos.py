from headcount.collections.photos import collection_id, references_in
from headcount.collections.selection import LeftOut
from headcount.contract.vocabulary import (
    NAME_LIMIT,
    face_id,
    name_fault,
    names_alike,
    person_id,
    person_name,
)
from headcount.storage.memory import MemoryStore
from headcount.text import printable


def people(*keys: str) -> MemoryStore:
    store = MemoryStore()
    for key in keys:
        store.put(key, b"x")
    return store


def references(*keys: str) -> list[tuple[str, str]]:
    return [(reference.person, reference.photo.key) for reference in references_in(people(*keys))]


def test_a_folder_is_a_person_and_its_photos_lie_at_any_depth() -> None:
    assert references("Ada/1.jpg", "Ada/old/2.png", "Ada/notes.txt") == [
        ("Ada", "Ada/1.jpg"),
        ("Ada", "Ada/old/2.png"),
    ]


def test_leftovers_of_other_programs_are_nobody_and_are_counted() -> None:
    store = people(
        "Ada/1.jpg",
        "Ada/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg",
        "@eaDir/Ben.jpg/SYNOPHOTO_THUMB_M.jpg",
        "#recycle/Cy.jpg",
        "Ben.jpg",
        "._Ben.jpg",
        ".private/1.jpg",
        "notes.txt",
    )
    left_out = LeftOut()
    assert [one.person for one in references_in(store, left_out)] == ["Ada", "Ben"]
    assert left_out.by_rule == {"@eaDir": 2, "#recycle": 1, "._*": 1, "hidden folders": 1}


def test_an_ignore_file_of_the_people_folder_lets_in_and_leaves_out() -> None:
    store = people("Ada/1.jpg", "Ada/proofs/2.jpg", "#recycle/1.jpg")
    store.put(".headcountignore", b"proofs/\n!#recycle/\n")
    found = [(one.person, one.photo.key) for one in references_in(store)]
    assert found == [("#recycle", "#recycle/1.jpg"), ("Ada", "Ada/1.jpg")]


def test_a_photo_at_the_top_is_named_after_the_person() -> None:
    assert references("Ada Lovelace.jpg", "labels.csv") == [("Ada Lovelace", "Ada Lovelace.jpg")]


def test_person_ids_depend_on_the_name_alone_not_on_its_unicode_form() -> None:
    assert person_id("Jose\u0301") == person_id("Jos\u00e9")
    assert person_id("Ada") != person_id("ada")


def test_folders_of_one_name_in_two_unicode_forms_are_one_person() -> None:
    composed, apart = "Jos\u00e9", "Jose\u0301"
    found = references(f"{apart}/1.jpg", f" {composed} /2.jpg", f"{apart}.jpg")
    assert {person for person, _ in found} == {composed}


def test_face_ids_depend_on_content_pack_and_number() -> None:
    first = face_id("c1", "p", "fast", 0)
    assert first == face_id("c1", "p", "fast", 0)
    others = [("c1", "p", "fast", 1), ("c2", "p", "fast", 0), ("c1", "q", "fast", 0)]
    others.append(("c1", "p", "thorough", 0))
    assert len({first, *(face_id(*other) for other in others)}) == 5


def test_collections_have_ids_of_their_own() -> None:
    assert collection_id("s3://a/") != collection_id("s3://b/")


def test_a_name_is_of_one_line_and_not_too_long() -> None:
    assert name_fault(person_name(" Ada\n")) is None
    assert name_fault("Zo\u00eb \u0627\u200c\u0628") is None
    for name in ("", "Ada\nLovelace", "Ada\tL", "Ada\x07", "Ada\u2028L", "x" * (NAME_LIMIT + 1)):
        assert name_fault(name), ascii(name)
    assert printable("Ada\nL \u00eb") == "Ada\\nL \u00eb"


def test_names_that_differ_by_case_only_are_found() -> None:
    assert names_alike(["Ada", "ADA", "Ben", "Ada"]) == [("ADA", "Ada")]
