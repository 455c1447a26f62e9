from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.gpu.agreement import agreement
from benchmarks.gpu.asked import Asked
from benchmarks.gpu.budget import STAGES, Deadline
from benchmarks.gpu.engine import attempt
from benchmarks.gpu.libraries import needed
from benchmarks.gpu.photos import chosen_evenly, enlarged, with_comment
from benchmarks.gpu.rates import cells, decode_share, halves, row_of
from benchmarks.gpu.report import document, shown, table, told
from benchmarks.gpu.runner import Ended, save
from benchmarks.gpu.same import half_of
from headcount.errors import FatalError


@dataclass
class Faces:
    """Faces as an analysis holds them."""

    boxes: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    embeddings: NDArray[np.float32]
    usable: NDArray[np.bool_]


def faces(*lefts: float, moved: float = 0.0, turned: float = 0.0, usable: bool = True) -> Faces:
    """Faces of 100 pixels that start there, of one person each."""
    boxes = np.array([[left, 0, 100, 100] for left in lefts], np.float32).reshape(-1, 4)
    marks = np.zeros((len(lefts), 5, 2), np.float32) + boxes[:, None, :2] + np.float32(moved)
    vectors = np.array([[np.cos(turned), np.sin(turned)]] * len(lefts), np.float32).reshape(-1, 2)
    return Faces(boxes, marks, vectors, np.full(len(lefts), usable))


def test_the_same_faces_pass() -> None:
    found = agreement([faces(0, 300)], [faces(300, 0, moved=0.5)])  # in another order
    assert (found.faces_cpu, found.faces, found.alone) == (2, 2, 0)
    assert found.landmarks == 0.5
    assert found.cosine == pytest.approx(1)
    assert found.passes


@pytest.mark.parametrize(
    "other",
    [
        faces(0),
        faces(0, 300, 600),
        faces(0, 380),
        faces(0, 300, moved=1.5),
        faces(0, 300, turned=0.1),
    ],
    ids=["one lost", "one more", "one elsewhere", "landmarks", "embeddings"],
)
def test_other_faces_do_not(other: Faces) -> None:
    assert not agreement([faces(0, 300)], [other]).passes


def test_descriptors_of_faces_too_poor_to_use_do_not_count() -> None:
    found = agreement([faces(0, usable=False)], [faces(0, turned=0.5)])
    assert found.cosine is None
    assert found.passes


def test_without_any_face_nothing_is_proven() -> None:
    found = agreement([faces()], [faces()])
    assert found.landmarks is None
    assert not found.passes


# -- photos ---------------------------------------------------------------------------------------


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    grain = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    cv2.imwrite(str(path), cv2.resize(grain, (1200, 900)))
    return path


@pytest.mark.parametrize("megapixels", [1, 4])
def test_a_photo_is_made_so_large(photo: Path, megapixels: int) -> None:
    data = np.frombuffer(enlarged(photo, megapixels), np.uint8)
    height, width = cv2.imdecode(data, cv2.IMREAD_COLOR).shape[:2]
    assert width * height == pytest.approx(megapixels * 1e6, rel=0.01)
    assert width / height == pytest.approx(4 / 3, rel=0.01)


def test_a_comment_makes_other_bytes_of_the_same_pixels(photo: Path) -> None:
    data = photo.read_bytes()
    some = [with_comment(data, number) for number in (1, 2)]
    assert len({data, *some}) == 3
    pixels = [cv2.imdecode(np.frombuffer(d, np.uint8), cv2.IMREAD_COLOR) for d in (data, *some)]
    assert (pixels[0] == pixels[1]).all()
    assert (pixels[0] == pixels[2]).all()


def test_photos_are_chosen_from_the_whole_folder(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"{number}.jpg").touch()
    assert [path.stem for path in chosen_evenly(tmp_path, 4)] == ["0", "2", "5", "7"]
    assert len(chosen_evenly(tmp_path, 20)) == 10


# -- what is measured first, and what is told -----------------------------------------------------

ASKED = Asked(photos="", out="", provider="cuda", packs=("embedded", "/packs/other"))


def test_the_most_important_cells_come_first_and_none_twice() -> None:
    planned = list(cells(ASKED))
    assert len(set(planned)) == len(planned) == 2 * 3 * 3 * 6
    first = planned[:12]
    assert {profile for _, _, profile, _ in first} == {"balanced"}
    assert {threads for *_, threads in first} == {16, 0}  # all packs and sizes, and the naive loop
    assert {(pack, size) for pack, size, *_ in first[:6]} == {(p, s) for p, s, *_ in planned}


def test_fp16_that_passed_its_gate_is_measured_right_behind_the_naive_loop(tmp_path: Path) -> None:
    asked = replace(ASKED, out=str(tmp_path))
    assert halves(asked) == []
    judged = [
        {"pack": "embedded", "gate": True, "passes": False},
        {"pack": "other", "gate": True, "passes": True},
    ]
    save(tmp_path, "b", {"fp16": judged})
    assert halves(asked) == ["/packs/other+fp16"]
    save(tmp_path, "b", {"fp16": [{"pack": "other", "gate": False, "passes": True}]})
    assert halves(asked) == []  # no gate: cosines of a few faces let nothing pass
    planned = list(cells(asked, ["/packs/other+fp16"]))
    assert {pack for pack, *_ in planned[12:15]} == {"/packs/other+fp16"}
    assert len(set(planned)) == len(planned)


