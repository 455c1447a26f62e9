"""Forgetting a person, and going back to an earlier archive: what is left, byte by byte."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lance
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount.contract.layout import JobKeys
from headcount.contract.record import now, read_record
from headcount.contract.stored.jobs import DoneMarker, FinishedRecord, JobSpec
from headcount.s3_settings import S3Settings
from headcount.storage import canonical_uri, open_store
from orchestrator.people.forget import archive
from orchestrator.people.forget import run as forgetting
from tests.running import comparable, headcount, summary, table

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("crew")]

NAME = "Barack Obama"


def run(photos: Path, out: Path, *more: str) -> None:
    ended = headcount("run", str(photos), "--out", str(out), *more)
    assert ended.returncode == 0, ended.stderr


def say(out: Path, *arguments: str) -> str:
    ended = headcount(*arguments, "--archive", str(out / "archive"))
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def done(crew: None, samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of two runs: with the person enrolled, and expected in some photos."""
    folder = tmp_path_factory.mktemp("forget")
    shutil.copytree(samples / "photos", folder / "photos")
    out, people = folder / "out", str(samples / "people")
    run(folder / "photos", out, "--format", "jsonl")
    more = ("--people", people, "--expected", str(samples / "expected.csv"), "--format", "jsonl")
    run(folder / "photos", out, *more)
    return out


