import io
from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from headcount.contract import results
from headcount.contract.stored.jobs import Limits
from headcount.contract.stored.references import ReferenceReport
from headcount.contract.vocabulary import Box, Decision
from headcount.errors import FatalError
from headcount.storage.memory import MemoryStore
from tests.workers.report.test_choose import run_result
from tests.workers.report.views import SPEC
from workers.report.pictures import (
    PhotoTask,
    PictureSources,
    photo_tasks,
    picture_photos,
    picture_reference,
)
from workers.report.view import ShownFace

TAKEN = datetime(2019, 7, 4, 15, 30, 12)
ROOMY = Limits(max_bytes=1 << 20, max_pixels=1 << 22, shard_photos=1, shard_bytes=1)


def jpeg(width: int = 400, height: int = 300) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (90, 120, 150)).save(buffer, "JPEG")
    return buffer.getvalue()


def face(face_id: str) -> ShownFace:
    return ShownFace(face_id, Box(100, 100, 80, 80), Decision.UNKNOWN, quality=0.7)


def no_store(uri: str) -> MemoryStore:
    raise FatalError(f"{uri} is gone")


def sources(photos: MemoryStore, done: list[int], orientation: int = 0) -> PictureSources:
    spec = SPEC.model_copy(update={"limits": ROOMY})
    return PictureSources(
        spec,
        photos,
        no_store,
        threads=2,
        progress=lambda: done.append(1),
        orientations=lambda keys: {key: orientation for key in keys if orientation},
        taken=lambda keys: dict.fromkeys(keys, TAKEN),
        notes=lambda keys: dict.fromkeys(keys, "the last row is missing"),
    )


@pytest.fixture
def photos() -> MemoryStore:
    store = MemoryStore()
    store.put("a.jpg", jpeg())
    store.put("b.jpg", jpeg())
    return store


def test_a_shown_photo_is_annotated_and_all_its_faces_are_cropped(photos: MemoryStore) -> None:
    done, out = list[int](), MemoryStore()
    task = PhotoTask("a.jpg", [face("f1"), face("f2")], ("Ada",), show=True)
    found = picture_photos(sources(photos, done), out, [task])["a.jpg"]
    assert found.shown.annotated == "../annotated/a.jpg.jpg"
    assert (found.shown.width, found.shown.height) == (400, 300)
    assert set(found.crops) == {"f1", "f2"}
    assert all(shown.crop for shown in found.shown.faces)
    drawn = Image.open(io.BytesIO(out.get("annotated/a.jpg.jpg").data))
    assert drawn.height > 300, "a banner names who is missing"
    assert drawn.info["comment"].startswith(results.ANNOTATED_MARK)
    assert len(done) == 1


def test_a_photo_of_cluster_faces_alone_is_not_annotated(photos: MemoryStore) -> None:
    out = MemoryStore()
    task = PhotoTask("b.jpg", [face("f1"), face("f2")], (), show=False, crops={"f2"})
    found = picture_photos(sources(photos, []), out, [task])["b.jpg"]
    assert set(found.crops) == {"f2"}
    assert found.shown.annotated is None
    assert list(out.list()) == []


def test_a_photo_that_is_gone_or_broken_is_shown_without_pictures(photos: MemoryStore) -> None:
    photos.put("broken.jpg", b"no picture")
    done = list[int]()
    tasks = [PhotoTask(key, [face("f")], (), show=True) for key in ("broken.jpg", "gone.jpg")]
    found = picture_photos(sources(photos, done), MemoryStore(), tasks)
    assert [(p.shown.annotated, p.crops, len(p.shown.faces)) for p in found.values()] == [
        (None, {}, 1),
        (None, {}, 1),
    ]
    assert len(done) == 2


