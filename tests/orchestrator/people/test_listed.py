"""The answers of an archive with what became of each."""

from pathlib import Path

import pytest

from benchmarks.scale.answers import JOB, cluster_of, face_of
from headcount.answers.kept import read_answers, record_answers
from headcount.answers.record import Answer, FaceMark
from headcount.answers.taken import note_taken
from headcount.contract.layout import JobKeys
from headcount.contract.record import now, read_record
from headcount.contract.stored.jobs import JobSpec
from headcount.storage import Store
from orchestrator.people.listed import Listed, list_answers
from tests.orchestrator.people.made_up import S3, archive_of, say


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return archive_of(tmp_path)


def by_word(store: Store) -> dict[str, Listed]:
    return {one.answer.what: one for one in list_answers(store, S3)}


def test_what_is_overruled_is_listed_with_what_overrules_it_and_for_how_many_faces(
    store: Store,
) -> None:
    say(store, f"name,{cluster_of(0)},Ada")
    say(store, f"not,{face_of(0)},Ada")
    found = by_word(store)
    name, no = found["name"], found["not"]
    assert (name.state, name.by, name.faces, name.overruled) == (
        "partly overruled",
        (no.answer.id,),
        5,
        1,
    )
    assert (no.state, no.by) == ("holds", ())
    say(store, f"confirm,{face_of(0)},Ada")
    found = by_word(store)
    assert found["name"].state == "partly overruled", "it was said before"
    assert (found["not"].state, found["not"].by) == ("overruled", (found["confirm"].answer.id,))


def test_what_was_undone_is_listed_with_the_undo_and_overrules_nothing(store: Store) -> None:
    say(store, f"name,{cluster_of(0)},Ada")
    say(store, f"not,{face_of(0)},Ada")
    say(store, f"undo,{by_word(store)['not'].answer.id}")
    found = by_word(store)
    assert (found["name"].state, found["not"].state) == ("holds", "undone")
    assert found["not"].by == (found["undo"].answer.id,)
    say(store, f"undo,{found['undo'].answer.id}")
    assert by_word(store)["name"].state == "partly overruled"


def test_a_place_and_an_id_are_the_same_face(store: Store) -> None:
    say(store, f"name,{face_of(0)},Ada")
    [known] = read_answers(store)
    elsewhere = known.faces[0].model_copy(update={"face_id": f"f{'9' * 23}"})
    later = Answer(what="not", at=now(), faces=(elsewhere,), person_id=known.person_id)
    record_answers(store, [later])
    assert by_word(store)["name"].by == (later.id,)


def test_what_the_latest_job_took_in_is_not_pending(store: Store) -> None:
    say(store, f"name,{face_of(0)},Ada")
    assert by_word(store)["name"].pending
    note_taken(store, JOB, lambda: None)
    say(store, f"not,{face_of(0)},Ada", "rename,Ada,Eve")
    found = by_word(store)
    assert {word: one.pending for word, one in found.items()} == {
        "name": False,
        "not": True,
        "rename": True,
    }


def test_a_job_of_an_earlier_build_took_in_what_was_recorded_before_it(store: Store) -> None:
    spec = read_record(store, JobKeys(JOB).spec, JobSpec)
    mark = FaceMark(face_id=face_of(0), content="", box=(0, 0, 0, 0))
    early = Answer(what="dismiss", at=spec.created.replace(year=2020), faces=(mark,))
    record_answers(store, [early])
    say(store, f"name,{face_of(0)},Ada")
    assert {w: one.pending for w, one in by_word(store).items()} == {"dismiss": False, "name": True}


def test_a_listing_as_json_has_ids_names_and_dates(store: Store) -> None:
    say(store, f"name,{cluster_of(0)},Ada,,,,,2026-11-01T10:00:00Z,Eve")
    found = by_word(store)["name"].as_dict()
    assert all(one.as_dict().keys() == found.keys() for one in by_word(store).values())
    assert found["face_ids"] == sorted(face_of(3 * n) for n in range(5))
    assert (found["person"], found["said_by"], found["said_at"][:10]) == (
        "Ada",
        "Eve",
        "2026-11-01",
    )
    assert (found["cluster"], found["state"], found["pending"]) == (cluster_of(0), "holds", True)
