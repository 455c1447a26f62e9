from pathlib import Path

import pytest

from headcount.answers.kept import record_answer
from headcount.answers.record import FaceMark
from headcount.contract.layout import JobKeys
from headcount.contract.vocabulary import person_id
from headcount.s3_settings import S3Settings
from headcount.tables.schemas import PHOTOS
from tests.workers import archives
from tests.workers.archives import PACK, made_up, random_embeddings
from workers.identity.update import bring_up_to_date
from workers.tables.faces import load_faces
from workers.tables.pack_tables import PackTables

ADA = person_id("Ada")


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackTables:
    """An archive whose face a.jpg/0 was named Ada."""
    named = PackTables(None, None, "file:///photos/", S3Settings())  # type: ignore[arg-type]
    monkeypatch.setattr(archives, "COLLECTION", named.collection)
    archive = made_up(tmp_path, {"a.jpg": random_embeddings(2, 0)})
    mark = FaceMark(face_id="a.jpg/0", content="", box=(10, 10, 10, 10))
    record_answer(archive.store, "name", (mark,), person=(ADA, "Ada"))
    tables = PackTables(archive.store, archive.keys, named.source, S3Settings())
    tables.photos.create(PHOTOS)
    return tables


@pytest.mark.parametrize("enrol", [False, True])
def test_a_name_is_an_answer_of_this_run_and_a_reference_where_people_are_enrolled(
    tables: PackTables, enrol: bool
) -> None:
    faces, embeddings = load_faces(tables, None, dimensions=PACK.dimensions, progress=lambda: None)
    asked: list[None] = []
    for _ in range(2):  # doing it again changes nothing
        known = bring_up_to_date(
            tables,
            JobKeys("j1").job_id,
            faces,
            embeddings,
            enrol=enrol,
            confirm=lambda: asked.append(None),
        )
    assert known.answers.faces == (("a.jpg/0",),)
    assert known.remapped.num_rows == 0
    rows = tables.gallery.read(["person_id", "etag"]).to_pylist()
    assert rows == ([{"person_id": ADA, "etag": "a.jpg/0"}] if enrol else [])
    assert bool(asked) == enrol, "it is asked before each write"
