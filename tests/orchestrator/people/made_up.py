"""A made-up archive to answer about: three faces a photo, five photos' faces a cluster."""

from pathlib import Path

from benchmarks.scale.answers import make_archive
from headcount.answers.file import read_lines
from headcount.contract.record import now
from headcount.s3_settings import S3Settings
from headcount.storage import Store, canonical_uri
from orchestrator.people.answer import Checked, check_lines, record_checked
from tests.answered import HEADER

S3 = S3Settings()


def archive_of(folder: Path, faces: int = 45) -> Store:
    """An archive of so many faces in a folder."""
    return make_archive(canonical_uri(str(folder)), S3, faces)


def check(store: Store, *lines: str, strict: bool = False) -> Checked:
    """Check lines of a CSV; their numbers begin with 2."""
    read = read_lines("\n".join([HEADER, *lines]).encode(), "a.csv", now())
    return check_lines(store, read.lines, S3, source="a.csv", strict=strict, bad=read.bad)


def say(store: Store, *lines: str) -> Checked:
    """Check lines and record them."""
    checked = check(store, *lines)
    record_checked(store, checked)
    return checked
