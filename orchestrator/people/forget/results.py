"""Taking a forgotten person out of the results that a job wrote: tables, pictures, report."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from html import unescape

import pyarrow as pa
import pyarrow.compute as pc

from headcount.contract import results
from headcount.contract.forgotten import ForgottenRecord
from headcount.contract.marks import Standing, read_marks
from headcount.contract.messages import JobSpec
from headcount.contract.vocabulary import Decision, Outcome, person_id
from headcount.errors import (
    FatalError,
    HeadcountError,
    ObjectError,
    TransientError,
)
from headcount.expected import parse_expected
from headcount.export import scratch, write_table
from headcount.settings import S3Settings
from headcount.storage import Store, open_store
from headcount.storage.opening import clear_leftovers
from headcount.storage.uris import split_object_uri
from orchestrator.people.forget.edited import NAMING
from orchestrator.people.forget.written import FoundTable, WrittenResults

NOTICE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>headcount</title>
<p>This report was withdrawn, since somebody in it was forgotten. The tables beside it are without
that person; the next run writes the report anew.</p></html>
"""


class OutOfReach(HeadcountError):
    """The place of a job's results is ``gone``, or something in it may not be read or written.

    ``removed`` says what was removed from the rest.
    """

    def __init__(self, text: str, *, gone: bool, removed: Mapping[str, int] | None = None) -> None:
        super().__init__(text)
        self.gone = gone
        self.removed = removed or {}


def withdraw(
    spec: JobSpec, stone: ForgottenRecord, s3: S3Settings, *, expected: Collection[str] = ()
) -> dict[str, int]:
    """Remove a person from the results where a job wrote them; says what was removed.

    ``expected`` are the URIs of the lists of people expected, of every job that wrote there.
    Raises OutOfReach where that cannot be done, and TransientError where it may be later.
    """
    with scratch() as folder:
        try:
            out = open_store(spec.out, s3)
            out.check()
            shown = _shown(expected, stone, s3)
            for written in ("", "report/", results.ANNOTATED):  # the user's own folders are not
                clear_leftovers(out, written, below=bool(written))
            return _withdraw_from(WrittenResults(out, folder, read_marks(out)), stone, shown)
        except (FatalError, ObjectError) as error:
            if isinstance(error.__cause__, TransientError):  # as `check` has it: no answer now
                raise error.__cause__ from error
            no_folder = isinstance(error.__cause__, FileNotFoundError)
            gone = isinstance(error, FatalError) and no_folder
            raise OutOfReach(str(error), gone=gone) from error


def _withdraw_from(
    place: WrittenResults, stone: ForgottenRecord, expected: set[str] | None
) -> dict[str, int]:
    """The tables go last: until then they say which pictures go, and all can be done again.

    Where nobody can tell which pictures show the person, all of them go.
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
    reports = _withdraw_report(out, stone, shows)
    _delete(out, results.DIFF)
    clustered = found is not None and {"cluster_id", "quality"} <= set(found.names)
    _rewrite_tables(place, faces, stone, clustered=clustered)
    removed = {"result rows": gone.num_rows, "pictures": pictures, "reports": int(reports)}
    if place.unread:
        raise OutOfReach("; ".join(place.unread), gone=False, removed=removed)
    return removed


def without_person(faces: pa.Table, stone: ForgottenRecord) -> pa.Table:
    """Rows of faces less the forgotten ones; whoever else bore the name bears none."""
    gone = pc.is_in(faces["face_id"], pa.array(stone.faces, pa.string()))
    faces = faces.filter(pc.invert(gone))
    mine = pc.fill_null(pc.equal(faces["person_id"], stone.person_id), False)
    unknown = pa.scalar(Decision.UNKNOWN.value, pa.string())
    at = faces.schema.get_field_index("decision")
    decision = pc.if_else(mine, unknown, faces["decision"])
    return without_name(faces.set_column(at, "decision", decision), stone)


def without_name(table: pa.Table, stone: ForgottenRecord) -> pa.Table:
    """A table with null wherever a column of people has this one, by id or by name.

    Columns that this build does not know may be such columns.
    """
    for at, column in enumerate(table.schema):
        words = _words(column, stone)
        if words:
            mine = pc.is_in(table[at], value_set=pa.array(words, column.type))
            nothing = pa.scalar(None, column.type)
            table = table.set_column(at, column, pc.if_else(mine, nothing, table[at]))
    return table


def _words(column: pa.Field, stone: ForgottenRecord) -> list[str]:
    """Words that a column would name the person by; none where it names nobody."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return []
    name = [stone.person] if stone.person else []
    of = {"": [], "id": [stone.person_id], "name": name}
    return of.get(NAMING.get(column.name, "its own"), [stone.person_id, *name])


