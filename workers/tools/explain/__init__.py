"""``explain``: everything about a decision in one place, decided again from the archive.

The document that it gives, and its versions, are described in docs/explain.md.
"""

from __future__ import annotations

import json

from headcount.archive.selection import select_pack, select_parts
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.storage import Store, open_store
from headcount.text import counted
from workers.tools.explain.case import Row
from workers.tools.explain.face import explain_face
from workers.tools.explain.moment import Moment
from workers.tools.explain.numbers import plain
from workers.tools.explain.person import explain_person
from workers.tools.explain.photo import explain_photo
from workers.tools.explain.resolve import LISTED, Candidate, Kind, candidates, near

VERSION = 1
"""The version of the document."""


def moments_of(store: Store, collection: str | None = None) -> list[Moment]:
    """The latest jobs of an archive's collections, or of one, under the pack in use.

    Raises FatalError where there are no results.
    """
    pack = select_pack(store, None)
    parts = select_parts(store, pack.pack_id, collection, None)
    return [Moment.of(store, pack, part.job_id) for part in parts]


def explain(
    store: Store,
    what: str,
    *,
    kind: Kind | None = None,
    photo: str | None = None,
    collection: str | None = None,
    moments: list[Moment] | None = None,
) -> Row:
    """The explanation of a face, a photo or a person, as a document for JSON.

    ``what`` is an id or the beginning of one, a key or the end of one, or a name. A document of
    the kind ``choice`` lists what it may mean if that is several things; ``kind``, ``photo`` (of a
    face) and ``collection`` choose among these. ``moments`` are those of the archive, where they
    are held already. Raises FatalError for what means nothing.
    """
    moments = moments_of(store, collection) if moments is None else moments
    found = candidates(moments, what, kind, photo)
    if not found:
        raise FatalError(_nothing(store, moments, what))
    if len(found) > 1:
        return plain({"version": VERSION, **_choice(what, found)})  # type: ignore[no-any-return]
    return plain({"version": VERSION, **_explained(found[0])})  # type: ignore[no-any-return]


def _explained(one: Candidate) -> Row:
    if one.kind == "face":
        return explain_face(one.moment, one.about, one.key)
    if one.kind == "photo":
        return explain_photo(one.moment, one.key)
    return explain_person(one.moment, one.key, one.about)


def _choice(what: str, found: list[Candidate]) -> Row:
    return {
        "kind": "choice",
        "what": what,
        "count": len(found),
        "candidates": [
            {"kind": one.kind, "id": one.key, "about": one.about, "arguments": one.say()}
            for one in found[:LISTED]
        ],
    }


def _nothing(store: Store, moments: list[Moment], what: str) -> str:
    """The message for a text that means nothing, with those that may be meant."""
    like = near(moments, what)
    told = "".join(f"\n  {one}" for one in like)
    looked = counted(len(moments), "collection")
    return (
        f"{store.uri} has no face, photo or person {what!r} in the latest results of {looked}"
        + (f". Most like it are{told}" if like else "")
    )


def report(
    archive: str,
    what: str,
    *,
    kind: Kind | None,
    photo: str | None,
    collection: str | None,
    page: bool,
) -> str:
    """The explanation of what a text means in an archive, as JSON.

    With ``page``, the document is under ``document``, and ``page`` is the HTML with its pictures.
    Raises FatalError.
    """
    store = open_store(archive, S3Settings())
    moments = moments_of(store, collection)
    document = explain(store, what, kind=kind, photo=photo, moments=moments)
    if not page:
        return json.dumps({"document": document})
    from workers.tools.explain.page import render
    from workers.tools.explain.pictures import with_pictures

    if document["kind"] == "choice":
        return json.dumps({"document": document})
    moment = next(m for m in moments if m.job_id == document["job"]["job_id"])
    return json.dumps({"document": document, "page": render(with_pictures(moment, document))})
