"""Measures photos per second and CPU seconds per photo beside an earlier build, in turns.

    python -m benchmarks.speed.against_build COMMIT PHOTOS [--photos 100] [--rounds 5]
        [--megapixels 12] [--packs embedded,FOLDER] [--profile balanced] [--threads 1]
        [--only analysis|run] [--python PYTHON] [--json FILE]

COMMIT is checked out into a temporary folder, and its own requirements are installed in an
environment of its own. With --python PYTHON nothing is installed: the earlier build runs with that
interpreter's packages. With the interpreter of this build, only headcount's own code differs.

Photos are evenly chosen from the folder PHOTOS, and enlarged where --megapixels is given. Measured
are the analysis of photos in memory (decode, detect, align, embed), each turn in a new process that
has analysed 8 photos before, and `headcount run` from its start to its end, with a new archive
each time. The builds take turns: A B B A A B ... A ratio is the median of the rounds' ratios, with
a bootstrap interval of 95 %. CPU seconds are those of a process and all that it started.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.gpu.machine import processor
from benchmarks.harness import chosen_evenly, enlarged, heading, row
from benchmarks.speed.builds import (
    Build,
    answer,
    commit_of,
    earlier_build,
    ended,
    this_build,
    versions,
)
from benchmarks.speed.paired import Ratio, in_turns, ratio, spread
from headcount.contract.vocabulary import Decision
from headcount.settings import PROFILES
from workers.models.packs.files import EMBEDDED

MAIN = "from orchestrator.cli import main; main()"
WARM_PHOTOS = 2
"""Photos of each build's turn before the first round, which compiles code and prepares models."""
ENOUGH_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Turn:
    """One build's work on all photos: ``usable`` faces are those that may be named."""

    seconds: float
    cpu_seconds: float
    photos: int
    faces: int
    usable: int
    stages: dict[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return self.photos / self.seconds

    @property
    def cpu(self) -> float:
        return self.cpu_seconds / self.photos


Figure = Callable[[Turn], float]
FIGURES: dict[str, tuple[Figure, int]] = {
    "photos/s": (lambda turn: turn.rate, 2),
    "CPU seconds per photo": (lambda turn: turn.cpu, 4),
}
"""Each with the digits that it is told with."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Turns of this build and of the earlier one, in one measure with one pack."""

    measure: str
    pack: str
    new: list[Turn]
    old: list[Turn]

    def ratio(self, figure: Figure) -> Ratio:
        return ratio([figure(turn) for turn in self.new], [figure(turn) for turn in self.old])

    def rows(self) -> Iterator[str]:
        """Lines of the table."""
        for name, (figure, digits) in FIGURES.items():
            new, old = ([figure(turn) for turn in side] for side in (self.new, self.old))
            told = spread(new, digits), spread(old, digits), str(ratio(new, old))
            yield row([self.measure, self.pack, name, *told])
        last = self.new[-1], self.old[-1]
        share = f"{last[0].usable / last[1].usable:.2f}" if last[1].usable else "-"
        faces = (f"{turn.faces}, {turn.usable}" for turn in last)
        yield row([self.measure, self.pack, "faces, usable faces", *faces, share])

    def figures(self) -> dict[str, Any]:
        """The turns and their ratios as JSON."""
        ratios = {name: asdict(self.ratio(figure)) for name, (figure, _) in FIGURES.items()}
        return asdict(self) | {"ratios": ratios}


# -- one turn -------------------------------------------------------------------------------------


def analysis(build: Build, asked: argparse.Namespace, pack: str, photos: Sequence[Path]) -> Turn:
    """Analyse photos in memory, in a process of the build."""
    names = [str(photo) for photo in photos]
    given = {"pack": pack, "profile": asked.profile, "threads": asked.threads}
    return Turn(**answer(build, "analysis", photos=names, **given))


def whole_run(build: Build, asked: argparse.Namespace, pack: str, photos: Sequence[Path]) -> Turn:
    """`headcount run` on the folder that holds the photos, and no others."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "results"
        words = ["-c", MAIN, "run", photos[0].parent, "--out", out, "--model", pack]
        words += ["--archive", Path(place) / "archive", "--annotate", 0]
        words += ["--profile", asked.profile, "--threads", asked.threads]
        done = ended(build, [str(word) for word in words])
        summary = json.loads((out / "summary.json").read_text("utf-8"))
    if summary["photos"] != len(photos):
        sys.exit(f"{build.name} took the roll of {summary['photos']} photos, not {len(photos)}")
    faces = summary["faces"]
    usable = faces - summary["decisions"].get(Decision.IGNORED.value, 0)
    return Turn(done.seconds, done.cpu_seconds, len(photos), faces, usable)


MEASURES = {"analysis": analysis, "run": whole_run}


def compared(
    measure: str, asked: argparse.Namespace, pack: str, builds: tuple[Build, Build], folder: Path
) -> Compared:
    """Let both builds take turns, each once warm."""
    turn = MEASURES[measure]
    for build in builds:
        turn(build, asked, pack, sorted((folder / "few").iterdir()))
    photos, number = sorted((folder / "all").iterdir()), iter(range(1, 2 * asked.rounds + 1))

    def one(build: Build) -> Turn:
        done = turn(build, asked, pack, photos)
        place = f"{measure}, {pack}, turn {next(number)} of {2 * asked.rounds}"
        print(f"{place}: {build.name}, {done.rate:.2f} photos/s", file=sys.stderr, flush=True)
        return done

    return Compared(measure, pack, *in_turns(*builds, asked.rounds, one))


# -- all of it ------------------------------------------------------------------------------------


def gathered(asked: argparse.Namespace, folder: Path) -> int:
    """Write the chosen photos to a folder, the first of them to another one; how many they are."""
    for name in ("all", "few", "made"):
        (folder / name).mkdir()
    chosen = chosen_evenly(asked.folder, asked.photos)
    for number, photo in enumerate(chosen):
        made = photo
        if asked.megapixels:
            made = enlarged(photo, asked.megapixels, folder / "made")
        place = shutil.copyfile(made, folder / "all" / f"{number:06d}.jpg")
        if number < WARM_PHOTOS:
            shutil.copyfile(place, folder / "few" / place.name)
    return len(chosen)


def differing(new: dict[str, Any], old: dict[str, Any]) -> list[str]:
    """Warnings of what the builds run on, where it differs."""
    pairs = {"Python": (new["python"], old["python"])}
    for name in sorted(new["packages"].keys() | old["packages"].keys()):
        pairs[name] = new["packages"].get(name, "none"), old["packages"].get(name, "none")
    return [
        f"warning: {name} is {a} here and {b} there: not headcount's code alone is compared"
        for name, (a, b) in pairs.items()
        if a != b
    ]


def warnings(facts: dict[str, Any]) -> list[str]:
    """Reasons to trust the figures less."""
    told = differing(facts["builds"]["new"], facts["builds"]["old"])
    if facts["rounds"] < ENOUGH_ROUNDS:
        told.append(f"warning: an interval needs {ENOUGH_ROUNDS} rounds or more")
    if facts["load_at_the_beginning"] > facts["cores"]:
        told.append("warning: the cores are busy: trust CPU seconds rather than photos per second")
    return told


def described(asked: argparse.Namespace, builds: Sequence[Build], photos: int) -> dict[str, Any]:
    """The machine, the builds and what was asked."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "load_at_the_beginning": round(os.getloadavg()[0], 2),
        "photos": photos,
        **{n: getattr(asked, n) for n in ("megapixels", "profile", "threads", "rounds")},
        "builds": {
            name: {"commit": build.name, **versions(build)}
            for name, build in zip(("new", "old"), builds, strict=True)
        },
    }


