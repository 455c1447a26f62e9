"""What each word of an answer does in the next run, and that an undo leaves nothing of it."""

import json
from pathlib import Path

import pytest

from headcount.contract.vocabulary import person_id
from headcount.settings import Settings
from tests.at_once import AtOnce
from tests.running import summary
from tests.workers.identity.answering import Answering

PHOTOS = {
    "a": "ada",
    "b": "ada~0.8",
    "c": "ada~0.7 bob",
    "d": "bob~0.8",
    "e": "eve",
    "f": "eve~0.8",
    "g": "cy",
}
EXPECTED = ("a.jpg,Ada,every", "e.jpg,Ada,every", "g.jpg,Ada,every")


@pytest.fixture
def archive(tmp_path: Path) -> Answering:
    return Answering(tmp_path, photos=PHOTOS).run()


def names(archive: Answering) -> dict[str, str | None]:
    return {face: row["person"] for face, row in archive.faces.items()}


def test_a_name_makes_references_and_a_confirmed_face_is_none(archive: Answering) -> None:
    archive.say("name", "a0", "Ada")
    archive.say("confirm", "e0", "Ada")
    archive.run()
    assert archive["e0"]["decision"] == "matched"
    assert archive["e0"]["evidence"] == "named by a person"
    assert [(who, photo) for who, photo, _ in archive.gallery()] == [("Ada", "a.jpg")]


def test_a_confirmation_takes_no_reference_away_and_brings_none_back(archive: Answering) -> None:
    archive.say("name", "a0 b0", "Ada")
    archive.say("confirm", "a0", "Ada")
    archive.say("not", "b0", "Ada")
    archive.say("confirm", "b0", "Ada")
    archive.run()
    assert [(who, photo) for who, photo, _ in archive.gallery()] == [("Ada", "a.jpg")]
    assert names(archive)["b0"] == "Ada"


def test_who_said_that_there_is_no_face_has_it_ignored_and_in_no_cluster(
    archive: Answering,
) -> None:
    assert archive["e0"]["cluster_id"] == archive["f0"]["cluster_id"]
    archive.say("name", "a0", "Ada")
    archive.say("not_a_face", "f0 b0")
    archive.run("e.jpg,Ada,every", "f.jpg,Ada,every", "b.jpg,Ada,every")
    for face in ("b0", "f0"):
        row = archive[face]
        assert (row["decision"], row["person"]) == ("ignored", None)
        assert row["evidence"] == "no face, said a person"
        assert row["cluster_id"] is None
    statuses = {row["photo"]: row["status"] for row in archive.table("expected")}
    assert statuses == {"e.jpg": "absent", "f.jpg": "absent", "b.jpg": "absent"}
    assert [row["face_id"] for row in archive.table("expected") if row["photo"] == "f.jpg"] == [
        None
    ]


def test_a_later_name_is_a_face_again_and_a_later_no_face_takes_the_name(
    archive: Answering,
) -> None:
    archive.say("not_a_face", "e0")
    archive.say("name", "e0", "Eve")
    archive.say("name", "g0", "Cy")
    archive.say("not_a_face", "g0")
    archive.run()
    assert names(archive)["e0"] == "Eve"
    assert (names(archive)["g0"], archive["g0"]["decision"]) == (None, "ignored")
    assert {who for who, _, _ in archive.gallery()} == {"Eve"}


def test_a_dismissed_stranger_is_left_alone_and_still_matched(archive: Answering) -> None:
    archive.say("dismiss", "e0 f0 d0")
    archive.run()
    assert archive["e0"]["evidence"] == "dismissed by a person"
    gone = {row["cluster_id"]: row["dismissed"] for row in archive.table("clusters")}
    assert gone[archive["e0"]["cluster_id"]] is True
    assert gone[archive["a0"]["cluster_id"]] is False
    told = summary(archive.out)
    assert told["clusters_dismissed"] == 2
    assert told["clusters"] == len(gone) - 2
    page = (archive.out / "report" / "index.html").read_text()
    assert "2 groups that somebody dismissed are not shown" in page
    archive.say("name", "c1", "Bob")
    archive.run()
    assert archive["d0"]["person"] == "Bob", "matching goes on"
    assert summary(archive.out)["clusters_dismissed"] == 1


