"""What a text means: a face, a photo or a person of an archive's latest results, or several."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from headcount.answers.kept import holding
from headcount.contract.vocabulary import person_name
from headcount.tables.filters import any_of
from workers.tables.columns import isin
from workers.tools.explain.moment import Moment

Kind = Literal["face", "photo", "person"]
KINDS: tuple[Kind, ...] = ("face", "photo", "person")

LISTED = 20
"""Candidates that are told, at most."""
NEAR, LIKE, SEARCHED = 5, 0.6, 20_000
"""Texts that are suggested, at most; their likeness (difflib), at least; texts looked through."""
_FACE, _CLUSTER, _PERSON = (
    re.compile(pattern)
    for pattern in ("f[0-9a-f]{1,23}", "k[0-9a-f]{1,23}(-[0-9]+)?", "p[0-9a-f]{1,15}")
)


@dataclass(frozen=True)
class Candidate:
    """One thing that a text may mean: its id or key, and where it is."""

    kind: Kind
    moment: Moment = field(repr=False)
    key: str
    """Id of the face or person, key of the photo."""
    about: str
    """The photo of a face, the name of a person, the outcome of a photo."""

    def say(self) -> list[str]:
        """The arguments of the command line that mean this one alone."""
        words = [self.key, "--as", self.kind]
        if self.kind == "face":
            words += ["--photo", self.about]
        return [*words, "--collection", self.moment.tables.source]


def candidates(
    moments: Sequence[Moment], text: str, kind: Kind | None = None, photo: str | None = None
) -> list[Candidate]:
    """What a text means: exactly, or else loosely.

    Exactly is by a full id, key or name. Loosely is by the beginning of an id, the end of a key, a
    name in other letters or an earlier one, or a cluster, whose faces are given. ``photo`` is the
    photo of a face that is in several copies.
    """
    for exactly in (True, False):
        found = [
            one
            for moment in moments
            for one in _of_moment(moment, text, exactly=exactly)
            if kind in (None, one.kind) and (one.kind != "face" or photo in (None, one.about))
        ]
        found = _one_collection_each(found)
        if found:
            return found
    return []


def _of_moment(moment: Moment, text: str, *, exactly: bool) -> Iterator[Candidate]:
    yield from _faces(moment, text, exactly=exactly)
    yield from _photos(moment, text, exactly=exactly)
    yield from _people(moment, text, exactly=exactly)


def _faces(moment: Moment, text: str, *, exactly: bool) -> Iterator[Candidate]:
    """The faces of an id; loosely, also of its beginning, and of a cluster."""
    rows = moment.clusters
    if _FACE.fullmatch(text):
        ids = rows["face_id"]
        mask = pc.equal(ids, text) if exactly else pc.starts_with(ids, text)
    elif _CLUSTER.fullmatch(text) and not exactly:
        ids = pc.fill_null(rows["cluster_id"], "")
        whole = pc.equal(ids, text)
        mask = whole if pc.any(whole).as_py() else pc.starts_with(ids, text)
    else:
        return
    for row in rows.filter(mask).to_pylist():
        yield Candidate("face", moment, row["face_id"], row["photo"])


def _photos(moment: Moment, text: str, *, exactly: bool) -> Iterator[Candidate]:
    """The photos of a key, or a URI or path with the collection's; loosely, of its end."""
    key = text.removeprefix(moment.tables.source)
    key = key.removeprefix(moment.tables.source.removeprefix("file://"))
    where = moment.tables.of_collection
    if exactly:
        where += f" AND {any_of('photo', [key])}"
    for batch in moment.photos.scan(["photo", "outcome"], where=where):
        table = pa.table(batch)
        if not exactly:
            table = table.filter(pc.ends_with(table["photo"], "/" + key.lstrip("/")))
        for row in table.to_pylist():
            yield Candidate("photo", moment, row["photo"], row["outcome"])


def _people(moment: Moment, text: str, *, exactly: bool) -> Iterator[Candidate]:
    """The people of a name or id; loosely, of a name's other letters, or an earlier name."""
    known, wanted = people_of(moment), person_name(text)
    if exactly:
        found = {i for i, name in known.items() if text == i or wanted == name}
    else:
        found = {i for i in known if _PERSON.fullmatch(text) and i.startswith(text)}
        found |= {i for i, name in known.items() if name.casefold() == wanted.casefold()}
        earlier = {
            answer.person or "": moment.answers.renames.now(answer.person_id or "", None)[0]
            for answer in holding(moment.said)
            if answer.what == "rename"
        }
        found |= {i for name, i in earlier.items() if name.casefold() == wanted.casefold()}
    for one in sorted(found & known.keys()):
        yield Candidate("person", moment, one, known[one])


def people_of(moment: Moment) -> dict[str, str]:
    """The names of all people by id: expected, named by answers, enrolled."""
    expected = moment.expectations.select(["person_id", "person"]).to_pylist()
    known = {row["person_id"]: row["person"] for row in expected if row["person_id"]}
    for answer in moment.answers.records:
        if answer.person_id and answer.what != "rename":
            known[answer.person_id] = answer.person or answer.person_id
    gallery = moment.gallery
    return known | dict(zip(gallery.person_ids, gallery.names, strict=True))


def _one_collection_each(found: list[Candidate]) -> list[Candidate]:
    """The candidates; a person once, unless there is something of that one in several collections.

    All collections have the same references.
    """
    kept: list[Candidate] = []
    people: dict[str, Candidate | None] = {}
    for one in found:
        if one.kind != "person":
            kept.append(one)
        elif _is_here(one):
            kept.append(one)
            people[one.key] = None
        else:
            people.setdefault(one.key, one)
    return kept + [one for one in people.values() if one is not None]


def _is_here(person: Candidate) -> bool:
    """Whether somebody is expected in the collection, or has faces there by answers or matches."""
    moment = person.moment
    expected = isin(moment.expectations["person_id"], [person.key])
    return bool(pc.any(expected).as_py()) or moment.faces_of(person.key).num_rows > 0


def near(moments: Sequence[Moment], text: str) -> list[str]:
    """The ids, keys and names that are most like a text that means nothing."""
    pool: dict[str, None] = {}
    for moment in moments:
        pool.update(dict.fromkeys(people_of(moment).values()))
        pool.update(dict.fromkeys(_ids_like(moment, text)))
        if len(pool) < SEARCHED:
            keys = moment.clusters["photo"].unique().slice(0, SEARCHED)
            pool.update(dict.fromkeys(keys.to_pylist()))
    names = {one.casefold(): one for one in pool}
    found = difflib.get_close_matches(text.casefold(), names, NEAR, LIKE)
    return [names[one] for one in found]


def _ids_like(moment: Moment, text: str) -> Iterable[str]:
    """The ids of faces and clusters that begin as a text does, and may be meant."""
    if not (_FACE.fullmatch(text) or _CLUSTER.fullmatch(text)):
        return []
    column = "face_id" if text[0] == "f" else "cluster_id"
    ids = moment.clusters[column].unique().drop_null()
    alike = ids.filter(pc.starts_with(ids, text[: max(2, len(text) // 2)]))
    return [str(one) for one in alike.slice(0, SEARCHED).to_pylist()]
