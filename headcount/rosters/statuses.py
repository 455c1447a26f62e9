"""The table of expectations: present, absent, or why neither can be said. Pure, and in columns."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa
import pyarrow.compute as pc

from headcount.contract import results
from headcount.contract.vocabulary import Outcome
from headcount.rosters.findings import Findings, one_array, pair_keys
from headcount.rosters.hints import hints
from headcount.rosters.read import EVERY
from headcount.rosters.scopes import Kind, Scope, Scopes

NEAR_MISS = 0.05
"""Cosine below what a name needs, at most, for a face to be a near miss."""
_ROUNDING = 1e-6
"""What float32 makes of 0.05 is a little more than it."""

EXPECTED = results.EXPECTED


class Status(StrEnum):
    """What became of an expectation: the first that applies, in this order.

    ``accepted`` takes the place of those that come after it, where somebody said that the absence
    is fine, but for ``photo_unreadable``.

    With ``some``, ``photo_unreadable`` comes last but for ``absent``.
    """

    NOT_ENROLLED = "not_enrolled"
    PHOTO_ABSENT = "photo_absent"
    PHOTO_UNREADABLE = "photo_unreadable"
    PRESENT = "present"
    INFERRED = "inferred"
    ACCEPTED = "accepted"
    NEAR_MISS = "near_miss"
    TOO_POOR_TO_SAY = "too_poor_to_say"
    ABSENT = "absent"


MET = (Status.PRESENT, Status.INFERRED)
"""The statuses of people who were found."""
SETTLED = (*MET, Status.ACCEPTED)
"""The statuses that end an absence: the person was found, or it is fine that nobody was."""
MISSING = (Status.NEAR_MISS, Status.TOO_POOR_TO_SAY, Status.ABSENT)
"""The statuses of people who were looked for and not found: their absences. Of the others, those in
photos that could not be read too, nobody can say so."""


LEFT = "left"
"""Stands in the place of an outcome for a photo that was not looked at yet."""
_FAILED = {
    LEFT: "the photo is left to the next job, since the budget of this one was spent",
    Outcome.UNREADABLE: "the photo could not be read",
    Outcome.TOO_LARGE: "the photo is too large",
    Outcome.MISSING: "the photo was gone when it was fetched",
    Outcome.DENIED: "the photo may not be fetched",
    Outcome.CRASHED: "the photo ended the program that read it",
}
_NO_SCOPE = {
    Kind.PHOTO: "the collection has no such photo",
    Kind.FOLDER: "the collection has no photo in this folder",
    Kind.GLOB: "the collection has no photo of this pattern",
    Kind.COLLECTION: "the collection has no photo",
}


def statuses(expectations: pa.Table, scopes: Scopes, found: Findings) -> pa.Table:
    """The table of EXPECTED of some expectations, in their order."""
    expectations = expectations.combine_chunks()
    by_text = {scope.text: scope for scope in scopes.values()}
    at = pa.arange(0, expectations.num_rows)
    every = one_array(pc.equal(expectations["needed"], EVERY))
    rest = pc.invert(every)
    one = _by_photo(expectations.filter(every), by_text, found)
    other = _by_scope(expectations.filter(rest), by_text, found)
    back = pc.sort_indices(pa.chunked_array([at.filter(every), at.filter(rest)]))
    return pa.concat_tables([one, other]).take(back).combine_chunks()


def with_accepted(expected: pa.Table, accepted: Collection[tuple[str, str]]) -> pa.Table:
    """The table of EXPECTED, in which absences that somebody said are fine are `accepted`.

    ``accepted`` are pairs of a person's id and a photo, or the text of a scope.
    """
    if not accepted or not expected.num_rows:
        return expected
    pairs = pa.array([f"{person}\0{place}" for person, place in accepted], pa.string())

    def here(place: str) -> pa.Array:
        both = pc.binary_join_element_wise(expected["person_id"], expected[place], "\0")
        return pc.fill_null(pc.is_in(both, value_set=pairs), False)

    of_photo = pc.and_(pc.equal(expected["needed"], EVERY), here("photo"))
    fine = pc.and_(pc.is_in(expected["status"], pa.array(MISSING)), pc.or_(of_photo, here("scope")))
    reason = _joined("a person said that this is fine: ", one_array(expected["reason"]))
    for name, value in (("status", str(Status.ACCEPTED)), ("reason", reason)):
        column = pc.if_else(fine, value, expected[name])
        expected = expected.set_column(expected.schema.get_field_index(name), name, column)
    return expected.cast(EXPECTED)


def count_statuses(expected: pa.Table) -> dict[str, int]:
    """How many expectations have each status; 0 for those that none has."""
    counted = pc.value_counts(expected["status"])
    counts = {row["values"]: row["counts"] for row in counted.to_pylist()}
    return {str(status): int(counts.get(status, 0)) for status in Status}


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What speaks for and against some expectations: arrays of their length.

    ``met``, ``near`` and ``poor`` are rows of the findings' faces, null where there is none;
    ``poor_faces`` counts the latter. ``failed`` are expectations of photos that could not be read,
    and ``why`` says so; ``nobody`` says why somebody is absent of whom no face is near; ``unseen``
    says what of the photos was not seen, null where all was.
    """

    enrolled: pa.Array
    here: pa.Array
    nowhere: pa.Array
    failed: pa.Array
    why: pa.Array
    met: pa.Array
    near: pa.Array
    poor: pa.Array
    poor_faces: pa.Array
    nobody: pa.Array
    unseen: pa.Array


