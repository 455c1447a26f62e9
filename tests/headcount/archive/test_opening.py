"""Opening an archive: which folders have one, and what is said of those that have none."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import headcount
from headcount import audit
from headcount.contract.layout import ARCHIVE, JobKeys
from headcount.contract.record import with_sum
from headcount.errors import FatalError
from headcount.storage import open_store
from tests.headcount.archive.archives import make_archive


def test_the_folder_of_a_run_is_opened_at_the_archive_in_it(tmp_path: Path) -> None:
    store = make_archive(tmp_path / "out" / "archive")
    for place in (tmp_path / "out", tmp_path / "out" / "archive", store.uri):
        assert headcount.open(place).uri == store.uri


def test_opening_leaves_a_line_in_the_audit_log(tmp_path: Path) -> None:
    store = make_archive(tmp_path)
    headcount.open(tmp_path)
    [line] = audit.read(store)
    assert (line.action, line.subject) == ("export", "archive")


def test_a_folder_without_an_archive_is_said_and_stays_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="there is no archive in file://"):
        headcount.open(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_an_archive_whose_first_job_is_at_work_is_opened_and_has_no_results(tmp_path: Path) -> None:
    open_store(str(tmp_path)).put(JobKeys("20260101-000000-aaaaaa").plan, b"{}")
    archive = headcount.open(tmp_path)
    assert archive.jobs.num_rows == 0
    with pytest.raises(FatalError, match="has results yet"):
        archive.faces()


def test_an_archive_of_another_version_is_refused_in_words(tmp_path: Path) -> None:
    store = make_archive(tmp_path)
    record = json.loads(store.get(ARCHIVE).data)
    del record["sum"]
    store.put(ARCHIVE, with_sum(json.dumps(record | {"format": 2}).encode()))
    with pytest.raises(FatalError, match="of another version of headcount"):
        headcount.open(tmp_path)


def test_settings_of_s3_that_are_wrong_are_said_without_their_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://user:secret@host")
    with pytest.raises(FatalError, match="S3 settings") as told:
        headcount.open(tmp_path)
    assert "secret" not in str(told.value)


def test_importing_headcount_loads_neither_arrow_nor_the_rest() -> None:
    heavy = ("pyarrow", "lance", "pydantic", "headcount.archive", "numpy")
    code = f"import headcount, sys; print([m for m in {heavy} if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_an_open_archive_needs_none_of_the_workers_libraries(tmp_path: Path) -> None:
    make_archive(tmp_path)
    code = (
        "import headcount, sys; headcount.open(sys.argv[1]).embeddings(); "
        "print([m for m in ('orchestrator', 'workers', 'onnxruntime', 'cv2') if m in sys.modules])"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path)]
    ended = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
