"""The record of a job's end, by its spec and its markers."""

from pathlib import Path

from headcount.contract.stored.jobs import DoneMarker, JobSpec
from headcount.contract.stored.references import ReferenceReport
from headcount.errors import FatalError
from headcount.settings import Settings
from orchestrator.jobs.finished import done_record, failed_record
from orchestrator.jobs.submit import make_spec

PREPARED = DoneMarker(
    unit="prepare",
    attempt=1,
    worker="w",
    seconds=1,
    counts={"forgotten_references": 4},
    references=(
        ReferenceReport(person="Ada", photo="a.jpg", state="enrolled"),
        ReferenceReport(person="ada", photo="b.jpg", state="known"),
        ReferenceReport(person="Ada", photo="e.jpg", state="enrolled", reason="of several faces"),
        ReferenceReport(person="Bob", photo="f.jpg", state="blurred"),
        ReferenceReport(person="Bob", photo="c.jpg", state="no_face"),
        ReferenceReport(person="Cy", photo="d.jpg", state="withdrawn"),
    ),
)
COUNTS = {"failures": 2, "older_reading": 3}
LAST = DoneMarker(unit="reduce", attempt=1, worker="w", seconds=1, photos=9, counts=COUNTS)


def spec(photos: Path | None, tmp_path: Path) -> JobSpec:
    return make_spec(
        photos=str(photos) if photos else None,
        people=None,
        archive=str(tmp_path / "archive"),
        out=None,
        settings=Settings(),
    )


def test_the_end_of_a_job_counts_photos_and_references_that_could_not_be_used(
    tmp_path: Path,
) -> None:
    record = done_record(spec(tmp_path, tmp_path), PREPARED, LAST)
    assert (record.state, record.photos, record.failures) == ("done", 9, 2)
    assert (record.reference_failures, record.references_withdrawn) == (2, 1)
    assert record.references_noted == 1
    assert (record.references_forgotten, record.names_alike) == (4, 2)
    assert record.older_reading == 3


def test_a_job_that_only_enrols_has_no_photos(tmp_path: Path) -> None:
    assert done_record(spec(None, tmp_path), PREPARED, PREPARED).photos == 0


def test_a_failed_job_says_why(tmp_path: Path) -> None:
    record = failed_record(spec(tmp_path, tmp_path), FatalError("no model"))
    assert (record.state, record.message) == ("failed", "no model")
