"""Bit rot in an archive: each changed or missing file is named, and none changes results."""

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headcount import audit
from headcount.assignments import history
from headcount.contract.inventory import ARCHIVE, place_of
from headcount.contract.layout import SUMS, JobKeys, PackKeys
from headcount.contract.record import split_sum
from headcount.errors import HeadcountError
from headcount.s3_settings import S3Settings
from headcount.storage import Store, open_store
from orchestrator.archive.prune import prune
from orchestrator.archive.retention import Retention
from orchestrator.archive.rollback import roll_back
from orchestrator.archive.verify import verify
from orchestrator.commands import verify as command
from orchestrator.people.latest_assignments import active_pack, read_latest
from tests.at_once import add, begin, end
from tests.orchestrator.archive.test_prune import NONE, forget_somebody, night

S3 = S3Settings()
FLIPS = 30
"""Changed bits, each in an archive that is whole otherwise."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an archive after two nights, beside its photos."""
    folder = tmp_path_factory.mktemp("whole")
    photos = add(folder / "photos", one="ada bob", two="ada cleo", three="zoe")
    night(photos, folder / "archive", 1)
    add(photos, three="zoe dora")
    night(photos, folder / "archive", 2, four="eve")
    store = open_store(str(folder / "archive"))
    audit.record(store, "search", "photo-1")
    audit.record(store, "search", "photo-2")
    return folder


@pytest.fixture
def archive(whole: Path, tmp_path: Path) -> Path:
    """A copy of that archive, where it was made: its records name places by their URI."""
    kept = tmp_path / "kept"
    shutil.copytree(whole, kept)
    return whole / "archive"


