"""Removal of a forgotten person from the results of jobs: tables, pictures, report."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from html import unescape

import pyarrow as pa
import pyarrow.compute as pc

from headcount.assignments.checks.record import CheckRecord
from headcount.assignments.checks.told import tell_checks
from headcount.contract import results
from headcount.contract.forgotten import ForgottenRecord
from headcount.contract.layout import JobKeys
from headcount.contract.marks import Standing, read_marks
from headcount.contract.record import find_record
from headcount.contract.stored.jobs import JobSpec
from headcount.errors import (
    FatalError,
    HeadcountError,
    ObjectError,
    ObjectMissing,
    TransientError,
)
from headcount.export import scratch, write_table
from headcount.rosters.scopes import Photos, expand, in_memory, resolve
from headcount.rosters.source import fetch_roster
from headcount.s3_settings import S3Settings
from headcount.storage import Store, open_store
from headcount.text import script_json
from orchestrator.archive.catalogue import job_ids
from orchestrator.people.forget.captions import without_captions
from orchestrator.people.forget.rows import (
    clusters_of,
    with_face_counts,
    without_expectations,
    without_name,
    without_pairs,
    without_person,
    without_row,
)
from orchestrator.people.forget.written import FoundTable, WrittenResults

NOTICE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>headcount</title>
<p>This report was withdrawn, since somebody in it was forgotten. The tables beside it are without
that person; the next run writes the report anew.</p></html>
"""


class OutOfReach(HeadcountError):
    """Error where a place of results is ``gone``, or something in it cannot be read or written.

    ``removed`` counts what was removed from the rest.
    """

    def __init__(self, text: str, *, gone: bool, removed: Mapping[str, int] | None = None) -> None:
        super().__init__(text)
        self.gone = gone
        self.removed = removed or {}


def places_of_results(store: Store) -> Iterator[tuple[JobSpec, set[str]]]:
    """The last job's spec of each place of results, with all jobs' lists of expected people.

    The last job may have written nothing, so that the results there are an earlier job's.
    """
    last: dict[str, JobSpec] = {}
    expected: defaultdict[str, set[str]] = defaultdict(set)
    for job_id in job_ids(store):
        spec = find_record(store, JobKeys(job_id).spec, JobSpec)
        if spec is not None and spec.photos is not None:
            last[spec.out] = spec
            if spec.expected is not None:
                expected[spec.out].add(spec.expected)
    return ((spec, expected[out]) for out, spec in last.items())


def remove_from_results(
    spec: JobSpec,
    stone: ForgottenRecord,
    s3: S3Settings,
    *,
    expected: Collection[str] = (),
    checks: Sequence[CheckRecord] | None = None,
) -> dict[str, int]:
    """Remove a person from the place of a job's results; return counts of what was removed.

    ``expected``: URIs of the lists of expected people of all jobs that wrote there. ``checks``: the
    archive's checks without the person, whose figures are told anew.
    Raises OutOfReach where it cannot be done, TransientError where it can be tried again.
    """
    with scratch() as folder:
        try:
            out = open_store(spec.out, s3)
            out.check()
            for written in ("", "report/", results.ANNOTATED):  # the user's own folders are not
                out.clear_leftovers(written, below=bool(written))
            place = WrittenResults(out, folder, read_marks(out))
            removed = _remove_from(place, stone, _shown(place, expected, stone, s3))
            if checks is not None:
                tell_checks(out, checks)
        except (FatalError, ObjectError) as error:
            if isinstance(error.__cause__, TransientError):  # as `check` has it: no answer now
                raise error.__cause__ from error
            no_folder = isinstance(error.__cause__, FileNotFoundError)
            gone = isinstance(error, FatalError) and no_folder
            raise OutOfReach(str(error), gone=gone) from error
    return removed


def _remove_from(
    place: WrittenResults, stone: ForgottenRecord, expected: set[str] | None
) -> dict[str, int]:
    """Remove pictures and the report, then rewrite the tables; return the counts.

    Tables come last: they tell which pictures to remove if this is interrupted and repeated. All
    pictures are removed where the tables cannot tell which ones show the person.
    """
    out, found = place.out, place.read("faces")
    if found is None and not place.has_tables():
        return {}
    faces = results.FACES.empty_table() if found is None else found.rows
    gone = faces.filter(pc.is_in(faces["face_id"], pa.array(stone.faces, pa.string())))
    shown = set(gone["photo"].to_pylist()) | (expected or set())
    drawn = {results.annotated_key(photo) for photo in shown} | _of_no_photo(place)
    if expected is None or found is None:
        drawn |= set(results.annotated_copies(out, besides=drawn))
    pictures = sum(_delete(out, key) for key in sorted(drawn))
    shows = bool(gone.num_rows) or found is None or _is_listed(place, stone)
    reports = replace_report(out, stone, shows)
    _delete(out, results.DIFF)
    _edit_summary(out, stone)
    clustered = found is not None and {"cluster_id", "quality"} <= set(found.names)
    _rewrite_tables(place, faces, stone, clustered=clustered)
    removed = {"result rows": gone.num_rows, "pictures": pictures, "reports": int(reports)}
    if place.unread:
        raise OutOfReach("; ".join(place.unread), gone=False, removed=removed)
    return removed


