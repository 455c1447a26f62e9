"""The layout of an archive: every key that headcount reads or writes, in one place.

inventory.py lists the places, and says whether people may be in there.
"""

from __future__ import annotations

from dataclasses import dataclass

ARCHIVE = "archive.json"
CONDITIONAL = "conditional.json"
PROBES = "probes/"
JOBS = "jobs/"
SCHEDULES = "schedules/"
AUDIT = "audit/"
ANSWERS = "decisions/"
CHECKS = "checks/"
ROLLBACK = "rollback.json"
ROLLBACKS = "rollbacks/"
FORGETTING = "forgetting.json"
FORGOTTEN = "forgotten/"
PACKS = "packs/"
LEASES = "leases/"
COMMITS = "commits/"
PRUNING = "pruning.json"
SUMS = "sums/"

PREPARE = "prepare"
SPLIT = "split"
REDUCE = "reduce"


def shard_name(number: int) -> str:
    """The unit of work that is shard ``number``; names sort as their numbers do."""
    return f"embed-{number:07d}"


def is_shard(unit: str) -> bool:
    """Whether a unit of work embeds photos."""
    return unit.startswith("embed-")


def reduces(unit: str) -> bool:
    """Whether a unit of work is of the reduce stage."""
    return unit.split("-", maxsplit=1)[0] in (SPLIT, "match", "join", REDUCE)


def match_name(part: int) -> str:
    """The unit that compares one part of a collection's faces."""
    return f"match-{part:07d}"


def join_name(group: int) -> str:
    """The unit that looks for neighbours in one group of cells."""
    return f"join-{group:07d}"


def index_folder(name: str) -> str:
    """The folder of the index of one version of a container."""
    return f"indexes/{name}/"


def commit_key(collection: str) -> str:
    """The key of the record of a collection's last commit."""
    return f"{COMMITS}{collection}.json"


@dataclass(frozen=True, slots=True)
class LeaseKeys:
    """The keys of one lease."""

    name: str

    @property
    def root(self) -> str:
        """The folder of its terms."""
        return f"{LEASES}{self.name}/"

    def term(self, number: int) -> str:
        """The ``number``-th term; written once."""
        return f"{self.root}{number:010d}.json"

    def heartbeat(self, number: int) -> str:
        """The heartbeat of that term's holder."""
        return f"{self.root}{number:010d}.sign"


@dataclass(frozen=True, slots=True)
class PackKeys:
    """The keys of one model pack's part of an archive."""

    pack_id: str

    @property
    def root(self) -> str:
        """The folder of everything made by this pack."""
        return f"packs/{self.pack_id}/"

    @property
    def record(self) -> str:
        """The pack's own record."""
        return f"{self.root}pack.json"

    @property
    def reading(self) -> str:
        """The newest reading of its rows; there is none before the second."""
        return f"{self.root}reading.json"

    @property
    def calibration(self) -> str:
        """The thresholds that were measured on this archive, where somebody kept them."""
        return f"{self.root}calibration.json"

    @property
    def photos(self) -> str:
        """The table of photos."""
        return f"{self.root}photos.lance"

    @property
    def faces(self) -> str:
        """The table of faces."""
        return f"{self.root}faces.lance"

    @property
    def gallery(self) -> str:
        """The table of references."""
        return f"{self.root}gallery.lance"

    def assignment_folder(self, collection: str) -> str:
        """The folder of the assignments of a collection's faces, by job."""
        return f"{self.root}rolls/{collection}/"

    def assignments(self, collection: str, job_id: str) -> str:
        """The assignments of one job."""
        return f"{self.assignment_folder(collection)}{job_id}.parquet"

    def expectation_folder(self, collection: str) -> str:
        """The folder of a collection's expectations, by job."""
        return f"{self.root}expected/{collection}/"

    def expectations(self, collection: str, job_id: str) -> str:
        """The expectations of one job, and what became of them."""
        return f"{self.expectation_folder(collection)}{job_id}.parquet"

    def lineages(self, collection: str) -> str:
        """The folder of the lineage of a collection's clusters, by job."""
        return f"{self.root}lineage/{collection}/"

    def lineage(self, collection: str, job_id: str) -> str:
        """The lineage of clusters in one job."""
        return f"{self.lineages(collection)}{job_id}.parquet"


