"""What several benchmarks share: photos of a size, headcount as a contestant, rows of a table."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image as Pillow

from benchmarks.peers.contestants import Loop, Seen, seen_of
from headcount.s3_settings import S3Settings
from headcount.settings import ProfileName, Settings
from workers.faces.analysis import analyse
from workers.models.base import ModelPack
from workers.models.packs.files import resolve_pack
from workers.models.packs.open import load_pack

MOST_PIXELS = 10**9


def chosen_evenly(folder: Path, number: int) -> list[Path]:
    """So many JPEGs of a folder, evenly from the list of all by name."""
    every = sorted(folder.rglob("*.jpg"))
    if not every:
        sys.exit(f"there is no .jpg in {folder}")
    return [every[n * len(every) // number] for n in range(min(number, len(every)))]


def enlarged(photo: Path, megapixels: int, folder: Path) -> Path:
    """The photo with so many million pixels, as a new file."""
    with Pillow.open(photo) as opened:
        picture = opened.convert("RGB")
    factor = (megapixels * 1e6 / (picture.width * picture.height)) ** 0.5
    size = round(picture.width * factor), round(picture.height * factor)
    file = io.BytesIO()
    picture.resize(size, Pillow.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    place = folder / f"{megapixels}-{photo.stem}.jpg"
    place.write_bytes(file.getvalue())
    return place


def opened(pack: str, settings: Settings) -> ModelPack:
    return load_pack(resolve_pack(pack, settings, S3Settings()), settings)


def headcount(pack: ModelPack, profile: ProfileName, threads: int) -> Loop:
    """What a worker does with each photo, in so many threads."""

    def one(path: Path) -> Seen:
        found = analyse(path.read_bytes(), pack, max_pixels=MOST_PIXELS, profile=profile)
        return seen_of(found.boxes, found.embeddings)

    def run(photos: Sequence[Path]) -> list[Seen]:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(one, photos))

    return run


def row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def heading(*names: str) -> list[str]:
    return [row(names), row(["---"] * len(names))]
