"""``headcount people``: who is enrolled in an archive."""

from __future__ import annotations

import json
from collections import Counter

import click

from headcount.layout import ARCHIVE, PackKeys
from headcount.messages import ArchiveRecord, find_record
from headcount.storage import canonical_uri
from headcount.tables import Table
from orchestrator.commands.options import archive_option, json_option, load_s3
from orchestrator.submit import open_archive


@click.command()
@archive_option
@json_option
def command(archive: str, as_json: bool) -> int:
    """List the enrolled people and how many references each has."""
    s3 = load_s3()
    store = open_archive(canonical_uri(archive), s3)
    record = find_record(store, ARCHIVE, ArchiveRecord)
    people: Counter[tuple[str, str]] = Counter()
    if record is not None:
        table = Table(store.uri, PackKeys(record.model.pack_id).gallery, s3)
        rows = table.read(["person_id", "person", "source", "photo"]).to_pylist()
        unique = {(r["person_id"], r["person"], r["source"], r["photo"]) for r in rows}
        people.update((pid, name) for pid, name, _, _ in unique)
    listed = [
        {"person_id": pid, "person": name, "references": number}
        for (pid, name), number in sorted(people.items(), key=lambda item: item[0][1])
    ]
    if as_json:
        click.echo(json.dumps(listed, indent=1, ensure_ascii=False))
        return 0
    for row in listed:
        click.echo(f"{row['person_id']}  {row['references']:>4}  {row['person']}")
    click.echo(f"{len(listed):,} people enrolled in {store.uri}", err=True)
    return 0
