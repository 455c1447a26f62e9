"""Decides 1,000 random decisions of a real run again, with the stored ones hidden, and compares.

    python -m benchmarks.accuracy.explain FOLDER [--photos 1200] [--decisions 1000] [--work DIR]

FOLDER holds one folder per person, or labels.csv and images (lfw_dev). The run is of the photos
given, of group photos put together of them (also with one person twice), of small and of blurred
copies, and of plain copies. Every second person with three photos or more is enrolled by one; a
roster expects everybody who is enrolled in the photos of that one, and some who are not there.
Answers of every word are then recorded, some of them taken back, and the photos run again. From a
copy of the archive without results and without the decisions and names of its assignments,
``explain`` decides random faces again. They are compared with those of the run, and it is counted
which rule is said to have settled each. ``--recluster`` also makes the clusters anew, from the
embeddings alone.
"""

from __future__ import annotations

import argparse
import csv
import io
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image, ImageFilter

from headcount.answers.kept import read_answers, record_answer
from headcount.assignments import history
from headcount.assignments.sealed import read_sealed
from headcount.contract.layout import JOBS
from headcount.storage import Store, open_store
from workers.stages.assign import find_clusters, linkage_rule, to_cluster, without
from workers.tables.columns import NONE, index_of, take_or_null
from workers.tables.faces import weaknesses_of
from workers.tools.explain import moments_of
from workers.tools.explain.case import Case
from workers.tools.explain.moment import Moment
from workers.tools.explain.recompute import decide
from workers.tools.explain.rules import rules

SEED = 20
EXACT = ("decision", "person_id", "person", "evidence", "runner_up", "nearest_person_id")
MEASURED = ("similarity", "margin", "discount")
WITHIN = 1e-4
Row = dict[str, Any]


def labelled(folder: Path) -> dict[str, list[Path]]:
    """The photos of each person."""
    found: defaultdict[str, list[Path]] = defaultdict(list)
    labels = folder / "labels.csv"
    if not labels.exists():
        for path in sorted(folder.rglob("*.jpg")):
            found[path.parent.name].append(path)
        return found
    with labels.open() as file:
        for row in csv.DictReader(file):
            person = next(
                row[name] for name in ("person", "name", "identity", "label") if name in row
            )
            image = next(row[name] for name in ("file", "image", "path", "photo") if name in row)
            path = folder / image
            found[person].append(path if path.exists() else folder / "images" / image)
    return found


