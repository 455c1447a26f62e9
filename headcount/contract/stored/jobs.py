"""The records of jobs: what was asked, planned and done, and who is at work."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from headcount.contract.reading import FIRST
from headcount.contract.record import Record
from headcount.contract.stored.archive import PackRecord
from headcount.contract.stored.in_hand import HeldUnit
from headcount.contract.stored.references import ReferenceReport
from headcount.contract.stored.workers import SlowPhoto, WorkerRefusal
from headcount.contract.vocabulary import Outcome
from headcount.settings import MAX_FACES, ProfileName, Separator, Settings

TableFormat = Literal["parquet", "csv", "jsonl", "xlsx"]
TABLE_FORMATS: tuple[TableFormat, ...] = get_args(TableFormat)


class Limits(Record):
    """The largest photo that is read, the most faces kept of it, and the largest shard."""

    max_bytes: int
    max_pixels: int
    max_faces: int = MAX_FACES
    shard_photos: int
    shard_bytes: int


class SheetForm(BaseModel):
    """The form of result tables for people, as CSV and XLSX."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    separator: Separator = Field(",", description="of CSV")
    bom: bool = Field(True, description="whether CSV begins with a byte order mark")
    landmarks: bool = Field(False, description="whether columns of lists are in there")

    @classmethod
    def of(cls, settings: Settings) -> SheetForm:
        """The form that an operator's settings ask for."""
        return cls(
            separator=settings.csv_separator,
            bom=settings.csv_bom,
            landmarks=settings.sheet_landmarks,
        )


class JobRequest(Record):
    """The wishes for a job, whether it runs once or every night. Never holds a secret."""

    photos: str | None = Field(description="URI of the collection; None: only enrol people")
    people: str | None = None
    expected: str | None = Field(None, description="URI of a roster: who is expected where")
    keep_poor: bool = Field(False, description="enrol also references that the gate would refuse")
    archive: str
    model: str
    profile: ProfileName = Field("balanced", description="how hard photos are searched for faces")
    all_objects: bool = False
    archives: bool = Field(False, description="look into the tar and ZIP files of a folder")
    include: tuple[str, ...] = Field(
        (), description="globs of keys that are let in although they would be left out"
    )
    exclude: tuple[str, ...] = Field((), description="globs of keys that are left out")
    beside: bool = Field(
        False, description="embed with this model pack beside the one that the archive goes by"
    )
    annotate: int = Field(200, ge=0, description="photos to annotate and show, at most")
    priority: Literal["low", "normal", "high"] = Field(
        "normal", description="its share of the workers beside other jobs"
    )
    false_positives: float = Field(
        1e-3, gt=0, lt=1, description="share of strangers that may be taken for a person enrolled"
    )
    purity: float = Field(
        0.5, ge=0, le=1, description="1: few false joins of clusters; 0: few split people"
    )
    reread: int | Literal["all"] | None = Field(
        None, description="photos of an older reading to read anew beside what is new, at most"
    )
    first: int | None = Field(
        None, ge=1, description="so many photos, drawn at random, are a first look at all"
    )
    until: str | None = Field(
        None, description="no shard is begun after it: HH:MM, or a date and time (ISO 8601)"
    )
    worker_hours: float | None = Field(
        None, gt=0, description="no shard is begun once workers have spent so many hours on shards"
    )
    formats: tuple[TableFormat, ...] = ("parquet",)
    sheets: SheetForm = Field(SheetForm(), description="of the tables as CSV and XLSX")


class JobSpec(JobRequest):
    """``spec.json``: one job, with every default said."""

    job_id: str
    created: datetime
    out: str
    limits: Limits
    ends: datetime | None = Field(None, description="`until` as a moment: no shard is begun after")
    retries: tuple[Outcome, ...] = Field(
        (), description="only photos that the archive knows with one of these outcomes; empty: all"
    )
    rematch: str | None = Field(
        None, description="the pack whose faces are matched anew, without photos; None: a run"
    )


