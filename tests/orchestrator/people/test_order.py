"""The order of an archive's jobs is that of their commits: an id tells when a job was asked for."""

from pathlib import Path

from headcount.assignments import history
from headcount.collections.photos import collection_id
from headcount.contract.layout import JobKeys, PackKeys
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from orchestrator.archive.rollback import roll_back
from orchestrator.people.latest_assignments import active_pack, finished_jobs, read_latest
from tests.at_once import add, begin, end


def of(store: Store, photos: Path, *, lineage: bool = False) -> list[str]:
    """The jobs that left a roll of these photos, in order."""
    keys, collection = PackKeys(active_pack(store).pack_id), collection_id(photos.as_uri() + "/")
    return history.job_ids(
        store, (keys.lineages if lineage else keys.assignment_folder)(collection)
    )


def test_the_last_job_is_the_one_that_was_committed_last_whatever_its_id(
    tmp_path: Path, archive: Path, store: Store
) -> None:
    photos = add(tmp_path / "photos", one="ada bob")
    paused = begin(photos, archive, "1")
    end(begin(photos, archive, "2"))
    add(photos, two="cleo")
    end(paused)
    assert of(store, photos) == ["2", "1"]
    assert finished_jobs(store) == ["2", "1"]
    [said] = read_latest(store)
    assert (said.job_id, len(said.assignments)) == ("1", 3)
    history.write_assignments(store, said.keys, said.collection, "1", said.assignments, keep=1)
    assert of(store, photos) == ["1"]


def test_a_rollback_undoes_what_was_committed_later_and_nothing_else(
    tmp_path: Path, archive: Path, store: Store
) -> None:
    photos, others = add(tmp_path / "photos", one="ada"), add(tmp_path / "others", one="bob")
    paused = begin(photos, archive, "1")
    end(begin(photos, archive, "4"))
    end(begin(others, archive, "3"))
    add(photos, two="cleo")
    end(paused)
    add(others, two="dora")
    end(begin(others, archive, "2"))
    assert roll_back(store, "3", S3Settings()) == ["1", "2"]
    for lineage in (False, True):
        assert of(store, photos, lineage=lineage) == ["4"]
        assert of(store, others, lineage=lineage) == ["3"]
    assert not any(store.list(JobKeys("1").commit))
    end(begin(photos, archive, "0"))
    assert of(store, photos) == ["4", "0"]
