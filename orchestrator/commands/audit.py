"""``headcount audit``: show who searched, named or forgot whom."""

from __future__ import annotations

import click

from headcount import audit
from orchestrator.commands.options import archive_option, existing_archive, json_option, load_s3
from orchestrator.terminal import say, say_json


@click.command()
@archive_option
@click.option("--since", default="", metavar="DATE", help="From this day on, such as 2026-11-25.")
@json_option
def command(archive: str, since: str, as_json: bool) -> int:
    """Print the audit log of an archive, oldest first; --json prints JSON lines.

    Lines that were changed or removed are told at the end, and the exit code is then 1.
    """
    store = existing_archive(archive, load_s3())
    for line in audit.read(store, since):
        if as_json:
            say_json(line.model_dump_json())
        else:
            detail = " ".join(f"{k}={v}" for k, v in line.detail.items())
            say(
                f"{line.at:%Y-%m-%d %H:%M:%S}  {line.actor}  {line.action}  "
                f"{line.subject}  {detail}".rstrip()
            )
    broken = audit.breaks(store)
    for key in broken:
        say(f"{key}: this line was changed, or one before it was changed or removed", err=True)
    return 1 if broken else 0