def put(picture: Image.Image, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    picture.convert("RGB").save(to, quality=92)


def build(people: dict[str, list[Path]], work: Path, number: int) -> dict[str, list[str]]:
    """Lay out photos, people and roster; the keys of each person's photos."""
    rng = np.random.default_rng(SEED)
    names = sorted(people, key=lambda name: (-min(len(people[name]), 4), name))
    enrolled = [name for name in names if len(people[name]) >= 3][::2]
    keys: defaultdict[str, list[str]] = defaultdict(list)
    left = number
    for name in names:
        paths = people[name][:12]
        if name in enrolled:
            put(Image.open(paths[0]), work / "people" / name / "1.jpg")
            paths = paths[1:]
        for path in paths[:left]:
            put(Image.open(path), work / "photos" / name / path.name)
            keys[name].append(f"{name}/{path.name}")
        left -= len(paths)
        if left <= 0:
            break
    degrade(keys, work / "photos", rng)
    groups(keys, work / "photos", rng)
    write_roster(keys, [name for name in enrolled if name in keys], work, rng)
    return keys


def degrade(keys: dict[str, list[str]], photos: Path, rng: np.random.Generator) -> None:
    """Add small, blurred and plain copies of some photos."""
    flat = [(name, key) for name, some in keys.items() for key in some]
    for n in rng.permutation(len(flat))[: len(flat) // 4].tolist():
        name, key = flat[n]
        picture = Image.open(photos / key).convert("RGB")
        small = picture.resize((picture.width // 4, picture.height // 4))
        blurred = picture.filter(ImageFilter.GaussianBlur(int(rng.integers(2, 6))))
        made = [small.resize(picture.size), blurred, small][n % 3]
        new = f"poor/{name}/{Path(key).name}"
        put(made, photos / new)
        keys[name].append(new)
    for n in rng.permutation(len(flat))[:20].tolist():
        (photos / "copies").mkdir(exist_ok=True)
        shutil.copy(photos / flat[n][1], photos / "copies" / Path(flat[n][1]).name)


def groups(keys: dict[str, list[str]], photos: Path, rng: np.random.Generator) -> None:
    """Add photos of three faces side by side; in every third the same person twice."""
    flat = [(name, key) for name, some in keys.items() for key in some if "/" in key]
    for number in range(len(flat) // 8):
        chosen = [flat[n] for n in rng.permutation(len(flat))[:3].tolist()]
        if number % 3 == 0 and len(keys[chosen[0][0]]) > 1:
            name = chosen[0][0]
            chosen[1] = (name, keys[name][-1])
        row = [Image.open(photos / key).convert("RGB").resize((250, 250)) for _, key in chosen]
        canvas = Image.new("RGB", (750, 250))
        for place, picture in enumerate(row):
            canvas.paste(picture, (250 * place, 0))
        new = f"groups/{number:04d}.jpg"
        put(canvas, photos / new)
        for name in {name for name, _ in chosen}:
            keys[name].append(new)


def write_roster(
    keys: dict[str, list[str]], enrolled: list[str], work: Path, rng: np.random.Generator
) -> None:
    everything = sorted({key for some in keys.values() for key in some})
    with (work / "roster.csv").open("w") as file:
        writer = csv.writer(file)
        writer.writerow(["scope", "person", "needed"])
        for name in enrolled:
            writer.writerows([key, name, "every"] for key in keys[name])
            writer.writerow([everything[int(rng.integers(len(everything)))], name, "every"])


def headcount(*arguments: str, given: str | None = None) -> None:
    program = [sys.executable, "-c", "from orchestrator.cli import main; main()"]
    ended = subprocess.run([*program, *arguments], input=given, text=True, check=False)
    if ended.returncode not in (0, 3):
        sys.exit(f"headcount {arguments[0]} ended with {ended.returncode}")


def answers(faces: list[Row], rng: np.random.Generator) -> Iterator[list[str]]:
    """Lines of answers, right and wrong ones, on random faces."""
    by_decision: defaultdict[str, list[Row]] = defaultdict(list)
    for n in rng.permutation(len(faces)).tolist():
        by_decision[faces[n]["decision"]].append(faces[n])
    unknown, matched = by_decision["unknown"], by_decision["matched"]
    inferred, ignored = by_decision["inferred"], by_decision["ignored"]
    for row in unknown[:40]:
        yield ["name", row["face_id"], "Named " + row["photo"].split("/")[0]]
    for row in [*unknown[40:60], *inferred[:10], *ignored[:10]]:
        yield ["confirm", row["face_id"], row["nearest"] or "Named Somebody"]
    for row in [*matched[:40], *inferred[10:20], *unknown[:5]]:
        yield ["not", row["face_id"], row["person"] or row["nearest"]]
    for one, other in zip(matched[40:60], unknown[60:80], strict=False):
        yield ["apart", f"{one['face_id']} {other['face_id']}", ""]
    for one, other in zip(unknown[80:90], unknown[90:100], strict=False):
        yield ["same", f"{one['face_id']} {other['face_id']}", ""]
    for row in unknown[100:130]:
        yield ["dismiss", row["face_id"], ""]
    for row in [*unknown[130:140], *matched[60:70], *ignored[10:20]]:
        yield ["not_a_face", row["face_id"], ""]
    yield from answers_about_people(unknown, matched)


def answers_about_people(unknown: list[Row], matched: list[Row]) -> Iterator[list[str]]:
    """Lines on references, people and photos, and of faces that are drawn."""
    for row in unknown[:3]:
        yield ["no_reference", row["face_id"], ""]
    for row in unknown[:1]:
        yield ["reference", row["face_id"], ""]
    people = sorted({row["person"] for row in matched})
    for name in people[:3]:
        yield ["rename", name, f"{name} the Second"]
    for row in unknown[140:150]:
        yield ["accept_absent", "", people[5], row["photo"]]
    for n, row in enumerate(unknown[150:160]):
        box = " ".join(str(round(row[name])) for name in ("x", "y", "w", "h"))
        moved = f"{round(row['x']) // 3} 5 60 60"
        yield ["face", "", people[6] if n % 2 else "", row["photo"], moved if n < 5 else box]


def undo_some(store: Store) -> None:
    """Take every tenth answer back."""
    for answer in read_answers(store)[::10]:
        record_answer(store, "undo", (), undoes=answer.id)


def hidden_copy(archive: Path, to: Path) -> Store:
    """A copy of an archive without results, and without decisions and names in assignments."""
    shutil.copytree(archive, to)
    for results in (to / JOBS).glob("*/results"):
        shutil.rmtree(results)
    store = open_store(str(to))
    for path in to.glob("packs/*/rolls/*/*.parquet"):
        key = path.relative_to(to).as_posix()
        table = read_sealed(store.get(key).data)
        for name in ("decision", "person_id", "person"):
            if name in table.schema.names:
                at = table.schema.get_field_index(name)
                table = table.set_column(at, name, pa.nulls(len(table), pa.string()))
        history.write_table(store, key, table)
    return store


def recluster(moment: Moment) -> pa.Table:
    """The clusters of a moment, made anew of the embeddings; named by numbers."""
    photos = moment.clusters["photo"].unique().to_pylist()
    faces, embeddings = moment.read(photos)
    weak = weaknesses_of(faces, moment.pack.cosine_per_decade)
    rows, ids = to_cluster(faces)
    rows, ids, _ = without(moment.answers.claims.not_faces, rows, ids, None)
    rule = linkage_rule(moment.pack, len(ids), moment.spec.purity)
    labels = find_clusters(
        faces["photo"].take(rows), ids, embeddings.at(rows), weak[rows], moment.answers, rule=rule
    )
    usable = pc.fill_null(faces["usable"], False).to_numpy()
    at = np.where(usable, index_of(faces["face_id"], ids), NONE)
    names = take_or_null(pa.array([f"k{n:x}" for n in labels.tolist()]), at)
    return faces.select(["photo", "face_id"]).append_column("cluster_id", names)


def same_partition(one: pa.Table, other: pa.Table) -> bool:
    """Whether two tables of clusters are the same but for their names."""
    at = index_of(history.face_keys(one), history.face_keys(other))
    pairs = set(
        zip(
            one["cluster_id"].to_pylist(),
            take_or_null(other["cluster_id"], at).to_pylist(),
            strict=True,
        )
    )
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def differences(then: Row, now: Row) -> list[str]:
    """The columns in which a decision differs from the run's."""
    found = [name for name in EXACT if then[name] != now[name]]
    for name in MEASURED:
        one, other = then[name], now[name]
        if (one is None) != (other is None) or (one is not None and abs(one - other) > WITHIN):
            found.append(name)
    return found


def compare(moment: Moment, results: list[Row], decisions: int) -> None:
    """Decide random faces again, each by itself as `explain` does, and tell what differs."""
    rng, wrong, seconds = np.random.default_rng(SEED), 0, []
    kinds: Counter[str] = Counter()
    settled: Counter[str] = Counter()
    for n in rng.permutation(len(results))[:decisions].tolist():
        then, began = results[n], time.monotonic()
        decided = decide(moment, [then["photo"]])
        case = Case.of(moment, decided, then["photo"], then["face_id"])
        found = [rule.rule for rule in rules(case) if rule.settled]
        seconds.append(time.monotonic() - began)
        kinds[f"{then['decision']}: {_kind(then['evidence'])}"] += 1
        settled[", ".join(found) or "nothing"] += 1
        if differing := differences(then, case.row):
            wrong += 1
            told = {name: (then[name], case.row[name]) for name in differing}
            print(f"differs: {then['photo']} {then['face_id']} {told}")
    total = sum(kinds.values())
    print(
        f"{total} decisions, {total - wrong} agree, {wrong} differ; "
        f"{np.median(seconds):.2f} s each (median), {max(seconds):.2f} s at most"
    )
    for title, counts in (("decisions", kinds), ("settled by", settled)):
        print(title, *(f"  {number:>5} {kind}" for kind, number in counts.most_common()), sep="\n")


def _kind(evidence: str | None) -> str:
    if evidence is None:
        return "by itself"
    return "name of the cluster" if "of the cluster" in evidence else evidence


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=1200)
    parser.add_argument("--decisions", type=int, default=1000)
    parser.add_argument("--recluster", action="store_true")
    parser.add_argument("--work", type=Path, help="kept, and gone on with")
    arguments = parser.parse_args()
    work = arguments.work or Path(tempfile.mkdtemp(prefix="explain-"))
    archive, out = work / "archive", work / "out"
    run = ["run", str(work / "photos"), "--people", str(work / "people"), "--annotate", "0"]
    run += ["--expected", str(work / "roster.csv"), "--archive", str(archive)]
    if not (out / "summary.json").exists():
        build(labelled(arguments.folder), work, arguments.photos)
        headcount(*run, "--out", str(out))
    again = work / "again"
    if not (again / "summary.json").exists():
        faces = pq.read_table(out / "faces.parquet").to_pylist()
        given = io.StringIO()
        writer = csv.writer(given)
        writer.writerow(["what", "ids", "person", "photo", "box"])
        writer.writerows(answers(faces, np.random.default_rng(SEED)))
        headcount("apply", "-", "--archive", str(archive), given=given.getvalue())
        undo_some(open_store(str(archive)))
        headcount(*run, "--out", str(again))  # not a rematch: faces were drawn
    results = pq.read_table(again / "faces.parquet").to_pylist()
    shutil.rmtree(work / "hidden", ignore_errors=True)
    [moment] = moments_of(hidden_copy(archive, work / "hidden"))
    if arguments.recluster:
        anew = recluster(moment)
        print("clusters made anew are the same:", same_partition(moment.clusters, anew))
        moment.__dict__["clusters"] = anew
    print(f"{len(results)} faces, threshold {moment.threshold:.4f}")
    compare(moment, results, arguments.decisions)


if __name__ == "__main__":
    main()
