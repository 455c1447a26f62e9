"""Taking a forgotten person out of the results that a job wrote: tables, pictures, report."""

from __future__ import annotations

from collections.abc import Callable, Collection
from html import unescape
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from headcount.contract import results
from headcount.contract.forgotten import ForgottenRecord
from headcount.contract.stored.jobs import JobSpec
from headcount.contract.vocabulary import Decision, Outcome, person_id
from headcount.errors import (
    FatalError,
    HeadcountError,
    ObjectError,
    ObjectMissing,
    TransientError,
)
from headcount.expected import parse_expected
from headcount.export import formats_in, read_table, scratch, write_table
from headcount.s3_settings import S3Settings
from headcount.storage import Store, open_store
from headcount.storage.opening import clear_leftovers
from headcount.storage.uris import split_object_uri

NOTICE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>headcount</title>
<p>This report was withdrawn, since somebody in it was forgotten. The tables beside it are without
that person; the next run writes the report anew.</p></html>
"""


class OutOfReach(HeadcountError):
    """The place of a job's results is ``gone``, or may not be read or written."""

    def __init__(self, text: str, *, gone: bool) -> None:
        super().__init__(text)
        self.gone = gone


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
            return _withdraw_from(out, spec, stone, shown, folder)
        except (FatalError, ObjectError) as error:
            if isinstance(error.__cause__, TransientError):  # as `check` has it: no answer now
                raise error.__cause__ from error
            no_folder = isinstance(error.__cause__, FileNotFoundError)
            gone = isinstance(error, FatalError) and no_folder
            raise OutOfReach(str(error), gone=gone) from error


def _withdraw_from(
    out: Store, spec: JobSpec, stone: ForgottenRecord, expected: set[str] | None, folder: Path
) -> dict[str, int]:
    """The tables go last: until then they say which pictures go, and all can be done again."""
    faces = _read(out, "faces", results.FACES, folder)
    if faces is None:
        return {}
    gone = faces.filter(pc.is_in(faces["face_id"], pa.array(stone.faces, pa.string())))
    shown = set(gone["photo"].to_pylist()) | (expected or set())
    drawn = {results.annotated_key(photo) for photo in shown} | _of_no_photo(out, folder)
    if expected is None:
        drawn |= set(results.annotated_copies(out, besides=drawn))
    pictures = sum(_delete(out, key) for key in sorted(drawn))
    shows = bool(gone.num_rows) or _is_listed(out, stone, folder)
    reports = _withdraw_report(out, stone, shows)
    _delete(out, results.DIFF)
    _rewrite_tables(out, spec, faces, stone, folder)
    return {"result rows": gone.num_rows, "pictures": pictures, "reports": int(reports)}


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
    """A table with null wherever a column of people has this one, by id or by name."""
    for name in ("person_id", "earlier_person_id", "person", "runner_up"):
        at = table.schema.get_field_index(name)
        if at >= 0:
            wanted = stone.person_id if name.endswith("_id") else stone.person
            mine = pc.fill_null(pc.equal(table[name], wanted or ""), False)
            nothing = pa.scalar(None, pa.string())
            table = table.set_column(at, name, pc.if_else(mine, nothing, table[name]))
    return table


def _read(out: Store, name: str, schema: pa.Schema, folder: Path) -> pa.Table | None:
    """A table of results; None where there is none, or somebody else's of that name."""
    try:
        parts = list(read_table(out, f"{name}.parquet", folder))
    except ObjectMissing:
        return None
    table = pa.concat_tables(parts) if parts else schema.empty_table()
    if not set(schema.names) <= set(table.schema.names):
        return None
    try:
        return table.select(schema.names).cast(schema)
    except pa.ArrowException:
        return None


def _rewrite_tables(
    out: Store, spec: JobSpec, faces: pa.Table, stone: ForgottenRecord, folder: Path
) -> None:
    left = without_person(faces, stone)
    clusters = _read(out, "clusters", results.CLUSTERS, folder)
    if clusters is None:
        clusters = results.CLUSTERS.empty_table()
    people = without_name(clusters, stone)
    changes: list[tuple[str, pa.Schema, Callable[[pa.Table], pa.Table]]] = [
        ("clusters", results.CLUSTERS, lambda _: results.clusters_table(left, people)),
        ("people", results.PEOPLE, lambda rows: _without_row(rows, stone)),
        ("lineage", results.LINEAGE, lambda rows: without_name(rows, stone)),
        ("photos", results.PHOTOS, lambda rows: _counted(rows, faces, left)),
        ("faces", results.FACES, lambda _: left),  # last: until then this can be begun again
    ]
    for name, schema, change in changes:
        rows = _read(out, name, schema, folder)
        if rows is None:
            continue
        changed = change(rows)
        formats = sorted({*spec.formats, *formats_in(out, name, schema)})
        if formats != ["parquet"] or not changed.equals(rows):
            write_table(out, name, schema, iter([changed]), formats=formats, folder=folder)


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
        photos = photos.set_column(photos.schema.get_field_index(name), name, column)
    return photos.cast(results.PHOTOS)


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


def _is_listed(out: Store, stone: ForgottenRecord, folder: Path) -> bool:
    """Whether the person was enrolled then: the report has the references, found or not."""
    people = _read(out, "people", results.PEOPLE, folder)
    return people is not None and stone.person_id in people["person_id"].to_pylist()


def _of_no_photo(out: Store, folder: Path) -> set[str]:
    """The annotated copies of photos that are in the tables no more: nothing says who is there."""
    photos = _read(out, "photos", results.PHOTOS, folder)
    if photos is None:
        return set()
    known = {results.annotated_key(photo) for photo in photos["photo"].to_pylist()}
    return set(results.annotated_copies(out, besides=known))


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