def _by_photo(rows: pa.Table, scopes: dict[str, Scope], found: Findings) -> pa.Table:
    """The statuses of expectations of one photo each."""
    photos = found.numbering.of_photos(rows["photo"])
    people = found.numbering.of_people(rows["person_id"])
    outcomes, reasons = (one_array(found.photos[c].take(photos)) for c in ("outcome", "reason"))
    keys = one_array(pair_keys(photos, people, found.met.people))
    poor = found.poor.in_photos
    why = _failure(outcomes, reasons)
    no_face = pc.fill_null(pc.equal(outcomes, Outcome.NO_FACE), False)
    evidence = _Evidence(
        enrolled=people.is_valid(),
        here=photos.is_valid(),
        nowhere=_no_scope(rows, scopes),
        failed=one_array(why.is_valid()),
        why=why,
        met=found.met.in_photos.look_up(keys),
        near=found.near.in_photos.look_up(keys),
        poor=poor.look_up(photos),
        poor_faces=poor.count(photos),
        nobody=one_array(
            pc.if_else(no_face, "the photo has no face", "no face in the photo is like this person")
        ),
        unseen=_joined("; of the photo, ", reasons),
    )
    return _table(rows, evidence, found, failed_first=True)


def _by_scope(rows: pa.Table, by_text: dict[str, Scope], found: Findings) -> pa.Table:
    """The statuses of expectations of some photo of a scope each."""
    encoded = one_array(rows["scope"]).dictionary_encode()
    numbers = encoded.indices.cast(pa.int64())
    scopes = [by_text[text] for text in encoded.dictionary.to_pylist()]
    people = found.numbering.of_people(rows["person_id"])
    keys = one_array(pair_keys(numbers, people, found.met.people))
    sizes = pa.array([scope.photos for scope in scopes], pa.int64())
    failed = pa.array([scope.pattern.count(found.failed) for scope in scopes], pa.int64())
    partly = (scope.pattern.count(found.partial) or None for scope in scopes)
    partial = pa.array(partly, pa.int64())
    poor = found.poor.in_scopes(scopes)
    total = sizes.take(numbers).cast(pa.string())
    evidence = _Evidence(
        enrolled=people.is_valid(),
        here=pc.greater(sizes.take(numbers), 0),
        nowhere=_no_scope(rows, by_text),
        failed=pc.greater(failed.take(numbers), 0),
        why=_joined(
            "not found, and of ", total, " photos could not be read: ", failed.take(numbers)
        ),
        met=found.met.in_scopes(scopes).look_up(keys),
        near=found.near.in_scopes(scopes).look_up(keys),
        poor=poor.look_up(numbers),
        poor_faces=poor.count(numbers),
        nobody=_joined("no face is like this person; photos looked through: ", total),
        unseen=_joined("; photos of which a part was not seen: ", partial.take(numbers)),
    )
    return _table(rows, evidence, found, failed_first=False)


def _table(rows: pa.Table, seen: _Evidence, found: Findings, *, failed_first: bool) -> pa.Table:
    """The table of EXPECTED of rows and what was seen of them."""
    status = _status(seen, found, failed_first=failed_first)
    is_met = pc.is_in(status, pa.array(MET))
    is_free = pc.is_in(status, pa.array(MISSING))
    met = pc.if_else(is_met, seen.met, None)
    near = pc.if_else(is_free, seen.near, None)
    is_poor = pc.and_(pc.equal(status, Status.TOO_POOR_TO_SAY), pc.is_null(near))
    poor = pc.if_else(is_poor, seen.poor, None)

    def of_face(column: str) -> pa.Array:
        kinds = ((found.met, met), (found.near, near), (found.poor, poor))
        return pc.coalesce(*(one_array(kind.table[column].take(at)) for kind, at in kinds))

    photo = one_array(rows["photo"])
    columns = {
        "scope": rows["scope"],
        "needed": rows["needed"],
        "photo": photo if failed_first else of_face("photo"),
        "person_id": pc.if_else(seen.enrolled, one_array(rows["person_id"]), None),
        "person": _names(rows, found),
        "status": status,
        "reason": _reasons(status, seen, rows, found),
        "face_id": of_face("face_id"),
        "similarity": pc.min_element_wise(
            of_face("similarity"), pa.scalar(1, pa.float32()), skip_nulls=False
        ),
        "quality": of_face("quality"),
    }
    return pa.table(columns).cast(EXPECTED)


