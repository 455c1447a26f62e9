"""Other programs that find and embed faces, as contestants, each kept warm."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found on one photo: boxes N x 4 (left, top, width, height), embeddings N x D.

    D is 0 where there are none.
    """

    boxes: Floats
    embeddings: Floats


Loop = Callable[[Sequence[Path]], list[Seen]]
"""Finds and embeds the faces of some photos."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """Who takes part; a slow one in the first round alone, some on photos above so many pixels."""

    name: str
    run: Loop
    slow: bool = False
    least: int = 0


def seen_of(boxes: object, embeddings: object = ()) -> Seen:
    """Boxes and embeddings as arrays."""
    places, vectors = np.asarray(boxes, np.float32), np.asarray(embeddings, np.float32)
    return Seen(places.reshape(-1, 4), vectors.reshape(len(vectors), -1 if vectors.size else 0))


def face_analysis(folder: Path) -> Contestant | None:
    """insightface's own loop over cv2.imread, detection and recognition only, one size, 640."""
    try:
        from insightface.app import FaceAnalysis
    except ImportError:
        return _absent("insightface", "is not installed")
    app = FaceAnalysis(
        name=folder.name,
        root=str(folder.parents[1]),
        allowed_modules=["detection", "recognition"],
        providers=["CPUExecutionProvider"],
    )
    app.prepare(ctx_id=-1, det_size=(640, 640))

    def run(photos: Sequence[Path]) -> list[Seen]:
        found = [app.get(cv2.imread(str(path))) for path in photos]
        return [
            seen_of(
                [[*face.bbox[:2], *(face.bbox[2:] - face.bbox[:2])] for face in faces],
                [face.normed_embedding for face in faces],
            )
            for faces in found
        ]

    return Contestant("FaceAnalysis", run)


def opencv_yunet(model: Path) -> Contestant:
    """OpenCV's FaceDetectorYN at a long side of 640; it finds faces and embeds none."""
    detector = cv2.FaceDetectorYN.create(str(model), "", (640, 640), 0.6)

    def one(path: Path) -> Seen:
        image = cv2.imread(str(path))
        if image is None:
            return seen_of([])
        factor = 640 / max(image.shape[:2])
        small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        detector.setInputSize((small.shape[1], small.shape[0]))
        _, faces = detector.detect(small)
        return seen_of(faces[:, :4] / factor if faces is not None else [])

    return Contestant(
        "OpenCV FaceDetectorYN (finds only)", lambda photos: [one(path) for path in photos]
    )


def face_recognition(python: Path | None) -> Contestant | None:
    """The package face_recognition, in the environment of another Python."""
    if python is None:
        return _absent("face_recognition", "was not asked for (--face-recognition PYTHON)")
    script = Path(__file__).with_name("peer_face_recognition.py")
    return _program("face_recognition", [str(python), str(script)])


def face_api(folder: Path | None) -> Contestant | None:
    """@vladmandic/face-api on its WASM backend, from a folder with node_modules."""
    if folder is None:
        return _absent("face-api.js", "was not asked for (--face-api FOLDER)")
    script = Path(__file__).with_name("peer_face_api.mjs")
    return _program("face-api.js, WASM", ["node", str(script), str(folder)])


def _program(name: str, command: Sequence[str]) -> Contestant | None:
    """A program that reads lists of paths, a line each, and answers each with what it saw.

    Its first line says that it is ready.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    except OSError as error:
        return _absent(name, str(error))
    asked, answers = process.stdin, process.stdout
    if asked is None or answers is None or not answers.readline():
        return _absent(name, "did not start")

    def run(photos: Sequence[Path]) -> list[Seen]:
        asked.write(json.dumps([str(path) for path in photos]) + "\n")
        asked.flush()
        return [seen_of(boxes) for boxes in json.loads(answers.readline())]

    return Contestant(name, run, slow=True)


def _absent(name: str, reason: str) -> None:
    print(f"{name} is left out: it {reason}", file=sys.stderr)
