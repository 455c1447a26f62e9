import json
from pathlib import Path

import pytest

from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from tests.servers import S3Server
from tests.workers.variants.made import (
    made_network,
)
from workers.models.onnx.prepare import parse
from workers.models.packs.open import open_pack
from workers.models.packs.variants import (
    Variant,
)
from workers.tools.packs import PackCache


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache_dir=tmp_path / "cache", provider="cpu")


def refused(name: str, settings: Settings) -> str:
    with pytest.raises(FatalError) as caught:
        open_pack(name, settings, S3Settings())
    return str(caught.value)


@pytest.fixture
def packs(settings: Settings) -> PackCache:
    return PackCache(settings, S3Settings())


def states(checks: list[dict[str, object]]) -> dict[str, bool]:
    return {str(check["name"]): bool(check["ok"]) for check in checks}


WHOLE = {
    "shipped files": True,
    "prepared detector": True,
    "prepared recogniser": True,
    "self-test": True,
}


def test_a_prepared_pack_is_listed_and_whole(made_pack: Path, packs: PackCache) -> None:
    found = packs.prepare(str(made_pack))
    for file in found["files"]:
        parse(Path(file["prepared"]).read_bytes(), file["name"])
    listed = packs.contents()
    assert len(listed["cached"]) == 2
    assert all(file["whole"] for file in listed["cached"])
    assert [pack["name"] for pack in listed["packs"] if pack["ready"]] == ["embedded"]
    assert states(packs.verify(str(made_pack))) == WHOLE


def test_what_is_not_in_the_cache_yet_is_not_wrong(made_pack: Path, packs: PackCache) -> None:
    checks = packs.verify(str(made_pack))
    assert states(checks) == WHOLE
    assert "not in the cache yet" in str(checks[1]["detail"])


def test_a_damaged_prepared_file_is_found_and_mended(made_pack: Path, packs: PackCache) -> None:
    path = Path(packs.prepare(str(made_pack))["files"][1]["prepared"])
    path.write_bytes(path.read_bytes() + b"\0")
    assert not all(file["whole"] for file in packs.contents()["cached"])
    checks = packs.verify(str(made_pack))
    assert states(checks) == WHOLE | {"prepared recogniser": False}
    assert "headcount models prepare" in str(checks[2]["detail"])
    packs.prepare(str(made_pack))
    assert states(packs.verify(str(made_pack))) == WHOLE


def test_a_pack_that_is_none_is_one_failed_check(packs: PackCache) -> None:
    assert states(packs.verify("bufallo")) == {"shipped files": False}


def test_variants_are_listed_with_their_gate(packs: PackCache, passed: Variant) -> None:
    (listed,) = packs.contents()["variants"]
    assert listed["passed"]
    assert listed["detector"]["sha256"] is None
    assert listed["recogniser"]["judgements"][0]["genuine_pairs"] == 480


# -- sharing ------------------------------------------------------------------------------------


def test_a_shared_pack_is_the_same_pack_and_needs_no_preparation(
    made_pack: Path, tmp_path: Path, settings: Settings, packs: PackCache
) -> None:
    there = packs.share(str(made_pack), str(tmp_path / "shared"))
    own = open_pack(str(made_pack), settings, S3Settings()).record
    elsewhere = settings.model_copy(update={"cache_dir": tmp_path / "elsewhere"})
    record = open_pack(there, elsewhere, S3Settings()).record
    assert record == own
    assert not (tmp_path / "elsewhere").exists()


def test_a_shared_variant_takes_its_gate_along(
    made_pack: Path, tmp_path: Path, settings: Settings, packs: PackCache, passed: Variant
) -> None:
    there = packs.share(f"{made_pack}+int8", str(tmp_path / "shared"))
    own = open_pack(f"{made_pack}+int8", settings, S3Settings()).record
    elsewhere = settings.model_copy(update={"cache_dir": tmp_path / "elsewhere"})
    record = open_pack(there, elsewhere, S3Settings()).record
    assert record == own
    again = packs.share(there, str(tmp_path / "again"))
    assert open_pack(again, elsewhere, S3Settings()).record == own


