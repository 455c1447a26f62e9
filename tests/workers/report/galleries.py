"""Galleries without embeddings, and their references with made-up pictures."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from headcount.contract.stored.references import ReferenceReport
from workers.faces.evidence import no_weaknesses
from workers.people.gallery import Gallery
from workers.report import references
from workers.report.pictures import PictureSources
from workers.report.references import References
from workers.report.view import ShownReference

FOLDER = "file:///people/"


def gallery(**people: int) -> Gallery:
    """People, each with so many references in the folder: `ada/0.jpg`, `ada/1.jpg`, ..."""
    photos = [f"{person}/{n}.jpg" for person, count in people.items() for n in range(count)]
    starts = np.cumsum([0, *people.values()])[:-1]
    return Gallery(
        person_ids=tuple(people),
        names=tuple(person.capitalize() for person in people),
        starts=starts.astype(np.intp),
        embeddings=np.ones((len(photos), 1), np.float32),
        weaknesses=no_weaknesses(len(photos)),
        sources=(FOLDER,) * len(photos),
        photos=tuple(photos),
        boxes=np.ones((len(photos), 4), np.float32),
    )


def sources(people: str | None = FOLDER) -> PictureSources:
    """Where the pictures of a job with this people folder come from."""
    spec = SimpleNamespace(people=people)
    return cast("PictureSources", SimpleNamespace(spec=spec, threads=2))


def pictured(
    monkeypatch: pytest.MonkeyPatch, found: Gallery, people: str | None = FOLDER
) -> tuple[References, list[str]]:
    """The references of a gallery with their photos' keys as pictures; the keys as opened."""
    opened: list[str] = []

    def picture(_: object, _source: str, report: ReferenceReport) -> ShownReference:
        opened.append(report.photo)
        return ShownReference(report, b"photo", f"crop of {report.photo}".encode())

    monkeypatch.setattr(references, "picture_reference", picture)
    return References(sources(people), found), opened