class ManifestPhoto(BaseModel):
    """One photo of a shard."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    etag: str
    size: int
    taken: str = Field("", description="when it was taken, as a list says it; empty: no list does")


class ShardManifest(Record):
    """The photos of one shard."""

    unit: str
    photos: tuple[ManifestPhoto, ...]
    reread: bool = Field(False, description="whether they are known photos, read anew")
    profile: ProfileName | None = Field(
        None, description="how hard they are searched, as they were before; None: as the job says"
    )

    @property
    def bytes(self) -> int:
        """The size of its photos."""
        return sum(photo.size for photo in self.photos)


class PlanRecord(Record):
    """``plan.json``: the counts of planning. Written after all shards."""

    photos: int = Field(description="photos of the collection")
    bytes: int
    other_objects: int = Field(description="objects that are no photos: counted, left alone")
    other_suffixes: dict[str, int] = Field(
        {}, description="those of them that may be images, by suffix in lower case"
    )
    left_out: dict[str, int] = Field(
        {}, description="image files that are no photos of the collection, by what left them out"
    )
    new: int
    changed: int
    known: int
    removed: int = Field(description="photos the archive knows that are gone from the collection")
    shards: int
    replaced_lists: int = 0
    after: str = Field("", description="the job whose commit was the last one it has seen")
    planned_photos: int
    planned_bytes: int
    older_reading: int = Field(0, description="known photos of an older reading than the job's")
    reread: int = Field(0, description="those of them that the job reads anew")
    hand_drawn: int = Field(
        0,
        description="known photos embedded again: a face in them was drawn by hand, or taken back",
    )


class FirstLookRecord(Record):
    """``first.json``: the photos drawn for a first look, over the whole listing."""

    photos: tuple[str, ...] = Field(description="in the order of keys")
    total: int = Field(description="photos that they were drawn from")
    scopes: dict[str, int] = Field(
        {},
        description="photos of the whole collection in each scope of the roster: of those that are "
        "not one photo, or none",
    )


class ReplacedRecord(Record):
    """Photos whose old rows go when the job is committed: they changed, or are gone."""

    photos: tuple[str, ...]


class SplitRecord(Record):
    """``split.json``: a reduce stage that is done in several tasks, all on the same tables."""

    faces_version: int
    gallery_version: int
    parts: tuple[tuple[int, ...], ...] = Field(
        description="fragments of the table of faces: those of each task that compares faces"
    )
    faces: int = Field(description="those to be clustered")
    groups: tuple[tuple[int, int], ...] = Field(
        description="cells, from the first up to the last: those of each task that joins cells"
    )
    renames: tuple[tuple[str, str, str], ...] = Field(
        (), description="earlier ids of people, with the id and name that the tasks know them by"
    )


class CutRecord(Record):
    """``cut.json``: a job whose budget was spent: shards that it leaves to the next job."""

    at: datetime
    reason: str
    units: tuple[str, ...] = Field(description="shards that were not begun")
    photos: int = Field(description="photos in them")


class DoneMarker(Record):
    """A finished unit of work: its report, and the data it has to offer.

    Counts of all markers are summed; nothing is ever incremented, so a unit that was done twice
    counts once.
    """

    unit: str
    attempt: int
    worker: str
    seconds: float
    photos: int = 0
    faces: int = 0
    bytes: int = 0
    outcomes: dict[str, int] = Field({})
    stages: dict[str, float] = Field(
        {}, description="seconds spent, by stage, over all threads; wait: those without a photo"
    )
    photo_fragments: tuple[str, ...] = ()
    face_fragments: tuple[str, ...] = ()
    pack: PackRecord | None = None
    references: tuple[ReferenceReport, ...] = ()
    kept: tuple[str, ...] = Field(
        (), description="photos out of reach, whose rows in the archive stay as they are"
    )
    counts: dict[str, int] = Field({})
    left_out: dict[str, int] = Field(
        {}, description="image files of the people folder that are no references, by rule"
    )
    reading: int = Field(FIRST, description="that of the worker's build")
    gallery_version: int | None = Field(
        None, description="of the table of references that the reduce stage matched with"
    )


class FailedMarker(Record):
    """The reason why a unit of work cannot succeed."""

    unit: str
    message: str
    detail: str | None = Field(None, description="the traceback, where it is a defect")


class AttemptRecord(Record):
    """One attempt at a unit of work, written before it starts."""

    unit: str
    attempt: int
    worker: str
    started: datetime


class SuspectRecord(Record):
    """The photo an attempt was at, written before it is touched."""

    photo: str


class ProgressRecord(Record):
    """A snapshot of a running job."""

    job_id: str
    stage: str
    updated: datetime
    photos_total: int = 0
    photos_done: int = 0
    faces: int = 0
    outcomes: dict[str, int] = Field({})
    stages: dict[str, float] = Field({}, description="those of the finished shards, summed")
    shards_total: int = 0
    shards_done: int = 0
    shards_in_flight: int = 0
    resent: int = 0
    lost_in_hand: int = Field(0, description="of those sent again, units that a worker had in hand")
    worker_seconds: float = Field(0.0, description="that workers spent on the finished shards")
    photos_per_second: float | None = None
    seconds_left: float | None = None
    slow: SlowPhoto | None = Field(None, description="the photo in hand for longest, if for long")
    in_hand: tuple[HeldUnit, ...] = Field((), description="units of which a worker was heard")
    refusals: tuple[WorkerRefusal, ...] = Field((), description="workers that cannot work")


class ControlRecord(Record):
    """``control.json``: a paused or cancelled job; while it is there nobody begins anything new."""

    state: Literal["paused", "cancelled"]
    since: datetime


class FinishedRecord(Record):
    """``finished.json``: the end of a job."""

    job_id: str
    state: Literal["done", "failed", "cancelled"]
    finished: datetime
    message: str | None = None
    out: str
    photos: int = 0
    failures: int = Field(0, description="photos that could not be processed")
    reference_failures: int = 0
    references_noted: int = Field(0, description="enrolled, with a reason in the report on them")
    names_alike: int = Field(0, description="people whose names differ by case only")
    references_withdrawn: int = Field(0, description="those gone from the people folder")
    references_forgotten: int = Field(0, description="passed over: of people who were forgotten")
    expected: dict[str, int] = Field({}, description="expectations by status")
    new_absences: int = Field(0, description="absences that were none in the run before")
    ended_absences: int = Field(0, description="absences of the run before whose people were found")
    sample: bool = Field(False, description="a first look: its tables have a sample of the photos")
    older_reading: int = Field(0, description="photos of an older reading than this build's")
    left: int = Field(0, description="planned photos that a budget left to the next job")


class ScheduleRecord(JobRequest):
    """``schedules/<name>.json``: a job that is begun again and again."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")
    created: datetime
    cron: str
    timezone: str


class ScheduledRunRecord(Record):
    """One run of a schedule; written before its job is."""

    schedule: str
    number: int = Field(ge=1)
    label: str = Field(description="the local date it was due on")
    due: datetime
    began: datetime
    job_id: str
    out: str
