import json
from importlib import metadata
from pathlib import Path

import pytest

from workers.report import fonts
from workers.tools import doctor


def report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, tuple[bool, str]]:
    monkeypatch.setenv("HEADCOUNT_MODEL", str(tmp_path / "no pack"))
    checks = json.loads(doctor.report())
    return {check["name"]: (check["ok"], check["detail"]) for check in checks}


def test_the_libraries_of_this_machine_are_named_with_their_versions(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ok, detail = report(monkeypatch, tmp_path)["worker libraries"]
    assert ok
    assert f"numpy {metadata.version('numpy')}" in detail


def test_a_missing_library_and_a_missing_pack_are_failed_checks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor, "LIBRARIES", ("numpy", "no-such-library"))
    found = report(monkeypatch, tmp_path)
    assert found["worker libraries"] == (False, "missing: no-such-library")
    assert found["model pack"][0] is False


def test_two_runtimes_that_overwrite_each_other_are_a_failed_check(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor, "RUNTIMES", ("numpy", "pillow"))
    ok, detail = report(monkeypatch, tmp_path)["onnxruntime"]
    assert not ok
    assert "keep one" in detail


def test_the_scripts_in_which_names_can_be_drawn_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(fonts, "scripts", lambda: {"Latin": True, "Thai": False})
    ok, detail = report(monkeypatch, tmp_path)["fonts"]
    assert ok, "no run stops for it"
    assert "drawn in Latin; not in Thai: a number" in detail
    assert "fonts-noto-core" in detail