@dataclass(frozen=True, slots=True)
class JobKeys:
    """The keys of one job."""

    job_id: str

    @property
    def root(self) -> str:
        """The job's folder."""
        return f"{JOBS}{self.job_id}/"

    @property
    def spec(self) -> str:
        """The job's request, with every default."""
        return f"{self.root}spec.json"

    @property
    def plan(self) -> str:
        """The plan's summary; there once every shard manifest is."""
        return f"{self.root}plan.json"

    @property
    def first_look(self) -> str:
        """The photos drawn for a first look; there only where the job is one."""
        return f"{self.root}first.json"

    @property
    def cut(self) -> str:
        """The shards that the job leaves; there only where its budget was spent."""
        return f"{self.root}cut.json"

    @property
    def answers(self) -> str:
        """The keys of the answers that the reduce stage read."""
        return f"{self.root}answers.json"

    @property
    def commit(self) -> str:
        """The versions of the tables after the job's commit."""
        return f"{self.root}commit.json"

    @property
    def progress(self) -> str:
        """The latest snapshot of the job's progress."""
        return f"{self.root}progress.json"

    @property
    def control(self) -> str:
        """The flag that pauses or cancels the job."""
        return f"{self.root}control.json"

    @property
    def finished(self) -> str:
        """The job's end."""
        return f"{self.root}finished.json"

    @property
    def results(self) -> str:
        """The default place of the results."""
        return f"{self.root}results/"

    @property
    def done_folder(self) -> str:
        """All done markers."""
        return f"{self.root}done/"

    @property
    def failed_folder(self) -> str:
        """All failure markers."""
        return f"{self.root}failed/"

    @property
    def handed_on(self) -> str:
        """Everything that tasks of the reduce stage hand on."""
        return f"{self.root}reduce/"

    @property
    def split(self) -> str:
        """The split of the reduce stage into tasks."""
        return f"{self.handed_on}split.json"

    @property
    def centroids(self) -> str:
        """The centroids that cut the embeddings into cells."""
        return f"{self.handed_on}pivots.npz"

    def numbers(self, part: int) -> str:
        """The rows of a part that are to be clustered."""
        return f"{self.handed_on}numbers/{part:07d}.npz"

    def matches(self, part: int) -> str:
        """The nearest people of a part's rows."""
        return f"{self.handed_on}matches/{part:07d}.npz"

    def places(self, part: int, group: int) -> str:
        """The rows of a part that are queries of a group's cells."""
        return f"{self.handed_on}places/{group:07d}/{part:07d}.npz"

    def neighbours(self, group: int) -> str:
        """The neighbours found in the cells of a group."""
        return f"{self.handed_on}finds/{group:07d}.npz"

    @property
    def replaced_folder(self) -> str:
        """All lists of photos whose old rows go."""
        return f"{self.root}replaced/"

    def replaced(self, number: int) -> str:
        """One list of photos whose old rows go."""
        return f"{self.replaced_folder}{number:06d}.json"

    def shard(self, unit: str) -> str:
        """A shard's manifest."""
        return f"{self.root}shards/{unit}.json"

    def done(self, unit: str) -> str:
        """A unit's done marker."""
        return f"{self.done_folder}{unit}.json"

    def failed(self, unit: str) -> str:
        """A unit's failure marker."""
        return f"{self.failed_folder}{unit}.json"

    @property
    def attempts_folder(self) -> str:
        """The folder of the attempts at all units."""
        return f"{self.root}attempts/"

    def attempts(self, unit: str) -> str:
        """The folder of a unit's attempts."""
        return f"{self.attempts_folder}{unit}/"

    def attempt(self, unit: str, number: int) -> str:
        """One attempt at a unit."""
        return f"{self.attempts(unit)}{number:04d}.json"

    def suspect(self, unit: str, number: int) -> str:
        """The photo that one attempt was working on."""
        return f"{self.root}suspects/{unit}/{number:04d}.json"


@dataclass(frozen=True, slots=True)
class ScheduleKeys:
    """The keys of one schedule."""

    name: str

    @property
    def record(self) -> str:
        """The schedule itself."""
        return f"{SCHEDULES}{self.name}.json"

    @property
    def runs(self) -> str:
        """The folder of its runs; their names sort as their numbers do."""
        return f"{SCHEDULES}{self.name}/nights/"

    def run(self, number: int) -> str:
        """One run."""
        return f"{self.runs}{number:06d}.json"

    def told(self, number: int) -> str:
        """The mark that the end of one run was reported."""
        return f"{SCHEDULES}{self.name}/told/{number:06d}"

    def results(self, label: str) -> str:
        """The results of one run."""
        return f"nights/{self.name}/{label}/"
