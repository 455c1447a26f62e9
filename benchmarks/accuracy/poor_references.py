"""Counts the faces that blurred crops of spectators name, as the references of a whole run.

    python -m benchmarks.accuracy.poor_references CROWDS PEOPLE --out FOLDER [--draws 6]
        [--photos 5000] [--before COMMIT] [--python PYTHON]

CROWDS holds group photos that share nobody, or next to nobody; PEOPLE has a folder of photos of
each person. Spectators are usable faces of crowd photos with a quality of 0.40 to 0.55 whose crop,
with a margin, is a photo that can be enrolled from. Each draw has four, each of a photo of its own.
`headcount run` takes the roll of all other crowd photos, and of --photos photos of people, once;
then once for each draw, on a copy of that archive, without --keep-poor and with it. Whoever is
named is named wrongly, unless the spectator is in another photo of the crowds. FOLDER/sheet.png has
a line for each: the reference, and the faces that bear its name. With --before, the same is done by
an earlier build, which has no gate and no --keep-poor.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq

from benchmarks.accuracy.strangers import MOST, SIDE, Row, crop, images
from benchmarks.harness import chosen_evenly
from benchmarks.speed.builds import Build, commit_of, earlier_build, this_build
from headcount.contract.vocabulary import Decision
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.faces.analysis import Analysis, analyse
from workers.images.decode import decode
from workers.models.base import Image, ModelPack
from workers.models.packs.open import open_pack
from workers.people.reference_photo import choose_face

MAIN = "from orchestrator.cli import main; main()"
LOW, HIGH = 0.40, 0.55
"""Qualities of a spectator, as it is enrolled."""
EACH = 4
MARGIN = 0.6
"""Margin of a crop, in parts of the face's size."""
MOST_PIXELS = 10**8
NAMED = (Decision.MATCHED, Decision.INFERRED)
NOBODY_LEFT = 1
"""Exit code of a run whose references were all refused."""
USABLE_CODES = (0, 3)


@dataclass(frozen=True, slots=True)
class Spectator:
    """A blurred face of a crowd photo, cut out."""

    photo: Path
    crop: Image


def spectators(photos: Sequence[Path], pack: ModelPack, seed: int) -> Iterator[Spectator]:
    """One spectator of each photo that has any, in a drawn order of photos and faces."""
    rng = random.Random(seed)  # noqa: S311 - a sample
    for photo in rng.sample(photos, len(photos)):
        data = photo.read_bytes()
        found = analyse(data, pack, max_pixels=MOST_PIXELS)
        image = decode(data, max_pixels=MOST_PIXELS, min_long_side=0).image
        faces = [n for n in range(len(found)) if found.usable[n] and found.qualities[n] < HIGH]
        for row in rng.sample(faces, len(faces)):
            cut = cut_out(image, found, row)
            if enrols(cut, pack):
                yield Spectator(photo, cut)
                break


def cut_out(image: Image, found: Analysis, row: int) -> Image:
    """Pixels of a face and of what is around it."""
    x, y, w, h = (float(value) for value in found.boxes[row])
    scale = image.shape[1] / found.width
    top, left = max(0.0, y - MARGIN * h) * scale, max(0.0, x - MARGIN * w) * scale
    bottom, right = (y + (1 + MARGIN) * h) * scale, (x + (1 + MARGIN) * w) * scale
    return np.ascontiguousarray(image[int(top) : int(bottom), int(left) : int(right)])


def enrols(cut: Image, pack: ModelPack) -> bool:
    """Whether a crop is a photo of one face of a spectator's quality."""
    if min(cut.shape[:2]) < 16:
        return False
    found = analyse(png(cut), pack, max_pixels=MOST_PIXELS, rescue_tight=True)
    chosen = choose_face(found)
    return isinstance(chosen, int) and LOW <= float(found.qualities[chosen]) < HIGH


def png(image: Image) -> bytes:
    return cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))[1].tobytes()


# -- runs -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scene:
    """Photos to take the roll of, draws of spectators, and a folder for archives and results."""

    photos: Path
    draws: list[list[Spectator]]
    out: Path

    def people(self, number: int) -> Path:
        """The folder of a draw's references, one photo each."""
        folder = self.out / "people" / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        for place, one in enumerate(self.draws[number]):
            (folder / f"spectator {number}-{place}.png").write_bytes(png(one.crop))
        return folder


def roll(build: Build, photos: Path, out: Path, archive: Path, *more: object) -> list[Row] | None:
    """Faces of a run, none if no reference was left; leave the program where it fails."""
    words = ["run", photos, "--out", out, "--archive", archive, "--annotate", 0, *more]
    command = [str(build.python), "-P", "-c", MAIN, *map(str, words)]
    done = subprocess.run(
        command,
        check=False,
        cwd=build.root,
        env=build.environment(),
        capture_output=True,
        text=True,
    )
    if done.returncode == NOBODY_LEFT and "reference photos" in done.stdout + done.stderr:
        return None
    if done.returncode not in USABLE_CODES:
        sys.exit(f"exit code {done.returncode}: {done.stderr[-2000:]}")
    faces: list[Row] = pq.read_table(out / "faces.parquet").to_pylist()
    return faces


