from pathlib import Path

import pytest

from headcount.errors import FatalError
from headcount.settings import S3Settings, Settings
from workers.tools.packs import PackCache


def packs(folder: Path, **settings: object) -> PackCache:
    return PackCache(Settings.model_validate({"cache_dir": folder, **settings}), S3Settings())


def test_a_pack_under_a_licence_is_ready_once_that_is_accepted(tmp_path: Path) -> None:
    def ready(cache: PackCache) -> set[str]:
        return {pack["name"] for pack in cache.contents()["packs"] if pack["ready"]}

    assert ready(packs(tmp_path)) == {"embedded"}
    accepted = packs(tmp_path, accept_licences=("buffalo_l",))
    assert ready(accepted) == {"embedded", "buffalo_l"}


def test_a_file_of_the_cache_that_nobody_finished_is_listed_as_damaged(tmp_path: Path) -> None:
    cache = packs(tmp_path)
    assert cache.contents()["cached"] == []
    (tmp_path / "models").mkdir()
    (tmp_path / "models/abc-1.onnx").write_bytes(b"half a model")
    (tmp_path / "models/broken.json").write_bytes(b"{")
    assert cache.contents()["cached"] == [
        {"file": "abc-1.onnx", "bytes": 12, "of": None, "whole": False}
    ]
    assert cache.contents()["variants"] == []


def test_an_unknown_pack_fails_its_check_and_is_not_shared(tmp_path: Path) -> None:
    cache = packs(tmp_path)
    [check] = cache.verify("bufallo")
    assert (check["name"], check["ok"]) == ("shipped files", False)
    with pytest.raises(FatalError):
        cache.share("bufallo", str(tmp_path / "shared"))
    assert not (tmp_path / "shared").exists()


def test_a_pack_is_not_shared_over_another_one(tmp_path: Path) -> None:
    cache, shared = packs(tmp_path / "cache"), tmp_path / "shared"
    shared.mkdir()
    (shared / "pack.json").write_text("{}")
    with pytest.raises(FatalError, match="holds another pack"):
        cache.share("embedded", str(shared))
    assert [path.name for path in shared.iterdir()] == ["pack.json"]
