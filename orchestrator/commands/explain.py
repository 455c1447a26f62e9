"""``headcount explain``: everything about a decision on a face, a photo or a person."""

from __future__ import annotations

import hashlib
import json
import shlex
from pathlib import Path
from typing import Any

import click

from headcount import audit
from headcount.errors import FatalError
from headcount.storage import canonical_uri
from orchestrator.commands.options import archive_option, existing_archive, json_option, load_s3
from orchestrator.commands.worker import run_tool
from orchestrator.console.explained import told
from orchestrator.terminal import say, say_json


@click.command()
@click.argument("what", metavar="FACE|PHOTO|PERSON")
@archive_option
@click.option("--as", "kind", type=click.Choice(["face", "photo", "person"]), help="It is one.")
@click.option("--photo", metavar="KEY", help="Of a face that is in copies of a photo: which copy.")
@click.option("--collection", metavar="URI", help="Of an archive with several: which one.")
@click.option("--out", metavar="FILE.html", help="Write it as a page, with the pictures.")
@json_option
def command(
    what: str,
    archive: str,
    kind: str | None,
    photo: str | None,
    collection: str | None,
    out: str | None,
    as_json: bool,
) -> int:
    """Show why a face has its name, or none, and what would change it.

    FACE is an id, PHOTO a key, PERSON an id or a name; the beginning of an id or the end of a key
    is enough where it means one thing. Everything is decided again from the archive, as the latest
    job had it. For a photo each of its faces is told, for a person the references and near misses.
    """
    store = existing_archive(canonical_uri(archive), load_s3())
    chosen = {"--as": kind, "--photo": photo, "--collection": collection}
    options = [f"{name}={value}" for name, value in chosen.items() if value is not None]
    found = run_tool("explain", *options, *(["--page"] if out else []), "--", store.uri, what)
    document = found["document"]
    if document["kind"] != "choice":
        _log(store, document)
    if out and "page" in found:
        _write(Path(out), found["page"])
    if as_json:
        say_json(json.dumps(document, indent=1, ensure_ascii=False))
    elif document["kind"] == "choice":
        _ask(document)
    elif not out:
        for line in told(document):
            say(line)
    return 1 if document["kind"] == "choice" else 0


def _ask(document: dict[str, Any]) -> None:
    """Tell what a text may mean, and how each is said."""
    say(f"{document['what']} may be {document['count']:,} things: say which one", err=True)
    for one in document["candidates"]:
        say(f"{one['kind']:<7} {one['id']}  {one['about']}")
        say(f"        headcount explain {shlex.join(one['arguments'])}")
    if document["count"] > len(document["candidates"]):
        more = document["count"] - len(document["candidates"])
        say(f"and {more:,} more", err=True)


def _log(store: Any, document: dict[str, Any]) -> None:
    """Leave a line in the audit log, where this account may write."""
    kind = document["kind"]
    subject = document[kind].get(f"{kind}_id") or f"photo-{_digest(document['photo']['photo'])}"
    audit.record_reading(store, "explain", subject)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _write(path: Path, page: str) -> None:
    try:
        path.write_text(page, "utf-8")
    except OSError as error:
        raise FatalError(f"cannot write {path}: {error.strerror}") from error
    say(f"written to {path}", err=True)