def measured(build: Build, scene: Scene, options: Sequence[str]) -> Iterator[list[Row]]:
    """Named faces of each draw; printed on the way."""
    place = scene.out / build.name.replace(" ", "-")
    archive = place / "archive"
    if not archive.exists():
        faces = roll(build, scene.photos, place / "before", archive) or []
        judged = sum(row["decision"] != Decision.IGNORED for row in faces)
        print(f"{build.name}: {len(faces):,} faces, {judged:,} judged", flush=True)
    for number in range(len(scene.draws)):
        copy, out = place / "copy", place / f"results {number} {' '.join(options)}".strip()
        shutil.copytree(archive, copy)
        given = ("--people", scene.people(number), *options)
        faces = roll(build, scene.photos, out, copy, *given)
        shutil.rmtree(copy)
        named = [row for row in faces or [] if row["decision"] in NAMED]
        enrolled = 0 if faces is None else pq.read_table(out / "people.parquet").num_rows
        words = " ".join([build.name, *options])
        print(
            f"{words}, draw {number}: {enrolled} of {len(scene.draws[number])} enrolled, "
            f"{len(named)} faces named",
            flush=True,
        )
        yield named


def sheet(scene: Scene, named: Sequence[list[Row]]) -> Image | None:
    """Draw a line for each spectator who names anybody: the reference, then the faces."""
    lines = []
    for number, rows in enumerate(named):
        of_person: defaultdict[str, list[Row]] = defaultdict(list)
        for row in rows:
            of_person[row["person"]].append(row)
        for person, those in sorted(of_person.items()):
            one = scene.draws[number][int(person.rsplit("-", 1)[1])]
            tiles = [cv2.resize(one.crop[..., ::-1], (SIDE, SIDE))]
            tiles += [crop(scene.photos / row["photo"], row) for row in those[:MOST]]
            tiles += [np.full((SIDE, SIDE, 3), 255, np.uint8)] * (MOST + 1 - len(tiles))
            lines.append(np.hstack(tiles))
    return np.vstack(lines) if lines else None


# -- all of it ------------------------------------------------------------------------------------


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("crowds", type=Path)
    parser.add_argument("faces", type=Path, metavar="PEOPLE")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=6)
    parser.add_argument("--photos", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--before", metavar="COMMIT")
    parser.add_argument("--python", type=Path)
    return parser.parse_args()


def scene_of(asked: argparse.Namespace) -> Scene:
    """Draw the spectators, and gather the photos that they are not from."""
    pack = open_pack("embedded", Settings(), S3Settings())
    crowds, drawn = images(asked.crowds), []
    for one in spectators(crowds, pack, asked.seed):
        drawn.append(one)
        if len(drawn) == EACH * asked.draws:
            break
    draws = [drawn[start : start + EACH] for start in range(0, len(drawn), EACH)]
    photos, left_out = asked.out / "photos", {one.photo for one in drawn}
    photos.mkdir(parents=True)
    for photo in (*crowds, *chosen_evenly(asked.faces, asked.photos)):
        if photo not in left_out:
            shutil.copyfile(photo, photos / photo.name)
    print(
        f"{len(drawn)} spectators in {len(draws)} draws, {len(crowds) - len(left_out)} crowd "
        f"photos of {len(crowds)}, {len(images(photos)):,} photos in all",
        flush=True,
    )
    return Scene(photos, draws, asked.out)


@contextmanager
def builds(asked: argparse.Namespace) -> Iterator[list[tuple[Build, tuple[str, ...]]]]:
    """Builds to measure with the options of their runs."""
    this = this_build(asked.out)
    own: list[tuple[Build, tuple[str, ...]]] = [(this, ()), (this, ("--keep-poor",))]
    if not asked.before:
        yield own
        return
    with earlier_build(commit_of(asked.before), asked.out, asked.python) as old:
        yield [*own, (old, ())]


def main() -> None:
    asked = options()
    asked.out = asked.out.absolute()
    scene = scene_of(asked)
    with builds(asked) as those:
        for build, given in those:
            named = list(measured(build, scene, given))
            counts = [len(rows) for rows in named]
            words = " ".join([build.name, *given])
            print(f"{words}: {counts} faces named, at most {max(counts)} by a draw", flush=True)
            drawn = sheet(scene, named)
            if drawn is not None:
                file = asked.out / f"sheet {words}.png"
                cv2.imwrite(str(file), drawn)
                print(f"to be judged by eye: {file}", flush=True)


if __name__ == "__main__":
    main()
