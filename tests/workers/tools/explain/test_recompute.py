"""Decisions made again from the archive, with the stored ones hidden, are the job's own."""

from pathlib import Path

import pyarrow as pa
import pytest

from headcount.archive.selection import select_pack
from headcount.assignments import history
from headcount.contract.layout import REDUCE, JobKeys, PackKeys
from headcount.contract.record import read_record
from headcount.contract.results import FACES
from headcount.contract.stored.jobs import DoneMarker
from tests.workers.identity.answering import Answering
from workers.tools.explain.moment import Moment
from workers.tools.explain.recompute import decide

PHOTOS = {
    "a": "ada",
    "b": "ada~0.9",
    "c": "ada~0.55 bob",
    "d": "bob~0.8 ada~0.6",
    "e": "eve",
    "f": "eve~0.8",
    "g": "cy",
    "h": "ada ada~0.8",
    "i": "bob!",
    "j": "dan eve~0.7 cy~0.8",
    "k": "dan~0.8",
    "l": "ada~0.45 fay",
    "m": "bob~0.42",
    "x": "zed",
    "y": "zed~0.7",
    "z": "zed~0.65",
}
PEOPLE = ("ada", "bob", "zed", "zed~0.93")
"""The last is so like the one before that some faces are too close to call."""
ROSTER = ("m.jpg,bob,every", "l.jpg,ada,every", "e.jpg,ada,every", "k.jpg,Dan,every")
SAID = ("decision", "person_id", "person", "evidence", "runner_up", "nearest_person_id")
MEASURED = ("similarity", "margin", "discount")


def moment_of(archive: Answering) -> Moment:
    store = archive.store
    pack = select_pack(store, None)
    return Moment.of(store, pack, str(archive.number))


def hide(archive: Answering) -> None:
    """Take the decisions and names out of the archive's assignments, and the results away."""
    store = archive.store
    keys = PackKeys(select_pack(store, None).pack_id)
    [collection] = history.collections_of(store, keys)
    table = history.read_assignments(store, keys, collection, str(archive.number))
    for name in ("decision", "person_id", "person"):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pa.nulls(len(table), pa.string()))
    history.write_table(store, keys.assignments(collection, str(archive.number)), table)
    for path in archive.out.iterdir():
        if path.is_file():
            path.unlink()


def require_agreement(archive: Answering) -> list[str]:
    """Compare every face's decision, made again photo by photo, with the job's; the reasons."""
    rows = {(row["photo"], row["face_id"]): row for row in archive.table("faces")}
    hide(archive)
    moment, found = moment_of(archive), []
    for photo in sorted({photo for photo, _ in rows}):
        again = decide(moment, [photo]).faces.to_pylist()
        mine = [row for row in again if row["photo"] == photo]
        assert len(mine) == sum(key[0] == photo for key in rows)
        for row in mine:
            then = rows[photo, row["face_id"]]
            assert {n: row[n] for n in SAID} == {n: then[n] for n in SAID}, (photo, row["x"])
            for name in MEASURED:
                assert row[name] == pytest.approx(then[name], abs=1e-4), name
            found.append(f"{row['decision']}: {row['evidence']}")
    return found


@pytest.fixture
def archive(tmp_path: Path) -> Answering:
    return Answering(tmp_path, *PEOPLE, photos=PHOTOS).run(*ROSTER)


def test_every_decision_is_made_again_where_nobody_said_anything(archive: Answering) -> None:
    said = set(require_agreement(archive))
    assert {"matched: None", "unknown: None", "ignored: None"} <= said
    assert "unknown: another face of the photo has the name" in said
    assert "inferred: expected here" in said
    assert any("faces of the cluster matched" in text for text in said)


def test_every_decision_is_made_again_with_answers_of_every_word(archive: Answering) -> None:
    archive.say("name", "j0 k0", "Dan")
    archive.say("name", "e0", "Eve")
    archive.say("confirm", "f0", "Eve")
    archive.say("not", "b0", "ada")
    archive.say("not_a_face", "c1")
    archive.say("dismiss", "g0 j2")
    archive.apart("a0", "h0")
    archive.apart("m0", "d0")
    archive.say("same", "l1 g0")
    archive.say("no_reference", "j0")
    archive.say("accept_absent", who="ada", photo="e.jpg")
    archive.rename("bob", "Bob Hope")
    archive.undo(archive.say("not", "c0", "ada"))
    archive.run(*ROSTER)
    archive.say("name", "a0", "somebody later")
    said = set(require_agreement(archive))
    assert "matched: named by a person" in said
    assert "unknown: dismissed by a person" in said
    assert "ignored: no face, said a person" in said
    assert any(text.endswith("rejected by a person") for text in said)


def test_references_that_came_later_change_nothing(archive: Answering) -> None:
    before = moment_of(archive)
    version = before.gallery_version
    before.tables.gallery.delete("person = 'bob'")
    moment = moment_of(archive)
    assert moment.tables.gallery.version != version == moment.gallery_version
    assert set(moment.gallery.names) == set(PEOPLE)
    require_agreement(archive)


def test_where_the_references_are_pruned_those_of_now_are_taken_and_it_is_said(
    archive: Answering,
) -> None:
    tables = moment_of(archive).tables
    tables.gallery.delete("person = 'bob'")
    tables.gallery.purge()
    moment = moment_of(archive)
    assert moment.gallery_version is None
    assert set(moment.gallery.names) == set(PEOPLE) - {"bob"}
    assert any("not kept any more" in note for note in moment.notes())


def test_the_columns_of_the_results_are_all_there(archive: Answering) -> None:
    faces = decide(moment_of(archive), ["a.jpg"]).faces
    assert {*FACES.names} - {*faces.column_names} == set()


def test_the_references_of_an_earlier_build_are_found_by_the_time_of_the_job(
    archive: Answering,
) -> None:
    key = JobKeys(str(archive.number)).done(REDUCE)
    done = read_record(archive.store, key, DoneMarker)
    archive.store.put(key, done.model_copy(update={"gallery_version": None}).to_bytes())
    moment_of(archive).tables.gallery.delete("person = 'bob'")
    moment = moment_of(archive)
    assert moment.gallery_version == done.gallery_version
    require_agreement(archive)
