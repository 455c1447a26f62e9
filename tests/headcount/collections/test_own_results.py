"""Results and archives of headcount among photos."""

import json

from headcount.collections.own_results import OwnResults
from headcount.contract import results
from headcount.contract.marks import MARKS, Mark, add_marks
from headcount.contract.record import now
from headcount.contract.stored.archive import ArchiveRecord, ModelChoice
from headcount.storage.memory import MemoryStore

COPY = b"\xff\xd8\xff\xfe\x00\x18" + results.ANNOTATED_MARK + b" and pixels"
SUMMARY = json.dumps({"job_id": "j", "spec": {}, "outcomes": {}, "photos": 1}).encode()


def rules(store: MemoryStore) -> dict[str, str | None]:
    own = OwnResults(store)
    return {info.key: own.rule(info.key) for info in store.list()}


def test_annotated_copies_are_known_beside_pictures_of_somebody_s_own() -> None:
    store = MemoryStore()
    store.put("old/summary.json", SUMMARY)
    store.put("old/annotated/a.jpg.jpg", COPY)
    store.put("old/annotated/own.jpg", b"\xff\xd8 no mark")
    store.put("old/a.jpg", COPY)
    found = rules(store)
    assert found["old/annotated/a.jpg.jpg"] == "annotated by headcount"
    assert found["old/annotated/own.jpg"] is None
    assert found["old/a.jpg"] is None


def test_results_in_the_root_are_known_by_the_marks_of_their_tables() -> None:
    store = MemoryStore()
    add_marks(store, {"photos.parquet": Mark(table="photos", contract=4, sha256="0")})
    store.put("annotated/deep/a.jpg.jpg", COPY)
    store.put("photos.parquet", b"x")
    store.put("report/index.html", b"x")
    store.put("a.jpg", b"x")
    found = rules(store)
    assert found["annotated/deep/a.jpg.jpg"] == "annotated by headcount"
    for key in ("photos.parquet", "report/index.html", MARKS):
        assert found[key] == "written by headcount"
    assert found["a.jpg"] is None


def test_a_folder_of_the_same_names_without_marks_is_somebody_s_own() -> None:
    store = MemoryStore()
    for key in ("annotated/a.jpg", "jobs/1/results/annotated/a.jpg", "packs/a.jpg"):
        store.put(key, COPY)
    store.put("summary.json", b'{"photos": 3}')
    store.put("tables.json", b'{"files": 3}')
    store.put("archive.json", b"{}")
    assert set(rules(store).values()) == {None}


def test_an_archive_below_the_folder_is_known_by_its_record() -> None:
    store = MemoryStore()
    record = ArchiveRecord(created=now(), model=ModelChoice(name="m", pack_id="p"))
    store.put("old/archive/archive.json", record.to_bytes())
    store.put("old/archive/jobs/j1/results/annotated/a.jpg.jpg", COPY)
    store.put("old/archive/packs/p/faces.lance/data/1.lance", b"x")
    store.put("old/archive/holiday/a.jpg", b"x")
    found = rules(store)
    assert found.pop("old/archive/holiday/a.jpg") is None
    assert found.pop("old/archive/jobs/j1/results/annotated/a.jpg.jpg") == (
        "annotated by headcount"
    )
    assert set(found.values()) == {"written by headcount"}


def test_a_place_is_asked_for_its_marks_once() -> None:
    class Counting(MemoryStore):
        asked = 0

        def get(self, key: str, *, limit: int | None = None):  # type: ignore[no-untyped-def]
            self.asked += 1
            return super().get(key, limit=limit)

    store = Counting()
    own = OwnResults(store)
    for number in range(1000):
        assert own.rule(f"annotated/{number}.jpg") is None
        assert own.rule(f"2019/{number}.jpg") is None
    assert store.asked == 2
