"""One reference photo: its faces, the one to enrol, and the report on it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from headcount.collections.photos import Reference
from headcount.contract.stored.jobs import JobSpec
from headcount.contract.stored.references import ReferenceReport
from headcount.errors import ObjectError, PhotoError
from headcount.storage import Store
from workers.faces.analysis import Analysis, analyse
from workers.models.base import ModelPack

DOMINANT = 2.0
"""Least ratio of the areas of the two largest faces of a reference photo: below it, nobody can know
whose reference it is."""
UNSURE = 0.15
"""A detection whose score is further below the best of its photo is ignored: it may be no face."""


@dataclass(frozen=True, slots=True)
class ReferenceFace:
    """A face of a reference photo that may be the person's."""

    box: tuple[float, float, float, float]
    quality: float
    embedding: NDArray[np.float32]
    parts: Mapping[str, float]
    content: str
    """SHA-256 of the photo."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The report on one reference photo, and its face if one was taken."""

    reference: Reference
    report: ReferenceReport
    quality: float = 0.0
    embedding: NDArray[np.float32] | None = None
    etag: str = ""
    content: str = ""
    """SHA-256 of the photo, empty if it could not be used."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """Parts of the quality, as of ``Analysis``."""
    others: tuple[ReferenceFace, ...] = ()
    """Faces of the photo that were not taken and may be the person's too."""

    @property
    def face(self) -> ReferenceFace | None:
        """The face that was taken, if one was."""
        if self.embedding is None:
            return None
        box = self.report.box or (0.0, 0.0, 0.0, 0.0)
        return ReferenceFace(box, self.quality, self.embedding, self.parts, self.content)

    def taking(self, face: ReferenceFace, reason: str | None) -> Enrolled:
        """Take a face of the photo, for a reason in words if it is not the plain choice."""
        told = {"state": "enrolled", "box": face.box, "reason": reason}
        return replace(
            self,
            report=self.report.model_copy(update=told),
            quality=face.quality,
            embedding=face.embedding,
            content=face.content,
            parts=face.parts,
        )

    def refused(self, state: str, reason: str) -> Enrolled:
        """Refuse the face that was taken, for a reason in words; others of the photo may do."""
        report = report_of(self.reference, state, reason).model_copy(
            update={"orientation": self.report.orientation}
        )
        return Enrolled(self.reference, report, etag=self.etag, others=self.others)

    def noted(self, reason: str) -> Enrolled:
        """Say something of the photo in its report."""
        return replace(self, report=self.report.model_copy(update={"reason": reason}))


def candidates_of(analysis: Analysis) -> NDArray[np.intp]:
    """Numbers of the faces that may be the person's, the largest first."""
    if not len(analysis):
        return np.zeros(0, np.intp)
    sure = analysis.scores >= analysis.scores.max() - UNSURE
    candidates = np.flatnonzero(analysis.usable & sure)
    areas = analysis.boxes[candidates, 2] * analysis.boxes[candidates, 3]
    return candidates[np.argsort(-areas, kind="stable")]


def choose_face(analysis: Analysis) -> int | str:
    """Choose the number of the face to enrol; otherwise the fault of the photo, in words."""
    if not len(analysis):
        return "no face found"
    candidates = candidates_of(analysis)
    if not len(candidates):
        return "the face is too small, blurred or turned away to tell who it is"
    areas = analysis.boxes[candidates, 2] * analysis.boxes[candidates, 3]
    if len(areas) > 1 and areas[0] < DOMINANT * areas[1]:
        return f"{len(areas)} faces, and none is clearly the largest: crop it to the person"
    return int(candidates[0])


def enrol_one(reference: Reference, source: Store, pack: ModelPack, spec: JobSpec) -> Enrolled:
    """Embed the faces of one reference photo; take one, or report the reason why there is none.

    ``spec`` has the search profile and the limits of a photo's size.
    """
    limits = spec.limits
    try:
        blob = source.get(reference.photo.key, limit=limits.max_bytes)
        analysis = analyse(
            blob.data,
            pack,
            max_pixels=limits.max_pixels,
            profile=spec.profile,
            rescue_tight=True,
        )
    except ObjectError as error:
        return Enrolled(reference, report_of(reference, "unreadable", error.label()))
    except PhotoError as error:
        return Enrolled(reference, report_of(reference, "unreadable", error.reason))
    content = hashlib.sha256(blob.data).hexdigest()
    return _with_choice(reference, analysis, blob.etag, content)


def _with_choice(reference: Reference, analysis: Analysis, etag: str, content: str) -> Enrolled:
    """Take the face that stands out by its size, if one does."""
    faces = tuple(_face(analysis, int(n), content) for n in candidates_of(analysis))
    choice = choose_face(analysis)
    fault = choice if isinstance(choice, str) else None
    state = "enrolled" if fault is None else "ambiguous" if faces else "no_face"
    report = report_of(reference, state, fault).model_copy(
        update={"orientation": analysis.orientation}
    )
    if fault is not None:
        return Enrolled(reference, report, etag=etag, others=faces)
    return Enrolled(reference, report, etag=etag, others=faces[1:]).taking(faces[0], None)


def _face(analysis: Analysis, number: int, content: str) -> ReferenceFace:
    x, y, w, h = (float(value) for value in analysis.boxes[number])
    return ReferenceFace(
        box=(x, y, w, h),
        quality=float(analysis.qualities[number]),
        embedding=analysis.embeddings[number],
        parts={name: float(part[number]) for name, part in analysis.parts.items()},
        content=content,
    )


def report_of(reference: Reference, state: str, reason: str | None) -> ReferenceReport:
    """The report on a reference in a state, for a reason in words."""
    return ReferenceReport.model_validate(
        {
            "person": reference.person,
            "photo": reference.photo.key,
            "state": state,
            "reason": reason,
        }
    )
