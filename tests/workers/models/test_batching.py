"""What many threads ask of one network is run together, and each gets its own."""

import gc
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from headcount.errors import TransientError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from tests.workers.networks import scrfd_bytes, shipped
from tests.workers.pictures import group_photo, jpeg
from workers.faces.analysis import Analysis, analyse
from workers.models.base import ModelPack
from workers.models.batching import MOST_VALUES, SIZES, Batched
from workers.models.detectors.scrfd import same_when_freed
from workers.models.packs.files import resolve_pack
from workers.models.packs.open import load_pack
from workers.models.session import open_session

Array = NDArray[Any]
POISON = -1.0


class Doubling:
    """A network that doubles rows, holds back until it may run, and cannot stand POISON."""

    provider, outputs = "CPU", ["twice", "sum"]
    inputs: dict[str, list[int | None]] = {"row": [None, None]}  # noqa: RUF012

    def __init__(self) -> None:
        self.may_run = threading.Event()
        self.began = threading.Event()
        self.shapes: list[tuple[int, ...]] = []

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        self.began.set()
        assert self.may_run.wait(30)
        rows = feeds["row"]
        self.shapes.append(rows.shape)
        if (rows == POISON).any():
            raise TransientError("the device gave up")
        return [rows * 2, rows.sum(axis=1)]


def asked_at_once(network: Doubling, requests: list[Array]) -> list[list[Array] | Exception]:
    """What each request is answered, all but the first being asked while that one runs."""
    batched = Batched(network)

    def ask(rows: Array) -> list[Array] | Exception:
        try:
            return batched.run({"row": rows})
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(requests)) as pool:
        first = pool.submit(ask, requests[0])
        assert network.began.wait(30)
        others = [pool.submit(ask, rows) for rows in requests[1:]]
        while batched.waiting < len(requests) - 1:
            pass
        network.may_run.set()
        answers = [future.result(30) for future in (first, *others)]
    batched.close()
    return answers


def rows(count: int, width: int = 3, *, value: float = 1.0) -> Array:
    return np.full((count, width), value, np.float32)


def test_what_waits_is_run_together_and_each_gets_its_own_rows() -> None:
    network = Doubling()
    requests = [rows(1, value=n) for n in range(1, 8)]
    answers = asked_at_once(network, requests)
    for request, answer in zip(requests, answers, strict=True):
        assert isinstance(answer, list)
        np.testing.assert_array_equal(answer[0], request * 2)
        np.testing.assert_array_equal(answer[1], request.sum(axis=1))
    assert network.shapes == [(1, 3), (8, 3)]


def test_batches_are_of_few_sizes_and_none_is_too_large() -> None:
    network = Doubling()
    asked_at_once(network, [rows(n) for n in (3, 5, 20, 30, 40, 2)])
    assert {shape[0] for shape in network.shapes} <= set(SIZES)
    assert sum(shape[0] for shape in network.shapes) >= 100
    large = Doubling()
    asked_at_once(large, [rows(1), *(rows(1, MOST_VALUES // 5) for _ in range(6))])
    assert [shape[0] for shape in large.shapes[1:]] == [4, 4]


def test_requests_of_different_shape_are_not_mixed() -> None:
    network = Doubling()
    answers = asked_at_once(network, [rows(1), rows(1, 4), rows(1), rows(2, 4), rows(1)])
    assert [answer[0].shape for answer in answers if isinstance(answer, list)] == [
        *((1, 3), (1, 4), (1, 3), (2, 4), (1, 3))
    ]


def test_one_request_that_fails_does_not_fail_the_others() -> None:
    answers = asked_at_once(Doubling(), [rows(1), rows(1, value=POISON), rows(2), rows(1)])
    assert [isinstance(answer, TransientError) for answer in answers] == [False, True, False, False]


def test_outputs_that_are_not_of_the_batch_are_an_error() -> None:
    class Folding(Doubling):
        def run(self, feeds: Mapping[str, Array]) -> list[Array]:
            return [np.zeros((1, 3), np.float32)]

    with pytest.raises(TransientError, match="for a batch of 4"):
        Batched(Folding()).run({"row": rows(3)})


def test_a_batch_is_bounded_and_how_full_batches_are_is_known() -> None:
    network = Doubling()
    network.may_run.set()
    batched = Batched(network, sizes=(1, 4))
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda _: batched.run({"row": rows(1)}), range(20)))
    assert {shape[0] for shape in network.shapes} <= {1, 4}
    assert 1 <= batched.filling <= 4
    assert batched.filling == 20 / len(network.shapes)


def test_what_is_asked_of_a_closed_network_is_refused() -> None:
    network = Doubling()
    network.may_run.set()
    batched = Batched(network)
    batched.close()
    with pytest.raises(TransientError, match="takes no more"):
        batched.run({"row": rows(1)})


def test_the_thread_ends_when_nobody_holds_the_network() -> None:
    network = Doubling()
    network.may_run.set()
    before = set(threading.enumerate())
    batched = Batched(network)
    batched.run({"row": rows(1)})
    (thread,) = set(threading.enumerate()) - before
    del batched
    gc.collect()
    thread.join(30)
    assert not thread.is_alive()


# -- real networks --------------------------------------------------------------------------------


def pack(name: str, batching: str, cache: Path) -> ModelPack:
    settings = Settings(batching=batching, cache_dir=cache)  # type: ignore[arg-type]
    return load_pack(resolve_pack(name, settings, S3Settings()), settings)


def analysed(using: ModelPack, photos: list[bytes]) -> list[Analysis]:
    with ThreadPoolExecutor(len(photos)) as pool:
        return list(pool.map(lambda data: analyse(data, using, max_pixels=10**8), photos))


def require_same(ours: list[Analysis], theirs: list[Analysis]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        assert len(one) == len(other) > 0
        np.testing.assert_allclose(one.boxes, other.boxes, atol=0.1)
        assert (one.embeddings * other.embeddings).sum(axis=1).min() > 0.9999


def test_photos_that_share_batches_give_what_each_gives_alone(
    samples: Path, tmp_path: Path
) -> None:
    image = group_photo(samples)
    photos = [jpeg(np.ascontiguousarray(image[:, 20 * n :])) for n in range(4)]
    alone = analysed(pack("embedded", "off", tmp_path), photos)
    require_same(analysed(pack("embedded", "on", tmp_path), photos), alone)


def test_an_scrfd_that_was_shipped_for_one_image_takes_batches(
    samples: Path, real: Path | None, tmp_path: Path
) -> None:
    folder = tmp_path / "pack"
    folder.mkdir()
    path = folder / "scrfd_500m_kps.onnx"
    path.write_bytes(scrfd_bytes(real, "500m"))
    (folder / "recogniser.onnx").write_bytes(shipped("sface"))
    photos = [jpeg(group_photo(samples))] * 3
    alone = analysed(pack(str(folder), "off", tmp_path), photos)
    require_same(analysed(pack(str(folder), "on", tmp_path), photos), alone)
    session = open_session(path, "cpu", name=path.name)
    assert session.inputs["images"] == [1, 3, 640, 640]
    assert pack(str(folder), "off", tmp_path).detector.largest is None, "one piece of any size"
    assert not same_when_freed(session, session), "as it is shipped it takes one image"
