"""docs/python.md, as it stands there: an archive made, opened, asked, and plotted."""

import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import headcount
from headcount.errors import FatalError
from headcount.storage import open_store
from tests.running import comparable, table
from tests.servers import S3Server

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
PUBLIC_DOMAIN = ("address", "blue-room", "cropped-left", "cropped-right", "vice-president")
"""The demo's portraits by the White House, without the suffix."""

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def folder(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("python")
    shutil.copytree(samples / "people", folder / "people")
    (folder / "photos").mkdir()
    for name in PUBLIC_DOMAIN:
        shutil.copy(samples / "photos" / f"{name}.jpg", folder / "photos")
    return folder


@pytest.fixture(scope="module")
def made(folder: Path) -> dict[str, Any]:
    """The names that are there after the page's blocks were run in that folder, in their order."""
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert len(blocks) == 6
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        patched.setenv("HEADCOUNT_POLL_SECONDS", "0.1")
        for block in blocks:
            if can_run(block):
                exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102 - our own page
    return names


def can_run(block: str) -> bool:
    """Whether what a block needs is there: matplotlib, where it plots."""
    return "import matplotlib" not in block or find_spec("matplotlib") is not None


def test_an_archive_is_made_and_opened(made: dict[str, Any], folder: Path) -> None:
    archive, ended = made["archive"], made["ended"]
    assert (ended.exit_code, ended.out) == (0, f"{folder.as_uri()}/out/")
    assert ended.job_id in archive.jobs["job_id"].to_pylist()
    assert "5 photos: 5 with faces" in ended.output
    assert archive.collections == (f"{folder.as_uri()}/photos/",)


@pytest.mark.parametrize("name", ["photos", "faces", "people", "clusters"])
def test_its_tables_say_what_the_results_of_the_latest_job_say(
    made: dict[str, Any], name: str
) -> None:
    rematch = made["archive"].jobs["out"].to_pylist()[-1]
    there = table(Path(rematch.removeprefix("file://")), name)
    here = getattr(made["archive"], name)().to_pylist()
    common = set(there[0]) & set(here[0])
    assert len(common) >= 5
    cut = [[{column: row[column] for column in common} for row in rows] for rows in (here, there)]
    assert comparable(cut[0]) == comparable(cut[1])


def test_the_faces_of_the_enrolled_person_are_the_nearest(made: dict[str, Any]) -> None:
    rows = made["nearest"].to_pylist()
    decisions = [(row["photo"].removesuffix(".jpg"), row["decision"]) for row in rows]
    assert decisions[0] == ("vice-president", "unknown")
    assert {decision for _, decision in decisions[1:]} == {"matched"}
    threshold = made["archive"].pack.threshold
    assert rows[0]["cosine"] < threshold < rows[1]["cosine"]


def test_the_matrix_has_a_row_for_each_id(made: dict[str, Any]) -> None:
    assert made["matrix"].shape == (5, 128)
    assert made["matrix"].dtype == "float32"
    assert made["cosines"].diagonal() == pytest.approx([1] * 5)
    assert len(set(made["ids"])) == 5


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is not installed")
def test_the_plot_is_drawn(made: dict[str, Any], folder: Path) -> None:
    assert (folder / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_an_answer_is_applied_and_matched_anew(made: dict[str, Any]) -> None:
    archive = made["archive"]
    [answer] = archive.answers().to_pylist()
    assert (answer["what"], answer["person"]) == ("name", "Joe Biden")
    assert "Joe Biden" in archive.faces()["person"].to_pylist()


def test_a_second_run_into_an_open_archive_tells_its_own_job(
    made: dict[str, Any], folder: Path
) -> None:
    archive = headcount.open(folder / "out")
    lines: list[str] = []
    ended = archive.run(folder / "photos", out=folder / "again", annotate=0, told=lines.append)
    assert ended.job_id == archive.jobs["job_id"].to_pylist()[-1] != made["ended"].job_id
    assert (folder / "again" / "faces.parquet").is_file()
    assert lines == ended.output.splitlines()


def test_photos_that_cannot_be_processed_are_no_error(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "photos", tmp_path / "photos")
    (tmp_path / "photos" / "bad.jpg").write_bytes(b"no picture")
    ended = headcount.run(tmp_path / "photos", out=tmp_path / "out", annotate=0)
    assert ended.exit_code == 3
    outcomes = headcount.open(tmp_path / "out").photos()["outcome"].to_pylist()
    assert sorted(set(outcomes)) == ["faces", "unreadable"]
    with pytest.raises(FatalError, match="there is no folder"):
        headcount.run(tmp_path / "nowhere", out=tmp_path / "none")


def test_an_archive_on_s3_is_opened_by_the_settings_of_the_environment(
    made: dict[str, Any], s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = made["archive"]
    for name, value in s3.env().items():
        monkeypatch.setenv(name, value)
    uri = f"s3://{s3.make_bucket()}/python/"
    source, target = open_store(here.uri), open_store(uri)
    for info in source.list():
        target.put(info.key, source.get(info.key).data)
    there = headcount.open(uri)
    assert there.uri == uri
    assert there.embeddings().equals(here.embeddings())
    assert there.people().equals(here.people())
    with pytest.raises(FatalError, match=f"no archive in {uri}other/"):
        headcount.open(f"{uri}other")
