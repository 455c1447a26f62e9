"""The same run with everything on a real S3 server gives the same results."""

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount.errors import TransientError
from headcount.storage import open_store
from headcount.tables.table import Table
from tests.faulty_proxy import FaultyProxy
from tests.running import comparable, headcount
from tests.servers import S3Server

pytestmark = pytest.mark.integration

NUMBERS = pa.schema([("number", pa.int64())])
TABLES = ("photos", "faces", "people", "clusters", "expected")


def upload(server: S3Server, folder: Path, uri: str) -> None:
    store = open_store(uri, server.settings())
    for path in folder.rglob("*"):
        if path.is_file():
            store.put(path.relative_to(folder).as_posix(), path.read_bytes())


def test_photos_people_archive_and_results_on_s3_give_what_local_ones_give(
    s3: S3Server, samples: Path, tmp_path: Path
) -> None:
    s3.make_bucket("newsroom")
    upload(s3, samples / "photos", "s3://newsroom/photos 2024/")
    upload(s3, samples / "people", "s3://newsroom/people/")
    upload(s3, samples, "s3://newsroom/lists/")
    ended = headcount(
        *("run", "s3://newsroom/photos 2024/", "--people", "s3://newsroom/people/"),
        *("--expected", "s3://newsroom/lists/expected.csv"),
        *("--archive", "s3://newsroom/archive/", "--out", "s3://newsroom/out/"),
        **s3.env(),
    )
    assert ended.returncode == 0, ended.stderr
    local = tmp_path / "out"
    again = headcount(
        *("run", str(samples / "photos"), "--people", str(samples / "people")),
        *("--expected", str(samples / "expected.csv"), "--out", str(local)),
    )
    assert again.returncode == 0, again.stderr
    out = open_store("s3://newsroom/out/", s3.settings())
    for name in TABLES:
        remote = pq.read_table(io.BytesIO(out.get(f"{name}.parquet").data)).to_pylist()
        here = pq.read_table(local / f"{name}.parquet").to_pylist()
        own = ("etag", "reference")  # they tell where a photo lies
        assert comparable(remote, *own) == comparable(here, *own)
    assert b"Barack Obama" in out.get("report/index.html").data
    keys = {info.key for info in out.list("annotated/")}
    assert "annotated/table.jpg.jpg" in keys
    assert json.loads(out.get("summary.json").data)["photos"] == 7


@pytest.mark.parametrize(
    ("method", "fault"), [("GET", "cut"), ("GET", "lost"), ("PUT", "lost"), ("PUT", "unavailable")]
)
def test_a_table_out_of_reach_is_no_damaged_one(s3: S3Server, method: str, fault: str) -> None:
    bucket = s3.make_bucket()
    Table(f"s3://{bucket}/", "t.lance", s3.settings()).create(NUMBERS)

    def befalls(method_now: str, path: str) -> str:
        return fault if method_now == method and path.startswith(f"/{bucket}") else "fine"

    with FaultyProxy(s3.endpoint, befalls).running() as proxy:
        table = Table(f"s3://{bucket}/", "t.lance", s3.settings(endpoint_url=proxy.endpoint))
        with pytest.raises(TransientError):
            table.append(pa.table({"number": [1]}, schema=NUMBERS))


def test_no_secret_is_written_or_said(s3: S3Server, samples: Path) -> None:
    s3.make_bucket("secretive")
    upload(s3, samples / "photos", "s3://secretive/photos/")
    ended = headcount(
        *("run", "s3://secretive/photos/", "--out", "s3://secretive/out/"), **s3.env()
    )
    assert ended.returncode == 0, ended.stderr
    secrets = (s3.access_key, s3.secret_key)
    assert not [s for s in secrets if s in ended.stdout + ended.stderr]
    store = open_store("s3://secretive/out/", s3.settings())
    for info in store.list():
        data = store.get(info.key).data
        assert not [s for s in secrets if s.encode() in data], info.key


