import pytest
from pydantic import ValidationError

from headcount.contract.stored.jobs import SheetForm
from headcount.settings import Settings


@pytest.mark.parametrize(
    ("said", "meant"),
    [(";", ";"), ("\t", "\t"), ("tab", "\t"), ("\\t", "\t"), ("Semicolon", ";"), ("|", "|")],
)
def test_the_separator_of_csv_is_a_sign_or_its_name(
    monkeypatch: pytest.MonkeyPatch, said: str, meant: str
) -> None:
    monkeypatch.setenv("HEADCOUNT_CSV_SEPARATOR", said)
    assert SheetForm.of(Settings()) == SheetForm(separator=meant)  # type: ignore[arg-type]


def test_other_separators_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("", "x", ",;", "'"):
        monkeypatch.setenv("HEADCOUNT_CSV_SEPARATOR", wrong)
        with pytest.raises(ValidationError, match="csv_separator"):
            Settings()


def test_the_mark_of_utf8_is_there_and_landmarks_are_not_unless_the_settings_say_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert SheetForm.of(Settings()) == SheetForm(separator=",", bom=True, landmarks=False)
    monkeypatch.setenv("HEADCOUNT_CSV_BOM", "0")
    monkeypatch.setenv("HEADCOUNT_SHEET_LANDMARKS", "1")
    assert SheetForm.of(Settings()) == SheetForm(separator=",", bom=False, landmarks=True)
