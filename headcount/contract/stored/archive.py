"""The records of an archive as a whole: its pack, its commits, its audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from headcount.contract.record import Record


class ModelChoice(Record):
    """The pack an archive was made with."""

    name: str
    pack_id: str


class ArchiveRecord(Record):
    """``archive.json``: written once, by the first job."""

    format: Literal[1] = 1
    created: datetime
    model: ModelChoice


class ConditionalRecord(Record):
    """``conditional.json``: the store that was found to have conditional writes.

    An archive that was moved to another is tried again.
    """

    uri: str
    endpoint: str
    tried: datetime


class ReadingRecord(Record):
    """``reading.json``: the newest reading of a pack's rows in the archive."""

    reading: int


class PackRecord(Record):
    """``pack.json``: the description of a model pack, so that results can be judged years later."""

    name: str
    pack_id: str
    digest: str
    detector: str
    detector_sha256: str
    recogniser: str
    recogniser_sha256: str
    dimensions: int
    licence: str
    threshold: float
    margin: float
    cluster_threshold: float
    cluster_group_threshold: float = 0.50
    cosine_per_decade: float = Field(
        0.05, alias="decade", description="the cosine per power of ten of the false match rate"
    )
    fmr: tuple[tuple[float, float], ...] = Field(
        (), description="false match rates of a pair and their cosines"
    )
    calibration: tuple[float, float] | None = Field(
        None, description="slope and intercept of the logistic from similarity to probability"
    )
    feature_lengths: tuple[float, float] | None = Field(
        None, description="of a recogniser's features for no face and for a good one"
    )


class CalibrationRecord(Record):
    """``calibration.json``: thresholds of an archive's own faces, in place of the pack's."""

    made: datetime
    threshold: float = Field(description="the least evidence at which a face is matched")
    rate: float = Field(description="the false match rate that this evidence was measured to have")
    fmr: tuple[tuple[float, float], ...]
    calibration: tuple[float, float] | None
    scale: Literal["cosine", "evidence"] = Field(
        "cosine", description="what was measured: an earlier build's cosines are not gone by"
    )

    def applied(self, pack: PackRecord) -> PackRecord:
        """The pack with these figures in place of its own."""
        figures = {"threshold": self.threshold, "fmr": self.fmr, "calibration": self.calibration}
        return pack.model_copy(update=figures)


class CommitRecord(Record):
    """``commit.json``: the versions of a pack's tables after a job's commit."""

    pack_id: str
    photos: int
    faces: int
    gallery: int
    at: datetime
    seconds: float = Field(0.0, description="that the commit took")


class LastCommitRecord(Record):
    """The last commit of a collection: written before it as not made, and after it as made."""

    job_id: str
    made: bool


class RollbackRecord(Record):
    """A rollback: to the tables as they were with this job in them."""

    job_id: str
    at: datetime
    undone: tuple[str, ...] = Field((), description="the jobs that were committed after it")


class PruningRecord(Record):
    """``pruning.json``: a `prune` that is at work, or was interrupted."""

    at: datetime
    host: str
    pid: int
    token: str = Field(description="by which a prune knows its own mark")
    count: int = Field(description="grows while it is at work")


class SumsRecord(Record):
    """Sums of files of the archive's tables, which are written once and never changed."""

    at: datetime
    files: dict[str, tuple[int, str]] = Field(description="size and SHA-256 by key")
    versions: dict[str, int] = Field(
        {}, description="the latest version of each table whose files all have sums, by its key"
    )


class AuditRecord(Record):
    """One line of the audit log: actor, action and subject. Names no person, only the id."""

    at: datetime
    actor: str = Field(description="account and machine, or HEADCOUNT_ACTOR")
    action: Literal[
        "search",
        "name",
        "reject",
        "forget",
        "remember",
        "enroll",
        "withdraw",
        "merge",
        "split",
        "rename",
        "rollback",
        "calibrate",
        "uncalibrate",
        "use",
        "drop",
        "prune",
        "export",
        "results",
        "people",
        "explain",
        "check",
        "not",
        "same",
        "apart",
        "confirm",
        "dismiss",
        "not_a_face",
        "reference",
        "no_reference",
        "accept_absent",
        "face",
        "undo",
        "review",
    ]
    subject: str = Field(
        description="ids of people or clusters, of a face or an answer, or what was searched by"
    )
    detail: dict[str, str | int] = Field({})
    chain: str = Field("", description="the process's lines; empty: of an earlier build")
    number: int = Field(0, description="its place among them, from 1")
    before: str = Field("", description="SHA-256 of the line before in the chain, or `first`")
