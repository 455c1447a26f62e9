from pathlib import Path

import pytest

from headcount.broker.client import Broker
from headcount.contract.layout import ANSWERS, JobKeys
from headcount.contract.record import now
from headcount.contract.stored.jobs import FinishedRecord
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage.local.store import DirectoryStore
from headcount.storage.memory import MemoryStore
from orchestrator.jobs.supervisor import Supervisor
from tests.at_once import AtOnce, add, begin, end

KEYS = JobKeys("job")


def supervisor(store: MemoryStore) -> Supervisor:
    broker = Broker("redis://127.0.0.1:1")  # nobody is there: nothing is to be sent
    return Supervisor(store, "job", broker=broker, settings=Settings(), s3=S3Settings())


def test_what_was_handed_on_goes_once_the_job_has_its_end() -> None:
    store = MemoryStore()
    store.put(KEYS.split, b"{}")
    assert supervisor(store).recorded_end() is None
    assert list(store.list(KEYS.handed_on))
    ended = FinishedRecord(job_id="job", state="done", finished=now(), out="")
    store.put(KEYS.finished, ended.to_bytes())
    assert supervisor(store).recorded_end() == ended
    assert not list(store.list(KEYS.handed_on))


def test_a_decision_that_is_damaged_fails_a_job_before_any_photo_is_embedded(
    tmp_path: Path,
) -> None:
    spec, broker = begin(add(tmp_path / "photos", one="ada"), tmp_path / "archive", "1"), AtOnce()
    DirectoryStore(tmp_path / "archive").put(f"{ANSWERS}1.json", b"{damaged")
    with pytest.raises(FatalError, match=r"decisions/1\.json is damaged"):
        end(spec, broker)
    assert broker.sent == ["prepare"]


def test_a_roster_that_is_none_fails_a_job_before_any_photo_is_embedded(
    tmp_path: Path,
) -> None:
    roll, broker = tmp_path / "roll.csv", AtOnce()
    roll.write_text("photo,person\none.jpg,Ada\n")
    photos = add(tmp_path / "photos", one="ada")
    spec = begin(photos, tmp_path / "archive", "1", expected=str(roll))
    roll.write_text("where,whom\none.jpg,Ada\n")  # since it was checked
    with pytest.raises(FatalError, match="photo,person"):
        end(spec, broker)
    assert broker.sent == ["prepare"]
