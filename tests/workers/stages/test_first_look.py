"""The results of a first look: of the drawn photos alone, and no more than these can say."""

from pathlib import Path

import pyarrow as pa
import pytest

from headcount.contract.layout import JobKeys
from headcount.contract.record import read_record
from headcount.contract.stored.jobs import FirstLookRecord
from headcount.rosters.read import LINES
from headcount.rosters.scopes import in_memory, resolve
from headcount.rosters.statuses import EXPECTED
from headcount.storage import open_store
from orchestrator.console.summary import summary_lines
from tests.at_once import AtOnce, add, begin, end
from tests.running import summary, table
from tests.workers.stages.test_roll import enrol
from workers.stages.first_look import FirstLook

TABLES = ("photos", "faces", "clusters", "people", "lineage")


def album(folder: Path) -> Path:
    """Twenty photos of ada and one guest each, one in four of which cannot be read."""
    words = {f"p{n:02}": f"ada guest{n}" if n % 4 else "?" for n in range(20)}
    return add(folder / "photos", **words)


def drawn(archive: Path, job_id: str) -> set[str]:
    keys = JobKeys(job_id)
    return set(read_record(open_store(str(archive)), keys.first_look, FirstLookRecord).photos)


@pytest.fixture(params=["new", "known"])
def looked(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A first look at six of twenty photos, in an archive that knew all of them or none."""
    photos, archive, broker = album(tmp_path), tmp_path / "archive", AtOnce(prepare=enrol("ada"))
    if request.param == "known":
        end(begin(photos, archive, "1"), broker)
    roster = tmp_path / "roster.csv"
    roster.write_text("scope,person,needed\n*,ada,every\n*,ada,some\n*,bob,some\nnone/,ada,every\n")
    finished = end(begin(photos, archive, "2", expected=str(roster), first=6), broker)
    assert (finished.photos, finished.sample) == (6, True)
    return tmp_path


def test_every_table_is_of_the_drawn_photos(looked: Path) -> None:
    out, mine = looked / "out-2", drawn(looked / "archive", "2")
    assert {row["photo"] for row in table(out, "photos")} == mine
    faces = table(out, "faces")
    assert {row["photo"] for row in faces} <= mine
    assert sum(row["faces"] for row in table(out, "photos")) == len(faces)
    [ada] = table(out, "people")
    assert ada["faces"] == ada["photos"] == sum(row["person"] == "ada" for row in faces)
    clusters = table(out, "clusters")
    assert {row["cluster_id"] for row in clusters} == {row["cluster_id"] for row in faces}
    assert sum(row["faces"] for row in clusters) == len(faces)
    for row in table(out, "lineage"):
        assert row["cluster_id"] in {c["cluster_id"] for c in clusters}


def test_every_count_is_of_the_drawn_photos_and_says_that_it_is(looked: Path) -> None:
    out = looked / "out-2"
    found = summary(out)
    assert (found["sample"], found["photos"], found["sample_of"]) == (True, 6, 20)
    assert sum(found["outcomes"].values()) == 6
    assert found["faces"] == sum(found["decisions"].values()) == len(table(out, "faces"))
    page = (out / "report" / "index.html").read_text()
    assert "A first look: 6 of 20 photos, drawn at random." in page
    assert summary_lines(found)[0] == (
        "a first look: 6 of 20 photos, drawn at random; `headcount resume 2` goes on with all"
    )


def test_who_is_expected_is_told_as_far_as_the_drawn_photos_say_it(looked: Path) -> None:
    mine = drawn(looked / "archive", "2")
    rows = table(looked / "out-2", "expected")
    assert {r["photo"] for r in rows if (r["scope"], r["needed"]) == ("*", "every")} == mine
    rest = {(r["scope"], r["person"]): r["status"] for r in rows if r["photo"] not in mine}
    assert rest == {("none/", "ada"): "photo_absent", ("*", "bob"): "not_enrolled"}
    some = [r for r in rows if (r["needed"], r["person"]) == ("some", "ada")]
    assert [r["status"] for r in some] == ["present"]


def test_absences_are_compared_with_the_last_whole_run(tmp_path: Path) -> None:
    photos, archive, broker = album(tmp_path), tmp_path / "archive", AtOnce(prepare=enrol("ada"))
    roster = tmp_path / "roster.csv"
    roster.write_text("scope,person,needed\n*,ada,every\n")
    wishes = {"expected": str(roster)}
    end(begin(photos, archive, "1", **wishes), broker)
    for n in (1, 2):
        (photos / f"p{n:02}.jpg").write_text("guest")
    look = end(begin(photos, archive, "2", first=20, **wishes), broker)
    assert (look.new_absences, look.ended_absences) == (2, 0)
    after = end(begin(photos, archive, "3", **wishes), broker)
    assert (after.new_absences, after.ended_absences) == (2, 0)


def test_a_whole_run_says_that_it_is_no_first_look(tmp_path: Path) -> None:
    end(begin(album(tmp_path), tmp_path / "archive", "1"))
    found = summary(tmp_path / "out-1")
    assert found["sample"] is False
    assert "sample_of" not in found
    assert "first look" not in (tmp_path / "out-1" / "report" / "index.html").read_text()


@pytest.mark.parametrize(
    ("scope", "needed", "status", "told"),
    [
        ("drawn/", "every", "absent", True),
        ("drawn/", "some", "absent", True),
        ("part/", "every", "absent", True),
        ("part/", "some", "present", True),
        ("part/", "some", "not_enrolled", True),
        ("part/", "some", "absent", False),
        ("part/", "some", "near_miss", False),
        ("part/", "some", "photo_unreadable", False),
        ("other/", "every", "photo_absent", False),
        ("other/", "some", "not_enrolled", False),
        ("none/", "every", "photo_absent", True),
        ("other/1.jpg", "every", "photo_absent", False),
        ("none.jpg", "every", "photo_absent", True),
        ("part/1.jpg", "some", "absent", True),
    ],
)
def test_what_the_drawn_photos_cannot_say_is_left_out(
    scope: str, needed: str, status: str, told: bool
) -> None:
    photos = pa.array(["drawn/1.jpg", "part/1.jpg"])
    sizes = {"drawn/": 1, "part/": 2, "other/": 1, "none/": 0, "none.jpg": 0}
    line = dict.fromkeys(LINES.names) | {"scope": scope, "needed": needed, "person": "ada"}
    scopes = resolve(pa.Table.from_pylist([line], LINES), in_memory(photos))
    row = dict.fromkeys(EXPECTED.names) | {"scope": scope, "needed": needed, "status": status}
    expected = pa.Table.from_pylist([row], EXPECTED)
    look = FirstLook(photos, 5, sizes)
    assert look.sayable(expected, scopes).num_rows == told
