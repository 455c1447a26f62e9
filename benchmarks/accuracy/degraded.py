"""Faces of known people in pictures made worse: blurred, cut off, shrunk, compressed, dark.

Every picture is made of a photo whose central face is known, goes through the whole analysis as a
JPEG, and gives the face where the known one now is. Made are, with evenly drawn strengths (sizes
and lengths in parts of the face's height, after it was shrunk where it was):

- ``gaussian``: sigma 0.01 to 0.06;
- ``motion``: a straight streak of 0.05 to 0.35, in any direction;
- ``defocus``: a disk of radius 0.04 to 0.13, with noise, at up to 2.5 times less light;
- ``shrunk``: to a face of 18 to 60 pixels;
- ``shrunk and blurred``: to 20 to 70 pixels, sigma 0.7 to 3.5 pixels;
- ``cut``: one side of the photo cut off, through 10 to 70 % of the face's square;
- ``compressed``: JPEG of quality 3 to 15;
- ``dark``: 5 to 40 % of the light, with noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from headcount.contract.columns import QUALITY_PARTS
from headcount.errors import PhotoError
from workers.faces.analysis import Analysis, analyse
from workers.models.base import Image, ModelPack

MOST_PIXELS = 10**8
PER_PHOTO = 4
"""Pictures made of a photo before the next one's turn."""
CUTS = ((0.02, 0.25), (0.4, 0.75), (0.4, 0.75), (0.4, 0.75))
"""Shares of the face's square that are cut off, from and to, of each photo in a turn of cuts: few
deeply cut faces are found and usable."""
ROUNDS = 3
FAR = 0.5
"""Distance, in heights of the face, from which a face is not the known one."""
Random = np.random.Generator


@dataclass(frozen=True, slots=True)
class Made:
    """A picture made of a photo, whose point P lies at (P - shift) * scale."""

    image: Image
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)


Maker = Callable[[Image, NDArray[np.float32], Random], Made]
"""Makes a picture of a photo and the box of its known face."""


@dataclass(frozen=True, slots=True)
class Faces:
    """N usable faces: embeddings N x D, parts of the quality by name, people, photos, kinds."""

    embeddings: NDArray[np.float32]
    parts: dict[str, NDArray[np.float32]]
    people: NDArray[np.str_]
    photos: NDArray[np.str_]
    kinds: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.people)

    def where(self, which: NDArray[np.bool_]) -> Faces:
        """Select faces by a mask."""
        parts = {name: part[which] for name, part in self.parts.items()}
        some = (a[which] for a in (self.people, self.photos, self.kinds))
        return Faces(self.embeddings[which], parts, *some)

    def save(self, file: Path) -> None:
        fields = {"people": self.people, "photos": self.photos, "kinds": self.kinds}
        np.savez(file, embeddings=self.embeddings, **fields, **self.parts)

    @classmethod
    def load(cls, file: Path) -> Faces:
        with np.load(file) as held:
            parts = {name: held[name] for name in ("quality", *QUALITY_PARTS)}
            return cls(held["embeddings"], parts, held["people"], held["photos"], held["kinds"])


@dataclass(frozen=True, slots=True)
class Face:
    """One face: its embedding, the parts of its quality, person, photo, kind of picture."""

    embedding: NDArray[np.float32]
    parts: dict[str, float]
    person: str
    photo: str
    kind: str


def joined(faces: Sequence[Face]) -> Faces:
    parts = {
        name: np.array([face.parts.get(name, np.nan) for face in faces], np.float32)
        for name in ("quality", *QUALITY_PARTS)
    }
    texts = [np.array([getattr(f, name) for f in faces]) for name in ("person", "photo", "kind")]
    return Faces(np.stack([face.embedding for face in faces]), parts, *texts)


# -- pictures made worse --------------------------------------------------------------------------


def gaussian(image: Image, box: NDArray[np.float32], rng: Random) -> Made:
    return Made(_blurred(image, rng.uniform(0.01, 0.06) * box[3]))


def motion(image: Image, box: NDArray[np.float32], rng: Random) -> Made:
    made = _shrunk_to(image, box, rng.uniform(25, 110))
    length = max(3, int(rng.uniform(0.05, 0.35) * box[3] * made.scale) | 1)
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1
    middle = (length - 1) / 2
    turn = cv2.getRotationMatrix2D((middle, middle), rng.uniform(0, 180), 1)
    kernel = np.asarray(cv2.warpAffine(kernel, turn, (length, length)), np.float32)
    return Made(np.asarray(cv2.filter2D(made.image, -1, kernel / kernel.sum())), made.scale)


