import json

from headcount.contract.record import read_record
from headcount.contract.stored.archive import PackRecord
from headcount.contract.stored.jobs import DoneMarker
from headcount.storage.memory import MemoryStore
from tests.packs import made_up_pack


def test_a_field_keeps_its_name_in_the_archive_whatever_the_code_calls_it() -> None:
    pack, store = made_up_pack("p").model_copy(update={"cosine_per_decade": 0.047}), MemoryStore()
    marker = DoneMarker(unit="prepare", attempt=1, worker="w", seconds=0, pack=pack)
    store.put("pack.json", pack.to_bytes())
    for written in (json.loads(pack.to_bytes()), json.loads(marker.to_bytes())["pack"]):
        assert written["decade"] == 0.047
        assert "cosine_per_decade" not in written
    assert read_record(store, "pack.json", PackRecord) == pack
    assert DoneMarker.from_bytes(marker.to_bytes()) == marker
    assert pack.model_dump(mode="json")["decade"] == 0.047
