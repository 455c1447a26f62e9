"""Files of answers between archives of the same photos: written, applied, merged, undone."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_identities import other_pack
from tests.running import headcount, table

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("crew")]

HEADER = "what,ids,person,photo,photo_sha256,box,orientation,said_at,said_by"


def run(photos: Path, out: Path, *more: str) -> None:
    ended = headcount("run", str(photos), "--out", str(out), "--annotate", "0", *more)
    assert ended.returncode == 0, ended.stderr


def do(out: Path, *arguments: str) -> str:
    """A command on the archive beside results, which are given in its place."""
    ended = headcount(*arguments, "--archive", str(out))
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def first(crew: None, samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A first run over photos that stand beside its results."""
    folder = tmp_path_factory.mktemp("answers")
    shutil.copytree(samples / "photos", folder / "photos")
    run(folder / "photos", folder / "out")
    return folder


def copied(first: Path, folder: Path) -> Path:
    return Path(shutil.copytree(first / "out", folder))


def people(out: Path) -> set[tuple[str, str, str | None]]:
    return {(r["face_id"], r["decision"], r["person"]) for r in table(out, "faces")}


def named_at(out: Path) -> set[tuple[str, float, str]]:
    return {(r["photo"], r["x"], r["person"]) for r in table(out, "faces") if r["person"]}


def clusters(out: Path) -> dict[str, list[dict[str, Any]]]:
    """Faces of each cluster, the largest cluster first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in table(out, "faces"):
        if row["cluster_id"]:
            found.setdefault(row["cluster_id"], []).append(row)
    return dict(sorted(found.items(), key=lambda one: (-len(one[1]), one[0])))


def test_a_file_from_one_archive_gives_another_the_same_people_and_names(
    first: Path, tmp_path: Path
) -> None:
    one, other = copied(first, tmp_path / "one"), tmp_path / "other"
    several, *singles = clusters(one)
    do(one, "name", several, "Barack Obama")
    file = tmp_path / "a.csv"
    face = clusters(one)[several][0]["face_id"]
    file.write_text(
        f"what,ids,person\nnot,{face},Barack Obama\nname,{singles[0][:8]},=Eve\n"
        f"same,{singles[1]} {singles[2]}\nname,{singles[3]},Zoe\nnot,{singles[3]},Zoe\n"
    )
    do(one, "apply", str(file))
    run(first / "photos", one)
    assert {"Barack Obama", "=Eve"} <= {person for _, _, person in people(one) if person}
    assert "0 pending" in do(one, "answers")
    for form in ("csv", "jsonl"):
        written, there = tmp_path / f"kept.{form}", other / form
        do(one, "answers", "--out", str(written))
        shutil.copytree(first / "out", there)
        assert "recorded" in do(there, "apply", str(written), "--strict")
        run(first / "photos", there)
        assert people(there) == people(one)
        assert "nothing new" in do(there, "apply", str(written))
        assert "nothing new" in do(one, "apply", str(written))


def test_a_file_written_for_one_pack_gives_another_the_same_people(
    first: Path, tmp_path: Path
) -> None:
    one, other, file = copied(first, tmp_path / "one"), tmp_path / "other", tmp_path / "a.csv"
    several, single, *_ = clusters(one)
    do(one, "name", several, "Barack Obama")
    do(one, "name", single, "Eve")
    run(first / "photos", one)
    do(one, "answers", "--out", str(file))
    pack = ("--model", str(other_pack(tmp_path / "club")))
    run(first / "photos", other, *pack)
    assert not {face for face, *_ in people(other)} & {face for face, *_ in people(one)}
    do(other, "apply", str(file), "--strict")
    run(first / "photos", other, *pack)
    assert named_at(other) == named_at(one)
    assert "nothing new" in do(other, "apply", str(file))


def test_of_two_merged_files_the_later_answer_holds_whatever_its_line(
    first: Path, tmp_path: Path
) -> None:
    out = copied(first, tmp_path / "out")
    face = next(iter(clusters(out).values()))[0]
    rows = [
        f"name,{face['face_id']},Ada,,,,,2026-11-03T10:00:00Z,one",
        f"name,{face['face_id']},Eve,,,,,2026-11-02T10:00:00Z,other",
    ]
    file = tmp_path / "merged.csv"
    for order in (rows, rows[::-1]):
        file.write_text("\n".join([HEADER, *order]) + "\n")
        there = Path(shutil.copytree(out, tmp_path / order[0][-3:]))
        ended = headcount("apply", str(file), "--archive", str(there))
        assert ended.returncode == 0
        ada, eve = (3, 2) if order != rows else (2, 3)
        assert f"line {ada} (name Ada) overrules line {eve} (name Eve)" in ended.stderr
        run(first / "photos", there)
        assert {r["face_id"]: r["person"] for r in table(there, "faces")}[face["face_id"]] == "Ada"
        listed = json.loads(do(there, "answers", "--json"))
        assert [(one["person"], one["state"]) for one in listed] == [
            ("Eve", "overruled"),
            ("Ada", "holds"),
        ]


def test_a_bad_line_and_nothing_is_recorded(first: Path, tmp_path: Path) -> None:
    out = copied(first, tmp_path / "out")
    cluster = next(iter(clusters(out)))
    file = tmp_path / "a.csv"
    file.write_text(f"{HEADER}\nname,{cluster},Ada\nname,{cluster},{'x' * 10_000}\n")
    ended = headcount("apply", str(file), "--archive", str(out))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "line 3: a name has at most 200 characters" in ended.stderr
    assert not list((out / "archive").glob("decisions/*"))


def test_after_answers_are_undone_in_any_order_the_names_are_as_if_they_never_were(
    first: Path, tmp_path: Path
) -> None:
    before = people(first / "out")
    several, single, *_ = clusters(first / "out")
    for order in (1, -1):
        out = copied(first, tmp_path / str(order))
        do(out, "name", several, "Barack Obama")
        run(first / "photos", out)
        assert people(out) != before
        do(out, "name", single, "Eve")
        run(first / "photos", out)
        ids = [one["id"] for one in json.loads(do(out, "answers", "--json"))]
        for answer in ids[::order]:
            do(out, "answers", "--undo", answer)
        run(first / "photos", out)
        assert people(out) == before
        assert {one["state"] for one in json.loads(do(out, "answers", "--json"))} == {
            "undone",
            "holds",
        }, "the undos hold"


def test_what_reject_and_link_said_is_told_in_one_line_of_apply() -> None:
    for gone, line in (("reject", "not,FACE_OR_CLUSTER,PERSON"), ("link", "same,ONE OTHER")):
        ended = headcount(gone, "f1", "Ada")
        assert ended.returncode == 2
        assert line in ended.stderr
        assert "headcount apply" in ended.stderr


def test_a_written_file_is_a_csv_that_others_read(first: Path, tmp_path: Path) -> None:
    out = copied(first, tmp_path / "out")
    several = next(iter(clusters(out)))
    do(out, "name", several, "Barack Obama")
    rows = list(csv.DictReader(do(out, "answers", "--out", "-").splitlines()))
    assert [row["what"] for row in rows] == ["name"]
    assert len(rows[0]["ids"].split()) == len(rows[0]["photo_sha256"].split())
