"""``headcount people``: list who is enrolled in an archive, or the photos of one person."""

from __future__ import annotations

import json
from collections import Counter

import click

from headcount import audit
from headcount.answers.renames import Renames
from headcount.contract.layout import ARCHIVE, PackKeys
from headcount.contract.record import find_record
from headcount.contract.stored.archive import ArchiveRecord
from headcount.contract.vocabulary import names_alike
from headcount.s3_settings import S3Settings
from headcount.storage import Store
from headcount.tables.table import Table
from headcount.text import cosine_text, counted
from orchestrator.commands.options import archive_option, existing_archive, json_option, load_s3
from orchestrator.people.latest_assignments import find_person
from orchestrator.people.photos_of import photos_of
from orchestrator.terminal import say, say_json


@click.command()
@click.argument("name", required=False)
@archive_option
@json_option
def command(name: str | None, archive: str, as_json: bool) -> int:
    """List the enrolled people and how many references each has.

    With NAME (a name or an id): that person's photos, by the latest results of each collection.
    """
    s3 = load_s3()
    store = existing_archive(archive, s3)
    if name is not None:
        return _photos(store, name, s3, as_json=as_json)
    audit.record_reading(store, "people", "archive")
    listed = _enrolled(store, s3)
    if as_json:
        say_json(json.dumps(listed, indent=1, ensure_ascii=False))
        return 0
    for row in listed:
        say(f"{row['person_id']}  {row['reference_count']:>4}  {row['person']}")
    for alike in names_alike(str(row["person"]) for row in listed):
        say(f"these names differ by case only: {', '.join(alike)}", err=True)
    say(f"{counted(len(listed), 'person', 'people')} enrolled in {store.uri}", err=True)
    return 0


def _enrolled(store: Store, s3: S3Settings) -> list[dict[str, str | int]]:
    """Enrolled people by name, as they are called now, with their numbers of references."""
    record = find_record(store, ARCHIVE, ArchiveRecord)
    if record is None:
        return []
    table = Table(store.uri, PackKeys(record.model.pack_id).gallery, s3)
    columns = ["person_id", "person", "source", "photo"]
    rows = table.read(columns).to_pylist() if table.exists() else []
    renames, names = Renames.of_archive(store), {}
    references: set[tuple[str, str, str]] = set()
    for row in rows:
        person, name = renames.now(row["person_id"], row["person"])
        names[person] = name or ""
        references.add((person, row["source"], row["photo"]))
    counts = Counter(person for person, _, _ in references)
    return [
        {"person_id": person, "person": name, "reference_count": counts[person]}
        for person, name in sorted(names.items(), key=lambda item: item[1])
    ]


def _photos(store: Store, name: str, s3: S3Settings, *, as_json: bool) -> int:
    """List the photos of a person; return the exit code."""
    person, called = Renames.of_archive(store).now(*find_person(store, name, s3))
    audit.record_reading(store, "people", person)
    found = photos_of(store, person, s3)
    if as_json:
        rows = [face.as_dict() for face in found]
        told = {"person_id": person, "person": called, "photos": rows}
        say_json(json.dumps(told, indent=1, ensure_ascii=False))
        return 0
    several = len({face.collection for face in found}) > 1
    for face in found:
        cosine = "    " if face.similarity is None else cosine_text(face.similarity)
        place = f"{face.collection}{face.photo}" if several else face.photo
        day = f"  taken {face.taken[:10]}" if face.taken else ""
        say(f"{face.decision:<8}  {cosine}  {place}{day}")
    photos = len({(face.collection, face.photo) for face in found})
    say(f"{called or name} ({person}) is in {counted(photos, 'photo')}", err=True)
    return 0