def _rewrite_tables(
    place: WrittenResults, faces: pa.Table, stone: ForgottenRecord, *, clustered: bool
) -> None:
    left = without_person(faces, stone)
    changes: dict[str, Callable[[FoundTable], pa.Table]] = {
        "clusters": lambda found: _clusters(found, left if clustered else None, stone),
        "people": lambda found: _without_row(without_name(found.rows, stone), stone),
        "lineage": lambda found: without_name(found.rows, stone),
        "photos": lambda found: _counted(without_name(found.rows, stone), faces, left),
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
    """Write a table as it is now, with the columns it had; Parquet, which is read here, last."""
    if not formats and changed.equals(found.rows):
        return
    changed = changed.select(found.names)
    write_table(
        place.out,
        found.name,
        changed.schema,
        iter([changed]),
        formats=[*formats, "parquet"],
        folder=place.folder,
        contract=found.contract,
    )


def _clusters(found: FoundTable, left: pa.Table | None, stone: ForgottenRecord) -> pa.Table:
    """The clusters of the faces that are left, with what else the file says of each.

    Where nobody can tell these faces the clusters stay as they are, without the person.
    """
    people = without_name(found.rows, stone)
    if left is None:
        return _without_exemplars(people, stone)
    made = results.clusters_table(left, people)
    at = pc.index_in(made["cluster_id"], value_set=people["cluster_id"].combine_chunks())
    for name in people.schema.names[len(made.schema.names) :]:
        made = made.append_column(name, people[name].take(at))
    return made


def _without_exemplars(clusters: pa.Table, stone: ForgottenRecord) -> pa.Table:
    at = clusters.schema.get_field_index("exemplar_face_id")
    gone = pc.is_in(clusters[at], pa.array(stone.faces, pa.string()))
    left = pc.if_else(gone, pa.scalar(None, pa.string()), clusters[at])
    return clusters.set_column(at, clusters.schema.field(at), left)


def _without_row(people: pa.Table, stone: ForgottenRecord) -> pa.Table:
    return people.filter(pc.not_equal(people["person_id"], stone.person_id))


def _counted(photos: pa.Table, before: pa.Table, left: pa.Table) -> pa.Table:
    """The photos with the number of faces they have left, where that is another than before."""
    had, have = (_faces_of(photos["photo"], faces["photo"]) for faces in (before, left))
    fewer = pc.not_equal(had, have)
    none = pc.and_(fewer, pc.equal(have, 0))
    changes = {
        "faces": pc.if_else(fewer, have, photos["faces"]),
        "outcome": pc.if_else(none, Outcome.NO_FACE.value, photos["outcome"]),
    }
    for name, column in changes.items():
        at = photos.schema.get_field_index(name)
        photos = photos.set_column(at, photos.schema.field(at), column)
    return photos


def _faces_of(photos: pa.ChunkedArray, faces: pa.ChunkedArray) -> pa.ChunkedArray:
    """How many of the faces, by their photo, are in each of the photos."""
    counts = faces.combine_chunks().value_counts()
    at = pc.index_in(photos, value_set=counts.field("values"))
    return pc.fill_null(counts.field("counts").cast(pa.int32()).take(at), 0)


def _shown(expected: Collection[str], stone: ForgottenRecord, s3: S3Settings) -> set[str] | None:
    """The photos in which the person was expected: their pictures may bear the name.

    None where a list cannot be read any more: it may be any of them.
    """
    photos: set[str] = set()
    for uri in expected:
        store, key = split_object_uri(uri)
        try:
            text = open_store(store, s3).get(key).data.decode("utf-8-sig", "replace")
            pairs = parse_expected(text, uri)
        except (ObjectError, HeadcountError):
            return None
        photos |= {photo for photo, person in pairs if person_id(person) == stone.person_id}
    return photos


def _is_listed(place: WrittenResults, stone: ForgottenRecord) -> bool:
    """Whether the person was enrolled then: the report has the references, found or not."""
    people = place.read("people")
    return people is not None and stone.person_id in people.rows["person_id"].to_pylist()


def _of_no_photo(place: WrittenResults) -> set[str]:
    """The annotated copies of photos that are in the tables no more: nothing says who is there."""
    photos = place.read("photos")
    if photos is None:
        return set()
    known = {results.annotated_key(photo) for photo in photos.rows["photo"].to_pylist()}
    return set(results.annotated_copies(place.out, besides=known))


def _delete(out: Store, key: str) -> bool:
    try:
        out.stat(key)
    except ObjectError:
        return False
    out.delete(key)
    return True


def _withdraw_report(out: Store, stone: ForgottenRecord, shows: bool) -> bool:
    """Whether there was a report with the person in it; a notice is in its place now."""
    try:
        page = out.get(results.REPORT).data.decode("utf-8", "replace")
    except ObjectError:
        return False
    words = (*((stone.person,) if stone.person else ()), *stone.faces)
    text = unescape(page)  # there are several ways to escape a quote
    if not shows and not any(word in text for word in words):
        return False
    if page == NOTICE:
        return False
    out.put(results.REPORT, NOTICE.encode())
    return True