def test_a_gate_for_which_no_time_is_left_is_not_begun_and_says_so() -> None:
    clock = iter((0.0, 81.0, 81.0))
    told = half_of(replace(ASKED, people="/people"), "embedded", Deadline(100, lambda: next(clock)))
    assert told == {"gate": True, "passes": None, "reason": "19 s were left, and it needs 20"}


@pytest.mark.parametrize(("threads", "warm"), [(0, 12), (16, 40)])
def test_every_picture_is_seen_before_anything_is_timed(
    threads: int, warm: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CUDA's plans for its shape are made then; the naive loop has plans to make too."""
    asked = replace(ASKED, out=str(tmp_path))
    folder = asked.work / "photos" / "01"
    folder.mkdir(parents=True)
    for number in range(20):
        (folder / f"{number:02d}.jpg").touch()
    seen: list[int] = []

    def measured(*_: object, warm: list[Path], **__: object) -> dict[str, object]:
        seen.append(len(warm))
        return {}

    monkeypatch.setattr("benchmarks.gpu.rates.measured", measured)
    pack = SimpleNamespace(detector=None, recogniser=None)
    row_of(asked, ("embedded", 1, "balanced", threads), lambda *_, **__: pack)
    assert seen == [warm]


def test_the_share_of_decoding_is_that_of_all_threads_time() -> None:
    stages = [{"decode": 1.0, "detect": 2.0}, {"decode": 1.0, "embed": 4.0}]
    assert decode_share(stages) == 0.25
    assert decode_share([{}]) is None


def rates(way: str, threads: int, rate: float, size: int = 12) -> dict[str, object]:
    key = {"pack": "embedded", "megapixels": size, "profile": "balanced"}
    figures = {"photos_per_second": rate, "decode_share": 0.3, "gpu_busy": 0.5, "gpu_memory": 7}
    return {**key, "way": way, "threads": threads, **figures}


def ended(name: str, **figures: object) -> Ended:
    (stage,) = (stage for stage in STAGES if stage.name == name)
    return Ended(stage, "done", 3.0, 10.0, "", figures)


def test_the_document_holds_what_each_pack_and_size_showed() -> None:
    key = {"pack": "embedded", "megapixels": 12}
    same = {"cosine": 0.9999, "faces_cpu": 4, "faces": 4, "landmarks": 0.1, "passes": True}
    found = document(
        ASKED,
        [
            ended("b", rows=[{**key, **same}], fp16=[]),
            ended(
                "c",
                rows=[
                    rates("together", 16, 200.0),
                    rates("together", 8, 240.0),
                    rates("naive", 1, 20.0),
                ],
            ),
            ended("d", rows=[{"way": "cpu", "megapixels": 12, "photos_per_second": 400.0}]),
            ended("f", rows=[{**key, "profile": "balanced", "photos_per_second": 300.0}]),
        ],
    )
    (row,) = (r for r in found["rows"] if r["naive_per_second"])
    assert row == {
        **key,
        "profile": "balanced",
        "naive_per_second": 20.0,
        "one_process_per_second": 240.0,
        "threads": 8,
        "end_to_end_per_second": 300.0,
        "ratio": 15.0,
        "decoder_per_second": 400.0,
        "of_decoder": 0.75,
        "decode_share": 0.3,
        "gpu_busy": 0.5,
        "gpu_memory": 7,
        **same,
    }
    met = {(t["target"], t["pack"]): t["met"] for t in found["targets"]}
    assert met["12 MP: 10 times the naive loop", "embedded"]
    assert met["12 MP: 0.7 of the decoder alone", "embedded"]
    assert met["1 MP: 5 times the naive loop", "embedded"] is None  # not measured: not met
    assert found["stages"]["f"]["seconds"] == 3.0


def test_what_was_not_measured_is_null_and_no_error() -> None:
    found = document(ASKED, [])
    assert len(found["rows"]) == 2 * 3 * 3
    empty = set(found["rows"][0]) - {"pack", "megapixels", "profile"}
    assert {found["rows"][0][name] for name in empty} == {None}
    assert found["machine"] is None


def test_tables_show_what_is_missing_and_what_failed() -> None:
    text = table([{"a": None, "passes": False}, {"a": 12.34, "more": True}])
    assert text.splitlines() == ["a     passes  more", "-     NO      -", "12.3  -       yes"]
    assert shown(0.99951) == "0.9995"
    lines = told(ended("b", rows=[{"pack": "x"}], left_out=2)).splitlines()
    assert lines == [
        "== b: the same faces as on the CPU: done in 3.0 s",
        "left_out: 2",
        "pack",
        "x",
    ]


# -- libraries ------------------------------------------------------------------------------------


def test_a_librarys_needs_are_read_from_its_file() -> None:
    import onnxruntime

    (library,) = (Path(onnxruntime.__file__).parent / "capi").glob("*pybind11_state*.so")
    assert {"libc.so.6", "libstdc++.so.6"} <= set(needed(library.read_bytes()))


def test_what_is_no_library_has_no_needs() -> None:
    with pytest.raises(ValueError, match="no ELF"):
        needed(b"MZ" + bytes(100))


# -- what headcount refuses -----------------------------------------------------------------------


def test_what_is_refused_is_told_and_stops_no_other_measurement() -> None:
    figures: dict[str, list[dict[str, object]]] = {"rows": []}

    def refused() -> dict[str, object]:
        raise FatalError("no such GPU")

    attempt(figures, {"pack": "a"}, refused)
    attempt(figures, {"pack": "b"}, lambda: {"rate": 1})
    assert figures == {
        "rows": [{"pack": "b", "rate": 1}],
        "failed": [{"pack": "a", "reason": "no such GPU"}],
    }