def _rewrite_tables(
    place: WrittenResults, faces: pa.Table, stone: ForgottenRecord, *, clustered: bool
) -> None:
    left = without_person(faces, stone)
    changes: dict[str, Callable[[FoundTable], pa.Table]] = {
        "clusters": lambda found: clusters_of(found.rows, left if clustered else None, stone),
        "people": lambda found: without_name(without_row(found.rows, stone), stone),
        "lineage": lambda found: without_name(found.rows, stone),
        "expected": lambda found: without_expectations(found.rows, stone),
        "photos": lambda found: with_face_counts(without_name(found.rows, stone), faces, left),
        "captions": lambda found: without_captions(found.rows, faces, stone),
        "people_by_folder": lambda found: without_name(without_row(found.rows, stone), stone),
        "people_by_date": lambda found: without_name(without_row(found.rows, stone), stone),
        "together": lambda found: without_name(without_pairs(found.rows, stone), stone),
        "faces": lambda _: left,  # last: until then this can be begun again
    }
    for name, change in changes.items():
        found, files = place.read(name), place.text_files(name)
        for kind, state in files.items():
            if found is None or state is Standing.EDITED:
                place.scrub(name, kind, stone)
        if found is not None:
            whole = [kind for kind, state in files.items() if state is Standing.OURS]
            changed = change(found)
            _rewrite(place, found, changed, whole)
            place.note_mentions(replace(found, rows=changed), stone)


def _rewrite(
    place: WrittenResults, found: FoundTable, changed: pa.Table, formats: Sequence[str]
) -> None:
    """Write the changed table with the columns it had; Parquet, which is read here, last."""
    if not formats and changed.equals(found.rows):
        return
    changed = changed.select(found.names)
    for kind in (*formats, "parquet"):
        write_table(
            place.out,
            found.name,
            changed.schema,
            iter([changed]),
            formats=[kind],
            folder=place.folder,
            contract=found.contract,
            form=place.form(found.name, kind),
        )


def _shown(
    place: WrittenResults, rosters: Collection[str], stone: ForgottenRecord, s3: S3Settings
) -> set[str] | None:
    """Photos in which the person was expected: their pictures may bear the name.

    None where a roster cannot be read any more, or not be held against the photos: it may be any.
    """
    found, photos = place.read("expected"), place.read("photos")
    shown: set[str] = set()
    if found is not None:
        mine = pc.equal(found.rows["person_id"], stone.person_id)
        shown.update(found.rows.filter(mine)["photo"].drop_null().to_pylist())
    for uri in rosters:
        try:
            lines = fetch_roster(uri, lambda store: open_store(store, s3)).lines
        except (ObjectError, HeadcountError):
            return None
        lines = lines.filter(pc.equal(lines["person_id"], stone.person_id))
        if lines.num_rows and photos is None:
            return None
        if photos is not None:
            shown |= _photos_of(lines, in_memory(photos.rows["photo"]))
    return shown


def _photos_of(lines: pa.Table, photos: Photos) -> set[str]:
    """The photos of a roster's lines, and their scopes, which may be photos that are gone."""
    shown = set(lines["scope"].to_pylist())
    for block in expand(lines, resolve(lines, photos), photos):
        shown.update(block["photo"].drop_null().to_pylist())
    return shown


def _is_listed(place: WrittenResults, stone: ForgottenRecord) -> bool:
    """Whether the person is in the table of people: the report then shows the references."""
    people = place.read("people")
    return people is not None and stone.person_id in people.rows["person_id"].to_pylist()


def _of_no_photo(place: WrittenResults) -> set[str]:
    """Annotated copies of photos that are not in the tables any more: nobody knows who is there."""
    photos = place.read("photos")
    if photos is None:
        return set()
    known = {results.annotated_key(photo) for photo in photos.rows["photo"].to_pylist()}
    return set(results.annotated_copies(place.out, besides=known))


def _edit_summary(out: Store, stone: ForgottenRecord) -> None:
    """Leave the person out of the summary: there are those who look like others."""
    try:
        summary = json.loads(out.get(results.SUMMARY).data)
    except (ObjectMissing, ValueError):
        return
    alike = summary.get(results.LOOK_ALIKES, []) if isinstance(summary, dict) else []
    left = [pair for pair in alike if stone.person_id not in pair["person_ids"]]
    if left != alike:
        summary[results.LOOK_ALIKES] = left
        out.put(results.SUMMARY, json.dumps(summary, indent=1, ensure_ascii=False).encode())


def _delete(out: Store, key: str) -> bool:
    try:
        out.stat(key)
    except ObjectError:
        return False
    out.delete(key)
    return True


def replace_report(out: Store, stone: ForgottenRecord, shows: bool) -> bool:
    """Replace a report that shows the person by a notice. False where it does not.

    Of a report of many pages all go, if any shows the person: each lists who is on the others.
    """
    pages = {key: page for key in _pages(out) if (page := _text(out, key)) is not None}
    if not pages or (not shows and not any(_tells(page, stone) for page in pages.values())):
        return False
    if pages == {results.REPORT: NOTICE}:
        return False
    for key in pages:
        if key != results.REPORT:
            out.delete(key)
    out.put(results.REPORT, NOTICE.encode())
    return True


def _pages(out: Store) -> list[str]:
    """The keys of a report's pages, the first one last: without it nobody comes to the others."""
    return [*results.report_pages(out), results.REPORT]


def _text(out: Store, key: str) -> str | None:
    try:
        return out.get(key).data.decode("utf-8", "replace")
    except ObjectError:
        return None


def _tells(page: str, stone: ForgottenRecord) -> bool:
    """Whether a page has the person's name or a face of theirs."""
    words = (*((stone.person,) if stone.person else ()), *stone.faces)
    text = unescape(page)  # there are several ways to escape a quote
    return any(word in text or script_json(word)[1:-1] in page for word in words)
