"""A large report without models: made-up photos and people, and a roster that half of them meet."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

import numpy as np
import pyarrow as pa
from PIL import Image, ImageDraw, ImageFilter

from headcount.contract.stored.references import ReferenceReport
from headcount.contract.vocabulary import Box, Decision
from headcount.rosters.read import EVERY
from headcount.rosters.statuses import EXPECTED, MISSING
from tests.workers.report.views import EMPTY
from workers.report.annotate import annotate, crop, preview
from workers.report.missing import choose_nearest, missing_view
from workers.report.people import PEOPLE_SHOWN, with_found
from workers.report.view import (
    Failure,
    Report,
    ShownCluster,
    ShownFace,
    ShownLook,
    ShownPerson,
    ShownPhoto,
    ShownReference,
)
from workers.report.worth_a_look import Kind, Look

FOLDERS = (
    "2023/summer fête", "2023/class 7b", "2023/gala", "2024/summer fête", "2024/class 8b",
    "2024/gala", "2024/réunion", "scans",
)  # fmt: skip
FIRST = (
    "Ada", "Ben", "Cléo", "Dov", "Émile", "Fatima", "Grace", "Hà", "Inès", "Jun", "Kofi", "Lucía",
    "Maël", "Nora", "Ömer", "Priya", "Quinn", "Rosa", "Søren", "Tove",
)  # fmt: skip
LAST = (
    "Lovelace", "Okafor", "Müller", "Nguyễn", "O'Brien", "Jørgensen", "García", "Ivanova", "Sató",
)  # fmt: skip
NAMES = [f"{first} {last}" for last in LAST for first in FIRST]
"""180 names."""

SCENES = 24
"""Photos that are drawn; the others are copies of them under keys of their own."""

WIDTH, HEIGHT = 1200, 800

_SHARES = (
    ("present", 0.4, "recognised"),
    ("inferred", 0.06, "not recognised by the face alone: the name was inferred"),
    ("near_miss", 0.05, "the nearest face has similarity {}, {} below what this name needs"),
    ("too_poor_to_say", 0.07, "faces too poor to say whose they are: 2"),
    ("absent", 0.36, "the nearest face has similarity {}, too little for this name"),
    ("photo_unreadable", 0.03, "the photo could not be read: truncated file"),
    ("photo_absent", 0.02, "the collection has no such photo"),
    ("not_enrolled", 0.01, "nobody of this name is enrolled; is it Ada Lovelace?"),
)
_WITH_FACE = ("present", "inferred", "near_miss", "too_poor_to_say", "absent")


def made_report(photos: int = 860, expectations: int = 1200, people: int = 100) -> Report:
    """A report of so many photos in 8 folders, all shown, and so many expectations of 180 people.

    So many ``people`` are listed. Of more than 180 each photo has others of those names.

    Unlike a run's, its annotated photos are copies of a few, so that it is made in seconds.
    """
    keys = sorted(f"{FOLDERS[n % 8]}/IMG {n:04}.jpg" for n in range(photos))
    expected = made_roster(keys, expectations)
    missing: dict[str, tuple[str, ...]] = {}
    for row in expected.to_pylist():
        if row["status"] in MISSING and row["needed"] == EVERY:
            missing[row["photo"]] = (*missing.get(row["photo"], ()), row["person"])
    shown = tuple(made_photo(n, key, missing.get(key, ())) for n, key in enumerate(keys))
    if people > len(NAMES):
        shown = tuple(_of_many(n, photo, people) for n, photo in enumerate(shown))
    faces = Counter(face.decision for photo in shown for face in photo.faces)
    unmet = missing_view(expected)
    assert unmet is not None
    nearest = choose_nearest(unmet.rows)
    crops = {(row["photo"], row["face_id"]): _portrait(n) for n, row in enumerate(nearest)}
    references = {row["person"]: _portrait(NAMES.index(row["person"])) for row in nearest}
    return replace(
        EMPTY,
        photos=photos,
        outcomes={"faces": photos - 9, "unreadable": 9},
        faces=faces.total(),
        decisions=dict(faces),
        clusters_total=431,
        people=with_found((_person(n, name) for n, name in enumerate(_names(people))), shown),
        people_total=max(people, len(NAMES)),
        looks=tuple(_look(n, photo) for n, photo in enumerate(shown[:: max(1, photos // 30)])),
        people_found=171,
        shown=shown,
        clusters=tuple(_cluster(n, keys) for n in range(60)),
        failures=(Failure("unreadable", "truncated file", 9, tuple(keys[:5])),),
        seconds={"fetch": 5.25, "detect": 210.0},
        missing=replace(unmet, crops=crops, references=references),
    )


def made_roster(keys: list[str], expectations: int) -> pa.Table:
    """Expectations with their statuses; every 40th is of some photo of a folder."""
    random = np.random.default_rng(7)
    statuses = random.choice(len(_SHARES), expectations, p=[share for _, share, _ in _SHARES])
    rows = []
    for number, kind in enumerate(statuses):
        status, _, reason = _SHARES[kind]
        person = NAMES[int(random.integers(len(NAMES)))]
        key = keys[number * len(keys) // expectations]
        some = number % 40 == 0 and status == "absent"
        similarity = float(random.uniform(0.05, 0.3)) if status == "absent" else 0.34
        rows.append(
            {
                "scope": f"{key.rpartition('/')[0]}/" if some else key,
                "needed": "some" if some else "every",
                "photo": f"gone/{number}.jpg" if status == "photo_absent" else key,
                "person_id": None if status == "not_enrolled" else person.casefold(),
                "person": person.lower() if status == "not_enrolled" else person,
                "status": status,
                "reason": reason.format(f"{similarity:.2f}", "0.02"),
                "face_id": f"{key}/0" if status in _WITH_FACE else None,
                "similarity": similarity if status in _WITH_FACE else None,
                "quality": 0.5 if status in _WITH_FACE else None,
            }
        )
    return pa.Table.from_pylist(rows, EXPECTED)


def made_photo(number: int, key: str, missing: tuple[str, ...]) -> ShownPhoto:
    """A photo that is shown, with a banner where somebody is missing."""
    scene = number % SCENES
    faces, plain, banner = _scene(scene)
    return ShownPhoto(
        key=key,
        width=4032,
        height=2688,
        faces=tuple(replace(face, face_id=f"{key}/{n}") for n, face in enumerate(faces)),
        missing=missing,
        annotated=f"../annotated/{key}.jpg",
        preview=banner if missing else plain,
        taken=datetime(2019, 1, 1, 12) + timedelta(hours=37 * (number * 61 % 101))
        if number % 7
        else None,
    )


@cache
def _scene(number: int) -> tuple[tuple[ShownFace, ...], bytes, bytes]:
    """Faces of a drawn photo, and its preview without and with a banner."""
    random = np.random.default_rng(number)
    image = Image.fromarray(_noise(random, HEIGHT, WIDTH))
    faces = []
    count = (2, 3, 4, 5, 8, 15)[number % 6]
    side = min(220, WIDTH // count * 2 // 3)
    for at in range(count):
        x = (at + 0.2) * WIDTH / count
        y = float(random.uniform(120, HEIGHT - 2 * side))
        who = int(random.integers(len(NAMES)))
        _draw_head(image, x, y, side, who)
        faces.append(_face(at, who, Box(x, y, side, side)))
    pixels = np.array(image)
    cut = [replace(face, crop=crop(pixels, face.box)) for face in faces]
    plain, banner = (
        preview(annotate(pixels, cut, missing, scale=1.0), 720)
        for missing in ((), (NAMES[number], NAMES[-number - 1]))
    )
    return tuple(cut), plain, banner


def _face(at: int, who: int, box: Box) -> ShownFace:
    kind = (Decision.MATCHED, Decision.UNKNOWN, Decision.INFERRED, Decision.IGNORED)[at % 4]
    named = kind in (Decision.MATCHED, Decision.INFERRED)
    judged = kind is not Decision.IGNORED
    return ShownFace(
        face_id="",
        box=box,
        decision=kind,
        quality=0.6 if judged else 0.07,
        person=NAMES[who] if named else None,
        nearest=NAMES[who] if judged else None,
        similarity={"matched": 0.71, "unknown": 0.21, "inferred": 0.31}.get(kind),
        probability=0.97 if named else None,
        runner_up=NAMES[who - 1] if judged else None,
        margin=0.3 if judged else None,
        cluster_id=f"{who % 60:08x}" if kind is Decision.UNKNOWN else None,
        tag=f"{who % 60:08x}" if kind is Decision.UNKNOWN else "",
    )


def _noise(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A blurred scene with grain, of about the weight of a photo as JPEG."""
    small = Image.fromarray(random.integers(60, 220, (6, 9, 3), np.uint8))
    scene = np.array(small.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    grain = random.normal(0, 9, (height, width, 1)).astype(np.int16)
    return np.clip(scene + grain, 0, 255).astype(np.uint8)


def _draw_head(image: Image.Image, x: float, y: float, side: float, who: int) -> None:
    """A face that differs by person in its skin, hair, and the place of the eyes."""
    random, draw = np.random.default_rng(who), ImageDraw.Draw(image)
    skin = tuple(int(v) for v in random.integers((120, 80, 60), (250, 210, 180)))
    hair = tuple(int(v) for v in random.integers(10, 160, 3))
    draw.ellipse((x - side * 0.05, y - side * 0.2, x + side * 1.05, y + side * 0.9), fill=hair)
    draw.ellipse((x + side * 0.08, y, x + side * 0.92, y + side), fill=skin)
    gap, low = random.uniform(0.15, 0.24), random.uniform(0.36, 0.46)
    for eye in (0.5 - gap, 0.5 + gap):
        cx, cy = x + side * eye, y + side * low
        draw.ellipse(
            (cx - side * 0.06, cy - side * 0.05, cx + side * 0.06, cy + side * 0.05), "white"
        )
        draw.ellipse(
            (cx - side * 0.03, cy - side * 0.03, cx + side * 0.03, cy + side * 0.03), "black"
        )
    mouth = (x + side * 0.33, y + side * 0.6, x + side * 0.67, y + side * 0.8)
    draw.arc(mouth, 20, 160, fill=(150, 40, 40), width=max(2, round(side * 0.04)))


@cache
def _portrait(who: int) -> bytes:
    """JPEG of a person's face, as a reference is shown."""
    image = Image.fromarray(_noise(np.random.default_rng(who + 900), 150, 150))
    _draw_head(image, 30, 30, 90, who % len(NAMES))
    buffer = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(0.6)).resize((96, 96)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _names(people: int) -> list[str]:
    """So many names; beyond 180 they have a number."""
    return [NAMES[n % 180] + (f" {n // 180 + 1}" if n >= 180 else "") for n in range(people)]


def _of_many(number: int, photo: ShownPhoto, people: int) -> ShownPhoto:
    """The photo with its people renamed, so that all of so many are in some photo."""
    names, turn = _names(people), number // SCENES * 180
    faces = tuple(
        replace(face, person=names[(NAMES.index(face.person) + turn) % people])
        if face.person
        else face
        for face in photo.faces
    )
    return replace(photo, faces=faces)


def _look(number: int, photo: ShownPhoto) -> ShownLook:
    """A face of a photo that is worth a look, of each kind in turn."""
    kind = list(Kind)[number % len(Kind)]
    faces = {Kind.INFERRED: 2, Kind.SMALL_MARGIN: 0}
    face = photo.faces[min(faces.get(kind, 1), len(photo.faces) - 1)]
    if kind is Kind.NEAR_MISS:
        face = replace(face, similarity=0.357)
    person = face.person or face.nearest or NAMES[number]
    look = Look(kind, photo.key, face.face_id, person, person.casefold(), alike=number % 3)
    return ShownLook(look, face, _portrait(number), f"{person}/1.jpg")


def _person(number: int, name: str) -> ShownPerson:
    report = ReferenceReport(person=name, photo=f"{name}/1.jpg", state="enrolled")
    reference = ShownReference(report, _portrait(number), _portrait(number))
    if number < PEOPLE_SHOWN:
        return ShownPerson(name.casefold(), name, 2, 5, 6, (reference, reference))
    bare = (replace(reference, preview=b""),)
    return ShownPerson(name.casefold(), name, 2, 5, 6, bare, brief=True)


def _cluster(number: int, keys: list[str]) -> ShownCluster:
    crops = tuple((keys[(number + n) % len(keys)], _portrait(number + n)) for n in range(12))
    tag = f"{number:08x}"
    return ShownCluster(tag, 40 - number // 2, 30 - number // 2, crops, tag)
