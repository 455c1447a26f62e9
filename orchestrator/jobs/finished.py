"""The record of a job's end, as a value of its spec and its markers."""

from __future__ import annotations

from headcount.contract.record import now
from headcount.contract.stored.jobs import CutRecord, DoneMarker, FinishedRecord, JobSpec
from headcount.contract.vocabulary import names_alike
from headcount.errors import FatalError
from headcount.rosters.statuses import Status


def done_record(
    spec: JobSpec, prepared: DoneMarker, last: DoneMarker, cut: CutRecord | None = None
) -> FinishedRecord:
    """Record of a job that is done, by the markers of its first and its last unit, and its cut."""
    references = prepared.references
    good = [reference.person for reference in references if reference.good]
    return FinishedRecord(
        job_id=spec.job_id,
        state="done",
        finished=now(),
        out=spec.out,
        photos=last.photos if spec.photos else 0,
        failures=last.counts.get("failures", 0),
        older_reading=last.counts.get("older_reading", 0),
        reference_failures=sum(reference.refused for reference in references),
        references_noted=sum(r.state == "enrolled" and bool(r.reason) for r in references),
        references_withdrawn=sum(reference.state == "withdrawn" for reference in references),
        references_forgotten=prepared.counts.get("forgotten_references", 0),
        names_alike=sum(len(alike) for alike in names_alike(good)),
        expected={
            str(status): last.counts[f"expected_{status}"]
            for status in Status
            if f"expected_{status}" in last.counts
        },
        new_absences=last.counts.get("new_absences", 0),
        sample=spec.first is not None,
        ended_absences=last.counts.get("ended_absences", 0),
        left=cut.photos if cut else 0,
    )


def failed_record(spec: JobSpec, error: FatalError) -> FinishedRecord:
    """Record of a job that cannot be finished, with the reason."""
    return FinishedRecord(
        job_id=spec.job_id, state="failed", finished=now(), out=spec.out, message=str(error)
    )
