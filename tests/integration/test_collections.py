"""The main job on collections that are no plain folders: the same faces, under stable keys."""

import json
import os
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tests.headcount.collections.containers import manifest_of, tar_of, zip_of
from tests.running import headcount, summary, table
from tests.servers import S3Server

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("crew")]

NAMES = ("address.jpg", "blue-room.jpg", "portrait.png", "table.jpg")


def run(photos: object, samples: Path, out: Path, *more: str, **extra: str) -> int:
    people = ("--people", str(samples / "people"))
    ended = headcount("run", str(photos), *people, "--out", str(out), *more, **extra)
    assert "Traceback" not in ended.stderr, ended.stderr
    assert ended.returncode in (0, 3), ended.stderr
    return ended.returncode


def bytes_of(samples: Path) -> dict[str, bytes]:
    return {name: (samples / "photos" / name).read_bytes() for name in NAMES}


def faces(out: Path) -> list[tuple[Any, ...]]:
    """What was found, by the file name of the photo."""
    rows = table(out, "faces")
    wanted = ("face_id", "x", "y", "decision", "person", "similarity")
    return sorted((r["photo"].rpartition("/")[2], *(str(r[name]) for name in wanted)) for r in rows)


def last_plan(out: Path) -> dict[str, int]:
    plan: dict[str, int] = json.loads(
        sorted((out / "archive/jobs").glob("*/plan.json"))[-1].read_text()
    )
    return plan


@pytest.fixture(scope="module")
def expected(
    crew: None, samples: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[Any, ...]]:
    """The faces of the same photos in a plain folder."""
    folder = tmp_path_factory.mktemp("plain")
    for name, data in bytes_of(samples).items():
        (folder / "photos" / name).parent.mkdir(exist_ok=True)
        (folder / "photos" / name).write_bytes(data)
    assert run(folder / "photos", samples, folder / "out") == 0
    return faces(folder / "out")


def test_a_folder_of_shards_good_and_bad(
    samples: Path, tmp_path: Path, expected: list[tuple[Any, ...]]
) -> None:
    photos, out, data = tmp_path / "photos", tmp_path / "out", bytes_of(samples)
    photos.mkdir()
    first, second, third, fourth = NAMES
    (photos / "00000.tar").write_bytes(
        tar_of({first: data[first], "address.json": b"{}", "../../leads-out.jpg": b"x"})
    )
    (photos / "album.zip").write_bytes(zip_of({f"deep/{second}": data[second]}))
    (photos / "cut.zip").write_bytes(zip_of(data)[:-1000])
    (photos / third).write_bytes(data[third])
    (photos / fourth).write_bytes(data[fourth])
    assert run(photos, samples, out, "--archives") == 3
    rows = {row["photo"]: row["outcome"] for row in table(out, "photos")}
    assert rows == {
        "00000.tar/../../leads-out.jpg": "unreadable",
        "00000.tar/address.jpg": "faces",
        "album.zip/deep/blue-room.jpg": "faces",
        "cut.zip": "unreadable",
        "portrait.png": "faces",
        "table.jpg": "faces",
    }
    assert last_plan(out)["other_objects"] == 1
    assert faces(out) == expected
    assert (out / "annotated/album.zip/deep/blue-room.jpg.jpg").is_file()

    (photos / "album.zip").write_bytes(
        zip_of({"added.jpg": data[first], f"deep/{second}": data[second]})
    )
    (photos / "cut.zip").unlink()
    assert run(photos, samples, out, "--archives") == 3
    plan = last_plan(out)
    assert [plan[k] for k in ("new", "changed", "known", "removed")] == [1, 0, 5, 1]


def test_strange_names_are_photos_and_strange_files_are_none(samples: Path, tmp_path: Path) -> None:
    photo, root, out = bytes_of(samples)["address.jpg"], tmp_path / "photos", tmp_path / "out"
    names = [b"line\nbreak.jpg", "\U0001f600/\u00e9.jpg".encode(), b"caf\xe9.jpg", b"q'\"<&>.jpg"]
    names += [b"a/" * 700 + b"deep.jpg", b"x" * 251 + b".jpg", b"back\\slash.jpg"]
    for name in names:
        path = root / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo)
    os.mkfifo(root / "fifo.jpg")
    (root / "loop").symlink_to(root)
    (root / "zero.jpg").symlink_to("/dev/zero")
    (root / "gone.jpg").symlink_to("/nowhere/at all")
    assert run(root, samples, out) == 3
    rows = [row["outcome"] for row in table(out, "photos")]
    assert sorted(rows) == ["faces"] * len(names) + ["missing"]
    assert len([path for path in (out / "annotated").rglob("*") if path.is_file()]) == len(names)


def test_without_being_told_archives_are_left_alone_and_it_is_said(
    samples: Path, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "00000.tar").write_bytes(tar_of(bytes_of(samples)))
    ended = headcount("run", str(tmp_path / "photos"), "--out", str(tmp_path / "out"))
    assert ended.returncode == 1
    assert "1 tar or ZIP files; to take the photos in them, say --archives" in ended.stderr


def test_one_tar_file_on_s3(
    samples: Path, tmp_path: Path, s3: S3Server, expected: list[tuple[Any, ...]]
) -> None:
    bucket, data = s3.make_bucket(), tar_of(bytes_of(samples))
    s3.client().put_object(bucket, "shards/one.tar", BytesIO(data), len(data))
    out = tmp_path / "out"
    assert run(f"s3://{bucket}/shards/one.tar", samples, out, **s3.env()) == 0
    assert sorted(row["photo"] for row in table(out, "photos")) == sorted(NAMES)
    assert faces(out) == expected
    assert (out / "annotated/table.jpg.jpg").is_file()


def test_a_manifest_of_photos_here_and_on_s3(
    samples: Path, tmp_path: Path, s3: S3Server, expected: list[tuple[Any, ...]]
) -> None:
    bucket, data, out = s3.make_bucket(), bytes_of(samples), tmp_path / "out"
    uris = [str(samples / "photos" / name) for name in NAMES[:2]]
    for name in NAMES[2:]:
        s3.client().put_object(bucket, name, BytesIO(data[name]), len(data[name]))
        uris.append(f"s3://{bucket}/{name}")
    lost = [f"s3://{bucket}/lost.jpg", "lost.jpg", "https://example.org/x.jpg"]
    manifest = tmp_path / "photos.parquet"
    manifest.write_bytes(manifest_of([{"uri": uri} for uri in (*uris, *lost)], "parquet"))
    assert run(manifest, samples, out, **s3.env()) == 3
    rows = {row["photo"]: row["outcome"] for row in table(out, "photos")}
    assert rows == dict.fromkeys(uris, "faces") | dict(
        zip(lost, ("missing", "missing", "unreadable"), strict=True)
    )
    assert faces(out) == expected
    assert summary(out)["photos"] == 7
    assert len(list((out / "annotated").rglob("*.jpg"))) == 4
    assert not list(tmp_path.glob("*.jpg"))