def _status(seen: _Evidence, found: Findings, *, failed_first: bool) -> pa.Array:
    """The first status that applies to each row."""
    inferred = one_array(found.met.table["inferred"].take(seen.met))
    lacking = one_array(found.near.table["lacking"].take(seen.near))
    failed = (seen.failed, Status.PHOTO_UNREADABLE)
    order = [
        (pc.invert(seen.enrolled), Status.NOT_ENROLLED),
        (pc.invert(seen.here), Status.PHOTO_ABSENT),
        *([failed] if failed_first else []),
        (pc.equal(inferred, False), Status.PRESENT),
        (inferred, Status.INFERRED),
        (pc.less_equal(lacking, NEAR_MISS + _ROUNDING), Status.NEAR_MISS),
        (seen.poor.is_valid(), Status.TOO_POOR_TO_SAY),
        *([] if failed_first else [failed]),
    ]
    return _cases([(where, str(status)) for where, status in order], str(Status.ABSENT))


def _reasons(status: pa.Array, seen: _Evidence, rows: pa.Table, found: Findings) -> pa.Array:
    """Each row's status in words."""
    near = found.near.table.take(seen.near)
    similarity, lacking = (one_array(pc.round(near[c], 2)) for c in ("similarity", "lacking"))
    close = _joined("the nearest face has similarity ", similarity)
    short = pc.if_else(
        pc.greater(lacking, 0),
        _joined(close, ", ", lacking, " below what this name needs"),
        _joined(close, ", which is enough, and was not given this name"),
    )
    words = {
        Status.NOT_ENROLLED: _not_enrolled(rows, seen.enrolled, found),
        Status.PHOTO_ABSENT: seen.nowhere,
        Status.PHOTO_UNREADABLE: seen.why,
        Status.PRESENT: "recognised",
        Status.INFERRED: "not recognised by the face alone: the name was inferred",
        Status.NEAR_MISS: short,
        Status.TOO_POOR_TO_SAY: _joined("faces too poor to say whose they are: ", seen.poor_faces),
    }
    absent = pc.coalesce(_joined(close, ", too little for this name"), seen.nobody)
    told = _cases([(pc.equal(status, s), text) for s, text in words.items()], absent)
    is_missing = pc.is_in(status, pa.array(MISSING))
    return pc.if_else(is_missing, pc.coalesce(_joined(told, seen.unseen), told), told)


def _not_enrolled(rows: pa.Table, enrolled: pa.Array, found: Findings) -> pa.Array:
    """The words for names that nobody enrolled bears, each with the one that may be meant."""
    unknown = pc.unique(one_array(rows["person"]).filter(pc.invert(enrolled)))
    meant = hints(unknown.to_pylist(), found.enrolled.values())
    found_names = (meant.get(name) for name in unknown.to_pylist())
    hint = pa.array([name and hint_words(name) for name in found_names], pa.string())
    at = pc.index_in(one_array(rows["person"]), value_set=unknown)
    words = "nobody of this name is enrolled"
    return pc.coalesce(_joined(words, hint.take(at)), words)


def hint_words(name: str) -> str:
    """The end of a reason that says who may be meant."""
    return f"; is it {name}?"


def _names(rows: pa.Table, found: Findings) -> pa.Array:
    """The names of people as they are enrolled, or as the roster has them."""
    names = pa.array(found.enrolled.values(), pa.string())
    at = found.numbering.of_people(rows["person_id"])
    return pc.coalesce(names.take(at), one_array(rows["person"]))


def _failure(outcomes: pa.Array, reasons: pa.Array) -> pa.Array:
    """The words for photos that could not be processed; null of the others."""
    known = pa.array([str(outcome) for outcome in _FAILED])
    words = pa.array(_FAILED.values()).take(pc.index_in(outcomes, value_set=known))
    return pc.coalesce(_joined(words, ": ", reasons), words)


def _no_scope(rows: pa.Table, by_text: dict[str, Scope]) -> pa.Array:
    """The words for scopes without a photo."""
    encoded = one_array(rows["scope"]).dictionary_encode()
    words = [_NO_SCOPE[by_text[text].kind] for text in encoded.dictionary.to_pylist()]
    return pa.array(words, pa.string()).take(encoded.indices)


def _joined(*parts: pa.Array | str) -> pa.Array:
    """Texts and numbers put together; null where one of them is."""
    texts = [part if isinstance(part, str) else part.cast(pa.string()) for part in parts]
    return pc.binary_join_element_wise(*texts, "")


def _cases(cases: list[tuple[pa.Array, pa.Array | str]], otherwise: pa.Array | str) -> pa.Array:
    """The value of the first case that holds in each row; null does not hold."""
    holds = [pc.fill_null(one_array(where), False) for where, _ in cases]
    names = [str(n) for n in range(len(holds))]
    return pc.case_when(
        pc.make_struct(*holds, field_names=names), *(value for _, value in cases), otherwise
    )
