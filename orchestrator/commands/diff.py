"""``headcount diff``: compare the results of two jobs over one collection."""

from __future__ import annotations

import json
from typing import Any

import click

from headcount.answers.present_names import with_present_names
from headcount.answers.renames import Renames
from headcount.assignments.diff import diff_assignments
from headcount.contract import results
from headcount.contract.layout import JobKeys, PackKeys
from headcount.contract.record import find_record
from headcount.contract.stored.jobs import JobSpec
from headcount.errors import FatalError, HeadcountError
from headcount.rosters.changes import diff_absences
from headcount.storage import Store, open_store
from headcount.text import counted
from orchestrator.commands.options import archive_option, existing_archive, json_option, load_s3
from orchestrator.people.latest_assignments import (
    assignments_of,
    expectations_of,
    find_assignments,
    finished_jobs,
)
from orchestrator.people.photo_times import photo_times
from orchestrator.people.short_ids import full_job_id
from orchestrator.terminal import say, say_json

SHOWN = 20
"""Entries of each kind in the text, at most."""


@click.command()
@click.argument("job_a", required=False)
@click.argument("job_b", required=False)
@archive_option
@json_option
def command(job_a: str | None, job_b: str | None, archive: str, as_json: bool) -> int:
    """Compare JOB_B with JOB_A; without them, the last two jobs over all photos.

    Shows new and gone faces, moved photos, faces in other clusters, changed names, merged and split
    clusters, and expected people who are newly absent or were found again. Where JOB_B read photos
    anew, also the faces that were found and lost there. A person who was renamed is the same one.
    """
    store = existing_archive(archive, load_s3())
    given = (job and full_job_id(store, job) for job in (job_a, job_b))
    one, other = _jobs(store, *given)
    renames = Renames.of_archive(store)
    (photos, before), (photos_too, after) = assignments_of(store, one), assignments_of(store, other)
    if photos != photos_too:
        raise FatalError(f"job {one} took the roll of {photos}, job {other} of {photos_too}")
    before, after = (with_present_names(one, renames) for one in (before, after))
    diff = followed(store, one, other) or diff_assignments(before, after)
    add_times(store, other, diff)
    expected = (expectations_of(store, job) for job in (one, other))
    absences = diff_absences(*(with_present_names(table, renames) for table in expected))
    counts = {**diff["counts"], **absences["counts"]}
    found = {**diff, **absences, "job_a": one, "job_b": other, "counts": counts}
    if as_json:
        say_json(json.dumps(found, indent=1, ensure_ascii=False))
        return 0
    for line in lines(found):
        say(line)
    return 0


def followed(store: Store, one: str, other: str) -> dict[str, Any] | None:
    """The differences as job ``other`` wrote them, where it read photos anew since job ``one``.

    Faces have other ids then, and only the job knew which is which. None where its diff.json is
    not there any more, or is about other jobs.
    """
    spec = find_record(store, JobKeys(other).spec, JobSpec)
    try:
        diff = json.loads(open_store(spec.out, load_s3()).get(results.DIFF).data) if spec else {}
    except (HeadcountError, ValueError):
        return None
    reread = diff.get("reread", {}) if isinstance(diff, dict) else {}
    return diff if (reread.get("since"), reread.get("job_id")) == (one, other) else None


def add_times(store: Store, job_id: str, diff: dict[str, Any]) -> None:
    """Say of new faces and moved photos when they were taken, as ISO 8601; null: nobody knows."""
    entries = [(f["photo"], f) for f in diff["new_faces"]]
    entries += [(p["after"], p) for p in diff["moved_photos"]]
    photos, keys = find_assignments(store, job_id)
    times = photo_times(store, photos, keys, (photo for photo, _ in entries), load_s3())
    for photo, entry in entries:
        entry["taken"] = times[photo].isoformat() if photo in times else None


def _jobs(store: Store, one: str | None, other: str | None) -> tuple[str, str]:
    """The ids of the two jobs to compare: as given, or the last two over the same photos.

    First looks are compared only where they are given: they tell of some photos. A job that is not
    given has the other's model pack: in another pack faces have other ids.
    """
    if one and other:
        return one, other
    done = [job for job in finished_jobs(store) if not _is_first_look(store, job)]
    if not other:
        other = next((job for job in reversed(done) if _kept(store, job)), None)
    if one and other:
        return one, other
    if other:
        kept = find_assignments(store, other)
        earlier = done[: done.index(other)] if other in done else done
        for job_id in reversed(earlier):
            if _kept(store, job_id) == kept:
                return job_id, other
    raise FatalError(f"{store.uri} has no two jobs over the same photos yet")