def test_a_reference_is_made_and_taken_away_by_a_word(archive: Answering) -> None:
    archive.say("name", "a0 b0", "Ada")
    archive.say("no_reference", "a0")
    archive.say("confirm", "c0", "Ada")
    archive.say("reference", "c0")
    archive.run()
    assert [photo for _, photo, _ in archive.gallery()] == ["b.jpg", "c.jpg"]
    assert names(archive)["a0"] == "Ada"
    archive.say("name", "a0", "Ada")
    archive.run()
    assert [photo for _, photo, _ in archive.gallery()] == ["a.jpg", "b.jpg", "c.jpg"]


def test_whoever_is_renamed_has_the_new_name_everywhere(tmp_path: Path) -> None:
    archive = Answering(tmp_path, "ada", photos=PHOTOS).run("a.jpg,ada,every", "g.jpg,ada,every")
    archive.say("name", "c0", "ada")
    archive.rename("ada", "Ada Lovelace")
    archive.run("a.jpg,ada,every", "g.jpg,Ada Lovelace,every")
    new = person_id("Ada Lovelace")
    assert {row["person"] for row in archive.table("people")} == {"Ada Lovelace"}
    assert archive["a0"]["person_id"] == archive["a0"]["nearest_person_id"] == new
    assert archive["c0"]["person"] == "Ada Lovelace"
    assert {row["status"]: row["person_id"] for row in archive.table("expected")} == {
        "present": new,
        "absent": new,
    }
    diff = json.loads((archive.out / "diff.json").read_text())
    assert diff["counts"]["renamed_faces"] == 0, "it is the same person"
    assert diff["counts"]["new_absences"] == 0
    renamed = [row for row in archive.table("lineage") if row["change"] == "renamed"]
    assert [row["person_id"] for row in renamed] == [new]


def test_two_people_who_are_given_one_name_are_one(archive: Answering) -> None:
    archive.say("name", "a0", "Ada")
    archive.say("name", "e0", "Eve")
    merged = archive.rename("Eve", "Ada")
    archive.run()
    [person] = archive.table("people")
    assert (person["person"], person["reference_count"]) == ("Ada", 2)
    archive.undo(merged)
    archive.run()
    assert {row["person"]: row["reference_count"] for row in archive.table("people")} == {
        "Ada": 1,
        "Eve": 1,
    }


def test_an_absence_that_is_fine_counts_as_none(archive: Answering) -> None:
    archive.say("name", "a0", "Old Ada")
    archive.rename("Old Ada", "Ada")
    archive.run(*EXPECTED)
    assert summary(archive.out)["expected_missing"] == 2
    fine = archive.say("accept_absent", who="Old Ada", photo="e.jpg")
    archive.run(*EXPECTED)
    rows = {row["photo"]: row for row in archive.table("expected")}
    assert {photo: row["status"] for photo, row in rows.items()} == {
        "a.jpg": "present",
        "e.jpg": "accepted",
        "g.jpg": "absent",
    }
    assert rows["e.jpg"]["reason"].startswith("a person said that this is fine: ")
    told = summary(archive.out)
    assert (told["expected_missing"], told["expected_statuses"]["accepted"]) == (1, 1)
    assert told["expected_changes"] == {"new_absences": 0, "ended_absences": 1}
    archive.undo(fine)
    archive.run(*EXPECTED)
    assert summary(archive.out)["expected_missing"] == 2


def test_the_absence_from_a_scope_is_accepted_by_its_text(archive: Answering) -> None:
    archive.say("name", "a0", "Ada")
    archive.say("accept_absent", who="Ada", photo="[eg].jpg")
    archive.run("[eg].jpg,Ada,some", "g.jpg,Ada,every")
    assert {row["scope"]: row["status"] for row in archive.table("expected")} == {
        "[eg].jpg": "accepted",
        "g.jpg": "absent",
    }


def test_marks_without_ids_mean_the_faces_at_their_places(archive: Answering) -> None:
    places = archive.marks(["c0", "c1"], face_id="")
    by_photo = sorted(places, key=lambda mark: mark.box)
    archive.say("name", (by_photo[0],), "Ada")
    archive.say("name", (by_photo[1],), "Bob")
    archive.run()
    assert (names(archive)["c0"], names(archive)["c1"]) == ("Ada", "Bob")
    etags = {who: etag for who, _, etag in archive.gallery()}
    assert etags == {"Ada": archive["c0"]["face_id"], "Bob": archive["c1"]["face_id"]}


