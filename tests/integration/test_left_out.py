"""What is no photo of a collection is left out, counted and said: on disk and on S3."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from headcount.storage import open_store
from tests.headcount.collections.containers import manifest_of, zip_of
from tests.integration.test_collections import last_plan
from tests.running import headcount, summary, table
from tests.servers import S3Server

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("crew")]

PHOTOS = 20


def jpeg(number: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), (number % 250, 90, number // 250)).save(file, "JPEG")
    return file.getvalue()


def nas() -> dict[str, bytes]:
    """20 photos, and 200 leftovers of seven kinds of programs."""
    photos = [f"2019/summer/{n:02}.jpg" for n in range(PHOTOS)]
    left = [
        f"2019/summer/@eaDir/{n:02}.jpg/SYNOPHOTO_THUMB_{size}.jpg"
        for n in range(PHOTOS)
        for size in ("XL", "M")
    ]
    left += [f"#recycle/2018/{n}.jpg" for n in range(30)]
    left += [f"2019/.@__thumb/s800{n}.jpg" for n in range(30)]
    left += [f".Trash-1000/files/{n}.jpg" for n in range(20)]
    left += [f".stversions/2019/{n}~20240101.jpg" for n in range(20)]
    left += [f"2019/.picasaoriginals/{n}.jpg" for n in range(20)]
    left += [f"2019/summer/._{n:02}.jpg" for n in range(40)]
    assert len(left) == 200
    return {key: jpeg(number) for number, key in enumerate(photos + left)}


SAID = (
    "200 files left out: 40 named ._*, 40 in @eaDir, 30 in #recycle, 30 in .@__thumb, "
    "20 in .Trash, 20 in .picasaoriginals, 20 in .stversions; --include lets them in"
)


def put(folder: Path, objects: dict[str, bytes]) -> Path:
    for key, data in objects.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(data)
    return folder


def run(photos: object, out: object, *more: str, **extra: str) -> str:
    ended = headcount("run", str(photos), "--out", str(out), "--annotate", "2", *more, **extra)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def photos_of(out: Path) -> list[str]:
    return [row["photo"] for row in table(out, "photos")]


def test_a_nas_gives_its_photos_and_a_line_that_says_what_was_left_out(tmp_path: Path) -> None:
    photos, out = put(tmp_path / "photos", nas()), tmp_path / "out"
    (photos / "scan.PSD").write_bytes(b"x")
    (photos / "a.jxl").write_bytes(b"x")
    (photos / "notes.txt").write_bytes(b"x")
    said = run(photos, out).splitlines()
    assert SAID in said
    other = "2 image files of a kind that headcount does not read: 1 .jxl, 1 .psd; --all-objects"
    assert f"{other} tries them" in said
    assert photos_of(out) == [f"2019/summer/{n:02}.jpg" for n in range(PHOTOS)]
    found = summary(out)
    assert found["photos"] == PHOTOS
    assert sum(found["left_out"].values()) == 200
    assert (found["other_objects"], found["other_suffixes"]) == (3, {"jxl": 1, "psd": 1})
    page = (out / "report/index.html").read_text()
    assert "200 files left out: 40 named ._*" in page
    assert other in page

    planned = headcount("plan", str(photos), "--json")
    assert json.loads(planned.stdout)["left_out"] == found["left_out"]
    assert SAID in headcount("plan", str(photos)).stdout

    run(photos, out, "--exclude", "0?.jpg", "--include", "#recycle/2018/1?.jpg")
    plan = last_plan(out)
    assert [plan[k] for k in ("photos", "new", "known", "removed")] == [20, 10, 10, 10]
    kept = [f"#recycle/2018/{n}.jpg" for n in range(10, 20)]
    assert photos_of(out) == [*kept, *(f"2019/summer/{n}.jpg" for n in range(10, 20))]


def test_on_s3_the_same_is_left_out_and_an_ignore_file_counts(s3: S3Server) -> None:
    s3.make_bucket("nas")
    store = open_store("s3://nas/photos/", s3.settings())
    for key, data in nas().items():
        store.put(key, data)
    assert SAID in run("s3://nas/photos/", "s3://nas/out/", **s3.env()).splitlines()
    out = open_store("s3://nas/out/", s3.settings())
    assert json.loads(out.get("summary.json").data)["photos"] == PHOTOS
    store.put(".headcountignore", b"# half of them\n0?.jpg\n!.stversions/\n")
    job = headcount("submit", "s3://nas/photos/", "--archive", "s3://nas/out/archive/", **s3.env())
    assert job.returncode == 0, job.stderr
    archive = open_store("s3://nas/out/archive/", s3.settings())
    plan = json.loads(archive.get(f"jobs/{job.stdout.split()[-1]}/plan.json").data)
    assert plan["left_out"][".headcountignore"] == 10
    assert [plan[k] for k in ("photos", "new", "removed")] == [30, 20, 10]
    assert ".stversions" not in plan["left_out"]


def test_results_in_the_photos_own_folder_and_earlier_ones_below_it_are_no_photos(
    samples: Path, tmp_path: Path
) -> None:
    portrait = (samples / "photos/portrait.png").read_bytes()
    photos = put(tmp_path / "photos", {"a.png": portrait, "annotated/own.jpg": jpeg(3)})
    mine = ["a.png", "annotated/own.jpg"]
    run(photos, photos / "earlier")
    assert (photos / "earlier/annotated/a.png.jpg").is_file()
    run(photos, photos)
    assert photos_of(photos) == mine
    said = run(photos, photos)
    assert photos_of(photos) == mine
    assert "2 annotated by headcount" in said
    run(photos, tmp_path / "elsewhere")
    assert photos_of(tmp_path / "elsewhere") == mine
    left = summary(tmp_path / "elsewhere")["left_out"]
    assert left == {"annotated by headcount": 2}
    run(photos, tmp_path / "elsewhere", "--include", "earlier/annotated/")
    assert "earlier/annotated/a.png.jpg" in photos_of(tmp_path / "elsewhere")


def test_members_of_containers_are_left_out_and_rows_of_lists_are_not(tmp_path: Path) -> None:
    members = {"a.jpg": jpeg(1), "__MACOSX/._a.jpg": b"x", "b.jpg": jpeg(2)}
    photos = put(tmp_path / "photos", {"album.zip": zip_of(members), "#recycle/c.jpg": jpeg(3)})
    assert "1 in #recycle, 1 in __MACOSX" in run(photos, tmp_path / "1", "--archives")
    assert photos_of(tmp_path / "1") == ["album.zip/a.jpg", "album.zip/b.jpg"]
    run(photos / "album.zip", tmp_path / "2", "--exclude", "b.*")
    assert photos_of(tmp_path / "2") == ["a.jpg"]
    rows = [{"uri": "photos/#recycle/c.jpg", "key": key} for key in ("@eaDir/c", "x")]
    (tmp_path / "list.csv").write_bytes(manifest_of(rows, "csv"))
    run(tmp_path / "list.csv", tmp_path / "3")
    assert photos_of(tmp_path / "3") == ["@eaDir/c", "x"]
    run(tmp_path / "list.csv", tmp_path / "3", "--exclude", "@eaDir/")
    assert photos_of(tmp_path / "3") == ["x"]


def test_leftovers_in_a_people_folder_are_nobody_and_are_said(
    samples: Path, tmp_path: Path
) -> None:
    people = {p.relative_to(samples / "people"): p for p in (samples / "people").rglob("*.*")}
    objects = {str(key): path.read_bytes() for key, path in people.items()}
    objects |= {f"@eaDir/{key}/SYNOPHOTO_THUMB_M.jpg": data for key, data in objects.items()}
    objects |= {f"#recycle/{key}": data for key, data in list(objects.items())[:1]}
    folder = put(tmp_path / "people", objects)
    photos = put(tmp_path / "photos", {"a.png": (samples / "photos/portrait.png").read_bytes()})
    said = run(photos, tmp_path / "out", "--people", str(folder))
    line = f"in the people folder, {len(people) + 1} files left out: "
    [told] = [one for one in said.splitlines() if one.startswith(line)]
    assert f"{len(people)} in @eaDir" in told
    assert told.endswith("; a .headcountignore there lets them in")
    names = {row["person"] for row in table(tmp_path / "out", "people")}
    assert not names & {"@eaDir", "#recycle"}
    assert summary(tmp_path / "out")["references_left_out"] == {
        "@eaDir": len(people),
        "#recycle": 1,
    }
    enrolled = headcount("enroll", str(folder), "--archive", str(tmp_path / "archive"))
    assert enrolled.returncode == 0, enrolled.stderr
    assert line in enrolled.stdout