def _is_first_look(store: Store, job_id: str) -> bool:
    spec = find_record(store, JobKeys(job_id).spec, JobSpec)
    return spec is not None and spec.first is not None


def _kept(store: Store, job_id: str) -> tuple[str, PackKeys] | None:
    """Collection and pack of a job; None where its assignments are not kept."""
    try:
        return find_assignments(store, job_id)
    except FatalError:
        return None


def lines(found: dict[str, Any]) -> list[str]:
    """Lines of a diff in words: the counts, then some entries of each kind."""
    counts = found["counts"]
    text = [
        f"from job {found['job_a']} to {found['job_b']}: "
        f"{counted(counts['new_faces'], 'new face')}, {counts['gone_faces']:,} gone, "
        f"{counted(counts['moved_photos'], 'photo')} moved; "
        f"{counted(counts['moved_faces'], 'face')} in another cluster, "
        f"{counts['renamed_faces']:,} renamed; "
        f"{counted(counts['merged_clusters'], 'cluster')} merged, "
        f"{counts['split_clusters']:,} split"
    ]
    if counts["new_absences"] or counts["ended_absences"]:
        text.append(
            f"expected people: {counted(counts['new_absences'], 'new absence')}, "
            f"{counts['ended_absences']:,} that ended"
        )
    if "reread" in found:
        text += reread_lines(found["reread"])
    text += [f"new    {f['photo']}  {f['face_id']}{_taken(f)}" for f in found["new_faces"][:SHOWN]]
    text += [f"gone   {f['photo']}  {f['face_id']}" for f in found["gone_faces"][:SHOWN]]
    text += [
        f"photo  {p['before']}  is now  {p['after']}  ({counted(p['faces'], 'face')}){_taken(p)}"
        for p in found["moved_photos"][:SHOWN]
    ]
    text += [
        f"moved  {f['photo']}  {f['face_id']}  {f['before'] or '-'} to {f['after'] or '-'}"
        for f in found["moved_faces"][:SHOWN]
    ]
    text += [
        f"named  {f['photo']}  {f['face_id']}  {_name(f['before'])} to {_name(f['after'])}"
        for f in found["renamed_faces"][:SHOWN]
    ]
    text += [
        f"merged {', '.join(c['from'])} into {c['into']}" for c in found["merged_clusters"][:SHOWN]
    ]
    text += [
        f"split  {c['from']} into {', '.join(c['into'])}" for c in found["split_clusters"][:SHOWN]
    ]
    text += [_absence("absent", row) for row in found["new_absences"][:SHOWN]]
    text += [_absence("found ", row) for row in found["ended_absences"][:SHOWN]]
    return text


def reread_lines(reread: dict[str, Any]) -> list[str]:
    """Lines about photos that the later job read anew: the counts, then some of the faces."""
    counts = reread["counts"]
    readings = " or ".join(str(n) for n in sorted({p["reading"] for p in reread["photos"]}))
    text = [
        f"{counted(counts['photos'], 'photo')} read anew by reading {readings}: "
        f"{counted(counts['found'], 'face')} found, {counts['lost']:,} lost; "
        f"{counted(counts['named'], 'face')} named, {counts['unnamed']:,} not named any more"
    ]
    for kind in ("found", "lost"):
        text += [
            f"{kind:<6} {f['photo']}  {f['face_id']}  {_name(f.get('before') or f.get('after'))}"
            for f in reread[kind][:SHOWN]
        ]
    return text


def _taken(entry: dict[str, Any]) -> str:
    """The day on which an entry's photo was taken, where it is known."""
    return f"  taken {entry['taken'][:10]}" if entry.get("taken") else ""


def _absence(word: str, row: dict[str, str]) -> str:
    return f"{word} {row['photo'] or row['scope']}  {row['person']}"


def _name(person: dict[str, str] | None) -> str:
    return f"{person['person']} ({person['decision']})" if person else "nobody"