def test_a_drawn_face_with_a_person_is_named(archive: Answering) -> None:
    [place] = archive.marks(["e0"], face_id="")
    archive.say("not_a_face", "e0")
    archive.say("face", (place,), "Eve", photo="e.jpg")
    archive.run()
    assert names(archive)["e0"] == "Eve"
    assert [(who, photo) for who, photo, _ in archive.gallery()] == [("Eve", "e.jpg")]


def test_clusters_have_their_ids_back_after_a_link_or_name_is_undone(archive: Answering) -> None:
    before = {face: row["cluster_id"] for face, row in archive.faces.items()}
    said = [
        archive.say("same", "a0 e0"),
        archive.say("name", "g0", "Cy"),
        archive.say("name", "d0", "Bob"),
    ]
    archive.run()
    assert archive["a0"]["cluster_id"] == archive["e0"]["cluster_id"]
    for one in said:
        archive.undo(one)
    archive.run()
    assert {face: row["cluster_id"] for face, row in archive.faces.items()} == before
    assert archive.gallery() == []


def test_a_reference_whose_photo_is_gone_stays_until_its_name_is_taken_back(
    archive: Answering,
) -> None:
    said = [archive.say("name", face, who) for face, who in (("a0", "Ada"), ("e0", "Eve"))]
    archive.run()
    for photo in "ae":
        (archive.photos / f"{photo}.jpg").unlink()
    archive.run()
    assert [(who, photo) for who, photo, _ in archive.gallery()] == [
        ("Ada", "a.jpg"),
        ("Eve", "e.jpg"),
    ]
    archive.undo(said[1])
    archive.run()
    assert [(who, photo) for who, photo, _ in archive.gallery()] == [("Ada", "a.jpg")]
    assert names(archive)["b0"] == "Ada"


def test_a_name_that_is_taken_back_leaves_no_reference_in_other_collections(
    tmp_path: Path,
) -> None:
    one = Answering(tmp_path / "one", photos=PHOTOS).run()
    said = [one.say("name", face, who) for face, who in (("a0", "Ada"), ("e0", "Eve"))]
    one.run()
    other = Answering(tmp_path / "other", photos={"copy": "eve", "a": "ada"})
    other.archive, other.number, other.folder = one.archive, 10, one.folder
    other.run()
    assert len(other.gallery()) == 4
    one.undo(said[1])
    one.run()
    assert [who for who, _, _ in one.gallery()] == ["Ada", "Ada"]


def test_a_reduce_stage_in_several_tasks_goes_by_the_same_answers(tmp_path: Path) -> None:
    told = []
    for most in (2, 1000):
        archive = Answering(tmp_path / str(most), photos=PHOTOS)
        archive.broker = AtOnce(Settings(reduce_faces=most))
        archive.run()
        archive.say("name", "a0", "Ada")
        archive.say("name", "g0", "Zoe")
        archive.say("not_a_face", "b0 f0")
        archive.rename("Ada", "Zz Ada")
        archive.run()
        assert ("split" in archive.broker.sent) == (most == 2)
        told.append(archive.told())
    assert told[0] == told[1]
    assert {row["person"] for row in told[0]["people"]} == {"Zz Ada", "Zoe"}


def test_a_name_that_was_given_to_a_place_follows_the_face_when_its_photo_is_edited(
    archive: Answering,
) -> None:
    archive.say("name", archive.marks(["c0"], face_id=""), "Ada")
    archive.run()
    before = archive["c0"]["face_id"]
    archive.run(c=PHOTOS["c"] + " ")
    assert archive["c0"]["face_id"] != before
    assert archive["c0"]["evidence"] == "named by a person"
    assert [etag for _, _, etag in archive.gallery()] == [archive["c0"]["face_id"]]


def test_faces_that_are_kept_apart_from_the_references_lose_the_name(archive: Answering) -> None:
    named = archive.marks(["a0", "b0"]) + archive.marks(["e0", "f0"], reference=False)
    archive.say("name", named, "Ada", job_id="1")
    archive.apart("e0", "a0 b0")
    archive.apart("a0 b0", "f0")
    archive.run()
    assert names(archive)["a0"] == names(archive)["b0"] == "Ada"
    assert names(archive)["e0"] == names(archive)["f0"] is None
