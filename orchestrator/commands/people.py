"""``headcount people``: list who is enrolled in an archive."""

from __future__ import annotations

import json
from collections import Counter

import click

from headcount import audit
from headcount.answers.present_names import with_present_names
from headcount.answers.renames import Renames
from headcount.contract.layout import ARCHIVE, PackKeys
from headcount.contract.record import find_record
from headcount.contract.stored.archive import ArchiveRecord
from headcount.contract.vocabulary import names_alike
from headcount.tables.table import Table
from headcount.text import counted
from orchestrator.commands.options import archive_option, existing_archive, json_option, load_s3
from orchestrator.terminal import say, say_json


@click.command()
@archive_option
@json_option
def command(archive: str, as_json: bool) -> int:
    """List the enrolled people and how many references each has."""
    s3 = load_s3()
    store = existing_archive(archive, s3)
    audit.record_reading(store, "people", "archive")
    record = find_record(store, ARCHIVE, ArchiveRecord)
    names: dict[str, str] = {}
    references: set[tuple[str, str, str]] = set()
    if record is not None:
        table = Table(store.uri, PackKeys(record.model.pack_id).gallery, s3)
        columns = ["person_id", "person", "source", "photo"]
        renames = Renames.of_archive(store)
        rows = []
        if table.exists():
            rows = with_present_names(table.read(columns), renames).to_pylist()
        names = {row["person_id"]: row["person"] for row in rows}
        references = {(row["person_id"], row["source"], row["photo"]) for row in rows}
    counts = Counter(person for person, _, _ in references)
    listed = [
        {"person_id": person, "person": name, "reference_count": counts[person]}
        for person, name in sorted(names.items(), key=lambda item: item[1])
    ]
    if as_json:
        say_json(json.dumps(listed, indent=1, ensure_ascii=False))
        return 0
    for row in listed:
        say(f"{row['person_id']}  {row['reference_count']:>4}  {row['person']}")
    for alike in names_alike(names.values()):
        say(f"these names differ by case only: {', '.join(alike)}", err=True)
    say(f"{counted(len(listed), 'person', 'people')} enrolled in {store.uri}", err=True)
    return 0
