"""The stages of a job: prepare, plan, embed, commit, then reduce in one task or in several."""

from __future__ import annotations

from pathlib import PurePosixPath

from headcount.contract.layout import (
    PREPARE,
    REDUCE,
    SPLIT,
    JobKeys,
    join_name,
    match_name,
    shard_name,
)
from headcount.contract.record import find_record, read_record
from headcount.contract.stored.archive import PackRecord
from headcount.contract.stored.jobs import DoneMarker, JobSpec, PlanRecord, SplitRecord
from headcount.contract.vocabulary import Outcome
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from orchestrator.archive.commit import faces_in
from orchestrator.archive.cut import find_cut
from orchestrator.jobs.budget import budget_of
from orchestrator.jobs.commit_in_turn import commit_in_turn, current_plan, pack_of
from orchestrator.jobs.dispatch import Dispatcher
from orchestrator.jobs.guard import JobGuard
from orchestrator.jobs.progress import Progress
from orchestrator.jobs.unseen import require_seen_by_workers
from orchestrator.jobs.window import Window


class Stages:
    """The stages of one job, each of which does only what is left of it."""

    def __init__(
        self,
        store: Store,
        keys: JobKeys,
        *,
        s3: S3Settings,
        reduce_faces: int,
        window: Window,
        guard: JobGuard,
        progress: Progress,
        dispatcher: Dispatcher,
    ) -> None:
        self._store = store
        self._keys = keys
        self._s3 = s3
        self._reduce_faces = reduce_faces
        self._window = window
        self._guard = guard
        self._progress = progress
        self._dispatcher = dispatcher

    def run(self, spec: JobSpec) -> DoneMarker:
        """Do all stages; return the last unit's marker. A job without photos only prepares."""
        prepared = self._single(PREPARE)
        if spec.photos is None:
            return prepared
        fence = self._guard.confirm_lease
        self._progress.enter("plan")
        self._guard.wait_for_forget()
        plan = current_plan(self._store, spec, self._s3, fence)
        if plan.shards or not spec.rematch:
            self.embed(spec, plan)
        missing = self._progress.totals.outcomes.get(Outcome.MISSING.value, 0)
        require_seen_by_workers(self._store, self._keys, spec, missing, self._s3)
        self._progress.enter("commit")
        self._guard.wait_for_forget()
        pack = pack_of(prepared)
        commit_in_turn(self._store, spec, plan, pack, self._s3, fence=fence)
        return self.reduce(spec, pack)

    def embed(self, spec: JobSpec, plan: PlanRecord) -> None:
        """Drive the shards that are not done, in the job's share of the window."""
        with self._window.shared_by(spec.job_id, spec.priority):
            self._progress.enter("embed")
            cut, budget = find_cut(self._store, self._keys), budget_of(self._store, spec)
            units = [shard_name(number) for number in range(plan.shards)]
            if cut is not None:  # it holds, whatever is left of the budget
                self._progress.leave(cut)
                units, budget = sorted(set(units) - set(cut.units)), None
            done = self._done()
            for unit in units:
                if unit in done:
                    marker = read_record(self._store, self._keys.done(unit), DoneMarker)
                    self._progress.count(marker)
            self._progress.begin_rate()
            self._dispatcher.drive([unit for unit in units if unit not in done], plan, budget)

    def reduce(self, spec: JobSpec, pack: PackRecord) -> DoneMarker:
        """Match, cluster and publish: in one task, or in several where the archive is large."""
        if find_record(self._store, self._keys.done(REDUCE), DoneMarker) is not None:
            return self._single(REDUCE)
        begun = find_record(self._store, self._keys.split, SplitRecord) is not None
        if not begun and faces_in(self._store, pack, self._s3) <= self._reduce_faces:
            return self._single(REDUCE)
        self._single(SPLIT)
        split = read_record(self._store, self._keys.split, SplitRecord)
        with self._window.shared_by(spec.job_id, spec.priority):
            self._several("match", [match_name(part) for part in range(len(split.parts))])
            self._several("join", [join_name(group) for group in range(len(split.groups))])
        return self._single(REDUCE)

    def _several(self, stage: str, units: list[str]) -> None:
        """Do a stage of several units."""
        self._progress.enter(stage)
        done = self._done()
        self._dispatcher.drive([unit for unit in units if unit not in done])

    def _single(self, unit: str) -> DoneMarker:
        """Do a stage that is one unit; return its marker."""
        self._progress.enter(unit)
        marker = find_record(self._store, self._keys.done(unit), DoneMarker)
        if marker is None:
            self._dispatcher.drive([unit])
            marker = read_record(self._store, self._keys.done(unit), DoneMarker)
        return marker

    def _done(self) -> set[str]:
        """Names of the units that have a done marker."""
        return {PurePosixPath(info.key).stem for info in self._store.list(self._keys.done_folder)}