def introduction(facts: dict[str, Any]) -> list[str]:
    """Lines above the table: the machine, the photos, what each build runs on, warnings."""
    new, old = facts["builds"]["new"], facts["builds"]["old"]
    size = f" of {facts['megapixels']} MP" if facts["megapixels"] else ""
    lines = [
        f"{facts['processor']}, {facts['cores']} cores, load {facts['load_at_the_beginning']}",
        f"{facts['photos']} photos{size}, {facts['profile']}, threads: {facts['threads']}, "
        f"rounds: {facts['rounds']}",
        "",
        *heading("", f"this build, {new['commit']}", f"earlier build, {old['commit']}"),
        row(["Python", new["python"], old["python"]]),
    ]
    lines += [
        row([name, *(side["packages"].get(name, "-") for side in (new, old))])
        for name in dict.fromkeys([*new["packages"], *old["packages"]])
    ]
    told = warnings(facts)
    return [*lines, "", *told, *([""] if told else [])]


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("commit")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=ENOUGH_ROUNDS)
    parser.add_argument("--megapixels", type=int)
    parser.add_argument("--packs", default=EMBEDDED, metavar="PACK,PACK")
    parser.add_argument("--profile", choices=PROFILES, default="balanced")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=list(MEASURES))
    parser.add_argument("--python", type=Path, metavar="PYTHON")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


@contextmanager
def both_builds(asked: argparse.Namespace, scratch: Path) -> Iterator[tuple[Build, Build]]:
    """This build and the earlier one, for the time of the block."""
    with earlier_build(commit_of(asked.commit), scratch, asked.python) as old:
        yield this_build(scratch), old


def pack_name(pack: str) -> str:
    """The pack as each build is told: a folder by its whole path, since each has its own."""
    return str(Path(pack).resolve()) if Path(pack).is_dir() else pack


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):  # a shell's background job ignores SIGINT
        signal.signal(number, lambda got, _: sys.exit(128 + got))
    asked = options()
    with (
        tempfile.TemporaryDirectory(prefix="against-build-") as place,
        both_builds(asked, Path(place)) as builds,
    ):
        photos = gathered(asked, Path(place))
        facts: dict[str, Any] = described(asked, builds, photos) | {"compared": []}
        print("\n".join(introduction(facts)), flush=True)
        print("\n".join(heading("measure", "pack", "figure", "this build", "earlier", "ratio")))
        for pack in map(pack_name, asked.packs.split(",")):
            for measure in [asked.only] if asked.only else MEASURES:
                done = compared(measure, asked, pack, builds, Path(place))
                print("\n".join(done.rows()), flush=True)
                facts["compared"].append(done.figures())
                if asked.json:
                    asked.json.write_text(json.dumps(facts, indent=1), "utf-8")


if __name__ == "__main__":
    main()
