"""Containers that are damaged or made to do harm: a clear outcome each, and never a crash."""

from __future__ import annotations

import io
import os
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from headcount.collections import canonical_collection, counts_as_photo, open_collection
from headcount.errors import (
    FatalError,
    ObjectDenied,
    ObjectError,
    ObjectMissing,
    ObjectTooLarge,
)
from headcount.s3_settings import S3Settings
from headcount.storage.base import ObjectInfo, Reader
from headcount.storage.memory import MemoryStore
from tests.headcount.collections.containers import manifest_of, tar_of, zip_of

PHOTOS = {f"{n:03}.jpg": bytes([n]) * (400 + 97 * n) for n in range(40)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def opened(folder: Path, name: str, data: bytes | None = None, *, archives: bool = False) -> Reader:
    if data is not None:
        (folder / name).write_bytes(data)
    uri = canonical_collection(str(folder) if archives else str(folder / name))
    return open_collection(uri, S3Settings(), indexes=MemoryStore(), archives=archives)


def keys(reader: Reader) -> list[str]:
    return [info.key for info in reader.list()]


def reason(reader: Reader, key: str) -> str:
    with pytest.raises(ObjectError) as caught:
        reader.get(key, limit=1 << 30)
    return caught.value.as_photo_error().reason


# -- tar ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tenth", range(1, 10))
def test_a_tar_file_that_is_cut_off_gives_what_is_whole_and_says_so(
    folder: Path, tenth: int
) -> None:
    data = tar_of(PHOTOS)
    reader = opened(folder, "c.tar", data[: len(data) * tenth // 10])
    found = keys(reader)
    assert "c.tar" in found
    assert "cut off or damaged" in reason(reader, "c.tar")
    whole = {key for key in found if key in PHOTOS and _readable(reader, key)}
    assert len(found) - len(whole) <= 2  # the tar file itself, and the photo where it ends
    assert all(reader.get(key).data == PHOTOS[key] for key in whole)


def _readable(reader: Reader, key: str) -> bool:
    try:
        reader.get(key)
    except ObjectError as error:
        assert "truncated file" in str(error)
        return False
    return True


def test_a_damaged_header_in_the_middle_is_no_end(folder: Path) -> None:
    data = bytearray(tar_of(PHOTOS))
    at = data.index(b"020.jpg")
    data[at : at + 200] = b"\xaa" * 200
    reader = opened(folder, "c.tar", bytes(data))
    assert keys(reader) == [*sorted(PHOTOS)[:20], "c.tar"]
    assert "damaged header" in reason(reader, "c.tar")


def test_of_members_with_one_name_the_last_counts(folder: Path) -> None:
    members = [("a.jpg", b"old"), ("b.jpg", b"b"), ("./a.jpg", b"new")]
    for name, data in (("c.tar", tar_of(members)), ("c.zip", zip_of(members))):
        reader = opened(folder, name, data)
        assert keys(reader) == ["a.jpg", "b.jpg"]
        assert reader.get("a.jpg").data == b"new"


@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_a_name_that_leads_out_is_listed_and_never_read(folder: Path, make: object) -> None:
    name = "c.tar" if make is tar_of else "c.zip"
    reader = opened(folder, name, make({"../../etc/passwd.jpg": b"x", "/etc/y.jpg": b"y"}))
    assert keys(reader) == ["../../etc/passwd.jpg", "etc/y.jpg"]
    assert "leads out" in reason(reader, "../../etc/passwd.jpg")
    assert reader.get("etc/y.jpg").data == b"y"  # as tar itself does: the slash is dropped
    assert [path.name for path in folder.iterdir()] == [name]


def test_a_hard_link_is_the_member_it_names(folder: Path) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        info = tarfile.TarInfo("a/first.jpg")
        info.size = 5
        tar.addfile(info, io.BytesIO(b"photo"))
        for name, target in (("again.jpg", "./a/first.jpg"), ("lost.jpg", "nowhere.jpg")):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.LNKTYPE, target
            tar.addfile(link)
        for name, kind in (("soft.jpg", tarfile.SYMTYPE), ("fifo.jpg", tarfile.FIFOTYPE)):
            other = tarfile.TarInfo(name)
            other.type, other.linkname = kind, "/etc/passwd"
            tar.addfile(other)
    reader = opened(folder, "c.tar", file.getvalue())
    assert keys(reader) == ["a/first.jpg", "again.jpg", "lost.jpg"]
    assert reader.get("again.jpg").data == b"photo"
    with pytest.raises(ObjectMissing, match=r"nowhere\.jpg"):
        reader.get("lost.jpg")


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_tar_dialect_is_read(folder: Path, form: int) -> None:
    photos = {"x/" * 40 + "long.jpg": b"l", "short.jpg": b"s"}
    reader = opened(folder, "c.tar", tar_of(photos, form))
    assert {key: reader.get(key).data for key in keys(reader)} == photos


def test_a_name_that_is_not_utf8_is_spelt_as_files_are(folder: Path) -> None:
    data = tar_of({"caf?.jpg": b"x"}, tarfile.USTAR_FORMAT)
    block = bytearray(data[:512])
    block[3] = 0xE9
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    reader = opened(folder, "c.tar", bytes(block) + data[512:])
    assert keys(reader) == ["caf\\xE9.jpg"]
    assert reader.get("caf\\xE9.jpg").data == b"x"


@pytest.mark.parametrize("name", ["c.tar.gz", "c.tgz"])
def test_a_compressed_tar_file_is_refused_with_advice(folder: Path, name: str) -> None:
    reader = opened(folder, name, b"\x1f\x8b\x08\0" + bytes(2000))
    with pytest.raises(FatalError, match="unpack it"):
        reader.check()


def size_field(data: bytes, field: bytes) -> bytes:
    """The tar file with another size in its first header, and a checksum that fits."""
    block = bytearray(data[:512])
    block[124:136] = field
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block) + data[512:]


def test_a_size_below_zero_does_not_lead_in_circles(folder: Path) -> None:
    negative = b"\xff" * 11 + b"\x00"  # base 256: -256
    reader = opened(folder, "c.tar", size_field(tar_of(PHOTOS), negative))
    assert "c.tar" in keys(reader)


def test_a_name_of_gigabytes_is_not_held_in_memory(folder: Path) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 4 << 30
    path = folder / "c.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT))
    os.truncate(path, 5 << 30)  # sparse: takes no room
    reader = opened(folder, "c.tar")
    assert keys(reader) == ["c.tar"]


# -- zip ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tenth", range(1, 10))
def test_a_zip_file_that_is_cut_off_is_unreadable_as_a_whole(folder: Path, tenth: int) -> None:
    data = zip_of(PHOTOS)
    reader = opened(folder, "c.zip", data[: len(data) * tenth // 10])
    assert keys(reader) == ["c.zip"]
    assert "cut off" in reason(reader, "c.zip")
    with pytest.raises(FatalError, match="cut off"):
        reader.check()


def test_an_encrypted_member_is_denied(folder: Path) -> None:
    data = bytearray(zip_of({"a.jpg": b"aaa", "b.jpg": b"bbb"}))
    central = data.index(b"PK\1\2")
    data[central + 8] |= 1
    reader = opened(folder, "c.zip", bytes(data))
    with pytest.raises(ObjectDenied, match="encrypted"):
        reader.get("a.jpg")
    assert reader.get("b.jpg").data == b"bbb"


def test_a_member_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(folder: Path) -> None:
    reader = opened(folder, "c.zip", zip_of({"bomb.jpg": bytes(300 << 20)}))
    with pytest.raises(ObjectTooLarge):
        reader.get("bomb.jpg", limit=200 << 20)


def test_a_member_that_unpacks_to_more_than_it_says_is_damaged(folder: Path) -> None:
    data = bytearray(zip_of({"bomb.jpg": bytes(50 << 20)}))
    struct.pack_into("<I", data, data.index(b"PK\1\2") + 24, 100_000)
    reader = opened(folder, "c.zip", bytes(data))
    assert "unpacks to more than 100000 bytes" in reason(reader, "bomb.jpg")


def test_a_member_whose_bytes_are_damaged_is_unreadable(folder: Path) -> None:
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        data = bytearray(zip_of({"a.jpg": os.urandom(4000), "b.jpg": b"b"}, method))
        data[2000] ^= 0xFF
        reader = opened(folder, "c.zip", bytes(data))
        assert "damaged in the ZIP file" in reason(reader, "a.jpg")
        assert reader.get("b.jpg").data == b"b"


def test_a_method_that_is_not_read_is_named(folder: Path) -> None:
    reader = opened(folder, "c.zip", zip_of({"a.jpg": b"a" * 999}, zipfile.ZIP_LZMA))
    assert "method 14" in reason(reader, "a.jpg")


def test_any_damage_to_a_zip_file_is_an_outcome(folder: Path) -> None:
    data = zip_of({"a.jpg": b"a" * 99, "b.jpg": b"b" * 99})
    for place in range(len(data)):
        broken = data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
        reader = opened(folder, f"{place}.zip", broken)
        for key in keys(reader):
            try:
                reader.get(key, limit=1 << 20)
            except ObjectError as error:
                assert error.as_photo_error().reason


def test_any_damage_to_a_tar_header_is_an_outcome(folder: Path) -> None:
    data = tar_of({"a.jpg": b"a" * 99, "b.jpg": b"b" * 99})
    for place in range(0, 512, 3):
        broken = data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
        reader = opened(folder, f"{place}.tar", broken)
        for key in keys(reader):
            try:
                reader.get(key, limit=1 << 20)
            except ObjectError as error:
                assert error.as_photo_error().reason


def test_a_zip_file_behind_a_program_is_read(folder: Path) -> None:
    reader = opened(folder, "c.zip", b"#!/bin/sh\nexit\n" * 50 + zip_of(PHOTOS))
    assert {key: reader.get(key).data for key in keys(reader)} == PHOTOS


def test_a_zip_file_that_was_written_as_a_stream_in_64_bits_is_read(folder: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in PHOTOS.items():
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as member:
                member.write(data)
    reader = opened(folder, "c.zip", file.getvalue())
    assert {key: reader.get(key).data for key in keys(reader)} == PHOTOS


# -- a folder of them -----------------------------------------------------------------------------


def test_a_container_that_cannot_be_read_is_listed_itself_and_its_neighbours_are_read(
    folder: Path,
) -> None:
    (folder / "good.tar").write_bytes(tar_of({"a.jpg": b"a"}))
    (folder / "cut.zip").write_bytes(zip_of(PHOTOS)[:-40])
    (folder / "gone.tar").symlink_to(folder / "nowhere")
    (folder / "packed.tar.gz").write_bytes(b"\x1f\x8b\x08\0")
    (folder / "plain.jpg").write_bytes(b"p")
    (folder / "notes.zip").mkdir()
    (folder / "notes.zip" / "n.jpg").write_bytes(b"n")
    reader = opened(folder, "", archives=True)
    assert keys(reader) == [
        "cut.zip",
        "gone.tar",
        "good.tar/a.jpg",
        "notes.zip/n.jpg",
        "packed.tar.gz",
        "plain.jpg",
    ]
    assert "cut off" in reason(reader, "cut.zip")
    assert "unpack it" in reason(reader, "packed.tar.gz")
    assert reader.get("notes.zip/n.jpg").data == b"n"
    with pytest.raises(ObjectMissing):
        reader.get("gone.tar")


def test_a_damaged_container_counts_as_a_photo_so_that_the_loss_shows() -> None:
    def counts(key: str, uri: str, *, archives: bool = False) -> bool:
        return counts_as_photo(key, uri, archives=archives, all_objects=False)

    assert counts("cut.zip", "s3://b/", archives=True)
    assert not counts("cut.zip", "s3://b/")
    assert not counts("a.tar/inner.zip", "s3://b/", archives=True)
    assert counts("c.tar", "s3://b/c.tar")
    assert not counts("000.json", "s3://b/c.tar")
    assert counts("s3://b/no-suffix", "s3://b/list.csv")


# -- what changes while it is read ----------------------------------------------------------------


def test_a_container_that_was_replaced_is_read_as_it_is_now(folder: Path) -> None:
    reader = opened(folder, "c.tar", tar_of({"a.jpg": b"old", "b.jpg": b"b"}))
    before = {info.key: info for info in reader.list()}
    (folder / "c.tar").write_bytes(tar_of({"0.jpg": b"0", "a.jpg": b"newer"}))
    blob = reader.get("a.jpg")
    assert (blob.data, blob.etag != before["a.jpg"].etag) == (b"newer", True)
    with pytest.raises(ObjectMissing):
        reader.get("b.jpg")


def test_a_container_that_vanishes_leaves_its_photos_missing(folder: Path) -> None:
    reader = opened(folder, "c.zip", zip_of(PHOTOS))
    assert keys(reader) == sorted(PHOTOS)
    (folder / "c.zip").unlink()
    with pytest.raises(ObjectMissing):
        reader.get("000.jpg")


class Restless(MemoryStore):
    """A store whose objects are written to all the time."""

    def get_range(self, key: str, offset: int, length: int, *, etag: str = "") -> bytes:
        data = super().get_range(key, offset, length)
        if etag:
            self.put(key, tar_of({"a.jpg": os.urandom(8)}))
            return super().get_range(key, offset, length, etag=etag)
        return data


def test_a_container_that_never_stands_still_is_an_outcome() -> None:
    from headcount.collections.indexed import Container
    from headcount.collections.tars import Tar

    store = Restless()
    store.put("c.tar", tar_of({"a.jpg": b"a"}))
    with pytest.raises(ObjectError, match="changed while it was read"):
        Container(store, "c.tar", Tar(), MemoryStore()).get("a.jpg")


# -- manifests ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("m.csv", b"who,when\nA,now\n", "no column of photos"),
        ("m.csv", b"uri\n\xff\xfe\n", "row 1"),
        ("m.csv", b"uri,key\na.jpg,a\n,\n", "row 2: the column uri is empty"),
        ("m.jsonl", b'{"uri": "a.jpg"}\n{"uri": \n', "row 2"),
        ("m.jsonl", b'"a.jpg"\n', "expected an object"),
        ("m.jsonl", b'{"uri": "a\\ud800.jpg"}\n', "surrogates not allowed"),
        ("m.jsonl", b'{"uri": "a", "x": "' + b"x" * (2 << 20), "more than a megabyte"),
        ("m.parquet", b"PAR1 not really", "no Parquet file"),
    ],
)
def test_a_manifest_that_cannot_be_understood_names_the_row(
    folder: Path, name: str, data: bytes, words: str
) -> None:
    reader = opened(folder, name, data)
    with pytest.raises(FatalError, match=words):
        list(reader.list())


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_row_may_name_a_photo_in_any_way(folder: Path, kind: str) -> None:
    (folder / "a b.jpg").write_bytes(b"photo")
    uris = [
        "a b.jpg",
        "./a b.jpg",
        str(folder / "a b.jpg"),
        (folder / "a b.jpg").as_uri(),
        f"../{folder.name}/a b.jpg",
    ]
    reader = opened(folder, f"m.{kind}", manifest_of([{"uri": uri} for uri in uris], kind))
    assert keys(reader) == sorted(uris)
    assert {reader.get(uri).data for uri in uris} == {b"photo"}


def test_rows_that_lead_nowhere_are_listed_and_are_outcomes(folder: Path) -> None:
    rows = [{"uri": uri} for uri in ("gone.jpg", "https://example.org/a.jpg", "s3://bucket")]
    reader = opened(folder, "m.csv", manifest_of(rows, "csv"))
    assert keys(reader) == ["gone.jpg", "https://example.org/a.jpg", "s3://bucket"]
    with pytest.raises(ObjectMissing):
        reader.get("gone.jpg")
    assert "https:// is not known" in reason(reader, "https://example.org/a.jpg")
    assert "names no object" in reason(reader, "s3://bucket")


def test_a_size_and_an_etag_that_the_manifest_gives_are_not_asked_for(folder: Path) -> None:
    rows = [{"uri": "gone.jpg", "etag": "abc", "bytes": 17}]
    reader = opened(folder, "m.jsonl", manifest_of(rows, "jsonl"))
    assert list(reader.list()) == [ObjectInfo("gone.jpg", "abc", 17)]
