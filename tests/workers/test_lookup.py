import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from headcount.errors import FatalError
from headcount.messages import CalibrationRecord, now
from tests.workers.archives import PACK, MadeUp, like, made_up, strangers
from workers import lookup

WANTED = strangers(1, 0)[0]


def search(archive: MadeUp, monkeypatch: pytest.MonkeyPatch, pack_id: str = "made-up") -> Any:
    """What a search for WANTED finds."""
    pack = SimpleNamespace(record=PACK.model_copy(update={"pack_id": pack_id}))
    found = SimpleNamespace(descriptors=WANTED[None], boxes=np.zeros((1, 4)))
    monkeypatch.setattr(lookup, "open_pack", lambda *_: pack)
    monkeypatch.setattr(
        lookup,
        "_analysis",
        lambda *_: type("One", (SimpleNamespace,), {"__len__": lambda _: 1})(**vars(found)),
    )
    return json.loads(lookup.report(archive.uri, "photo.jpg", 1, None))


def test_a_search_goes_by_the_figures_that_were_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = made_up(tmp_path, {"a.jpg": like(WANTED, 0.5, 1)[None]})
    assert search(archive, monkeypatch)["threshold"] == 0.45
    kept = CalibrationRecord(
        made=now(), threshold=0.55, rate=1e-4, fmr=((1e-4, 0.55),), calibration=None
    )
    archive.store.put(archive.keys.calibration, kept.to_bytes())
    found = search(archive, monkeypatch)
    assert (found["threshold"], found["found"]) == (0.55, [])


def test_a_search_with_another_pack_is_refused_without_advice_that_it_cannot_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = made_up(tmp_path, {"a.jpg": WANTED[None]})
    with pytest.raises(FatalError, match="cannot be compared") as refused:
        search(archive, monkeypatch, "another")
    assert "--beside" not in str(refused.value)
