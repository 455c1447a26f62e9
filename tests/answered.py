"""Answers that tests give, as lines of a file that is applied."""

from pathlib import Path

from click.testing import CliRunner

from orchestrator.commands import apply

HEADER = "what,ids,person,photo,photo_sha256,box,orientation,said_at,said_by"


def answer(archive: Path, *lines: str, more: tuple[str, ...] = ()) -> str:
    """Apply lines, such as ``same,k1 k2``, with further options; gives what was printed."""
    text = "\n".join([HEADER, *lines]) + "\n"
    found = CliRunner().invoke(
        apply.command,
        ["-", "--archive", str(archive), *more],
        input=text,
        standalone_mode=False,
    )
    if found.exception is not None:
        raise found.exception
    return found.output