@pytest.mark.integration
def test_a_variant_is_shared_through_a_bucket(
    s3: S3Server, made_pack: Path, tmp_path: Path, settings: Settings, passed: Variant
) -> None:
    uri = f"s3://{s3.make_bucket()}/packs/mine/"
    assert PackCache(settings, s3.settings()).share(f"{made_pack}+int8", uri) == uri
    elsewhere = settings.model_copy(update={"cache_dir": tmp_path / "elsewhere"})
    record = open_pack(uri, elsewhere, s3.settings()).record
    assert record == open_pack(f"{made_pack}+int8", settings, S3Settings()).record


def test_a_shared_variant_with_another_gate_is_refused(
    made_pack: Path, tmp_path: Path, settings: Settings, packs: PackCache, passed: Variant
) -> None:
    there = tmp_path / "shared"
    packs.share(f"{made_pack}+int8", str(there))
    notes = json.loads((there / "pack.json").read_text())
    notes["variant"]["recogniser"]["sha256"] = "0" * 64
    (there / "pack.json").write_text(json.dumps(notes))
    assert "not the one that passed its gate" in refused(str(there), settings)


def test_another_pack_is_not_overwritten(made_pack: Path, tmp_path: Path, packs: PackCache) -> None:
    there = str(tmp_path / "shared")
    packs.share(str(made_pack), there)
    packs.share(str(made_pack), there)
    (made_pack / "made.onnx").write_bytes(made_network())
    with pytest.raises(FatalError, match="holds another pack"):
        packs.share(str(made_pack), there)


def test_a_pack_that_another_version_prepared_is_refused(
    made_pack: Path, tmp_path: Path, settings: Settings, packs: PackCache
) -> None:
    there = tmp_path / "shared"
    packs.share(str(made_pack), str(there))
    notes = json.loads((there / "pack.json").read_text()) | {"preparation": "0"}
    (there / "pack.json").write_text(json.dumps(notes))
    assert "prepared by another version" in refused(str(there), settings)


def cache_in(folder: Path, **settings: object) -> PackCache:
    return PackCache(Settings.model_validate({"cache_dir": folder, **settings}), S3Settings())


def test_a_pack_under_a_licence_is_ready_once_that_is_accepted(tmp_path: Path) -> None:
    def ready(cache: PackCache) -> set[str]:
        return {pack["name"] for pack in cache.contents()["packs"] if pack["ready"]}

    assert ready(cache_in(tmp_path)) == {"embedded"}
    accepted = cache_in(tmp_path, accept_licences=("buffalo_l",))
    assert ready(accepted) == {"embedded", "buffalo_l"}


def test_a_file_of_the_cache_that_nobody_finished_is_listed_as_damaged(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    assert cache.contents()["cached"] == []
    (tmp_path / "models").mkdir()
    (tmp_path / "models/abc-1.onnx").write_bytes(b"half a model")
    (tmp_path / "models/broken.json").write_bytes(b"{")
    assert cache.contents()["cached"] == [
        {"file": "abc-1.onnx", "bytes": 12, "of": None, "whole": False}
    ]
    assert cache.contents()["variants"] == []


def test_an_unknown_pack_fails_its_check_and_is_not_shared(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    [check] = cache.verify("bufallo")
    assert (check["name"], check["ok"]) == ("shipped files", False)
    with pytest.raises(FatalError):
        cache.share("bufallo", str(tmp_path / "shared"))
    assert not (tmp_path / "shared").exists()


def test_a_pack_is_not_shared_over_another_one(tmp_path: Path) -> None:
    cache, shared = cache_in(tmp_path / "cache"), tmp_path / "shared"
    shared.mkdir()
    (shared / "pack.json").write_text("{}")
    with pytest.raises(FatalError, match="holds another pack"):
        cache.share("embedded", str(shared))
    assert [path.name for path in shared.iterdir()] == ["pack.json"]