def test_tasks_join_the_photos_that_are_shown_and_those_of_further_crops() -> None:
    columns = ("x", "y", "w", "h", "decision", "person", "nearest", "similarity", "probability")
    missing = {"a.jpg": ("Ada", "Ada"), "b.jpg": ("Bob",)}
    result = run_result(("b.jpg", "b/0", 0.5, None, "c1"), missing=missing)
    faces = result.faces
    for name in (*columns, "runner_up", "margin", "evidence", "discount"):
        value = "unknown" if name == "decision" else 1.0 if name in "xywh" else None
        faces = faces.append_column(name, pa.array([value]))
    vars(result)["faces"] = faces
    one, other = photo_tasks(result, ["a.jpg"], [("b.jpg", "b/0")])
    assert (one.key, one.show, one.missing, one.faces) == ("a.jpg", True, ("Ada",), [])
    assert other.missing == ()
    assert (other.key, other.show, other.crops) == ("b.jpg", False, {"b/0"})
    assert [f.face_id for f in other.faces] == ["b/0"]


def test_a_reference_shows_its_face_where_one_was_taken(photos: MemoryStore) -> None:
    places = sources(photos, [])
    taken = ReferenceReport(person="Ada", photo="a.jpg", state="enrolled", box=(100, 100, 80, 80))
    refused = ReferenceReport(person="Ada", photo="a.jpg", state="no_face")
    shown = picture_reference(places, SPEC.photos, taken)
    assert shown.preview
    assert np.asarray(Image.open(io.BytesIO(shown.crop))).shape[:2] == (96, 96)
    bare = picture_reference(places, SPEC.photos, refused)
    assert bare.preview
    assert not bare.crop


def test_a_reference_whose_folder_is_gone_is_told_without_a_picture(photos: MemoryStore) -> None:
    report = ReferenceReport(person="Ada", photo="a.jpg", state="enrolled", box=(1, 1, 9, 9))
    shown = picture_reference(sources(photos, []), "s3://gone/people/", report)
    assert shown.report == report
    assert not shown.preview


def lying_photo(exif: int) -> bytes:
    """A photo of 300 x 400 stored pixels; a red spot at 100, 100 once it is turned as EXIF 6."""
    upright = np.full((300, 400, 3), 90, np.uint8)
    upright[100:180, 100:180] = 250, 0, 0
    return with_exif(np.rot90(upright), exif)


def with_exif(stored: np.ndarray, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    Image.fromarray(stored).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def redness(crop: bytes) -> float:
    middle = np.asarray(Image.open(io.BytesIO(crop)))[40:56, 40:56]
    return float((middle[..., 0].astype(float) - middle[..., 1]).mean())


@pytest.mark.parametrize(
    ("exif", "stored"),
    [(1, 6), (3, 6), (8, 6), (6, 6), (6, 0)],  # 0: an older row
)
def test_a_photo_is_drawn_as_it_lay_when_it_was_searched(exif: int, stored: int) -> None:
    photos, out = MemoryStore(), MemoryStore()
    photos.put("a.jpg", lying_photo(exif))
    task = PhotoTask("a.jpg", [face("f")], (), show=True)
    found = picture_photos(sources(photos, [], stored), out, [task])["a.jpg"]
    assert (found.shown.width, found.shown.height) == (400, 300)
    assert redness(found.crops["f"]) > 150
    assert Image.open(io.BytesIO(out.get("annotated/a.jpg.jpg").data)).size == (400, 300)


@pytest.mark.parametrize(("exif", "stored"), [(1, 6), (6, 0)])
def test_a_reference_is_drawn_as_it_lay_when_it_was_enrolled(exif: int, stored: int) -> None:
    photos = MemoryStore()
    photos.put("a.jpg", lying_photo(exif))
    report = ReferenceReport(
        person="Ada", photo="a.jpg", state="enrolled", box=(100, 100, 80, 80), orientation=stored
    )
    assert redness(picture_reference(sources(photos, []), SPEC.photos, report).crop) > 150


def test_a_copy_that_is_there_already_is_not_written_again(photos: MemoryStore) -> None:
    class Counting(MemoryStore):
        puts = 0

        def put(self, key: str, data: bytes) -> str:
            self.puts += 1
            return super().put(key, data)

    out, task = Counting(), PhotoTask("a.jpg", [face("f1")], (), show=True)
    one = picture_photos(sources(photos, []), out, [task])["a.jpg"]
    again = picture_photos(sources(photos, []), out, [task])["a.jpg"]
    assert (again, out.puts) == (one, 1)
    named = PhotoTask("a.jpg", [face("f1")], ("Ada",), show=True)
    picture_photos(sources(photos, []), out, [named])
    assert out.puts == 2