def defocus(image: Image, box: NDArray[np.float32], rng: Random) -> Made:
    made = _shrunk_to(image, box, rng.uniform(25, 110))
    radius = max(1.0, rng.uniform(0.04, 0.13) * box[3] * made.scale)
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disk = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    blurred = cv2.filter2D(made.image, -1, disk / disk.sum())
    return Made(_noisy(blurred, rng.uniform(0.4, 1), rng.uniform(0, 4), rng), made.scale)


def shrunk(image: Image, box: NDArray[np.float32], rng: Random) -> Made:
    return _shrunk_to(image, box, rng.uniform(18, 60))


def shrunk_and_blurred(image: Image, box: NDArray[np.float32], rng: Random) -> Made:
    made = _shrunk_to(image, box, rng.uniform(20, 70))
    blurred = _blurred(made.image, rng.uniform(0.7, 3.5))
    return Made(_compressed(blurred, int(rng.integers(20, 95))), made.scale)


def cut(image: Image, box: NDArray[np.float32], rng: Random) -> Made:
    """Cut one side of the photo off, through the face's square."""
    return _cut_by(image, box, rng.uniform(0.1, 0.7), int(rng.integers(0, 4)))


def _cut_by(image: Image, box: NDArray[np.float32], part: float, where: int) -> Made:
    """Cut a part of the face's square off: from the left, the top, the right or the bottom."""
    x, y, w, h = (float(value) for value in box)
    side, height, width = max(w, h) * 1.15, *image.shape[:2]
    left, top = x + w / 2 - side / 2, y + h / 2 - side / 2
    share = part * side
    if where == 0:
        start = int(np.clip(left + share, 0, width - 1))
        return Made(image[:, start:], shift=(start, 0))
    if where == 1:
        start = int(np.clip(top + share, 0, height - 1))
        return Made(image[start:], shift=(0, start))
    if where == 2:
        return Made(image[:, : int(np.clip(left + side - share, 1, width))])
    return Made(image[: int(np.clip(top + side - share, 1, height))])


def compressed(image: Image, _: NDArray[np.float32], rng: Random) -> Made:
    return Made(_compressed(image, int(rng.integers(3, 15))))


def dark(image: Image, _: NDArray[np.float32], rng: Random) -> Made:
    return Made(_noisy(image, rng.uniform(0.05, 0.4), rng.uniform(4, 16), rng))


MAKERS: dict[str, tuple[Maker, float]] = {
    "gaussian": (gaussian, 0.15),
    "motion": (motion, 0.18),
    "defocus": (defocus, 0.15),
    "shrunk": (shrunk, 0.06),
    "shrunk and blurred": (shrunk_and_blurred, 0.18),
    "cut": (cut, 0.2),
    "compressed": (compressed, 0.04),
    "dark": (dark, 0.04),
}
"""Kinds of pictures, and the share of each."""


def _shrunk_to(image: Image, box: NDArray[np.float32], height: float) -> Made:
    scale = min(1.0, height / float(box[3]))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return Made(np.asarray(small, np.uint8), scale)


def _blurred(image: Image, sigma: float) -> Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), max(sigma, 0.3)), np.uint8)


def _noisy(image: NDArray[np.generic], light: float, deviation: float, rng: Random) -> Image:
    noise = rng.normal(0, deviation, image.shape)
    return np.clip(image.astype(np.float32) * light + noise, 0, 255).astype(np.uint8)


def encoded(image: Image, quality: int) -> bytes:
    flag = [cv2.IMWRITE_JPEG_QUALITY, quality]
    return cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), flag)[1].tobytes()


def _compressed(image: Image, quality: int) -> Image:
    coded = np.frombuffer(encoded(image, quality), np.uint8)
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1], np.uint8)


# -- their faces ----------------------------------------------------------------------------------


