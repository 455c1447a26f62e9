from headcount import results
from headcount.forgotten import ForgottenRecord
from headcount.messages import now
from headcount.storage.memory import MemoryStore
from orchestrator.withdraw import NOTICE, _withdraw_report


def test_a_report_is_withdrawn_however_a_quote_in_the_name_was_escaped() -> None:
    stone = ForgottenRecord(person_id="p1", at=now(), state="removing", person="Ada O'Hara")
    for name in ("Ada O'Hara", "Ada O&#39;Hara", "Ada O&#x27;Hara"):
        out = MemoryStore()
        out.put(results.REPORT, f"<p>{name}</p>".encode())
        assert _withdraw_report(out, stone, shows=False)
        assert out.get(results.REPORT).data.decode() == NOTICE