def test_rollback_search_and_forget_work_on_s3_as_on_disk(s3: S3Server, samples: Path) -> None:
    s3.make_bucket("club")
    upload(s3, samples / "photos", "s3://club/photos/")
    upload(s3, samples / "people", "s3://club/people/")
    ended = headcount(
        *("run", "s3://club/photos/", "--people", "s3://club/people/"),
        *("--archive", "s3://club/archive/", "--out", "s3://club/out/"),
        **s3.env(),
    )
    assert ended.returncode == 0, ended.stderr
    archive, out = (open_store(f"s3://club/{n}/", s3.settings()) for n in ("archive", "out"))
    [job] = {info.key.split("/")[1] for info in archive.list("jobs/")}
    there = ("--archive", "s3://club/archive/")
    faces = pq.read_table(io.BytesIO(out.get("faces.parquet").data)).to_pylist()
    ids = [row["face_id"].encode() for row in faces if row["person"]]
    table = next(row["photo"] for row in faces if row["person"])
    for arguments in (
        ("rollback", job, *there),
        ("search", f"s3://club/photos/{table}", *there),
        ("forget", "Barack Obama", "--yes", *there),
    ):
        ended = headcount(*arguments, **s3.env())
        assert ended.returncode == 0, ended.stderr
    assert len(ids) > 1
    for store in (archive, out):
        for info in store.list():
            data = store.get(info.key).data
            assert not [w for w in (b"Barack Obama", *ids) if w in data], info.key


def test_prune_and_verify_work_on_s3_as_on_disk(s3: S3Server, samples: Path) -> None:
    s3.make_bucket("museum")
    photos = open_store("s3://museum/photos/", s3.settings())
    there = ("--archive", "s3://museum/archive/")
    for night, path in zip("123", sorted((samples / "photos").glob("*.jpg")), strict=False):
        photos.put(path.name, path.read_bytes())
        place = ("--out", f"s3://museum/out-{night}/", *there)
        ended = headcount("run", "s3://museum/photos/", *place, **s3.env())
        assert ended.returncode == 0, ended.stderr
    archive = open_store("s3://museum/archive/", s3.settings())
    jobs = sorted({info.key.split("/")[1] for info in archive.list("jobs/")})
    pruned = headcount("prune", "--keep-jobs", "2", *there, **s3.env())
    assert pruned.returncode == 0, pruned.stderr
    left = {info.key.rsplit("/", 1)[1] for info in archive.list("packs/") if "/rolls/" in info.key}
    assert left == {f"{job}.parquet" for job in jobs[1:]}
    sound = headcount("verify", *there, **s3.env())
    assert sound.returncode == 0, sound.stdout + sound.stderr
    back = headcount("rollback", jobs[1], *there, **s3.env())
    assert back.returncode == 0, back.stderr
    rotten = next(info.key for info in archive.list("packs/") if "faces.lance/data/" in info.key)
    data = bytearray(archive.get(rotten).data)
    data[len(data) // 2] ^= 1
    archive.put(rotten, bytes(data))
    damaged = headcount("verify", *there, **s3.env())
    assert damaged.returncode == 1
    assert rotten in damaged.stdout + damaged.stderr


def test_an_archive_on_s3_is_matched_anew_when_photos_and_people_are_gone(
    s3: S3Server, samples: Path
) -> None:
    bucket = s3.make_bucket()
    place = f"s3://{bucket}/"
    upload(s3, samples / "photos", f"{place}photos/")
    upload(s3, samples / "people", f"{place}people/")
    where = ("--archive", f"{place}archive/", "--out", f"{place}out/")
    people = ("--people", f"{place}people/", "--annotate", "0")
    ended = headcount("run", f"{place}photos/", *people, *where, **s3.env())
    assert ended.returncode == 0, ended.stderr
    store = open_store(place, s3.settings())
    for info in [*store.list("photos/"), *store.list("people/")]:
        store.delete(info.key)
    before = {name: store.get(f"out/{name}.parquet").data for name in TABLES}
    again = headcount("rematch", *where[:2], "--out", f"{place}again/", **s3.env())
    assert again.returncode == 0, again.stderr
    for name, data in before.items():
        now = pq.read_table(io.BytesIO(store.get(f"again/{name}.parquet").data))
        assert now.equals(pq.read_table(io.BytesIO(data))), name