def made_faces(photos: Sequence[Path], pack: ModelPack, seed: int = 0) -> Iterator[Face]:
    """Usable faces of pictures made of photos of one person each, in rounds over all photos."""
    rng = np.random.default_rng(seed)
    kinds, shares = list(MAKERS), np.array([share for _, share in MAKERS.values()])
    for turn in range(ROUNDS):
        for photo, image, whole, known in known_faces(photos, pack, rng):
            if turn == 0 and whole.usable[known]:
                yield _face(whole, known, photo, "as it is")
            for kind in rng.choice(kinds, PER_PHOTO, p=shares / shares.sum()):
                made = MAKERS[str(kind)][0](image, whole.boxes[known], rng)
                yield from _face_of(made, whole.boxes[known], photo, str(kind), pack)


def cut_faces(photos: Sequence[Path], pack: ModelPack, seed: int = 1) -> Iterator[Face]:
    """Usable faces of which a little, or nearly half, is cut off, in rounds over all photos."""
    rng = np.random.default_rng(seed)
    for _ in range(ROUNDS):
        for photo, image, whole, known in known_faces(photos, pack, rng):
            for low, high in CUTS:
                share, where = rng.uniform(low, high), int(rng.integers(0, 4))
                made = _cut_by(image, whole.boxes[known], share, where)
                yield from _face_of(made, whole.boxes[known], photo, "cut", pack)


def known_faces(
    photos: Sequence[Path], pack: ModelPack, rng: Random
) -> Iterator[tuple[Path, Image, Analysis, int]]:
    """Photos in a drawn order, with their pixels, their faces, and the row of the known one."""
    for photo in (photos[n] for n in rng.permutation(len(photos))):
        image = cv2.imread(str(photo))
        if image is None:
            continue
        rgb = np.asarray(image[..., ::-1], np.uint8)
        whole = _analysed(Made(rgb), pack)
        centre = np.array(rgb.shape[1::-1], np.float32) / 2
        known = None if whole is None else _nearest(whole, centre, np.inf)
        if whole is not None and known is not None:
            yield photo, rgb, whole, known


def _face_of(
    made: Made, box: NDArray[np.float32], photo: Path, kind: str, pack: ModelPack
) -> Iterator[Face]:
    found = _analysed(made, pack)
    if found is None:
        return
    centre = (box[:2] + box[2:] / 2 - np.array(made.shift)) * made.scale
    row = _nearest(found, centre, FAR * float(box[3]) * made.scale)
    if row is not None and found.usable[row]:
        yield _face(found, row, photo, kind)


def _analysed(made: Made, pack: ModelPack) -> Analysis | None:
    if min(made.image.shape[:2]) < 16:
        return None
    try:
        found = analyse(encoded(made.image, 95), pack, max_pixels=MOST_PIXELS)
    except PhotoError:
        return None
    return found if len(found) else None


def _nearest(found: Analysis, point: NDArray[np.float32], most: float) -> int | None:
    """The row of the face nearest to a point, none where it is further than ``most``."""
    far = np.linalg.norm(found.boxes[:, :2] + found.boxes[:, 2:] / 2 - point, axis=1)
    return int(far.argmin()) if far.min() <= most else None


def _face(found: Analysis, row: int, photo: Path, kind: str) -> Face:
    parts = {name: float(part[row]) for name, part in found.parts.items()}
    parts["quality"] = float(found.qualities[row])
    return Face(found.embeddings[row], parts, photo.parent.name, photo.name, kind)


def crowd_faces(photos: Sequence[Path], pack: ModelPack) -> Iterator[Face]:
    """All usable faces of photos; each photo counts as a person: its faces make no pair."""
    numbers = count()
    for photo in photos:
        found = _analysed_file(photo, pack)
        name = f"crowd {next(numbers)}"
        for row in np.flatnonzero(found.usable) if found else ():
            face = _face(found, int(row), photo, "crowd")
            yield Face(face.embedding, face.parts, name, photo.name, "crowd")


def central_faces(photos: Sequence[Path], pack: ModelPack) -> Iterator[Face]:
    """The usable faces nearest to the centres of photos, as they are."""
    for photo in photos:
        found = _analysed_file(photo, pack)
        if found is None or not len(found):
            continue
        centre = np.array([found.width, found.height], np.float32)
        row = _nearest(found, centre / np.float32(2), np.inf)
        if row is not None and found.usable[row]:
            yield _face(found, row, photo, "as it is")


def _analysed_file(photo: Path, pack: ModelPack) -> Analysis | None:
    try:
        return analyse(photo.read_bytes(), pack, max_pixels=MOST_PIXELS)
    except PhotoError:
        return None
