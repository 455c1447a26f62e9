import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headcount.assignments import history
from headcount.contract.record import now
from headcount.contract.stored.archive import CalibrationRecord
from headcount.errors import FatalError
from tests.workers.archives import COLLECTION, PACK, MadeUp, like, made_up, random_embeddings
from workers.tools import search as lookup

WANTED = random_embeddings(1, 0)[0]


def search(archive: MadeUp, monkeypatch: pytest.MonkeyPatch, pack_id: str = "made-up") -> Any:
    """What a search for WANTED finds."""
    pack = SimpleNamespace(record=PACK.model_copy(update={"pack_id": pack_id}))
    found = SimpleNamespace(embeddings=WANTED[None], boxes=np.zeros((1, 4)))
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
        made=now(),
        threshold=0.55,
        rate=1e-4,
        fmr=((1e-4, 0.55),),
        calibration=None,
        scale="evidence",
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


def said(archive: MadeUp, *rows: tuple[str, str | None, str | None]) -> None:
    """The roll of a run: photo of one face, its cluster, its person."""
    of_faces = [
        {
            "photo": p,
            "face_id": f"{p}/0",
            "decision": "x",
            "cluster_id": c,
            "person_id": n,
            "person": n,
        }
        for p, c, n in rows
    ]
    roll = pa.Table.from_pylist(of_faces, history.ASSIGNMENTS)
    history.write_assignments(archive.store, archive.keys, COLLECTION, "job", roll)


def test_whom_runs_put_together_with_a_hit_follows_the_hits_and_nobody_follows_a_miss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cosines = {"hit": 0.7, "mate": 0.2, "named": 0.3, "miss": 0.4, "misses-mate": 0.1, "gone": 0.2}
    faces = {
        p: like(WANTED, c, n)[None] for n, (p, c) in enumerate(cosines.items(), 1) if p != "gone"
    }
    archive = made_up(tmp_path, faces)
    said(
        archive,
        ("hit", "c1", "ada"),
        ("mate", "c1", None),
        ("named", "c2", "ada"),
        ("miss", "c3", None),
        ("misses-mate", "c3", None),
        ("gone", "c1", None),
    )
    found = search(archive, monkeypatch)["found"]
    assert [(r["photo"], r["by"], r["cluster_id"]) for r in found] == [
        ("hit", "similarity", "c1"),
        ("named", "name", "c2"),
        ("mate", "cluster", "c1"),
    ]
    assert [r["similarity"] for r in found] == pytest.approx([0.7, 0.3, 0.2], abs=0.01)


def test_hits_of_which_no_run_said_anything_are_found_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = made_up(tmp_path, {"b": np.stack([WANTED, like(WANTED, 0.6, 1)]), "a": WANTED[None]})
    found = search(archive, monkeypatch)["found"]
    assert [(r["photo"], r["similarity"], r["person"]) for r in found] == [
        ("a", 1.0, None),
        ("b", 1.0, None),
    ]


@pytest.mark.parametrize("faces", [58, 4_999])
def test_an_index_of_few_faces_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faces: int
) -> None:
    archive = made_up(tmp_path, {"a.jpg": random_embeddings(faces, 3)})
    monkeypatch.setattr(lookup, "open_pack", lambda *_: SimpleNamespace(record=PACK))
    with pytest.raises(FatalError, match=rf"no index for {faces:,} faces: below 5,000"):
        lookup.build_index(archive.uri)
    assert not indices(archive)


def test_an_index_says_how_many_faces_are_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = made_up(tmp_path, {"a.jpg": random_embeddings(5_000, 3)})
    monkeypatch.setattr(lookup, "open_pack", lambda *_: SimpleNamespace(record=PACK))
    told = json.loads(lookup.build_index(archive.uri))
    assert told == {"indexed": 5_000, "faces": 5_000}
    assert [index.num_rows_indexed for index in indices(archive)] == [5_000]


def indices(archive: MadeUp) -> list[Any]:
    """Indices of the table of faces, as Lance describes them."""
    import lance

    faces = archive.uri.removeprefix("file://") + archive.keys.faces
    return list(lance.dataset(faces).describe_indices())
