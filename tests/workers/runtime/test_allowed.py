"""No way from a message to a place outside those that a worker may use."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from headcount.contract.messages import UnitMessage
from headcount.errors import FatalError
from headcount.s3_settings import S3Settings
from headcount.settings import Settings
from headcount.storage import canonical_uri
from workers.runtime.unit import Context, Unit


def context(*allowed: str) -> Context:
    return Context(Settings(), S3Settings(allowed_uris=allowed), "w")


def message(archive: str, unit: str = "prepare") -> UnitMessage:
    return UnitMessage(archive=archive, job_id="j1", unit=unit)


def test_an_archive_within_the_allowed_places_is_opened(tmp_path: Path) -> None:
    allowed = context(str(tmp_path), "s3://archive/main/")
    inside = canonical_uri(str(tmp_path / "archive"))
    assert Unit.of(message(inside), allowed).store.uri == inside
    assert allowed.open("s3://archive/main/deeper/").uri == "s3://archive/main/deeper/"


@pytest.mark.parametrize(
    "place",
    [
        "file:///etc/",
        "s3://archive/mainly/",
        "s3://archive/",
        "s3://other/main/",
        "s3://archive/main/../secret/",
    ],
)
def test_a_place_outside_is_refused(place: str) -> None:
    with pytest.raises(FatalError):
        Unit.of(message(place), context("/var/archive", "s3://archive/main/"))


def test_neither_dots_nor_links_lead_out(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (inside / "link").symlink_to(outside)
    for way in (inside / "link", Path(f"{inside}/../out")):
        with pytest.raises(FatalError, match="outside the places"):
            context(str(inside)).open(str(way))


def test_a_model_outside_is_not_loaded(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="outside the places"):
        context(str(tmp_path / "in")).pack(str(tmp_path / "out"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"unit": "embed-../../etc/passwd"},
        {"unit": "/etc/passwd"},
        {"job_id": "../other"},
        {"job_id": ""},
        {"photo": "/etc/passwd"},
        {"version": 2},
    ],
)
def test_a_message_cannot_name_a_path(wrong: dict[str, object]) -> None:
    fields = {"archive": "s3://a/", "job_id": "j1", "unit": "prepare"} | wrong
    with pytest.raises(ValidationError):
        UnitMessage.model_validate(fields)
