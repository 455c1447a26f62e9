"""Options that commands share: the archive, also given as the folder of a run's results."""

from pathlib import Path

import pytest

from headcount.contract.layout import ARCHIVE, JobKeys
from headcount.s3_settings import S3Settings
from headcount.storage import canonical_uri, open_store
from orchestrator.commands.options import archive_in, existing_archive

S3 = S3Settings()


@pytest.mark.parametrize("key", [ARCHIVE, JobKeys("job").spec, "packs/p/pack.json"])
def test_the_results_of_a_run_mean_the_archive_that_they_hold(tmp_path: Path, key: str) -> None:
    out = open_store(str(tmp_path))
    out.put("summary.json", b"{}")
    assert archive_in(str(tmp_path), S3) == canonical_uri(str(tmp_path)), "none is made there yet"
    out.put(f"archive/{key}", b"{}")
    assert existing_archive(str(tmp_path), S3).uri == canonical_uri(str(tmp_path)) + "archive/"
    assert archive_in(str(tmp_path / "archive"), S3) == canonical_uri(str(tmp_path)) + "archive/"


def test_an_archive_with_a_folder_of_that_name_in_it_is_itself(tmp_path: Path) -> None:
    archive = open_store(str(tmp_path))
    for key in (ARCHIVE, f"archive/{ARCHIVE}"):
        archive.put(key, b"{}")
    assert archive_in(str(tmp_path), S3) == archive.uri
