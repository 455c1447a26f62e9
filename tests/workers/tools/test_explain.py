"""The document of an explanation: rules, numbers, what would change it, and what a text means."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from headcount.errors import FatalError
from tests.workers.identity.answering import Answering
from tests.workers.tools.explain.test_recompute import PEOPLE, PHOTOS, ROSTER
from workers.tools.explain import explain, report

HOSTILE = "<script>alert(1)</script>\u202e & \"Eve\", 'O'"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Answering:
    """An archive of one job, without answers; tests change nothing in it."""
    return Answering(tmp_path_factory.mktemp("plain"), *PEOPLE, photos=PHOTOS).run(*ROSTER)


@pytest.fixture
def archive(tmp_path: Path) -> Answering:
    return Answering(tmp_path, *PEOPLE, photos=PHOTOS).run(*ROSTER)


def face(archive: Answering, name: str) -> dict[str, Any]:
    found: dict[str, Any] = explain(
        archive.store, archive[name]["face_id"], photo=archive[name]["photo"]
    )
    json.dumps(found)
    assert found["version"] == 1
    assert found["kind"] == "face"
    settled = [rule for rule in found["rules"] if rule["settled"]]
    assert len(settled) == 1, "one rule settles it"
    assert found["decision"]["because"] == settled[0]["text"]
    return found


@pytest.mark.parametrize(
    ("name", "decision", "rule"),
    [
        ("a0", "matched", "threshold"),
        ("e0", "unknown", "threshold"),
        ("h1", "unknown", "nobody_twice"),
        ("i0", "ignored", "quality"),
        ("m0", "inferred", "expected_here"),
        ("y0", "inferred", "name_of_the_cluster"),
    ],
)
def test_a_rule_settled_each_decision(
    plain: Answering, name: str, decision: str, rule: str
) -> None:
    found = face(plain, name)
    assert (found["decision"]["decision"], found["decision"]["settled_by"]) == (decision, rule)
    assert found["decision"]["similarity"] == pytest.approx(plain[name]["similarity"], abs=1e-4)


def test_the_nearest_are_told_with_their_references(plain: Answering) -> None:
    found = face(plain, "d0")
    first = found["nearest"][0]
    assert (first["person"], first["worth"]) == ("bob", pytest.approx(0.8, abs=1e-3))
    assert first["references"][0]["photo"] == "bob/1.jpg"
    assert first["references"][0]["box"] == [10.0, 10.0, 10.0, 10.0]
    assert [p["worth"] for p in found["nearest"]] == sorted(
        (p["worth"] for p in found["nearest"]), reverse=True
    )


def test_thresholds_say_where_they_come_from(plain: Answering) -> None:
    found = {one["name"]: one for one in face(plain, "m0")["thresholds"]}
    assert found["match"]["from"].startswith("of the model pack")
    assert found["expected_here"]["value"] < found["match"]["value"]
    assert "1 expected and not found" in found["expected_here"]["from"]


def test_a_face_of_a_cluster_shows_those_it_is_most_like(plain: Answering) -> None:
    cluster = face(plain, "y0")["cluster"]
    assert (cluster["faces"], cluster["matched"], cluster["person"]) == (3, 2, "zed")
    assert cluster["most_like"][0]["photo"] == "x.jpg"
    assert cluster["most_like"][0]["likeness"] == pytest.approx(0.7, abs=1e-3)


def pasted(archive: Answering, text: str) -> None:
    """Record a line of a file of answers."""
    [(what, ids, person)] = csv.reader([text])
    names = {row["face_id"]: name for name, row in archive.faces.items()}
    archive.say(what, " ".join(names[one] for one in ids.split()), person)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "person", "after"),
    [
        ("y0", "zed~0.93", "zed"),
        ("h1", "ada", None),
        ("e0", "NAME", "Eve"),
        ("m0", "bob", "bob"),
        ("a0", "ada", None),
    ],
)
def test_a_line_that_would_change_it_does(
    archive: Answering, name: str, person: str, after: str | None
) -> None:
    before = face(archive, name)
    lines = [one["line"] for one in before["would_change"] if one["line"]]
    line = next(one for one in lines if one.endswith(f",{person}"))
    pasted(archive, line.replace("NAME", "Eve"))
    archive.run()
    row = archive[name]
    changed = (row["decision"], row["person"]) != (
        before["decision"]["decision"],
        before["decision"]["person"],
    )
    assert changed
    if name != "h1":
        assert row["person"] == after


def test_what_a_match_would_be_worth_without_its_best_reference(archive: Answering) -> None:
    archive.say("name", "j0 k0", "Dan")
    archive.run()
    archive.say("not", "j0", "Dan")
    archive.run()
    found = face(archive, "k0")
    assert any(
        "there would be nobody of this name" in o["text"] for o in found["would_change"]
    ) or (found["decision"]["evidence"] == "named by a person")


def test_answers_about_a_face_are_told_with_who_said_them(archive: Answering) -> None:
    archive.say("not", "b0", "ada", by="Grace")
    archive.apart("a0", "h0")
    archive.run()
    found = face(archive, "b0")
    assert [(a["what"], a["person"], a["by"]) for a in found["answers"]] == [
        ("not", "ada", "Grace")
    ]
    assert found["decision"]["settled_by"] == "not_this_person"
    assert any(p["not_this_person"] for p in found["nearest"])
    assert any(rule["rule"] == "kept_apart" for rule in face(archive, "a0")["rules"])


def test_an_answer_that_came_later_is_not_told_yet(archive: Answering) -> None:
    archive.say("not", "b0", "ada")
    found = face(archive, "b0")
    assert found["answers"] == []
    assert found["decision"]["person"] == "ada"


def test_a_photo_tells_every_face_and_everybody_expected(plain: Answering) -> None:
    found = explain(plain.store, "l.jpg")
    assert (found["kind"], found["photo"]["outcome"], found["passes"]) == (
        "photo",
        "faces",
        {"whole": 2},
    )
    assert len(found["faces"]) == 2
    assert all(one["because"] for one in found["faces"])
    then = {row["photo"]: row for row in plain.table("expected")}
    [row] = found["expected"]
    assert (row["status"], row["reason"]) == (then["l.jpg"]["status"], then["l.jpg"]["reason"])


def test_what_became_of_expectations_is_found_again(plain: Answering) -> None:
    for row in plain.table("expected"):
        found = explain(plain.store, row["photo"])["expected"]
        mine = next(r for r in found if r["person"] == row["person"])
        same = ("status", "reason", "face_id")
        assert {n: mine[n] for n in same} == {n: row[n] for n in same}, row["photo"]


def test_a_person_tells_references_faces_and_near_misses(plain: Answering) -> None:
    found = explain(plain.store, "ada")
    assert [one["photo"] for one in found["references"]] == ["ada/1.jpg"]
    assert found["faces"]["decisions"]["matched"] == sum(
        row["person"] == "ada" and row["decision"] == "matched" for row in plain.table("faces")
    )
    assert found["near_misses"][0]["photo"] == "h.jpg"
    assert {row["photo"] for row in found["expected"]} == {"l.jpg", "e.jpg"}
    assert len(found["alike"]) == 3


def test_the_beginning_of_an_id_and_other_letters_of_a_name_are_enough(plain: Answering) -> None:
    full = plain["e0"]["face_id"]
    assert explain(plain.store, full[:12])["face"]["face_id"] == full
    assert explain(plain.store, "ADA")["person"]["person"] == "ada"
    uri = (plain.folder / "photos" / "e.jpg").as_uri()
    assert explain(plain.store, uri)["photo"]["photo"] == "e.jpg"


def test_what_may_be_two_things_is_asked_about(tmp_path: Path) -> None:
    archive = Answering(tmp_path, "ada", photos={"a": "ada", "b": "ada"}).run()
    found = explain(archive.store, archive["a0"]["face_id"])
    assert (found["kind"], found["count"]) == ("choice", 2)
    words = found["candidates"][0]["arguments"]
    chosen = dict(zip(words[1::2], words[2::2], strict=True))
    one = explain(
        archive.store, words[0], kind=chosen["--as"], photo=chosen["--photo"],
        collection=chosen["--collection"],
    )  # fmt: skip
    assert (one["kind"], one["face"]["photo"]) == ("face", chosen["--photo"])


def test_the_faces_of_a_cluster_are_candidates(plain: Answering) -> None:
    found = explain(plain.store, plain["y0"]["cluster_id"])
    assert (found["kind"], found["count"]) == ("choice", 3)


def test_what_is_not_there_is_answered_with_what_is_near(plain: Answering) -> None:
    with pytest.raises(FatalError, match=r"Most like it are\n  zed~0\.93"):
        explain(plain.store, "zed~0.9")
    full = plain["e0"]["face_id"]
    wrong = full[:-1] + ("0" if full[-1] != "0" else "1")
    with pytest.raises(FatalError, match=full):
        explain(plain.store, wrong)


def test_hostile_names_do_nothing_but_show(archive: Answering) -> None:
    archive.say("name", "e0 f0", HOSTILE)
    archive.run()
    found = json.loads(
        report(
            str(archive.archive),
            archive["e0"]["face_id"],
            kind=None,
            photo="e.jpg",
            collection=None,
            page=True,
        )
    )
    assert found["document"]["decision"]["person"] == HOSTILE
    assert "<script" not in found["page"]
    assert "&lt;script&gt;" in found["page"]
    line = next(c["line"] for c in found["document"]["would_change"] if c["line"])
    assert next(csv.reader([line]))[2] == HOSTILE


def test_a_photo_that_could_not_be_read_says_why(tmp_path: Path) -> None:
    archive = Answering(tmp_path, "ada", photos={"a": "ada", "u": "?", "n": ""})
    archive.run("u.jpg,ada,every", "n.jpg,ada,every", "n.jpg,Nobody,every")
    torn = explain(archive.store, "u.jpg")
    assert (torn["photo"]["outcome"], torn["photo"]["reason"]) == ("unreadable", "torn")
    assert [row["status"] for row in torn["expected"]] == ["photo_unreadable"]
    empty = explain(archive.store, "n.jpg")
    assert (empty["photo"]["outcome"], empty["faces"]) == ("no_face", [])
    statuses = {row["person"]: row["status"] for row in empty["expected"]}
    assert statuses == {"ada": "absent", "Nobody": "not_enrolled"}
    nobody = explain(archive.store, "Nobody")
    assert nobody["person"]["enrolled"] is False
    assert nobody["expected"] == [{"scope": "n.jpg", "needed": "every", "photo": "n.jpg"}]


def test_where_nobody_is_enrolled_that_is_the_reason(tmp_path: Path) -> None:
    archive = Answering(tmp_path, photos={"a": "ada", "b": "ada~0.8"}).run()
    found = explain(archive.store, archive["a0"]["face_id"])
    assert found["decision"]["settled_by"] == "nearest_person"
    assert found["nearest"] == []
    assert "nobody is enrolled" in found["decision"]["because"]
