"""A forgotten person is looked for in every place that headcount writes to, by the list of them."""

import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount.answers.kept import read_answers, record_answer
from headcount.answers.record import Answer, FaceMark, What
from headcount.assignments.checks.kept import read_checks, write_check
from headcount.assignments.checks.record import CheckItem, CheckRecord
from headcount.assignments.checks.told import tell_checks
from headcount.contract import inventory, results
from headcount.contract.inventory import Place, place_of
from headcount.contract.layout import PACKS, JobKeys, PackKeys, ScheduleKeys
from headcount.contract.record import now, read_record
from headcount.contract.stored.jobs import FailedMarker, FinishedRecord, JobSpec
from headcount.contract.vocabulary import person_id
from headcount.errors import FatalError
from headcount.regions.carried import carried_json
from headcount.s3_settings import S3Settings
from headcount.storage import Store, canonical_uri, open_store
from headcount.tables.filters import quoted
from headcount.tables.table import Table
from orchestrator.people.forget.run import forget, remember
from tests.running import headcount, table

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("crew")]

NAME, EARLIER, OTHER = "Barack Obama", "Barry from Honolulu", "Somebody else"
RUN = ("--format", "csv", "--format", "jsonl", "--format", "xlsx", "--annotate", "40")
NOT_HERE = {
    "packs/<pack>/calibration.json",
    "conditional.json",
    "probes/<probe>",
    "indexes/<index>/**",
    "jobs/<job>/suspects/<unit>/<attempt>.json",
    "jobs/<job>/replaced/<list>.json",
    "jobs/<job>/control.json",
    "jobs/<job>/cut.json",
    "schedules/<schedule>.json",
    "schedules/<schedule>/nights/<night>.json",
    "schedules/<schedule>/told/<night>",
    "pruning.json",
    "rollback.json",
    "rollbacks/<time>.json",
}
"""Places without people in which this archive has nothing."""

Where = tuple[str, str]
"""The list that has a place, and its pattern."""


