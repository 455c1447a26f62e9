import pyarrow as pa
import pytest

from headcount.errors import FatalError
from headcount.rosters import scopes
from headcount.rosters.read import read_roster
from tests.workers.identity.rolls import faces_of, search_of
from workers.identity.roll_call import RollCall

PEOPLE = ("ada", "bob")
PHOTOS = pa.table(
    {
        "photo": ["a/1", "a/2", "b/3"],
        "outcome": ["faces", "faces", "unreadable"],
        "reason": pa.array([None, None, "torn"], pa.string()),
    }
)
COSINES = {"ada": [0.9, 0.48], "bob": [0.1, 0.2]}


def lines(*rows: str) -> pa.Table:
    table = read_roster("\n".join(("scope,person,needed", *rows)).encode(), "r").lines
    return table.set_column(3, "person_id", table["person"])  # ids are names here


@pytest.mark.parametrize("block", [1, 3, 1 << 20])
def test_every_expectation_has_a_row_however_many_are_held_at_once(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scopes.expand, "__defaults__", (block,))
    faces = faces_of(("a/1", "a/2"), COSINES, PEOPLE, {"f0": ("matched", "ada")})
    roll = RollCall.of(lines("*,ada", "b/,bob", "*,bob,some", "c,ada"), PHOTOS, "r")
    enrolled = {name: name for name in PEOPLE}
    table = roll.table(PHOTOS, faces, search_of(faces, COSINES, PEOPLE), enrolled)
    assert [tuple(r.values()) for r in table.select(["scope", "photo", "status"]).to_pylist()] == [
        ("*", "a/1", "present"),
        ("*", "a/2", "near_miss"),
        ("*", "b/3", "photo_unreadable"),
        ("b/", "b/3", "photo_unreadable"),
        ("*", None, "photo_unreadable"),
        ("c", None, "photo_absent"),
    ]


def test_too_many_expectations_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scopes.check_rows, "__defaults__", (2,))
    with pytest.raises(FatalError, match="expects people in 3 photos"):
        RollCall.of(lines("*,ada"), PHOTOS, "r")