def everything(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file's name and bytes; tables are shown unpacked too."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        yield str(path), path.read_bytes()
        if path.suffix == ".parquet":
            yield str(path), json.dumps(pq.read_table(path).to_pylist(), default=str).encode()


def found_in(folder: Path, needles: list[bytes]) -> set[str]:
    return {name for name, data in everything(folder) if any(n in data for n in needles)}


def rows_of(out: Path, name: str) -> list[dict[str, Any]]:
    [path] = (out / "archive/packs").glob(f"*/{name}.lance")
    rows: list[dict[str, Any]] = lance.dataset(str(path)).to_table().to_pylist()
    return rows


def traces(out: Path) -> tuple[list[bytes], list[bytes]]:
    """The bytes by which a person is known: name and face ids; vectors."""
    ids = {r["face_id"] for r in table(out, "faces") if r["person"] == NAME}
    vectors = [
        pa.array(row["descriptor"], kind).buffers()[1].to_pybytes()[: len(row["descriptor"]) * size]
        for rows, kind, size in (
            ([r for r in rows_of(out, "faces") if r["face_id"] in ids], pa.float16(), 2),
            (rows_of(out, "gallery"), pa.float32(), 4),
        )
        for row in rows
    ]
    assert len(ids) > 1
    assert len(vectors) > len(ids)
    return [NAME.encode(), *(face.encode() for face in ids)], vectors


def test_nothing_of_a_forgotten_person_is_left_and_later_runs_bring_nothing_back(
    samples: Path, done: Path, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(done, tmp_path / "out"))
    _move_jobs(done, out)
    words, vectors = traces(out)
    assert all(found_in(out, [vector]) for vector in vectors), "this test can fail"
    assert len(found_in(out, words)) > 10
    others = [r for r in table(out, "faces") if r["person"] != NAME]
    receipt = json.loads(say(out, "forget", NAME, "--yes", "--json"))
    assert receipt["removed"]["faces"] > 1
    assert receipt["removed"]["references"] == 1
    assert receipt["removed"]["pictures"] > 1
    assert found_in(out, [*words, *vectors]) == set()
    kept = ("face_id", "photo", "decision", "cluster_id")
    assert [{k: r[k] for k in kept} for r in table(out, "faces")] == [
        {k: r[k] for k in kept} for r in others
    ]
    counts = {r["photo"]: r["faces"] for r in table(out, "photos")}
    assert sum(counts.values()) == len(others)
    again = ("--people", str(samples / "people"), "--expected", str(samples / "expected.csv"))
    run(done.parent / "photos", out, *again)
    assert not list(out.glob("*.jsonl")), "the tables of a run are those in its formats"
    assert summary(out)["references_forgotten"] == 1
    assert summary(out)["expected_forgotten"] > 0
    assert found_in(out, [*words, *vectors]) == set()
    moved = Path(shutil.copytree(done.parent / "photos", tmp_path / "moved"))
    run(moved, out, *again, "--profile", "thorough")
    faces = table(out, "faces")
    assert {r["person"] for r in faces} == {None}
    assert found_in(out, [NAME.encode(), *vectors]) == set()
    assert "may be enrolled again" in say(out, "forget", NAME, "--undo")
    run(done.parent / "photos", out, *again)
    assert NAME in say(out, "people")
    assert NAME in {r["person"] for r in table(out, "faces")}, "the photos are searched again"


def _move_jobs(done: Path, out: Path) -> None:
    """Let a copied archive's jobs say where the copy's results lie."""
    store = open_store(canonical_uri(str(out / "archive")), S3Settings())
    for path in (out / "archive/jobs").iterdir():
        keys = JobKeys(path.name)
        spec = read_record(store, keys.spec, JobSpec)
        there = {"out": canonical_uri(str(out)), "archive": store.uri}
        store.put(keys.spec, spec.model_copy(update=there).to_bytes())
        finished = read_record(store, keys.finished, FinishedRecord)
        end = finished.model_copy(update={"out": canonical_uri(str(out))})
        store.put(keys.finished, end.to_bytes())


def test_what_tasks_handed_on_goes_too_and_a_failed_job_makes_it_anew(
    done: Path, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(done, tmp_path / "out"))
    _move_jobs(done, out)
    words, vectors = traces(out)
    store = open_store(canonical_uri(str(out / "archive")), S3Settings())
    keys = JobKeys(max(path.name for path in (out / "archive/jobs").iterdir()))
    finished = read_record(store, keys.finished, FinishedRecord)
    store.put(keys.finished, finished.model_copy(update={"state": "failed"}).to_bytes())
    marker = read_record(store, keys.done("reduce"), DoneMarker)
    for unit in ("split", "match-0000000", "join-0000000"):
        store.put(keys.done(unit), marker.model_copy(update={"unit": unit}).to_bytes())
    store.put(keys.places(0, 0), vectors[0])
    ended = JobKeys(min(path.name for path in (out / "archive/jobs").iterdir()))
    store.put(ended.places(0, 1), vectors[1])
    forgetting.forget(store, NAME, S3Settings())
    assert found_in(out, [*words, *vectors]) == set()
    assert [info.key for info in store.list(keys.done_folder)] == [keys.done("prepare")]


def test_a_forget_that_was_interrupted_is_ended_by_the_next(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [
        *((archive, f"forget_{what}") for what in ("answers", "rows", "assignments", "jobs")),
        (forgetting, "remove_from_results"),
    ]
    for module, step in steps:
        out = Path(shutil.copytree(done, tmp_path / step))
        _move_jobs(done, out)
        words, vectors = traces(out)
        store = open_store(canonical_uri(str(out / "archive")), S3Settings())
        with monkeypatch.context() as patched:
            real = getattr(module, step)

            def and_die(*arguments: Any, real: Any = real, **named: Any) -> None:
                real(*arguments, **named)
                raise KeyboardInterrupt

            patched.setattr(module, step, and_die)
            with pytest.raises(KeyboardInterrupt):
                forgetting.forget(store, NAME, S3Settings())
        forgetting.forget(store, NAME, S3Settings())
        assert found_in(out, [*words, *vectors]) == set(), step


def test_forget_waits_for_no_job_and_says_who_is_unknown(done: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(done, tmp_path / "out"))
    uri = ("--archive", str(out / "archive"))
    unknown = headcount("forget", "Nobody", "--yes", *uri)
    assert (unknown.returncode, unknown.stdout) == (1, "")
    asked = headcount("forget", NAME, *uri)
    assert asked.returncode == 1, "without an answer nothing is removed"
    assert NAME in say(out, "people")
    spec = sorted((out / "archive/jobs").glob("*/spec.json"))[0]
    unfinished = out / "archive/jobs/29990101-000000-aaaaaa/spec.json"
    unfinished.parent.mkdir()
    unfinished.write_bytes(spec.read_bytes())
    busy = headcount("forget", NAME, "--yes", *uri)
    assert busy.returncode == 1
    assert "is not finished" in busy.stderr


def test_a_rollback_gives_the_archive_of_then_and_the_next_run_goes_on_from_it(
    done: Path, tmp_path: Path
) -> None:
    out, photos = tmp_path / "out", tmp_path / "photos"
    shutil.copytree(done.parent / "photos", photos)
    run(photos, out, "--annotate", "0")
    first = sorted(p.name for p in (out / "archive/jobs").iterdir())[0]
    before = {name: comparable(rows_of(out, name)) for name in ("photos", "faces", "gallery")}
    clusters = {r["face_id"]: r["cluster_id"] for r in table(out, "faces")}
    (photos / "table.jpg").unlink()
    shutil.copy(photos / "portrait.png", photos / "another.png")
    run(photos, out, "--annotate", "0")
    assert comparable(rows_of(out, "photos")) != before["photos"]
    for _ in range(2):
        assert first in say(out, "rollback", first)
        for name, rows in before.items():
            assert comparable(rows_of(out, name)) == rows
    assert not (out / "archive/rollback.json").exists()
    shutil.rmtree(photos)
    shutil.copytree(done.parent / "photos", photos)
    run(photos, out, "--annotate", "0")
    assert {r["face_id"]: r["cluster_id"] for r in table(out, "faces")} == clusters
    assert table(out, "lineage") == []


def test_no_rollback_goes_beyond_a_forget(done: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(done, tmp_path / "out"))
    _move_jobs(done, out)
    job = sorted(p.name for p in (out / "archive/jobs").iterdir())[0]
    say(out, "forget", NAME, "--yes")
    ended = headcount("rollback", job, "--archive", str(out / "archive"))
    assert ended.returncode == 1
    assert "no version of the archive was kept" in ended.stderr


def test_a_job_begun_before_a_rollback_is_not_committed_after_it(
    done: Path, tmp_path: Path
) -> None:
    from orchestrator.archive.commit import refuse_if_rolled_back

    out = Path(shutil.copytree(done, tmp_path / "out"))
    store = open_store(canonical_uri(str(out / "archive")), S3Settings())
    job = sorted(p.name for p in (out / "archive/jobs").iterdir())[0]
    spec = read_record(store, JobKeys(job).spec, JobSpec)
    refuse_if_rolled_back(store, spec)
    say(out, "rollback", job)
    with pytest.raises(Exception, match="start a new job"):
        refuse_if_rolled_back(store, spec)
    refuse_if_rolled_back(store, spec.model_copy(update={"created": now()}))