@pytest.fixture(scope="module")
def out(crew: None, samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, then a first look and a run with the person enrolled and expected; and more traces."""
    folder = tmp_path_factory.mktemp("everywhere")
    out, photos = folder / "out", samples / "photos"
    known = ("--people", samples / "people", "--expected", samples / "expected.csv")
    for more in ((), (*known, "--first", 4), known):
        ended = headcount("run", str(photos), "--out", str(out), *RUN, *map(str, more))
        assert ended.returncode == 0, ended.stderr
    plant(out, archive_of(out))
    return out


def archive_of(out: Path) -> Store:
    return open_store(canonical_uri(str(out / "archive")), S3Settings())


def plant(out: Path, store: Store) -> None:
    """Leave the person where only some runs do: a failed job, a split stage, nights, decisions."""
    [*_, job] = sorted(path.name for path in (out / "archive/jobs").iterdir())
    keys, [(face, vector), *_] = JobKeys(job), traces(out)[1].items()
    plant_answers(store, face)
    plant_check(store, out, job, face)
    store.put(keys.failed("reduce"), FailedMarker(unit="reduce", message=NAME).to_bytes())
    file = io.BytesIO()
    np.savez_compressed(file, descriptor=np.frombuffer(vector, np.float16))
    store.put(keys.matches(0), file.getvalue())
    for keys_of_pack in map(PackKeys, store.folders(PACKS)):
        photos = Table(store.uri, keys_of_pack.photos, S3Settings())
        photos.update({"carried": quoted(carried_json({}, [NAME, "beach"]) or "")}, "true")
    told = json.loads((out / results.SUMMARY).read_text())
    pair = {"person_ids": ["b", person_id(NAME)], "names": ["B", NAME], "similarity": 0.6}
    told[results.LOOK_ALIKES] = [pair]
    (out / results.SUMMARY).write_text(json.dumps(told))
    further = out / results.REPORT_PAGE.format(number=2)  # this report is too small to have one
    further.write_text(f"<p>{NAME}</p>")
    copy_results(out, store, keys, "20250101-000000-aaaaaa")
    copy_results(out, store, keys, "20250102-000000-aaaaaa", "nightly")
    finished = read_record(store, keys.finished, FinishedRecord)
    store.put(keys.finished, finished.model_copy(update={"message": f"of {NAME}"}).to_bytes())


def plant_check(store: Store, out: Path, job: str, face: str) -> None:
    """Have the person judge a face of the person, and one of somebody else, and sign it."""
    of = {"kind": "name", "how": "matched", "photo": "a.jpg", "verdict": "right", "at": now()}
    items = [
        CheckItem(number=1, person_id=person_id(NAME), person=NAME, face_id=face, **of),
        CheckItem(number=2, person_id=person_id(OTHER), person=OTHER, face_id="f2", **of),
    ]
    check = CheckRecord(
        id="20250101-000000-aaaaaa",
        job_id=job,
        collection="c",
        source="file:///photos/",
        seed=1,
        begun=now(),
        by=NAME,
        names={"matched": 10},
        absences={},
        items=tuple(items),
        signed=now(),
    )
    write_check(store, check)
    results_of = open_store(canonical_uri(str(out)), S3Settings())
    assert tell_checks(results_of, [check]) == [results.SUMMARY, results.REPORT]


def plant_drawn(store: Store, **about: Any) -> Answer:
    """Draw a face by hand that no run has seen yet."""
    mark = FaceMark(face_id="", content="c", box=(70, 80, 90, 95), frame=(640, 480, 1))
    return record_answer(store, "face", (mark,), photo="table.jpg", **about)


def plant_answers(store: Store, face: str) -> None:
    """Leave answers of every word about the person, and of others about the person's face."""
    mark = (0.0, 0.0, 1.0, 1.0)
    mine = FaceMark(face_id=face, content="c", box=mark)
    theirs = FaceMark(face_id="f" + "0" * 23, content="d", box=mark)
    me, other = (person_id(NAME), NAME), (person_id(OTHER), OTHER)
    about: tuple[What, ...] = ("name", "confirm", "not", "reference", "no_reference")
    for what in about:
        record_answer(store, what, (mine,), person=me)
    without: tuple[What, ...] = ("dismiss", "not_a_face", "same", "apart")
    for what in without:
        record_answer(store, what, (mine, theirs) if what in ("same", "apart") else (mine,))
    record_answer(store, "accept_absent", (), person=me, photo="table.jpg")
    drawn_here = plant_drawn(store, person=me)
    plant_drawn(store)
    record_answer(store, "dismiss", drawn_here.faces)
    undone = record_answer(store, "undo", (), undoes=drawn_here.id)
    record_answer(store, "undo", (), undoes=undone.id)
    ids = {"new_person_id": me[0], "new_person": me[1]}
    record_answer(store, "rename", (), person=(person_id(EARLIER), EARLIER), **ids)
    record_answer(store, "name", (theirs,), person=other, by=NAME)


def copy_results(out: Path, store: Store, keys: JobKeys, job: str, schedule: str = "") -> None:
    """Leave the same results in the archive, as a job without ``--out`` does, or a night's."""
    folder = ScheduleKeys(schedule).results("2025-01-02") if schedule else JobKeys(job).results
    for path in (p for p in out.rglob("*") if p.is_file()):
        if not path.is_relative_to(out / "archive"):
            store.put_file(folder + path.relative_to(out).as_posix(), path)
    spec = read_record(store, keys.spec, JobSpec)
    finished = read_record(store, keys.finished, FinishedRecord)
    of = {"job_id": job, "out": store.uri + folder}
    store.put(JobKeys(job).spec, spec.model_copy(update=of).to_bytes())
    store.put(JobKeys(job).finished, finished.model_copy(update=of).to_bytes())


def rows_of(out: Path, name: str) -> list[dict[str, Any]]:
    [path] = (out / "archive/packs").glob(f"*/{name}.lance")
    rows: list[dict[str, Any]] = lance.dataset(str(path)).to_table().to_pylist()
    return rows


def traces(out: Path) -> tuple[set[bytes], dict[str, bytes], set[bytes]]:
    """The words by which the person is known, the faces' embeddings, and those of references."""
    mine = {r["face_id"] for r in table(out, "faces") if r["person"] == NAME}
    faces = {
        row["face_id"]: np.array(row["descriptor"], np.float16).tobytes()
        for row in rows_of(out, "faces")
        if row["face_id"] in mine
    }
    references = {
        np.array(row["descriptor"], np.float32).tobytes()
        for row in rows_of(out, "gallery")
        if row["person"] == NAME
    }
    assert len(mine) == len(faces) > 1
    assert references
    names = {name.encode() for name in (NAME, EARLIER)}
    return {*names, *(face.encode() for face in mine)}, faces, references


def contents(key: str, data: bytes) -> Iterator[bytes]:
    """The bytes of an object, and what is packed in there."""
    yield data
    if key.endswith(".parquet"):
        yield json.dumps(pq.read_table(pa.BufferReader(data)).to_pylist(), default=str).encode()
    elif key.endswith(".npz"):
        for array in np.load(io.BytesIO(data)).values():
            yield array.tobytes()
            yield array.astype(np.float32).tobytes()
    elif key.endswith(".xlsx"):
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            yield from (parts.read(name) for name in parts.namelist())
    elif key.endswith(".html"):
        yield unescape(data.decode()).encode()


def all_objects(out: Path) -> Iterator[tuple[Where, str, bytes]]:
    """Everything in the archive and beside the results, each with its place."""
    lists: tuple[tuple[str, Path, tuple[Place, ...]], ...] = (
        ("archive", out / "archive", inventory.ARCHIVE),
        ("results", out, inventory.RESULTS),
    )
    for name, root, places in lists:
        for path in sorted(p for p in root.rglob("*") if p.is_file()):
            key = path.relative_to(root).as_posix()
            if name == "results" and key.startswith("archive/"):
                continue
            place = place_of(key, places)
            assert place is not None, f"{key} is in no place of the {name}: add a line to the list"
            yield (name, place.pattern), key, path.read_bytes()


def found_in(out: Path, needles: set[bytes]) -> dict[Where, set[str]]:
    """By place, the objects in which any of these is."""
    found: defaultdict[Where, set[str]] = defaultdict(set)
    for where, key, data in all_objects(out):
        if any(needle in part for part in contents(key, data) for needle in needles):
            found[where].add(key)
    return dict(found)


def pictures_of(out: Path, photos: set[str]) -> dict[Where, set[str]]:
    """By place, the annotated copies of these photos: pixels bear the name there."""
    ends = tuple(results.annotated_key(photo) for photo in photos)
    found: defaultdict[Where, set[str]] = defaultdict(set)
    for where, key, _ in all_objects(out):
        if where[1].endswith("annotated/**") and key.endswith(ends):
            found[where].add(key)
    return dict(found)


def test_nothing_of_a_forgotten_person_is_left_in_any_place_of_the_list(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, faces, references = traces(out)
    needles = {*words, *faces.values(), *references}
    photos = {r["photo"] for r in table(out, "faces") if r["person"] == NAME}
    lists = {"archive": inventory.ARCHIVE, "results": inventory.RESULTS}
    every = {(name, place.pattern): place for name, some in lists.items() for place in some}
    with monkeypatch.context() as interrupted:
        interrupted.setattr("orchestrator.people.forget.archive.forget_answers", stop)
        with pytest.raises(KeyboardInterrupt):
            forget(archive_of(out), NAME, S3Settings())
    before = set(found_in(out, needles)) | set(pictures_of(out, photos))
    assert before == {where for where, place in every.items() if place.people}, (
        "the person is in every place that may have people, so that this test can fail"
    )
    made = {where for where, _, _ in all_objects(out)}
    receipt = forget(archive_of(out), NAME, S3Settings())
    assert receipt.unreached == ()
    assert found_in(out, needles) == {}
    assert pictures_of(out, photos) == {}
    [check] = read_checks(archive_of(out))
    assert ([one.person for one in check.items], check.by, check.forgotten) == ([OTHER], None, 1)
    [told] = json.loads((out / results.SUMMARY).read_text())["checked"]["signed"]
    assert (told["names"]["drawn"], told["by"], told["forgotten"]) == (1, None, 1)
    left = read_answers(archive_of(out))
    assert [(a.what, a.person, a.by, len(a.faces)) for a in left] == [
        ("same", None, None, 1),
        ("apart", None, None, 1),
        ("name", OTHER, None, 1),
    ], "nothing but what was said of others"
    for name in (NAME, EARLIER):
        with pytest.raises(FatalError, match=f"{name} was forgotten"):
            record_answer(archive_of(out), "accept_absent", (), person=(person_id(name), name))
    with pytest.raises(FatalError, match="the face at this place was forgotten"):
        plant_drawn(archive_of(out))
    assert remember(archive_of(out), EARLIER, S3Settings()) == person_id(NAME)
    for name in (NAME, EARLIER):
        record_answer(archive_of(out), "accept_absent", (), person=(person_id(name), name))
    plant_drawn(archive_of(out))
    assert {row["carried"] for row in rows_of(out, "photos")} == {carried_json({}, ["beach"])}
    made |= {where for where, _, _ in all_objects(out)}
    assert set(every) - made == {("archive", pattern) for pattern in NOT_HERE}


def stop(*_: object) -> None:
    raise KeyboardInterrupt
