"""Names that people gave: of whole clusters, over later runs, and until somebody says otherwise."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner

from headcount.answers.kept import read_answers
from headcount.answers.record import Answer, What
from headcount.assignments import history
from headcount.contract.layout import PackKeys
from headcount.contract.record import now
from headcount.contract.vocabulary import person_id
from headcount.s3_settings import S3Settings
from headcount.storage import Store, open_store
from headcount.tables.table import Table
from orchestrator.archive.rollback import roll_back
from orchestrator.commands import name
from orchestrator.people.forget.run import forget
from orchestrator.people.latest_assignments import active_pack, named_by_hand
from tests.answered import answer
from tests.at_once import add, begin, end
from tests.running import table
from workers.identity.apply_answers import Answers
from workers.identity.hand_names import hand_names

S3 = S3Settings()
ADA = person_id("Ada")
PHOTOS = {photo: "ada" + n * " " for n, photo in enumerate("abcde")} | {"z": "bob"}
"""Photos of different bytes."""


class Place:
    """Photos a to e of one face, and z of another, in one cluster by a link; runs of an archive."""

    def __init__(self, folder: Path) -> None:
        self.photos = add(folder / "photos", **PHOTOS)
        self.folder, self.archive, self.runs = folder, folder / "archive", 0
        faces = self.run()
        self.store: Store = open_store(str(self.archive))
        clusters = (faces[photo]["cluster_id"] for photo in ("a.jpg", "z.jpg"))
        answer(self.archive, f"same,{' '.join(clusters)}")
        self.faces = self.run()
        self.cluster: str = self.faces["z.jpg"]["cluster_id"]
        assert self.cluster == self.faces["a.jpg"]["cluster_id"]

    def run(self) -> dict[str, dict[str, Any]]:
        """Run again; the last face of each photo."""
        self.runs += 1
        end(begin(self.photos, self.archive, str(self.runs)))
        rows = table(self.folder / f"out-{self.runs}", "faces")
        return {row["photo"]: row for row in rows}

    def say(self, command: Any, *arguments: str) -> str:
        found = CliRunner().invoke(
            command.command, [*arguments, "--archive", str(self.archive)], standalone_mode=False
        )
        assert found.exception is None, found.output
        return found.output


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_all_faces_that_a_named_cluster_has_get_the_name_and_the_best_five_are_references(
    place: Place,
) -> None:
    told = place.say(name, place.cluster, "Ada")
    assert "5 of its 6 faces" in told
    assert "all 6 will have the name" in told
    [record] = [record for record in read_answers(place.store) if record.what == "name"]
    assert record.moment == ("2", place.cluster)
    assert len(record.faces) == 5, "the others are known by cluster and job"
    later = place.run()
    row = later["z.jpg"]
    assert (row["decision"], row["person"]) == ("matched", "Ada")
    assert row["similarity"] < 0.3
    assert row["evidence"] == "named by a person"
    gallery = Table(place.store.uri, PackKeys(active_pack(place.store).pack_id).gallery, S3)
    etags = set(gallery.read(["etag"])["etag"].to_pylist())
    assert etags == {later[f"{photo}.jpg"]["face_id"] for photo in "abcde"}


def test_a_later_answer_takes_the_name_of_one_face_back(place: Place) -> None:
    place.say(name, place.cluster, "Ada")
    answer(place.archive, f"not,{place.faces['z.jpg']['face_id']},Ada")
    later = place.run()
    assert later["z.jpg"]["person"] is None
    assert later["a.jpg"]["person"] == "Ada"
    place.say(name, place.faces["z.jpg"]["face_id"], "Bob")
    assert place.run()["z.jpg"]["person"] == "Bob"


def test_the_name_follows_a_face_whose_photo_was_edited(place: Place) -> None:
    place.say(name, place.cluster, "Ada")
    place.run()
    add(place.photos, z="bob ")
    later = place.run()
    assert later["z.jpg"]["face_id"] != place.faces["z.jpg"]["face_id"]
    assert later["z.jpg"]["person"] == "Ada"
    assert place.run()["z.jpg"]["person"] == "Ada"
    [record] = [record for record in read_answers(place.store) if record.what == "name"]
    assert [mark.reference for mark in record.faces] == [True] * 5 + [False]


def test_a_rollback_before_the_named_job_writes_the_faces_out(place: Place) -> None:
    place.say(name, place.cluster, "Ada")
    place.run()
    roll_back(place.store, "1", S3)
    assert place.run()["z.jpg"]["person"] == "Ada"


def test_without_the_job_s_assignments_the_marked_faces_keep_the_name(place: Place) -> None:
    place.say(name, place.cluster, "Ada")
    keys = PackKeys(active_pack(place.store).pack_id)
    [collection] = history.collections_of(place.store, keys)
    place.store.delete(keys.assignments(collection, "2"))
    later = place.run()
    assert later["a.jpg"]["person"] == "Ada"
    assert later["z.jpg"]["evidence"] != "named by a person"


def test_assignments_that_an_answer_needs_are_kept_beyond_the_others(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "KEPT", 1)
    place.say(name, place.cluster, "Ada")
    for _ in range(3):
        place.run()  # 3 has other assignments than 2; 4 and 5 have those of 3
    keys = PackKeys(active_pack(place.store).pack_id)
    [collection] = history.collections_of(place.store, keys)
    assert set(history.job_ids(place.store, keys.assignment_folder(collection))) == {"2", "3", "5"}
    assert place.run()["z.jpg"]["person"] == "Ada"


def test_who_is_forgotten_is_forgotten_with_all_faces_of_the_named_cluster(place: Place) -> None:
    place.say(name, place.cluster, "Ada")
    assert len(named_by_hand(place.store, ADA)) == 6
    forget(place.store, "Ada", S3)
    keys = PackKeys(active_pack(place.store).pack_id)
    assert Table(place.store.uri, keys.faces, S3).count() == 0
    assert not [one for one in read_answers(place.store) if one.what == "name"]


def test_two_faces_of_one_photo_that_were_given_a_name_both_keep_it(tmp_path: Path) -> None:
    photos, archive = add(tmp_path / "photos", a="ada bob"), tmp_path / "archive"
    end(begin(photos, archive, "1"))
    one, other = (row["face_id"] for row in table(tmp_path / "out-1", "faces"))
    for face in (one, other):
        arguments = [face, "Ada", "--archive", str(archive)]
        CliRunner().invoke(name.command, arguments, standalone_mode=False)
    end(begin(photos, archive, "2"))
    rows = table(tmp_path / "out-2", "faces")
    assert [row["person"] for row in rows] == ["Ada", "Ada"]
    [person] = table(tmp_path / "out-2", "people")
    assert (person["reference_count"], person["photos"], person["faces"]) == (1, 1, 2)
    assert set(named_by_hand(open_store(str(archive)), ADA)) == {one, other}


def answers(*said: tuple[What, str, str, str], job_id: str | None = "j") -> Answers:
    """Answers of an action, a person, and the faces of either side; capital ones are references."""
    records = tuple(
        Answer(at=now(), what=action, faces=(), person_id=person, job_id=job_id)
        for action, person, _, _ in said
    )
    return Answers(
        records,
        tuple(tuple(one.lower()) for _, _, one, _ in said),
        tuple(tuple(other.lower()) for *_, other in said),
        tuple(tuple(f.lower() for f in one if f.isupper()) for _, _, one, _ in said),
    )


FACES = pa.table({"face_id": list("abcd"), "photo": ["1", "1", "2", "3"]})


def test_names_hold_until_a_face_is_renamed_or_rejected() -> None:
    named = ("name", "p", "Abcd", "")
    assert hand_names(answers(named), FACES) == dict.fromkeys("abcd", "p")
    said = answers(named, ("name", "q", "b", ""), ("not", "p", "c", ""), ("not", "q", "d", ""))
    assert hand_names(said, FACES) == {"a": "p", "b": "q", "d": "p"}


def test_of_faces_that_are_apart_those_with_the_references_keep_the_name() -> None:
    named = ("name", "p", "Abcd", "")
    said = answers(named, ("apart", "", "d", "abc"))
    assert hand_names(said, FACES) == {"a": "p", "b": "p", "c": "p"}
    said = answers(named, ("apart", "", "ab", "cd"))
    assert hand_names(said, FACES) == {"a": "p", "b": "p"}
    said = answers(named, ("apart", "", "bc", "d"))
    assert hand_names(said, FACES) == dict.fromkeys("abc", "p"), "more faces without a reference"
    said = answers(("apart", "", "d", "abc"), named)
    assert hand_names(said, FACES) == dict.fromkeys("abcd", "p"), "the name came later"


def test_of_two_names_of_one_photo_that_an_earlier_build_kept_the_last_holds() -> None:
    said = (("name", "p", "A", ""), ("name", "p", "B", ""))
    assert hand_names(answers(*said, job_id=None), FACES) == {"b": "p"}
    assert hand_names(answers(*said), FACES) == {"a": "p", "b": "p"}
