"""The view of a run: plain values that the report and the annotated photos show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from headcount.contract.stored.archive import PackRecord
from headcount.contract.stored.jobs import JobSpec
from headcount.contract.stored.references import ReferenceReport
from headcount.contract.vocabulary import EXPECTED_HERE, Box, Decision, Outcome
from headcount.rosters.statuses import MISSING, Status
from workers.report.worth_a_look import Look

UNTOLD = (Status.PHOTO_UNREADABLE, Status.PHOTO_ABSENT, Status.NOT_ENROLLED)
"""The statuses of expectations that could not be checked, and are nobody's absence."""


@dataclass(frozen=True, slots=True)
class ShownFace:
    """One face of a shown photo; ``nearest`` is its nearest person, also without a match.

    ``discount`` is what the ``similarity`` to that person is worth less, since both pictures are
    poor. ``probability`` is the chance that ``nearest`` is right, or the name a roster gave.
    """

    face_id: str
    box: Box
    decision: Decision
    quality: float
    person: str | None = None
    nearest: str | None = None
    similarity: float | None = None
    probability: float | None = None
    runner_up: str | None = None
    margin: float | None = None
    cluster_id: str | None = None
    evidence: str | None = None
    discount: float = 0.0
    tag: str = ""
    """A short name of its cluster, unique within the run."""
    threshold: float | None = None
    """The threshold of the run: a similarity that would look the same has more digits."""
    crop: bytes = field(default=b"", repr=False)
    """A square JPEG of the face with some surroundings, about 96 pixels wide."""
    said: str = ""
    """Who named it and when, in words; empty of a face that no person named."""

    @property
    def weight(self) -> float | None:
        """Similarity less its discount, which is held against the threshold."""
        return None if self.similarity is None else self.similarity - self.discount

    @property
    def chance(self) -> float | None:
        """Probability of the name that the face has; None without a name, or for another person."""
        of_name = self.person == self.nearest or self.evidence == EXPECTED_HERE
        return self.probability if self.person and of_name else None


@dataclass(frozen=True, slots=True)
class ShownPhoto:
    """A photo of the collection with its faces, left to right, and the people missing from it."""

    key: str
    width: int
    height: int
    faces: tuple[ShownFace, ...]
    missing: tuple[str, ...] = ()
    annotated: str | None = None
    """Link to the annotated photo, relative to the report page."""
    preview: bytes = field(default=b"", repr=False)
    """The annotated photo as a JPEG of at most 960 pixels."""
    taken: datetime | None = None
    """When it was taken, by the clock on the wall; None where nothing says it."""
    note: str | None = None
    """What is not all there of it, as its last rows; None of a whole photo."""


@dataclass(frozen=True, slots=True)
class ShownReference:
    """A reference photo, its report, and the face taken from it."""

    report: ReferenceReport
    preview: bytes = field(default=b"", repr=False)
    crop: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class ShownPerson:
    """An enrolled person with counts of references, photos and faces.

    ``found`` has the person's face in some of the photos that are shown: keys and JPEGs. Of a
    ``brief`` one the first reference alone is shown, without its photo.
    """

    person_id: str
    person: str
    reference_count: int
    photos: int
    faces: int
    shown: tuple[ShownReference, ...] = ()
    found: tuple[tuple[str, bytes], ...] = ()
    brief: bool = False


@dataclass(frozen=True, slots=True)
class ShownLook:
    """A face that is worth a look, beside the reference that it was compared with.

    ``reference`` is that reference's crop, ``reference_photo`` its photo; where the nearest is not
    known, or is not this person's, they are those of the person's first reference.
    """

    look: Look
    face: ShownFace
    reference: bytes = field(default=b"", repr=False)
    reference_photo: str | None = None


