from pathlib import Path

from headcount.contract.vocabulary import person_id
from headcount.storage import open_store
from workers.people.roster import read_expected, without_forgotten


def test_lines_about_forgotten_people_are_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("scope,person\na/,Ada\nb/,Ada\n*,Ben\nc/,\n")
    roster, passed_over = without_forgotten(
        read_expected(str(path), open_store), {person_id("Ada"), person_id("Cy")}
    )
    assert roster.lines["person"].to_pylist() == ["Ben"]
    assert (passed_over, roster.nobody) == (2, (5,))


def test_a_job_without_a_roster_expects_nobody() -> None:
    assert read_expected(None, open_store).lines.num_rows == 0
