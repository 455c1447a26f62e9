"""Estimate of a job: photos, bytes, formats; from a sample, faces and time too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath

from headcount.contract.layout import JobKeys, shard_name
from headcount.contract.record import read_record
from headcount.contract.stored.jobs import (
    DoneMarker,
    JobSpec,
    PlanRecord,
    ShardManifest,
)
from headcount.s3_settings import S3Settings
from headcount.storage import ObjectInfo, Store, canonical_uri, open_store
from headcount.storage.local.scratch import scratch_folder
from orchestrator.jobs.compare import State
from orchestrator.jobs.first_look import Reservoir
from orchestrator.jobs.hand_drawn import Redrawing, pending_photos
from orchestrator.jobs.plan import pack_id_of, states_of
from orchestrator.jobs.reread import rereading
from orchestrator.jobs.shards import Tally, in_manifest


@dataclass(slots=True)
class Estimate:
    """Counts that planning would make, made without writing anything."""

    photos: int = 0
    bytes: int = 0
    other_objects: int = 0
    other_suffixes: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    new: int = 0
    changed: int = 0
    known: int = 0
    removed: int = 0
    planned_photos: int = 0
    planned_bytes: int = 0
    older_reading: int = 0
    older_by_class: dict[str, int] = field(default_factory=dict)
    reread: int = 0
    reread_by_class: dict[str, int] = field(default_factory=dict)
    hand_drawn: int = 0
    first: dict[str, int] | None = None
    """Photos of a first look, and how many of them it would plan, with their bytes."""
    formats: Counter[str] = field(default_factory=Counter)

    def add(self, state: State, info: ObjectInfo) -> None:
        """Count one photo with its state."""
        setattr(self, state.value, getattr(self, state.value) + 1)
        if state is State.REMOVED:
            return
        self.photos += 1
        self.formats[PurePosixPath(info.key).suffix.lower().lstrip(".") or "none"] += 1
        if state is not State.KNOWN:
            self._add_planned(info)

    def add_reread(self, info: ObjectInfo) -> None:
        """Count one known photo that is to be read anew."""
        self.reread += 1
        self._add_planned(info)

    def add_hand_drawn(self, info: ObjectInfo) -> None:
        """Count one known photo that is embedded again for a face drawn by hand."""
        self.hand_drawn += 1
        self._add_planned(info)

    def _add_planned(self, info: ObjectInfo) -> None:
        self.planned_photos += 1
        self.planned_bytes += info.size

    def as_dict(self) -> dict[str, object]:
        """The counts for JSON, the most frequent format first."""
        return asdict(self) | {"formats": dict(self.formats.most_common())}


@dataclass(frozen=True, slots=True)
class Sample:
    """Counts and seconds of a worker over a sample of the photos."""

    photos: int
    bytes: int
    faces: int
    seconds: float
    outcomes: dict[str, int]

    def scaled_to(self, photos: int) -> dict[str, float]:
        """Expected faces and hours of one such worker for ``photos`` photos like these."""
        each = photos / self.photos
        return {
            "expected_faces": round(self.faces * each),
            "worker_hours": self.seconds * each / 3600,
        }


def survey(
    store: Store, spec: JobSpec, s3: S3Settings, sample: int
) -> tuple[Estimate, list[ObjectInfo]]:
    """Count the photos the job would plan; choose ``sample`` of them, in key order.

    Where the spec is a first look, what that would plan of its photos is counted too.
    """
    estimate, tally = Estimate(), Tally()
    chosen: Reservoir[ObjectInfo] = Reservoir(sample)
    drawn: Reservoir[tuple[State, ObjectInfo]] = Reservoir(spec.first or 0, spec.job_id)
    pack_id = pack_id_of(store, spec)
    with rereading(store, spec, pack_id, survey=True) as old:
        hand = Redrawing(pending_photos(store, spec, s3, pack_id), old.offer)
        for state, info in states_of(store, spec, s3, tally, pack_id=pack_id, settled=hand.offer):
            estimate.add(state, info)
            if state is not State.REMOVED:
                drawn.offer((state, info))
            if state in (State.NEW, State.CHANGED):
                chosen.offer(info)
        for pending in hand.found:
            estimate.add_hand_drawn(pending.info)
            chosen.offer(pending.info)
        for info in old.chosen():
            estimate.add_reread(info)
            chosen.offer(info)
    estimate.older_reading = old.older
    estimate.older_by_class = {str(gain): count for gain, count in old.classes.items()}
    estimate.reread_by_class = old.chosen_by_class()
    estimate.bytes, estimate.other_objects = tally.bytes, tally.left_out.others
    estimate.other_suffixes = dict(tally.left_out.suffixes.most_common())
    estimate.left_out = dict(tally.left_out.by_rule.most_common())
    if spec.first is not None:
        estimate.first = _first_look(drawn.items)
    return estimate, sorted(chosen.items, key=lambda info: info.key)


def _first_look(drawn: list[tuple[State, ObjectInfo]]) -> dict[str, int]:
    sizes = [info.size for state, info in drawn if state is not State.KNOWN]
    return {"photos": len(drawn), "planned_photos": len(sizes), "planned_bytes": sum(sizes)}


def run_sample(
    spec: JobSpec, photos: list[ObjectInfo], run: Callable[[Store, JobSpec], object]
) -> Sample:
    """Let ``run`` drive a job over these photos in a temporary archive; return its counts."""
    with scratch_folder() as folder:
        root = canonical_uri(str(folder))
        small = spec.model_copy(
            update={"people": None, "archive": root, "out": root + "out/", "annotate": 0}
            | dict.fromkeys(("until", "worker_hours", "ends"))
        )
        store = open_store(root)
        _write_plan(store, small, photos)
        run(store, small)
        unit = JobKeys(small.job_id).done(shard_name(0))
        marker = read_record(store, unit, DoneMarker)
    return Sample(marker.photos, marker.bytes, marker.faces, marker.seconds, marker.outcomes)


def _write_plan(store: Store, spec: JobSpec, photos: list[ObjectInfo]) -> None:
    keys, unit = JobKeys(spec.job_id), shard_name(0)
    manifest = ShardManifest(
        unit=unit,
        photos=tuple(map(in_manifest, photos)),
    )
    total = sum(photo.size for photo in photos)
    plan = PlanRecord(
        photos=len(photos),
        bytes=total,
        other_objects=0,
        new=len(photos),
        changed=0,
        known=0,
        removed=0,
        shards=1,
        planned_photos=len(photos),
        planned_bytes=total,
    )
    store.put(keys.spec, spec.to_bytes())
    store.put(keys.shard(unit), manifest.to_bytes())
    store.put(keys.plan, plan.to_bytes())