@dataclass(frozen=True, slots=True)
class ShownCluster:
    """A cluster without a name: counts of all its faces, crops of some."""

    cluster_id: str
    faces: int
    photos: int
    crops: tuple[tuple[str, bytes], ...] = ()
    """Photo key and JPEG of each shown face, the exemplar first."""
    tag: str = ""
    """A short name, unique within the run."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Photos that could not be processed, by cause."""

    outcome: str
    reason: str
    photos: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShownMissing:
    """Expectations that are not met or accepted, as ``rows`` of EXPECTED, all of them.

    ``statuses`` counts all expectations. ``crops`` has the nearest face of some rows, by photo and
    face id, ``references`` a reference of the people of these rows, by name: JPEGs.
    """

    rows: pa.Table
    statuses: Mapping[str, int]
    crops: Mapping[tuple[str, str], bytes] = field(default_factory=dict, repr=False)
    references: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def expected(self) -> int:
        """Number of all expectations."""
        return sum(self.statuses.values())

    @property
    def absences(self) -> int:
        """Number of expectations of people who were looked for and not found."""
        return sum(self.statuses.get(status, 0) for status in MISSING)

    @property
    def accepted(self) -> int:
        """Number of absences that somebody said are fine."""
        return self.statuses.get(Status.ACCEPTED, 0)

    @property
    def untold(self) -> int:
        """Number of expectations that could not be checked."""
        return sum(self.statuses.get(status, 0) for status in UNTOLD)


@dataclass(frozen=True, slots=True)
class Report:
    """All values of the page. Totals are of the whole run; lists may be cut, and say so."""

    spec: JobSpec
    pack: PackRecord
    threshold: float
    """Least similarity of a match; it grows with the gallery."""
    photos: int
    outcomes: dict[str, int]
    faces: int
    decisions: dict[str, int]
    clusters_total: int
    """Clusters without a name, but for those that people want to be left alone."""
    people: tuple[ShownPerson, ...]
    shown: tuple[ShownPhoto, ...]
    clusters: tuple[ShownCluster, ...]
    failures: tuple[Failure, ...]
    seconds: dict[str, float]
    missing: ShownMissing | None = None
    """Expectations that are not met; None without a roster."""
    looks: tuple[ShownLook, ...] = ()
    """Faces that are worth a look, those first of which an answer tells most."""
    checked: tuple[str, ...] = ()
    """Sentences about checks of this job; a new job has none, and a check adds them later."""
    people_total: int | None = None
    """Enrolled people, where ``people`` lists only some of them."""
    people_found: int | None = None
    """People who were found at least once, where ``people`` lists only some of them."""
    people_refused: int = 0
    """People none of whose references could be used; ``people`` may list only some of them."""
    references_forgotten: int = 0
    """Reference photos that were passed over because their people were forgotten."""
    look_alikes: tuple[tuple[str, str, float], ...] = ()
    """Names of people whose references are alike, and how much."""
    expected_forgotten: int = 0
    """Pairs of photo and person that were passed over for the same reason."""
    older_reading: int = 0
    """Photos of the collection of an older reading than this build's."""
    left_out: tuple[str, ...] = ()
    """Sentences about files that were left out, of the collection and of the people folder."""
    left: int = 0
    """Photos that the job leaves to the next one, since its budget was spent."""
    clusters_dismissed: int = 0
    """Clusters that people want to be left alone."""
    sample_of: int | None = None
    """Photos that those of a first look were drawn from; None of a run over all photos."""

    @property
    def dated(self) -> int:
        """Number of shown photos that tell when they were taken."""
        return sum(photo.taken is not None for photo in self.shown)

    @property
    def missing_total(self) -> int:
        """Number of expectations of people who were looked for and not found."""
        return self.missing.absences if self.missing else 0

    @property
    def enrolled(self) -> int:
        """Number of enrolled people."""
        return len(self.people) if self.people_total is None else self.people_total

    @property
    def found(self) -> int:
        """Number of people who were found at least once."""
        if self.people_found is not None:
            return self.people_found
        return sum(person.faces > 0 for person in self.people)

    @property
    def named(self) -> int:
        """Number of faces with a name."""
        return self.decisions.get(Decision.MATCHED, 0) + self.decisions.get(Decision.INFERRED, 0)

    @property
    def unprocessed(self) -> int:
        """Number of photos that could not be processed."""
        return sum(n for outcome, n in self.outcomes.items() if not Outcome(outcome).processed)