@pytest.fixture(autouse=True)
def as_it_was(
    whole: Path, tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    monkeypatch.setattr(audit, "_chains", {})
    yield
    for name in ("archive", "photos"):
        shutil.rmtree(whole / name)
        shutil.copytree(tmp_path / "kept" / name, whole / name)


@pytest.fixture
def store(archive: Path) -> Store:
    return open_store(str(archive))


def flip(store: Store, key: str, place: int) -> None:
    data = bytearray(store.get(key).data)
    data[place // 8] ^= 1 << place % 8
    store.put(key, bytes(data))


def wrong(store: Store) -> dict[str, str]:
    return {finding.key: finding.remedy for finding in verify(store, S3)[1]}


def said(store: Store, *more: str) -> Result:
    arguments = ["--archive", store.uri, *more]
    return CliRunner().invoke(command.command, arguments, standalone_mode=False)


def covered(store: Store) -> list[str]:
    """The files that were committed: results, and who drives what, are none of them."""
    keys = [info.key for info in store.list() if info.size]
    return [key for key in keys if not key.startswith(("nights/", "leases/"))]


def test_an_archive_that_is_whole_is_found_so(store: Store) -> None:
    found, findings = verify(store, S3)
    assert (findings, found.unknown) == ([], 0)
    assert found.checked >= len(covered(store)) - 10
    result = said(store)
    assert (result.return_value, "0 damaged" in result.stdout) == (0, True)


def test_each_of_many_changed_bits_is_named_with_what_to_do(store: Store) -> None:
    chance = random.Random(18)  # noqa: S311 - no secret
    places: dict[object, list[str]] = {}
    for key in covered(store):
        places.setdefault(place_of(key, ARCHIVE), []).append(key)
    assert len(places) >= 14
    turns = list(places.values()) * FLIPS
    for keys in turns[:FLIPS]:
        key = chance.choice(keys)
        place = chance.randrange(8 * store.stat(key).size)
        flip(store, key, place)
        findings = wrong(store)
        assert findings.get(key), (key, place)
        flip(store, key, place)
    assert not wrong(store)


def test_no_changed_bit_of_what_a_night_reads_changes_its_results(
    store: Store, whole: Path, tmp_path: Path
) -> None:
    keys, chance = PackKeys(active_pack(store).pack_id), random.Random(5)  # noqa: S311
    [latest] = read_latest(store)
    good = latest.assignments
    for number, root in enumerate((keys.photos, keys.faces, f"{keys.root}rolls/", keys.faces)):
        readable = [i.key for i in store.list(root) if "_transactions" not in i.key]
        data = [key for key in readable if "/data/" in key or "rolls" in key]
        key = chance.choice(data)
        flip(store, key, chance.randrange(8 * store.stat(key).size))
        spec = begin(whole / "photos", whole / "archive", f"01{number}")
        try:
            end(spec)
        except HeadcountError as error:
            assert "headcount verify" in str(error)
        else:
            after = history.read_assignments(store, keys, latest.collection, spec.job_id)
            assert after == good
        shutil.rmtree(whole / "archive")
        shutil.copytree(tmp_path / "kept" / "archive", whole / "archive")


def change(key: str, store: Store) -> None:
    flip(store, key, 8 * 30)


@pytest.mark.parametrize("harm", [change, lambda key, store: store.delete(key)])
def test_a_damaged_file_of_the_last_night_is_mended_by_a_rollback(
    store: Store, whole: Path, harm: Callable[[str, Store], None]
) -> None:
    keys = PackKeys(active_pack(store).pack_id)
    first = {info.key for info in open_store(str(whole / "archive")).list(f"{keys.faces}/data/")}
    newest = max(first, key=lambda key: (whole / "archive" / key).stat().st_mtime_ns)
    harm(newest, store)
    remedy = wrong(store)[newest]
    assert "`headcount rollback 001`" in remedy
    roll_back(store, "001", S3)
    assert "no job needs it" in wrong(store)[newest]
    night(whole / "photos", whole / "archive", 3)
    prune(store, Retention(jobs=1), S3, grace=NONE)
    assert not wrong(store)


def test_damage_in_all_versions_is_taken_out_and_embedded_anew(store: Store, whole: Path) -> None:
    keys = PackKeys(active_pack(store).pack_id)
    [latest] = read_latest(store)
    oldest = min(
        (info.key for info in store.list(f"{keys.faces}/data/")),
        key=lambda key: (whole / "archive" / key).stat().st_mtime_ns,
    )
    change(oldest, store)
    assert "--drop-damaged" in wrong(store)[oldest]
    result = said(store, "--drop-damaged")
    assert (result.return_value, result.exception) == (1, None)
    assert "2 photos will be embedded anew" in result.stderr
    night(whole / "photos", whole / "archive", 3)
    after = history.read_assignments(store, keys, latest.collection, "003")
    assert after == latest.assignments
    prune(store, Retention(jobs=1), S3, grace=NONE)
    assert not wrong(store)


def test_what_forget_prune_and_rollback_rewrote_is_whole(store: Store, whole: Path) -> None:
    roll_back(store, "001", S3)
    assert not wrong(store)
    night(whole / "photos", whole / "archive", 3)
    prune(store, Retention(jobs=1), S3, grace=NONE)
    assert not wrong(store)
    forget_somebody(store)
    assert not wrong(store)
    night(whole / "photos", whole / "archive", 4)
    found, findings = verify(store, S3)
    assert (findings, found.unknown) == ([], 0)


def test_an_archive_of_an_earlier_build_has_no_sums_and_may_get_some(store: Store) -> None:
    for info in list(store.list()):
        if info.key.startswith((SUMS, "audit/")):
            store.delete(info.key)
        elif info.key.endswith(".json") and ".lance" not in info.key:
            store.put(info.key, split_sum(store.get(info.key).data)[0])
    result = said(store)
    assert result.return_value == 0
    assert "earlier build have no sum" in result.stdout
    before = verify(store, S3)[0].unknown
    result = said(store, "--record")
    assert "got a sum" in result.stderr
    assert verify(store, S3)[0].unknown < before


def test_a_manifest_of_photos_that_is_gone_is_missed(store: Store) -> None:
    [key] = [info.key for info in store.list(f"{JobKeys('001').root}shards/")]
    store.delete(key)
    assert "job is done" in wrong(store)[key]
