"""Counts references that enrolment takes and refuses: good ones, poor ones, and other people's.

    python -m benchmarks.accuracy.reference_gate CROWDS PEOPLE --out FOLDER [--people 150]

PEOPLE has a folder of photos of each person, CROWDS holds group photos. `headcount enroll` is
given one folder after another, each with a new archive: three photos of each of some people; one
photo of each, shrunk to 32 to 64 %; one of each made worse in each way of degraded.py; crops of
spectators of crowds with a quality of 0.40 to 0.55; and a photo of somebody else among three of a
person. Printed is the state of each reference in parts of 100, and of the last set that of the
stray ones alone.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.accuracy.degraded import MAKERS, encoded, known_faces
from benchmarks.accuracy.poor_references import png, spectators
from benchmarks.accuracy.strangers import images
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from workers.models.base import ModelPack
from workers.models.packs.open import open_pack

MAIN = "from orchestrator.cli import main; main()"
USABLE_CODES = (0, 1, 3)
"""Exit codes of enrolment: done, nobody left, some refused."""
EACH = 3
STRAY = "stray"
SMALL = (0.32, 0.64)
MOST_CROPS = 60


@dataclass(frozen=True, slots=True)
class Reference:
    """A photo for a person's folder."""

    person: str
    name: str
    data: bytes


def states(references: Sequence[Reference], place: Path) -> dict[str, str]:
    """The state of each reference, by its place in the folder, after enrolment."""
    folder, archive = place / "people", place / "archive"
    for one in references:
        (folder / one.person).mkdir(parents=True, exist_ok=True)
        (folder / one.person / one.name).write_bytes(one.data)
    words = ["enroll", str(folder), "--archive", str(archive), "--json"]
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *words], check=False, capture_output=True, text=True
    )
    if done.returncode not in USABLE_CODES or not done.stdout:
        sys.exit(f"exit code {done.returncode}: {done.stderr[-2000:]}")
    told = json.loads(done.stdout)["references"]
    return {one["photo"]: one["state"] for one in told}


def show(title: str, found: Sequence[str]) -> None:
    counts = Counter(found)
    shares = (f"{state} {n / len(found):.1%} ({n})" for state, n in counts.most_common())
    print(f"{title}: {len(found)} references, {', '.join(shares)}", flush=True)


# -- sets of references ---------------------------------------------------------------------------


def good(people: Sequence[Path]) -> Iterator[Reference]:
    for person in people:
        for photo in images(person)[:EACH]:
            yield Reference(person.name, photo.name, photo.read_bytes())


def small(people: Sequence[Path]) -> Iterator[Reference]:
    rng = random.Random(0)  # noqa: S311 - a sample
    for person in people:
        photo = images(person)[0]
        scale = rng.uniform(*SMALL)
        less = cv2.resize(
            cv2.imread(str(photo)), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
        )
        rgb = np.ascontiguousarray(less[..., ::-1], np.uint8)
        yield Reference(person.name, photo.name, encoded(rgb, 95))


def made(people: Sequence[Path], pack: ModelPack, kind: str) -> Iterator[Reference]:
    """One photo of each person, made worse."""
    rng = np.random.default_rng(0)
    firsts = [images(person)[0] for person in people]
    for photo, image, whole, known in known_faces(firsts, pack, rng):
        worse = MAKERS[kind][0](image, whole.boxes[known], rng).image
        if min(worse.shape[:2]) >= 16:
            yield Reference(photo.parent.name, photo.name, encoded(worse, 95))


def crops(crowds: Path, pack: ModelPack) -> Iterator[Reference]:
    """Spectators of crowds, each a person."""
    for number, one in enumerate(spectators(images(crowds), pack, seed=0)):
        if number == MOST_CROPS:
            return
        yield Reference(f"spectator {number}", "crop.png", png(one.crop))


def with_strays(people: Sequence[Path]) -> Iterator[Reference]:
    """Three photos of every other person, and one of the next person among them."""
    yield from good(people[::2])
    for person, other in zip(people[::2], people[1::2], strict=False):
        yield Reference(person.name, f"{STRAY}.jpg", images(other)[0].read_bytes())


# -- all of it ------------------------------------------------------------------------------------


def sets(asked: argparse.Namespace) -> Iterator[tuple[str, Callable[[], Iterator[Reference]]]]:
    """Titles of the sets, and what makes each."""
    pack = open_pack("embedded", Settings(), S3Settings())
    folders = [f for f in sorted(asked.faces.iterdir()) if len(images(f)) >= EACH]
    number = min(asked.people, len(folders))
    people = random.Random(0).sample(folders, number)  # noqa: S311 - a sample
    yield "three photos of each person", lambda: good(people)
    yield "shrunk to 32 to 64 %", lambda: small(people)
    for kind in MAKERS:
        yield f"made worse, {kind}", lambda kind=kind: made(people, pack, kind)
    yield "crops of spectators", lambda: crops(asked.crowds, pack)
    yield "with strays", lambda: with_strays(people)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("crowds", type=Path)
    parser.add_argument("faces", type=Path, metavar="PEOPLE")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--people", type=int, default=150)
    asked = parser.parse_args()
    for number, (title, references) in enumerate(sets(asked)):
        found = states(list(references()), asked.out / str(number))
        strays = {photo: state for photo, state in found.items() if STRAY in Path(photo).stem}
        show(title, [state for photo, state in found.items() if photo not in strays])
        if strays:
            show("strays", list(strays.values()))


if __name__ == "__main__":
    main()
